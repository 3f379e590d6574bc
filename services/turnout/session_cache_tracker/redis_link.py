"""The bytes to and from one Redis server, once redis-py has connected: a pipeline of scripts.

Rules: one pipeline at a time; its answers are told together, or the first failure is. What is asked
for are scripts that answer one string, so strings and errors are all that is understood; anything
else means that no Redis is there. Nothing here waits or keeps time.

redis-py reads the URL, opens the socket, TLS included, and signs in; then its transport is taken
over, because its own reading and writing cost some 20 µs a command.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha1
from operator import attrgetter
from typing import Final, Protocol, TypeAlias

from redis.asyncio import ConnectionPool
from redis.exceptions import (
    BusyLoadingError,
    ConnectionError,  # noqa: A004  (redis-py's own, which is no OSError)
    InvalidResponse,
    NoScriptError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from typing_extensions import override

Answer: TypeAlias = str | ResponseError
Reply: TypeAlias = Sequence[Answer] | Exception
"""The answers of one pipeline, or why there are none."""
OnReply: TypeAlias = Callable[[Reply], None]

# TimeoutError is an OSError. A peer that speaks no RESP fails in int() and decode().
FAILURES: Final = (RedisError, OSError, ValueError)

_STRING: Final = ord("$")
_ERROR: Final = ord("-")


class _Connection(Protocol):
    """What is used of `redis.asyncio.Connection`."""

    async def connect(self) -> None: ...

    async def disconnect(self, nowait: bool) -> None: ...


class _Pool(Protocol):
    """What is used of `redis.asyncio.ConnectionPool`: it reads the URL, TLS and sockets included."""

    def make_connection(self) -> _Connection: ...


# These are untyped or private in redis-py 8; here they get the types that are relied upon.
_pool_of: Callable[..., _Pool] = attrgetter("from_url")(ConnectionPool)
_transport_of: Callable[[_Connection], asyncio.Transport] = attrgetter("_writer.transport")


class Script:
    """A script, and how a call of it begins on the wire."""

    def __init__(self, source: str) -> None:
        self.source = source
        # Redis names scripts by this digest; nothing here is secret or signed.
        digest = sha1(source.encode(), usedforsecurity=False).hexdigest()
        self._head = b"$7\r\nEVALSHA\r\n$40\r\n%b\r\n$1\r\n1\r\n" % digest.encode()

    def call(self, key: str, *arguments: str) -> bytes:
        return b"*%d\r\n%b%b" % (4 + len(arguments), self._head, _strings((key, *arguments)))

    @property
    def load(self) -> bytes:
        return b"*3\r\n" + _strings(("SCRIPT", "LOAD", self.source))


class RedisLink(asyncio.Protocol):
    """One connection. Made by `RedisDoor.connected`."""

    def __init__(
        self, transport: asyncio.Transport, disconnect: Callable[[], Awaitable[None]]
    ) -> None:
        self._transport = transport
        self._disconnect = disconnect
        self._buffer = b""
        self._answers: list[Answer] = []
        self._wanted = 0
        self._on_reply: OnReply | None = None
        self.is_lost = False

    def send(self, commands: Sequence[bytes], on_reply: OnReply) -> None:
        """Send a pipeline; the one before must have been replied to or abandoned."""
        self._wanted = len(commands)
        self._on_reply = on_reply
        self._transport.write(b"".join(commands))

    async def ask(self, commands: Sequence[bytes]) -> Sequence[Answer]:
        """The same for those who wait."""
        replied: asyncio.Future[Sequence[Answer]] = asyncio.get_running_loop().create_future()

        def on_reply(reply: Reply) -> None:
            if replied.done():
                return
            if isinstance(reply, Exception):
                replied.set_exception(reply)
            else:
                replied.set_result(reply)

        if self.is_lost:
            raise ConnectionError("closed by the server")
        self.send(commands, on_reply)
        return await replied

    def abandon(self) -> None:
        """Want no reply any more; the link is of no use then."""
        self._on_reply = None
        self.is_lost = True

    async def close(self) -> None:
        self.abandon()
        await self._disconnect()

    @override
    def data_received(self, data: bytes) -> None:
        if self._on_reply is None:
            self._fail(InvalidResponse("an answer that nobody has asked for"))
            return
        try:
            self._read(self._buffer + data if self._buffer else data)
        except (RedisError, ValueError) as error:
            self._fail(error)
            return
        if len(self._answers) < self._wanted:
            return
        if self._buffer:
            self._fail(InvalidResponse("more answers than were asked for"))
            return
        answers, self._answers = self._answers, []
        self._tell(answers)

    def _read(self, data: bytes) -> None:
        at = 0
        while len(self._answers) < self._wanted:
            end = data.find(b"\r\n", at)
            if end < 0:
                break
            kind = data[at]
            if kind == _STRING:
                start = end + 2
                stop = start + _length(data[at + 1 : end])
                if len(data) < stop + 2:
                    break
                self._answers.append(data[start:stop].decode("utf-8", "surrogatepass"))
                at = stop + 2
            elif kind == _ERROR:
                self._answers.append(_error(data[at + 1 : end].decode("utf-8", "replace")))
                at = end + 2
            else:
                raise InvalidResponse(
                    f"a script answered {data[at:end][:20]!r} instead of a string"
                )
        self._buffer = data[at:]

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionError("closed by the server"))

    def _fail(self, error: Exception) -> None:
        self.is_lost = True
        self._tell(error)

    def _tell(self, reply: Reply) -> None:
        on_reply, self._on_reply = self._on_reply, None
        if on_reply is not None:
            on_reply(reply)


class RedisDoor:
    """Where links come from: one URL."""

    def __init__(self, url: str) -> None:
        # RESP2: the answers are plain strings.
        self._pool = _pool_of(url, protocol=2, socket_timeout=None, retry=None)

    async def connected(self) -> RedisLink:
        """A link that has been signed in. The deadline is the caller's."""
        connection = self._pool.make_connection()
        try:
            await connection.connect()
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        transport = _transport_of(connection)
        link = RedisLink(transport, lambda: connection.disconnect(nowait=True))
        transport.set_protocol(link)
        return link


def _strings(parts: Sequence[str]) -> bytes:
    pieces: list[bytes] = []
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        pieces.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(pieces)


def _length(digits: bytes) -> int:
    length = int(digits)
    if length < 0:
        raise InvalidResponse("a script answered nothing instead of a string")
    return length


def _error(text: str) -> ResponseError:
    match text.partition(" ")[0]:
        case "NOSCRIPT":
            return NoScriptError(text)
        case "READONLY":
            return ReadOnlyError(text)
        case "LOADING":
            raise BusyLoadingError(text)
        case _:
            return ResponseError(text)
