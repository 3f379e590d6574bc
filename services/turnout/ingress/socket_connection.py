"""One WebSocket of the Responses API: its frames, the lanes that they are answered in, its threads.

Rules: a frame goes the way that a POST to the same path goes, with a body that holds the whole thread, so
that nothing behind this module knows of sockets; frames that name one `stream_id`, or none, are answered
in their order, those of different lanes side by side; what a lane said last can be continued in any lane;
lanes, the frames that wait and what is remembered are bounded.
"""

import asyncio
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from typing import Final, Protocol

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from turnout.dialects.dialect import WireDialect
from turnout.dialects.openai_responses.socket import (
    NOT_FOUND,
    TOO_OLD,
    Asked,
    Chain,
    Create,
    OneEnd,
    PreviousResponseUnknown,
    chain_behind,
    coded_error_frame,
    frame_of_error,
    in_lane,
    naming_previous,
    read_envelope,
    read_frame,
    steering_refused,
    warmed_up,
)
from turnout.dialects.sse import SseDecoder
from turnout.dialects.stream import Finished, StreamEvent, StreamStarted, UsageReported
from turnout.dialects.usage import Usage
from turnout.errors import TurnoutError, Unavailable
from turnout.ingress.body import too_large

MAX_LANES: Final = 16
"""Answers at once on one connection; over HTTP each would be a connection of its own."""

MAX_WAITING_FRAMES: Final = 4
"""Frames behind an answer of their lane. Clients wait for the end; a flood is cut off."""


class Close(msgspec.Struct, frozen=True):
    """Why a connection is closed, by RFC 6455's codes; a reason has at most 123 bytes (5.5.1)."""

    code: int
    reason: str


LASTED: Final = Close(1001, "the connection has lasted long enough; open another one")
NOT_TEXT: Final = Close(1003, "frames are JSON in text messages; this one was binary")
TOO_MUCH: Final = Close(1008, "too much was sent behind an answer that is still being given")
REPLACED: Final = Close(1012, "the server is restarted; open another connection")

_OF_THE_UPGRADE: Final = frozenset(
    {b"connection", b"upgrade", b"content-length", b"transfer-encoding", b"expect"}
)


class Refuse(Protocol):
    """Leaves the fact of a frame that is refused, and says what its client hears."""

    def __call__(self, error: TurnoutError, scope: Scope, /) -> bytes: ...


