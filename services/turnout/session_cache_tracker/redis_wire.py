"""One connection to Redis on which the scripts of all concurrent callers share their round trips.

Rules:
* What is asked in one turn of the loop, or while a trip is under way, goes out together in the next
  trip, so its cost is shared by the callers of that moment. All calls are scripts on one key each
  that answer one string.
* A caller waits no longer than its deadline. A trip has a deadline of its own, after which the
  connection counts as dead. One timer keeps all of them: mostly nothing is late.
* While the server is away every call fails at once with `Unavailable`; one task tries to come back.
* What waits is bounded; beyond the bound calls fail at once.
* A trip that fails on a connection that had been idle is sent once more on a new one: a server that
  was restarted meanwhile is there. The scripts make a repetition harmless.
* Scripts are loaded when a connection is made, and again when the server has forgotten them.

A trip that goes well is made by callbacks alone; the task of `serve` sees only those in trouble.

The connection goes to one server. Scripts and keys are fit for a cluster, but the redirections of one
are not followed yet: they are errors here.
"""

import asyncio
import logging
import math
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from redis.exceptions import NoScriptError, ReadOnlyError, ResponseError

from turnout.errors import Unavailable
from turnout.session_cache_tracker.redis_link import (
    FAILURES,
    Answer,
    RedisDoor,
    RedisLink,
    Reply,
    Script,
)

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


@dataclass(slots=True, eq=False)
class _Order:
    """The calls of one caller, who waits for `seconds`, until `due` on the loop's clock."""

    calls: Sequence[bytes]
    answers: "asyncio.Future[list[str]]"
    seconds: float
    due: float


