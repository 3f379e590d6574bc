"""The Responses API over WebSocket: each frame is a request like any other, on a connection that lasts.

Rules: host, origin and key are checked before the upgrade and again with each frame that asks a model;
a frame goes the way that a POST to the same path goes, with a body that holds the whole thread, so that
nothing behind this module knows of sockets; one answer at a time; a connection remembers a thread and
the frames that wait, each bounded by the largest body; one that is silent is closed with its hour, one
that a replaced or stopping ingress holds when what has come is answered; what is refused leaves a fact.
"""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Iterable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from turnout.dialects.dialect import ErrorAnswer, WireDialect
from turnout.dialects.openai_responses.socket import (
    NOT_FOUND,
    TOO_OLD,
    Chain,
    Create,
    PreviousResponseUnknown,
    chain_behind,
    coded_error_frame,
    error_frame,
    frame_of_error,
    read_frame,
    warmed_up,
)
from turnout.dialects.sse import SseDecoder
from turnout.dialects.stream import Finished, StreamEvent, StreamStarted, UsageReported
from turnout.dialects.usage import Usage
from turnout.errors import TurnoutError
from turnout.ingress.answers import encode_headers
from turnout.ingress.body import too_large
from turnout.ingress.intake import Arrival, Intake
from turnout.ingress.proxy import Limits
from turnout.ingress.rejected import rejected
from turnout.ports import FactSink

MAX_WAITING_FRAMES: Final = 4
"""Frames that came while an answer is given. Clients wait for the end; a flood is cut off."""

POLICY_VIOLATION: Final = 1008
GOING_AWAY: Final = 1001
SERVICE_RESTART: Final = 1012

_OF_THE_UPGRADE: Final = frozenset(
    {b"connection", b"upgrade", b"content-length", b"transfer-encoding", b"expect"}
)

_LOG = logging.getLogger(__name__)


class _Closed(Exception):
    """The client has closed the connection, or is to be closed on; the code is for it."""

    def __init__(self, code: int | None = None) -> None:
        super().__init__(code)
        self.code = code


