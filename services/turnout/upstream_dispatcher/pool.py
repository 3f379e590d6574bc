"""aiohttp's pool, without connections on which bytes came that nobody had asked for.

Rules: what comes before a request is sent, between answers or behind the end of one is no part of any
answer; its connection is closed at once and serves nobody again. aiohttp itself would keep such bytes
and take them for the answer to the next request, whose sender may be another client. It has no hook
for this, so its protocol is a class of ours here (`_factory`, and `_parser` for the half of a head),
and the connector says when a request is about to be sent. What arrives after that cannot be told from
the answer by anybody.
"""

import asyncio
import select
import ssl
from functools import partial

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http import HttpProcessingError, RawResponseMessage
from aiohttp.tracing import Trace
from typing_extensions import override

FINAL = 200
"""Answers below it announce another one,"""

SWITCHING = 101
"""but for this, behind which no HTTP comes."""


class _WatchedProtocol(ResponseHandler):
    """One connection, which knows whether an answer is owed."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._is_owed = False
        self._has_served = False

    def owe(self) -> bool:
        """A request is about to be sent. False when something waits to be read already: bytes, or
        the other side's farewell. On a new connection that may be the end of TLS's greeting.
        """
        if self._has_served and (self.transport is None or _has_unread(self.transport)):
            return False
        self._is_owed = self._has_served = True
        return True

    @override
    def data_received(self, data: bytes) -> None:
        if self._is_owed:
            super().data_received(data)
            if not self._is_owed and self._has_begun_another():
                self.abort()
        elif data:
            self.abort()

    @override
    def feed_data(
        self, data: tuple[RawResponseMessage, aiohttp.StreamReader], size: int = 0
    ) -> None:
        if not self._is_owed:
            self.abort()
            return
        super().feed_data(data, size)
        message, body = data
        if message.code >= FINAL or message.code == SWITCHING:
            body.on_eof(self._answered)

    def _answered(self) -> None:
        self._is_owed = False

    def _has_begun_another(self) -> bool:
        """Whether a part of a head came behind the answer's end, in one read with it."""
        parser = self._parser
        if parser is None:
            return False
        try:
            return parser.feed_eof() is not None
        except HttpProcessingError:
            return True


class _WatchedConnector(aiohttp.TCPConnector):
    """Hands out connections on which nothing is waiting to be read."""

    def watch(self) -> None:
        """What `__init__` would do, whose parameters change with aiohttp's versions."""
        self._factory = partial(_watched, loop=self._loop)

    @override
    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            assert isinstance(protocol, _WatchedProtocol)
            if protocol.owe():
                return connection
            protocol.abort()
            connection.close()


def watched_pool(*, context: ssl.SSLContext, idle_seconds: float) -> aiohttp.TCPConnector:
    """Without a bound of its own. Only while a loop runs."""
    connector = _WatchedConnector(ssl=context, limit=0, keepalive_timeout=idle_seconds)
    connector.watch()
    return connector


def _watched(loop: asyncio.AbstractEventLoop) -> ResponseHandler:
    return _WatchedProtocol(loop)


def _has_unread(transport: asyncio.Transport) -> bool:
    """Asks the kernel, because the loop may not have looked since."""
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poll.poll(0))
