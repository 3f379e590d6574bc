"""HTTP to providers: one pool of connections, raw bytes, errors in our own kinds.

Rules: httpx requests and responses over aiohttp's connections (measured: a quarter of the time of
httpx's own), handed to the transport directly, because a client's `send` costs as much again as
the exchange itself; no redirects, no cookies, no proxies or credentials from the environment; the
deadlines are the caller's. A cancelled `read` loses nothing: the next one goes on where it left.
"""

import asyncio
import ssl
import time
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport
from typing_extensions import override

from turnout.errors import Overloaded, UpstreamFailed, UpstreamTimeout
from turnout.upstream_dispatcher.alarm import Alarm
from turnout.upstream_dispatcher.limits import (
    ASK_AGAIN_SECONDS,
    POOL_RETRY_SECONDS,
    POOL_WAIT_SECONDS,
    STALE_SECONDS,
    Limits,
)
from turnout.upstream_dispatcher.pool import watched_pool

GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
"""zlib finds out by itself which of the two it is."""

MAX_INFLATED_BYTES = 128 * 1024
"""Of a compressed answer at a time; as much as is read from a connection at once."""

LATIN_1 = "iso-8859-1"
"""How bytes of a header become text and back, whatever they are."""

URLS_KEPT = 256
"""Parsed addresses: providers times paths times the few queries that clients send."""


class NotConnected(UpstreamFailed):
    """No connection came about."""


class ConnectTimedOut(UpstreamTimeout):
    """No connection came about in time."""


class ConnectionStale(UpstreamFailed):
    """The connection was gone before the provider can have read the request."""


class PoolFull(Overloaded):
    """As many answers are under way as may be."""


NOT_SENT = (NotConnected, ConnectTimedOut, ConnectionStale, PoolFull)
"""After these the provider has done no work and bills none."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One upstream call. Headers hold the secret, so they are in no repr."""

    url: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)


class _Body(httpx.AsyncByteStream):
    """A request's body that is not copied, and that httpx does not describe in headers: aiohttp
    says the length. The request's own headers come with it, because httpx would take them to
    pieces and back.
    """

    __slots__ = ("data", "headers")

    def __init__(self, data: bytes, headers: tuple[tuple[str, str], ...]) -> None:
        self.data = data
        self.headers = headers

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.data


class _Answer(httpx.AsyncByteStream):
    """What comes of a response's body, as it comes."""

    __slots__ = ("_response",)

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    @property
    def content(self) -> aiohttp.StreamReader:
        return self._response.content

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        while data := await self.content.readany():
            yield data

    @override
    async def aclose(self) -> None:
        # Gives the connection back when the body has ended, else closes it.
        self._response.release()
        await self._response.wait_for_close()


class Incoming:
    """An upstream's answer whose head has come; closed by `aclose`, always."""

    __slots__ = ("_answer", "_content", "_inflater", "_on_close", "headers", "status")

    def __init__(self, response: httpx.Response, on_close: Callable[[], None]) -> None:
        answer = response.stream
        if not isinstance(answer, _Answer):
            raise UpstreamFailed("the answer has no body that could be read")
        self.status = response.status_code
        self.headers = response.headers
        # Otherwise every look at a header tries encodings on all of them.
        self.headers.encoding = LATIN_1
        self._answer = answer
        self._content = answer.content
        self._inflater = _inflater(response.headers.get("content-encoding", ""))
        self._on_close: Callable[[], None] | None = on_close

    @property
    def content_type(self) -> str:
        """Without its parameters, in lower case."""
        written: str = self.headers.get("content-type", "")
        return written.partition(";")[0].strip().lower()

    async def read(self) -> bytes:
        """What has come, as soon as something has; b"" at the end. Raises `UpstreamFailed`."""
        inflater = self._inflater
        while True:
            if inflater is None or not inflater.has_more:
                try:
                    data = await self._content.readany()
                except (aiohttp.ClientError, RuntimeError) as error:
                    # The second is aiohttp's word for a connection that it has closed over what came,
                    # such as a chunk without a size. Who waits already is not told, only who asks again.
                    raise UpstreamFailed(
                        "connection lost: the upstream's answer broke off"
                    ) from error
                if inflater is None or not data:
                    return data
                inflater.take(data)
            plain = inflater.inflate()
            if plain or inflater.is_over:
                return plain

    async def read_all(self, *, max_bytes: int) -> bytes:
        """The whole body. Raises `UpstreamFailed` when it exceeds the bound."""
        alarm = Alarm()
        try:
            data = await self._read_patiently(alarm)
            if not data or (self._inflater is None and self._content.at_eof()):
                return data
            parts = [data]
            size = len(data)
            while data := await self._read_patiently(alarm):
                parts.append(data)
                size += len(data)
                if size > max_bytes:
                    raise UpstreamFailed(f"the upstream's answer exceeds {max_bytes} bytes")
            return parts[0] if len(parts) == 1 else b"".join(parts)
        finally:
            alarm.close()

    async def _read_patiently(self, alarm: Alarm) -> bytes:
        """For who gives no signs of life meanwhile, and so does not ask again."""
        if self._content.is_eof():
            # All of it has come, as of most answers with their head.
            return await self.read()
        loop = asyncio.get_running_loop()
        while True:
            with suppress(TimeoutError), alarm.at(loop.time() + ASK_AGAIN_SECONDS):
                return await self.read()

    async def aclose(self) -> None:
        """Give the connection back when the body has ended, else close it."""
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            on_close()
        await self._answer.aclose()


