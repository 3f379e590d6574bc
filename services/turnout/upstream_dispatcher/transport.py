"""HTTP to providers: one pool of connections, raw bytes, errors in our own kinds.

Rules: httpx requests and responses over aiohttp's connections (measured: a quarter of the time of
httpx's own), handed to the transport directly, because a client's `send` costs as much again as
the exchange itself; no redirects, no cookies, no proxies or credentials from the environment; the
deadlines are the caller's. A cancelled `read` loses nothing: the next one goes on where it left.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import lru_cache

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from turnout.errors import UpstreamFailed, UpstreamTimeout
from turnout.upstream_dispatcher.limits import STALE_SECONDS, Limits

GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
"""zlib finds out by itself which of the two it is."""

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


NOT_SENT = (NotConnected, ConnectTimedOut, ConnectionStale)
"""After these the provider has done no work and bills none."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One upstream call. Headers hold the secret, so they are in no repr."""

    url: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)


class Incoming:
    """An upstream's answer whose head has come; closed by `aclose`, always."""

    __slots__ = ("_inflate", "_iterator", "_stream", "headers", "status")

    def __init__(self, response: httpx.Response) -> None:
        stream = response.stream
        if not isinstance(stream, httpx.AsyncByteStream):
            raise UpstreamFailed("the answer has no body that could be read")
        self.status = response.status_code
        self.headers = response.headers
        # Otherwise every look at a header tries encodings on all of them.
        self.headers.encoding = LATIN_1
        self._stream = stream
        self._iterator: AsyncIterator[bytes] | None = None
        self._inflate = _inflater(response.headers.get("content-encoding", ""))

    @property
    def content_type(self) -> str:
        """Without its parameters, in lower case."""
        written: str = self.headers.get("content-type", "")
        return written.partition(";")[0].strip().lower()

    async def read(self) -> bytes:
        """What has come, as soon as something has; b"" at the end. Raises `UpstreamFailed`."""
        while True:
            if self._iterator is None:
                self._iterator = aiter(self._stream)
            try:
                data = await anext(self._iterator, b"")
            except asyncio.CancelledError:
                # The iterator is spent, the connection's buffer is not.
                self._iterator = None
                raise
            except (httpx.TransportError, aiohttp.ClientError) as error:
                raise UpstreamFailed(f"the upstream's answer broke off ({_name(error)})") from error
            if self._inflate is None or not data:
                return data
            try:
                plain = self._inflate.decompress(data)
            except zlib.error as error:
                raise UpstreamFailed("the upstream's answer cannot be decompressed") from error
            if plain:
                return plain

    async def read_all(self, *, max_bytes: int) -> bytes:
        """The whole body. Raises `UpstreamFailed` when it exceeds the bound."""
        data = await self.read()
        if not data:
            return data
        parts = [data]
        size = len(data)
        while data := await self.read():
            parts.append(data)
            size += len(data)
            if size > max_bytes:
                raise UpstreamFailed(f"the upstream's answer exceeds {max_bytes} bytes")
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def aclose(self) -> None:
        """Give the connection back when the body has ended, else close it."""
        await self._stream.aclose()


class HttpTransport:
    """The process's connections to all providers."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._transport = AiohttpTransport(client=self._session)
        self._url = lru_cache(maxsize=URLS_KEPT)(httpx.URL)
        self._timeouts = {
            "connect": limits.connect_seconds,
            # Waiting for a free connection and opening one, together.
            "pool": limits.connect_seconds * 2,
        }

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=self._transport.ssl_context,
                limit=self._limits.max_connections,
                keepalive_timeout=self._limits.idle_connection_seconds,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
        )

    async def send(self, outgoing: Outgoing) -> Incoming:
        """Send and wait for the answer's head. Raises `UpstreamFailed` kinds."""
        request = httpx.Request(
            "POST",
            self._url(outgoing.url),
            headers=[
                (name.encode(LATIN_1), value.encode(LATIN_1)) for name, value in outgoing.headers
            ],
            content=outgoing.body,
            extensions={"timeout": self._timeouts},
        )
        loop = asyncio.get_running_loop()
        sent_at = loop.time()
        try:
            response = await self._transport.handle_async_request(request)
        except (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError) as error:
            raise _failure(error, seconds=loop.time() - sent_at) from error
        try:
            return Incoming(response)
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
            return ConnectionStale(lost) if seconds < STALE_SECONDS else UpstreamFailed(lost)
        case _:
            return UpstreamFailed(f"the upstream's answer is no HTTP ({_name(error)})")


def _name(error: BaseException) -> str:
    """The kind alone: messages of the library may quote addresses and bytes of the answer."""
    return type(error.__cause__ or error).__name__


class _Inflater:
    """Undoes a content encoding that came although none was asked for."""

    def __init__(self) -> None:
        self._plain = zlib.decompressobj(GZIP_OR_ZLIB)

    def decompress(self, data: bytes) -> bytes:
        return self._plain.decompress(data)


def _inflater(encoding: str) -> _Inflater | None:
    match encoding.strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip" | "deflate":
            return _Inflater()
        case other:
            raise UpstreamFailed(f"the upstream's answer is encoded as {other!r:.40}, unasked")