class Connection:
    """One client's socket.

    Attributes:
        ended: set when nothing of it runs any more.
    """

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        endpoint: ASGIApp,
        dialect: WireDialect,
        path: str,
        clock: Callable[[], float],
        refuse: Refuse,
        max_bytes: int,
    ) -> None:
        """`endpoint` is what serves a POST to `path`; `max_bytes` is the largest body."""
        self.ended = asyncio.Event()
        self._scope = scope
        self._receive = receive
        self._send = send
        self._endpoint = endpoint
        self._dialect = dialect
        self._path = path
        self._clock = clock
        self._refuse = refuse
        self._max_bytes = max_bytes
        self._lanes: dict[str, deque[bytes]] = {}
        self._chains: OrderedDict[str, Chain] = OrderedDict()
        self._sending = asyncio.Lock()
        self._gone = asyncio.Event()
        self._changed = asyncio.Event()
        self._is_leaving = False

    def leave(self) -> None:
        """Let it end when what has come is answered."""
        self._is_leaving = True
        self._changed.set()

    async def serve(self, *, seconds: float) -> None:
        """Answer frames until the client closes, is cut off, has to leave, or `seconds` have passed."""
        async with asyncio.TaskGroup() as running:
            try:
                end = await self._take_frames(running, until=_now() + seconds)
            except OSError:
                # Gone while something was sent.
                end = None
            finally:
                # What still runs has nobody to answer.
                self._gone.set()
        if end is not None:
            closing = {"type": "websocket.close", "code": end.code, "reason": end.reason}
            await self._send(closing)

    async def _take_frames(self, running: asyncio.TaskGroup, *, until: float) -> Close | None:
        """What to close with; None when the client has closed."""
        reading: asyncio.Task[Message] | None = None
        try:
            while True:
                if not self._lanes and self._is_leaving:
                    return REPLACED
                left = until - _now()
                if not self._lanes and left <= 0:
                    told = "This connection has lasted long enough; open another one."
                    await self.tell(coded_error_frame(400, TOO_OLD, told))
                    return LASTED
                # One read at a time, and never a read thrown away: it may already hold a frame.
                reading = reading or asyncio.ensure_future(_read(self._receive))
                await self._wait_for(reading, seconds=left if left > 0 else None)
                if not reading.done():
                    continue
                message, reading = reading.result(), None
                if message["type"] != "websocket.receive":
                    return None
                text: object = message.get("text")
                if not isinstance(text, str):
                    return NOT_TEXT
                if not await self._take(text.encode(), running):
                    return TOO_MUCH
        finally:
            if reading is not None:
                reading.cancel()
                await asyncio.wait({reading})

    async def _wait_for(self, reading: asyncio.Task[Message], *, seconds: float | None) -> None:
        """Until a frame has come, a lane has ended, the connection is to leave, or it is time."""
        self._changed.clear()
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait(
                {reading, changed}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            changed.cancel()

    async def _take(self, text: bytes, running: asyncio.TaskGroup) -> bool:
        """A frame to its lane; false where it is one too many."""
        try:
            asked = read_envelope(text)
        except TurnoutError as error:
            await self.tell(self._refuse(error, self._scope))
            return True
        match asked:
            case Asked(is_steering=True):
                await self.tell(steering_refused(text))
            case Asked(is_create=True, lane=lane):
                return await self._queue(text, lane, running)
            case _:
                pass
        return True

    async def _queue(self, text: bytes, lane: str, running: asyncio.TaskGroup) -> bool:
        waiting = self._lanes.get(lane)
        if waiting is not None:
            waiting.append(text)
            behind = sum(len(frame) for frames in self._lanes.values() for frame in frames)
            return len(waiting) <= MAX_WAITING_FRAMES and behind <= self._max_bytes
        if len(self._lanes) >= MAX_LANES:
            full = Unavailable(
                f"stream_id: {MAX_LANES} answers are given at once on one connection; wait for one"
                " of them, or open another connection"
            )
            await self.tell(self._refuse(full, self._scope), lane)
            return True
        self._lanes[lane] = deque()
        running.create_task(self._answer_lane(text, lane))
        return True

    async def _answer_lane(self, text: bytes, lane: str) -> None:
        """Answer a frame and those that come behind it in its lane."""
        waiting = self._lanes[lane]
        try:
            await self._answer(text, lane)
            while waiting and not self._gone.is_set():
                await self._answer(waiting.popleft(), lane)
        except OSError:
            # Gone while something was sent; who reads frames hears of it too.
            return
        finally:
            del self._lanes[lane]
            self._changed.set()

    async def _answer(self, text: bytes, lane: str) -> None:
        known = {chain.response_id: chain for chain in self._chains.values()}
        try:
            create = read_frame(text, known)
            if len(create.body) > self._max_bytes:
                raise too_large(len(create.body), self._max_bytes)
        except PreviousResponseUnknown as error:
            await self.tell(coded_error_frame(400, NOT_FOUND, error.message), lane)
            return
        except TurnoutError as error:
            await self.tell(self._refuse(error, self._scope), lane)
            return
        if not create.generates:
            await self._warm_up(create, lane)
            return
        exchange = _Exchange(self, create, lane)
        await self._endpoint(self._http_scope(create), exchange.receive, exchange.send)
        if not await exchange.end():
            # A failed answer leaves nothing to continue.
            self._chains.pop(lane, None)

    def remember(self, lane: str, chain: Chain) -> None:
        """What a lane says last, before its client hears it, who may go on in any lane at once."""
        self._chains.pop(lane, None)
        self._chains[lane] = chain
        size = sum(one.size for one in self._chains.values())
        while len(self._chains) > 1 and (size > self._max_bytes or len(self._chains) > MAX_LANES):
            size -= self._chains.popitem(last=False)[1].size

    async def _warm_up(self, create: Create, lane: str) -> None:
        """An answer without any content; nobody upstream is asked, because a prompt that only one of
        several targets has read warms nothing for the others.
        """
        response_id = f"resp_{secrets.token_hex(24)}"
        self.remember(lane, Chain(response_id, create.items))
        encoder = self._dialect.stream_encoder(
            response_id=response_id,
            model=create.model,
            created_at=int(self._clock()),
            input_estimate=0,
            include_usage=True,
            asked=create.body,
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
                    await self.tell(naming_previous(told, create.previous), lane)

    def _http_scope(self, create: Create) -> Scope:
        """The scope of the request that a frame stands for."""
        return {
            "type": "http",
            "method": "POST",
            "path": self._path,
            "query_string": self._scope["query_string"],
            "headers": list(_headers(self._scope["headers"], create)),
        }

    async def tell(self, frame: bytes, lane: str = "") -> None:
        """Send a frame, marked with its lane."""
        text = in_lane(frame, lane).decode("utf-8", "replace")
        async with self._sending:
            await self._send({"type": "websocket.send", "text": text})

    async def until_gone(self) -> None:
        """Returns when nobody waits for answers any more."""
        await self._gone.wait()


class _Exchange:
    """One answer: an HTTP exchange in front, frames behind."""

    def __init__(self, connection: Connection, create: Create, lane: str) -> None:
        self._connection = connection
        self._create = create
        self._lane = lane
        self._is_body_read = False
        self._status = 0
        self._headers: list[tuple[str, str]] = []
        self._is_stream = False
        self._whole: list[bytes] = []
        self._decoder = SseDecoder()
        self._ending = OneEnd()
        self._is_whole = False

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
            told = self._ending.feed(event.data)
            if told:
                if chain := chain_behind(self._create, told):
                    self._is_whole = True
                    self._connection.remember(self._lane, chain)
                named = naming_previous(told, self._create.previous)
                await self._connection.tell(named, self._lane)

    async def end(self) -> bool:
        """Tell an error that was no stream, or all that ended one; true where there is an answer to
        be continued.
        """
        if fault := self._ending.close():
            await self._connection.tell(fault, self._lane)
        if self._status and not self._is_stream:
            frame = frame_of_error(self._status, self._headers, b"".join(self._whole))
            await self._connection.tell(frame, self._lane)
        return self._is_whole


async def _read(receive: Receive) -> Message:
    return await receive()


def _now() -> float:
    return asyncio.get_running_loop().time()


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
