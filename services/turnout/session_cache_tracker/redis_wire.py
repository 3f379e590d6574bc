"""One connection to Redis on which the scripts of all concurrent callers share their round trips.

Rules:
* What is asked while a trip is under way goes out together in the next one, so the cost of a trip
  (some 80 µs of client work per redis-py command, and the network) is shared by the callers of that
  moment. All calls are scripts on one key each that answer one string.
* A caller waits no longer than its deadline. A trip has a deadline of its own, after which the
  connection counts as dead.
* While the server is away every call fails at once with `Unavailable`; one task tries to come back.
* What waits is bounded; beyond the bound calls fail at once.
* A trip that fails on a connection that had been idle is sent once more on a new one: a server that
  was restarted meanwhile is there. The scripts make a repetition harmless.
* Scripts are loaded when a connection is made, and again when the server has forgotten them.

The connection goes to one server. Scripts and keys are fit for a cluster, but the redirections of one
are not followed yet: they are errors here.
"""

import asyncio
import logging
import math
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from hashlib import sha1
from operator import attrgetter
from typing import Final, Protocol

from redis.asyncio import ConnectionPool
from redis.exceptions import (
    InvalidResponse,
    NoScriptError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from turnout.errors import Unavailable

TRIP_SECONDS: Final = 0.5
"""A trip takes 0.2 ms; a server that saves or moves memory may stop for a tenth of a second."""
CONNECT_SECONDS: Final = 1.0
"""A handshake with TLS across zones, several times over."""
COME_BACK_SECONDS: Final = 0.1
"""Between attempts to come back: a restarted engine is used again a tenth of a second later."""
MAX_WAITING: Final = 1_024
"""At 10,000 calls a second this is a tenth of a second's worth: more means the server is too slow."""
MAX_TRIP_CALLS: Final = 256
"""Keeps one trip within a few milliseconds of the server's single thread."""

CLOSED: Final = "Redis: the connection is closed"

_log: Final = logging.getLogger("turnout.session_cache_tracker")

# TimeoutError is an OSError. A peer that speaks no RESP fails in redis-py's int() and decode().
_FAILURES: Final = (RedisError, OSError, ValueError)


@dataclass(frozen=True, slots=True)
class Script:
    source: str
    digest: str


def script(source: str) -> Script:
    # Redis names scripts by this digest; nothing here is secret or signed.
    return Script(source, sha1(source.encode(), usedforsecurity=False).hexdigest())


@dataclass(frozen=True, slots=True)
class Call:
    script: Script
    key: str
    arguments: tuple[str, ...] = ()


class _Connection(Protocol):
    """What is used of `redis.asyncio.Connection`."""

    async def connect(self) -> None: ...

    async def disconnect(self, nowait: bool) -> None: ...

    async def send_packed_command(self, command: Sequence[bytes]) -> None: ...

    async def read_response(self, *, timeout: float) -> object: ...  # noqa: ASYNC109


class _Pool(Protocol):
    """What is used of `redis.asyncio.ConnectionPool`: it reads the URL, TLS and sockets included."""

    def make_connection(self) -> _Connection: ...


# Both signatures are untyped in redis-py 8; here they get the types that are relied upon.
_pool_of: Callable[..., _Pool] = attrgetter("from_url")(ConnectionPool)


@dataclass(slots=True, eq=False)
class _Order:
    """The calls of one caller."""

    calls: tuple[Call, ...]
    answers: "asyncio.Future[list[str]]"


class RedisWire:
    """Made by `open_redis_wire`."""

    def __init__(self, url: str, scripts: Sequence[Script]) -> None:
        # RESP2: the answers are plain strings, and its parser is the cheaper one.
        self._pool = _pool_of(url, protocol=2, socket_timeout=None, retry=None)
        self._scripts = tuple(scripts)
        self._connection: _Connection | None = None
        self._waiting: deque[_Order] = deque()
        self._wake = asyncio.Event()
        self._away = ""

    def order(self, calls: Sequence[Call]) -> "asyncio.Future[list[str]]":
        """Put calls into the next trip; the future fails with `Unavailable`."""
        answers: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        if self._away:
            answers.set_exception(Unavailable(self._away))
        elif len(self._waiting) >= MAX_WAITING:
            answers.set_exception(
                Unavailable(f"Redis is too slow: {MAX_WAITING} calls are waiting for it")
            )
        else:
            self._waiting.append(_Order(tuple(calls), answers))
            self._wake.set()
        return answers

    async def run(self, calls: Sequence[Call], *, deadline_seconds: float) -> list[str]:
        """The answer of each call. Raises `Unavailable` when they are not there in time."""
        try:
            async with asyncio.timeout(deadline_seconds):
                return await self.order(calls)
        except TimeoutError:
            raise Unavailable(
                f"Redis did not answer within {deadline_seconds * 1_000:.0f} ms"
            ) from None

    async def serve(self) -> None:
        """Make the trips until cancelled."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._waiting:
                    await self._trip(self._next_orders())
        finally:
            self._away = CLOSED
            self._fail_waiting(CLOSED)
            await self._drop()

    def _next_orders(self) -> list[_Order]:
        orders: list[_Order] = []
        calls = 0
        while self._waiting and calls < MAX_TRIP_CALLS:
            order = self._waiting.popleft()
            # Cancelled by a caller that has given up.
            if not order.answers.done():
                orders.append(order)
                calls += len(order.calls)
        return orders

    async def _trip(self, orders: Sequence[_Order]) -> None:
        if not orders:
            return
        calls = [call for order in orders for call in order.calls]
        try:
            answers = await self._exchange_surely(calls)
        except _FAILURES as error:
            self._away = f"Redis is away: {str(error) or type(error).__name__}"
            for order in orders:
                _fail(order, Unavailable(self._away))
            self._fail_waiting(self._away)
            _log.warning("redis is away error=%s", error)
            await self._come_back()
            _log.warning("redis is back")
            return
        except BaseException:
            for order in orders:
                _fail(order, Unavailable(CLOSED))
            raise
        position = 0
        for order in orders:
            _settle(order, answers[position : position + len(order.calls)])
            position += len(order.calls)

    async def _exchange_surely(self, calls: Sequence[Call]) -> list[str | ResponseError]:
        if self._connection is not None:
            try:
                return await self._exchange(self._connection, calls)
            except TimeoutError:
                # A server that hangs is not asked again; the clause below would catch it too.
                raise
            except _FAILURES:
                await self._drop()
        return await self._exchange(await self._connect(), calls)

    async def _exchange(
        self, connection: _Connection, calls: Sequence[Call]
    ) -> list[str | ResponseError]:
        try:
            async with asyncio.timeout(TRIP_SECONDS):
                answers = await _send(connection, [_evaluate(call) for call in calls])
                forgotten = [
                    index
                    for index, answer in enumerate(answers)
                    if isinstance(answer, NoScriptError)
                ]
                if forgotten:
                    await self._load(connection)
                    again = await _send(connection, [_evaluate(calls[i]) for i in forgotten])
                    for index, answer in zip(forgotten, again, strict=True):
                        answers[index] = answer
        except TimeoutError:
            await self._drop()
            raise
        for answer in answers:
            # After a failover this server is a replica; a new connection finds the primary.
            if isinstance(answer, ReadOnlyError):
                raise answer
        return answers

    async def _connect(self) -> _Connection:
        connection = self._pool.make_connection()
        self._connection = connection
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await connection.connect()
                await self._load(connection)
        except BaseException:
            await self._drop()
            raise
        self._away = ""
        return connection

    async def _load(self, connection: _Connection) -> None:
        commands = [_packed("SCRIPT", "LOAD", script.source) for script in self._scripts]
        for answer in await _send(connection, commands):
            if isinstance(answer, ResponseError):
                raise answer

    async def _come_back(self) -> None:
        while self._away:
            await self._drop()
            await asyncio.sleep(COME_BACK_SECONDS)
            with suppress(*_FAILURES):
                await self._connect()

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(*_FAILURES):
                await connection.disconnect(nowait=True)

    def _fail_waiting(self, reason: str) -> None:
        while self._waiting:
            _fail(self._waiting.popleft(), Unavailable(reason))


@asynccontextmanager
async def open_redis_wire(url: str, scripts: Sequence[Script]) -> AsyncGenerator[RedisWire, None]:
    """A wire that connects at its first use, so that Redis may start later than its callers."""
    wire = RedisWire(url, scripts)
    failure: Exception | None = None
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(wire.serve())
        try:
            yield wire
        except Exception as error:  # noqa: BLE001  (raised below: a group would wrap it)
            failure = error
        finally:
            serving.cancel()
    if failure is not None:
        raise failure


def _packed(*parts: str) -> bytes:
    pieces = [b"*%d\r\n" % len(parts)]
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        pieces.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(pieces)


def _evaluate(call: Call) -> bytes:
    return _packed("EVALSHA", call.script.digest, "1", call.key, *call.arguments)


async def _send(connection: _Connection, commands: Sequence[bytes]) -> list[str | ResponseError]:
    await connection.send_packed_command([b"".join(commands)])
    answers: list[str | ResponseError] = []
    for _ in commands:
        try:
            # No timeout per answer: the trip has one.
            answer = await connection.read_response(timeout=math.inf)
        except ResponseError as error:
            answers.append(error)
            continue
        if not isinstance(answer, bytes):
            raise InvalidResponse(f"a script answered {type(answer).__name__} instead of a string")
        answers.append(answer.decode("utf-8", "surrogatepass"))
    return answers


def _settle(order: _Order, answers: Sequence[str | ResponseError]) -> None:
    if order.answers.done():
        return
    texts: list[str] = []
    for answer in answers:
        if isinstance(answer, ResponseError):
            _fail(order, Unavailable(f"Redis refused: {answer}"))
            return
        texts.append(answer)
    order.answers.set_result(texts)


def _fail(order: _Order, error: Unavailable) -> None:
    if not order.answers.done():
        order.answers.set_exception(error)