class ResponsesSockets:
    """All connections of one ingress; an ASGI application for scopes of type `websocket`."""

    def __init__(
        self,
        endpoint: ASGIApp,
        intake: Intake,
        facts: FactSink,
        dialect: WireDialect,
        *,
        path: str,
        limits: Limits,
    ) -> None:
        """`endpoint` is what serves a POST to `path`."""
        self._endpoint = endpoint
        self._intake = intake
        self._facts = facts
        self._dialect = dialect
        self._path = path
        self._limits = limits
        self._open: set[_Connection] = set()
        self._is_leaving = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "websocket.connect"
        try:
            if await self._admitted(scope, send):
                await send({"type": "websocket.accept"})
                await self._serve_until_closed(
                    _Connection(scope, receive, send, self._limits.max_body_bytes)
                )
        except OSError:
            # Gone while something was sent.
            return

    async def leave(self) -> None:
        """Close what is idle now and the others when their answer is over; returns when all are."""
        self._is_leaving = True
        for connection in self._open:
            connection.leave()
        ends = [connection.ended.wait() for connection in self._open]
        if ends:
            await asyncio.gather(*ends)

    def _arrive(self, scope: Scope) -> Arrival:
        return self._intake.arrive(
            path=self._path,
            query=scope["query_string"].decode("latin-1"),
            raw_headers=scope["headers"],
        )

    def _refuse(self, error: TurnoutError, arrival: Arrival) -> ErrorAnswer:
        """The answer; a fact tells of it."""
        answer = self._dialect.encode_error(error, request_id=arrival.request_id)
        self._facts.record(
            rejected(
                error,
                arrival=arrival,
                question=None,
                dialect=self._dialect.name,
                status=answer.status,
                now=self._intake.clock(),
            )
        )
        return answer

    async def _admitted(self, scope: Scope, send: Send) -> bool:
        arrival = self._arrive(scope)
        try:
            self._intake.admit(arrival, self._dialect.name)
        except TurnoutError as error:
            answer = self._refuse(error, arrival)
            headers = (*answer.headers, ("turnout-request-id", arrival.request_id))
            await send(
                {
                    "type": "websocket.http.response.start",
                    "status": answer.status,
                    "headers": encode_headers(headers),
                }
            )
            await send({"type": "websocket.http.response.body", "body": answer.body})
            return False
        return True

    async def _serve_until_closed(self, connection: "_Connection") -> None:
        self._open.add(connection)
        try:
            if self._is_leaving:
                connection.leave()
            await self._serve(connection)
        except _Closed as closed:
            if closed.code is not None:
                await connection.close(closed.code)
        finally:
            self._open.discard(connection)
            await connection.aclose()

    async def _serve(self, connection: "_Connection") -> None:
        chain: Chain | None = None
        age_ends = asyncio.get_running_loop().time() + self._limits.socket_seconds
        while True:
            text = await connection.next_frame(until=age_ends)
            if text is None:
                told = "This connection has lasted long enough; open another one."
                await connection.send_frame(coded_error_frame(400, TOO_OLD, told))
                raise _Closed(GOING_AWAY)
            try:
                create = read_frame(text, chain)
                if create is None:
                    continue
                if len(create.body) > self._limits.max_body_bytes:
                    raise too_large(len(create.body), self._limits.max_body_bytes)
            except PreviousResponseUnknown as error:
                await connection.send_frame(coded_error_frame(400, NOT_FOUND, error.message))
                continue
            except TurnoutError as error:
                answer = self._refuse(error, self._arrive(connection.scope))
                await connection.send_frame(error_frame(answer))
                continue
            if create.generates:
                exchange = _Exchange(connection, create)
                scope = connection.http_scope(create, self._path)
                await self._endpoint(scope, exchange.receive, exchange.send)
                chain = await exchange.end()
            else:
                chain = await self._warm_up(connection, create)

    async def _warm_up(self, connection: "_Connection", create: Create) -> Chain:
        """An answer without any content; nobody upstream is asked, because a prompt that only one of
        several targets has read warms nothing for the others.
        """
        response_id = f"resp_{secrets.token_hex(24)}"
        encoder = self._dialect.stream_encoder(
            response_id=response_id,
            model=create.model,
            created_at=int(self._intake.clock()),
            input_estimate=0,
            include_usage=True,
        )
        events: tuple[StreamEvent, ...] = (
            StreamStarted(response_id, create.model, Usage()),
            UsageReported(Usage(), "reported"),
            Finished("end"),
        )
        decoder = SseDecoder()
        for event in events:
            for frame in decoder.feed(encoder.encode(event)):
                told = warmed_up(frame.data)
                if told is not None:
                    await connection.send_frame(told)
        return Chain(response_id, create.items)