class RedisWire:
    """Made by `open_redis_wire`, within the loop that it works in."""

    def __init__(self, url: str, scripts: Sequence[Script]) -> None:
        self._loop = asyncio.get_running_loop()
        self._door = RedisDoor(url)
        self._scripts = tuple(scripts)
        self._link: RedisLink | None = None
        self._waiting: deque[_Order] = deque()
        self._is_leaving = False
        self._under_way: Sequence[_Order] = ()
        self._trip_due = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = math.inf
        self._reply: Reply | None = None
        self._trouble = asyncio.Event()
        self._away = ""

    def run(
        self, calls: Sequence[bytes], *, deadline_seconds: float = math.inf
    ) -> "asyncio.Future[list[str]]":
        """The answer of each call; fails with `Unavailable` when they are not there in time."""
        answers: asyncio.Future[list[str]] = self._loop.create_future()
        if self._away:
            answers.set_exception(Unavailable(self._away))
            return answers
        if len(self._waiting) >= MAX_WAITING:
            answers.set_exception(
                Unavailable(f"Redis is too slow: {MAX_WAITING} calls are waiting for it")
            )
            return answers
        due = self._loop.time() + deadline_seconds
        self._waiting.append(_Order(calls, answers, deadline_seconds, due))
        if due < self._timer_due:
            self._set_timer(due)
        if not self._is_leaving and not self._under_way:
            self._is_leaving = True
            self._loop.call_soon(self._leave)
        return answers

    def _leave(self) -> None:
        """Begin the next trip, unless one is under way."""
        self._is_leaving = False
        if self._under_way or self._away:
            return
        orders = self._next_orders()
        if not orders:
            return
        self._under_way = orders
        if self._link is None or self._link.is_lost:
            self._reply = None
            self._trouble.set()
            return
        self._trip_due = self._loop.time() + TRIP_SECONDS
        if self._trip_due < self._timer_due:
            self._set_timer(self._trip_due)
        self._link.send([call for order in orders for call in order.calls], self._arrive)

    def _next_orders(self) -> list[_Order]:
        orders: list[_Order] = []
        calls = 0
        while self._waiting and calls < MAX_TRIP_CALLS:
            order = self._waiting.popleft()
            # Cancelled by a caller that has given up, or late.
            if not order.answers.done():
                orders.append(order)
                calls += len(order.calls)
        return orders

    def _arrive(self, reply: Reply) -> None:
        self._trip_due = math.inf
        if isinstance(reply, Exception) or _has_trouble(reply):
            self._reply = reply
            self._trouble.set()
            return
        orders, self._under_way = self._under_way, ()
        _settle(orders, reply)
        if self._waiting:
            self._leave()

    def _set_timer(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due = due
        self._timer = self._loop.call_at(due, self._on_time)

    def _on_time(self) -> None:
        """Fail what is late; sleep until the next deadline of what still waits."""
        self._timer, self._timer_due = None, math.inf
        # A timer may fire a clock tick before its time.
        now = self._loop.time() + 0.001
        next_due = math.inf
        for order in (*self._under_way, *self._waiting):
            if order.due > now:
                next_due = min(next_due, order.due)
            else:
                _fail(
                    order,
                    Unavailable(f"Redis did not answer within {order.seconds * 1_000:.0f} ms"),
                )
        if self._trip_due <= now and self._link is not None:
            self._link.abandon()
            self._arrive(TimeoutError(f"no answer within {TRIP_SECONDS:g} s"))
        next_due = min(next_due, self._trip_due)
        if next_due < self._timer_due:
            self._set_timer(next_due)

    async def serve(self) -> None:
        """Make the trips that are in trouble, until cancelled."""
        try:
            while True:
                await self._trouble.wait()
                self._trouble.clear()
                reply, self._reply = self._reply, None
                await self._trip(self._under_way, reply)
                self._under_way = ()
                self._leave()
        finally:
            self._away = CLOSED
            for order in (*self._under_way, *self._waiting):
                _fail(order, Unavailable(CLOSED))
            self._waiting.clear()
            if self._timer is not None:
                self._timer.cancel()
            await self._drop()

    async def _trip(self, orders: Sequence[_Order], reply: Reply | None) -> None:
        calls = [call for order in orders for call in order.calls]
        try:
            answers = await self._answers(calls, reply)
        except FAILURES as error:
            self._away = f"Redis is away: {str(error) or type(error).__name__}"
            for order in (*orders, *self._waiting):
                _fail(order, Unavailable(self._away))
            self._waiting.clear()
            _log.warning("redis is away error=%s", error)
            await self._come_back()
            _log.warning("redis is back")
            return
        _settle(orders, answers)

    async def _answers(self, calls: Sequence[bytes], reply: Reply | None) -> Sequence[Answer]:
        """The answers of a trip that had this reply; None when there was no connection for it."""
        if isinstance(reply, TimeoutError):
            # A server that hangs is not asked again.
            raise reply
        if self._link is not None and reply is not None and not isinstance(reply, Exception):
            try:
                async with asyncio.timeout(TRIP_SECONDS):
                    return await self._completed(self._link, calls, reply)
            except TimeoutError:
                raise
            except FAILURES:
                pass
        link = await self._connect()
        async with asyncio.timeout(TRIP_SECONDS):
            return await self._completed(link, calls, await link.ask(calls))

    async def _completed(
        self, link: RedisLink, calls: Sequence[bytes], answers: Sequence[Answer]
    ) -> Sequence[Answer]:
        """The answers, with those of scripts that the server had forgotten."""
        complete = list(answers)
        forgotten = [i for i, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if forgotten:
            await self._load(link)
            again = await link.ask([calls[i] for i in forgotten])
            for index, answer in zip(forgotten, again, strict=True):
                complete[index] = answer
        for answer in complete:
            # After a failover this server is a replica; a new connection finds the primary.
            if isinstance(answer, ReadOnlyError):
                raise answer
        return complete

    async def _connect(self) -> RedisLink:
        await self._drop()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                self._link = link = await self._door.connected()
                await self._load(link)
        except BaseException:
            await self._drop()
            raise
        self._away = ""
        return link

    async def _load(self, link: RedisLink) -> None:
        for answer in await link.ask([script.load for script in self._scripts]):
            if isinstance(answer, ResponseError):
                raise answer

    async def _come_back(self) -> None:
        while self._away:
            await self._drop()
            await asyncio.sleep(COME_BACK_SECONDS)
            with suppress(*FAILURES):
                await self._connect()

    async def _drop(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            with suppress(*FAILURES):
                await link.close()


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


def _has_trouble(answers: Sequence[Answer]) -> bool:
    errors = [answer for answer in answers if not isinstance(answer, str)]
    return any(isinstance(error, NoScriptError | ReadOnlyError) for error in errors)


def _settle(orders: Sequence[_Order], answers: Sequence[Answer]) -> None:
    position = 0
    for order in orders:
        until = position + len(order.calls)
        if not order.answers.done():
            _answer(order, answers[position:until])
        position = until


def _answer(order: _Order, answers: Sequence[Answer]) -> None:
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