class _Connections(AiohttpTransport):
    """httpx's transport over aiohttp for requests as they are made here: bytes, no proxy, the same
    time-outs for all. The library's own takes twice the time per exchange.
    """

    def __init__(self, session: Callable[[ssl.SSLContext], aiohttp.ClientSession]) -> None:
        super().__init__()
        self._make = session
        self._session: aiohttp.ClientSession | None = None

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._session is None:
            # Not before a loop runs.
            self._session = self._make(self.ssl_context)
        sent = request.stream
        assert isinstance(sent, _Body)
        response = await self._session.request(
            request.method,
            str(request.url),
            headers=sent.headers,
            data=sent.data,
            allow_redirects=False,
        )
        return httpx.Response(
            response.status, headers=response.raw_headers, stream=_Answer(response)
        )

    @override
    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()


class HttpTransport:
    """The process's connections to all providers."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._transport = _Connections(self._session)
        # Counted here: aiohttp's own pool lets wait for as long as a connection may take to open.
        self._free = asyncio.Semaphore(limits.max_connections)
        self._url = lru_cache(maxsize=URLS_KEPT)(httpx.URL)

    def _session(self, context: ssl.SSLContext) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=watched_pool(
                context=context, idle_seconds=self._limits.idle_connection_seconds
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(
                total=None,
                sock_connect=self._limits.connect_seconds,
                # A name may have several addresses.
                connect=self._limits.connect_seconds * 2,
            ),
        )

    async def send(self, outgoing: Outgoing) -> Incoming:
        """Send and wait for the answer's head. Raises `UpstreamFailed` kinds."""
        await self._take_connection()
        try:
            return await self._sent(outgoing)
        except BaseException:
            self._free.release()
            raise

    async def _take_connection(self) -> None:
        """Rather an error at once than a queue: whoever waits here waits for answers of minutes."""
        if not self._free.locked():
            await self._free.acquire()
            return
        try:
            async with asyncio.timeout(POOL_WAIT_SECONDS):
                await self._free.acquire()
        except TimeoutError:
            raise PoolFull(
                f"all {self._limits.max_connections} connections to providers are in use;"
                " send the request again later",
                retry_after_seconds=POOL_RETRY_SECONDS,
            ) from None

    async def _sent(self, outgoing: Outgoing) -> Incoming:
        request = httpx.Request(
            "POST",
            self._url(outgoing.url),
            stream=_Body(outgoing.body, outgoing.headers),
        )
        sent_at = time.monotonic()
        try:
            response = await self._transport.handle_async_request(request)
        except (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError) as error:
            raise _failure(error, seconds=time.monotonic() - sent_at) from error
        try:
            return Incoming(response, self._free.release)
        except UpstreamFailed:
            await response.aclose()
            raise

    async def aclose(self) -> None:
        await self._transport.aclose()


def _failure(error: Exception, *, seconds: float) -> UpstreamFailed:
    """The transport's mapping is coarse (a reset is a connect time-out there): look at the cause."""
    cause = error if isinstance(error, aiohttp.ClientError) else error.__cause__
    match cause:
        case aiohttp.ServerTimeoutError():
            return ConnectTimedOut("no connection to the upstream came about in time")
        case aiohttp.ClientConnectorError():
            return NotConnected(f"the upstream cannot be reached ({_name(cause)})")
        case (
            aiohttp.ServerDisconnectedError()
            | aiohttp.ClientOSError()
            | aiohttp.ClientConnectionResetError()
        ):
            lost = "the upstream closed the connection before it answered"
            is_stale = seconds < STALE_SECONDS and not _has_begun(cause)
            return ConnectionStale(lost) if is_stale else UpstreamFailed(lost)
        case _:
            return UpstreamFailed(f"the upstream's answer is no HTTP ({_name(error)})")


def _has_begun(cause: aiohttp.ClientError) -> bool:
    """Whether a part of an answer's head had come: aiohttp then says which, in place of its sentence."""
    return isinstance(cause, aiohttp.ServerDisconnectedError) and not isinstance(cause.message, str)


def _name(error: BaseException) -> str:
    """The kind alone: messages of the library may quote addresses and bytes of the answer."""
    return type(error.__cause__ or error).__name__


class _Inflater:
    """Undoes a content encoding that came although none was asked for.

    A little at a time: a thousandth of what may come out can come in, and the bounds are of the plain.
    """

    __slots__ = ("_taken", "_zlib", "has_more")

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(GZIP_OR_ZLIB)
        self._taken = b""
        self.has_more = False

    def take(self, data: bytes) -> None:
        """Only when there is no more in what has been taken."""
        self._taken = data

    def inflate(self) -> bytes:
        """At most `MAX_INFLATED_BYTES`. Raises `UpstreamFailed`."""
        if self.is_over:
            self.has_more = False
            return b""
        try:
            plain = self._zlib.decompress(self._taken, MAX_INFLATED_BYTES)
        except zlib.error as error:
            raise UpstreamFailed("the upstream's answer cannot be decompressed") from error
        self._taken = self._zlib.unconsumed_tail
        # zlib may have read all and not yet told all.
        self.has_more = bool(self._taken) or len(plain) == MAX_INFLATED_BYTES
        return plain

    @property
    def is_over(self) -> bool:
        """What comes behind is no part of the answer."""
        return self._zlib.eof


class _Unreadable:
    """Of an encoding that we cannot undo. Only who reads the body minds: an error has its status all the same."""

    __slots__ = ("_encoding",)

    has_more = False
    is_over = False

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding

    def take(self, _data: bytes) -> None:
        raise UpstreamFailed(f"the upstream's answer is encoded as {self._encoding!r:.40}, unasked")

    def inflate(self) -> bytes:
        return b""


def _inflater(encoding: str) -> _Inflater | _Unreadable | None:
    match encoding.strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip" | "deflate":
            return _Inflater()
        case other:
            return _Unreadable(other)