class _Connection:
    """One client's socket: its frames, and whether it is still there."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, max_bytes: int) -> None:
        self.ended = asyncio.Event()
        self.scope = scope
        self._max_bytes = max_bytes
        self._receive = receive
        self._send = send
        self._waiting: deque[bytes] = deque()
        self._reading: asyncio.Task[Message] | None = None
        self._leaving = asyncio.Event()
        self._closed: _Closed | None = None

    def leave(self) -> None:
        self._leaving.set()

    async def next_frame(self, *, until: float) -> bytes | None:
        """The next frame; None when there is none `until` then, by the loop's clock.

        Raises `_Closed` when the client is gone or is to go.
        """
        if self._closed is not None:
            raise self._closed
        left = until - asyncio.get_running_loop().time()
        if left <= 0:
            return None
        if self._waiting:
            return self._waiting.popleft()
        leaving = asyncio.ensure_future(self._leaving.wait())
        reading = self._begin_reading()
        try:
            await asyncio.wait(
                {reading, leaving}, timeout=left, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            leaving.cancel()
        if not reading.done():
            if self._leaving.is_set():
                raise _Closed(SERVICE_RESTART)
            return None
        self._reading = None
        return _frame_in(reading.result())

    async def until_gone(self) -> None:
        """Returns when the client closes; keeps what it sends meanwhile."""
        while True:
            message = await asyncio.shield(self._begin_reading())
            self._reading = None
            try:
                self._waiting.append(_frame_in(message))
                is_flood = len(self._waiting) > MAX_WAITING_FRAMES
                if is_flood or sum(map(len, self._waiting)) > self._max_bytes:
                    raise _Closed(POLICY_VIOLATION)
            except _Closed as closed:
                self._closed = closed
                return

    def _begin_reading(self) -> asyncio.Task[Message]:
        # One read at a time, and never a read thrown away: it may already hold a frame.
        if self._reading is None:
            self._reading = asyncio.ensure_future(_read(self._receive))
        return self._reading

    async def send_frame(self, data: bytes) -> None:
        await self._send({"type": "websocket.send", "text": data.decode("utf-8", "replace")})

    async def close(self, code: int) -> None:
        await self._send({"type": "websocket.close", "code": code})

    def http_scope(self, create: Create, path: str) -> Scope:
        """The scope of the request that a frame stands for."""
        return {
            "type": "http",
            "method": "POST",
            "path": path,
            "query_string": self.scope["query_string"],
            "headers": list(_headers(self.scope["headers"], create)),
        }

    async def aclose(self) -> None:
        self.ended.set()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})


async def _read(receive: Receive) -> Message:
    return await receive()


def _frame_in(message: Message) -> bytes:
    if message["type"] != "websocket.receive":
        raise _Closed
    text: object = message.get("text")
    if not isinstance(text, str):
        # Frames are texts; bytes are no part of this protocol.
        raise _Closed(POLICY_VIOLATION)
    return text.encode()


def _headers(raw: Iterable[tuple[bytes, bytes]], create: Create) -> Iterable[tuple[bytes, bytes]]:
    told = {name.encode("latin-1", "replace") for name in create.metadata}
    for name, value in raw:
        if name in _OF_THE_UPGRADE or name.startswith(b"sec-websocket-") or name in told:
            continue
        if name == b"openai-beta" and b"websocket" in value:
            continue
        yield name, value
    for key, text in create.metadata.items():
        yield key.encode("latin-1", "replace"), text.encode("latin-1", "replace")


class _Exchange:
    """One answer: an HTTP exchange in front, frames behind."""

    def __init__(self, connection: _Connection, create: Create) -> None:
        self._connection = connection
        self._create = create
        self._is_body_read = False
        self._status = 0
        self._headers: list[tuple[str, str]] = []
        self._is_stream = False
        self._whole: list[bytes] = []
        self._decoder = SseDecoder()
        self._chain: Chain | None = None

    async def receive(self) -> Message:
        if not self._is_body_read:
            self._is_body_read = True
            return {"type": "http.request", "body": self._create.body, "more_body": False}
        await self._connection.until_gone()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = [
                (k.decode("latin-1"), v.decode("latin-1")) for k, v in message["headers"]
            ]
            kinds = [value for name, value in self._headers if name == "content-type"]
            self._is_stream = self._status == 200 and any("event-stream" in one for one in kinds)
            return
        body: object = message.get("body", b"")
        assert isinstance(body, bytes)
        if not self._is_stream:
            self._whole.append(body)
            return
        for event in self._decoder.feed(body):
            self._chain = chain_behind(self._create, event.data) or self._chain
            await self._connection.send_frame(event.data)

    async def end(self) -> Chain | None:
        """Tell an error that was no stream; return what can be continued."""
        if self._status and not self._is_stream:
            frame = frame_of_error(self._status, self._headers, b"".join(self._whole))
            await self._connection.send_frame(frame)
        return self._chain
