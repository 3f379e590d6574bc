"""A scripted provider: every dialect, JSON and SSE, on a bare protocol.

It parses no JSON: the path and `"stream":true` in the bytes choose the answer. `GET /stats` answers
what it has seen. Run: python -m loadtest.upstream --port 9001 --first-ms 20 --gap-ms 2.
"""

import argparse
import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

import uvloop
from typing_extensions import override

from loadtest import wire
from loadtest.answers import PATHS, USUAL, Figures, Script, script
from turnout.capabilities import Dialect

STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)

BACKLOG = 4096
"""More than any load opens at once."""


TRACES_PATH = b"/v1/traces"
"""Spans are taken and thrown away: exporting them has its price, keeping them is another's."""


@dataclass(slots=True)
class Stats:
    """What was seen since the start; `aborted` are answers whose reader left before their end,
    `exports` are batches of spans.
    """

    requests: int = 0
    streams: int = 0
    aborted: int = 0
    connections: int = 0
    exports: int = 0


class Pacing(Protocol):
    """Seconds before a request's first content and between two events."""

    @property
    def gap_seconds(self) -> float: ...

    def first_of(self, body: bytes) -> float: ...


@dataclass(frozen=True, slots=True)
class Pace:
    """The same for all requests."""

    first_seconds: float = 0.0
    gap_seconds: float = 0.0

    def first_of(self, body: bytes) -> float:
        del body
        return self.first_seconds


@dataclass(frozen=True, slots=True)
class _Prepared:
    """An answer as the bytes that go out."""

    whole: bytes
    chunks: tuple[bytes, ...]
    closing: bytes
    at_once: bytes

    @classmethod
    def of(cls, told: Script) -> "_Prepared":
        chunks = tuple(wire.chunk(event) for event in told.events)
        closing = wire.chunk(told.closing) + wire.LAST_CHUNK
        return cls(
            whole=wire.response(told.whole),
            chunks=chunks,
            closing=closing,
            at_once=b"".join((STREAM_HEAD, *chunks, closing)),
        )


class Upstream:
    """The provider's answers, pace and counts; shared by its connections.

    Attributes:
        on_aborted: called when a reader has left before its answer's end.
    """

    def __init__(
        self,
        *,
        pace: Pacing,
        event_count: int,
        figures_of: Callable[[bytes], Figures] = lambda _: USUAL,
    ) -> None:
        """`figures_of` a body says what its answer tells of usage; different ones are few."""
        self.pace = pace
        self.stats = Stats()
        self.on_aborted: Callable[[], None] = lambda: None
        self._event_count = event_count
        self._figures_of = figures_of
        self._dialects: dict[bytes, Dialect] = {
            path.partition("?")[0].encode(): dialect for dialect, path in PATHS.items()
        }
        self._answers: dict[tuple[Dialect, Figures], _Prepared] = {}

    def answer_for(self, path: bytes, body: bytes) -> _Prepared | None:
        dialect = self._dialects.get(path.partition(b"?")[0])
        if dialect is None:
            return None
        figures = self._figures_of(body)
        answer = self._answers.get((dialect, figures))
        if answer is None:
            told = script(dialect, event_count=self._event_count, figures=figures)
            answer = self._answers[dialect, figures] = _Prepared.of(told)
        return answer


class Connection(asyncio.Protocol):
    """One connection: reads whole requests, answers one at a time."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._stats = upstream.stats
        self._buffer = bytearray()
        self._head: wire.Head | None = None
        self._transport: wire.Writer | None = None
        self._due: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, wire.Writer)
        self._transport = transport
        self._stats.connections += 1

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None
        if self._due is not None:
            self._due.cancel()
            self._due = None
            self._stats.aborted += 1
            self._upstream.on_aborted()

    @override
    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._buffer:
            head = self._head = self._head or wire.read_head(self._buffer)
            if head is None:
                return
            end = self._end_of(head)
            if end < 0:
                return
            body = bytes(memoryview(self._buffer)[head.body_at : end])
            del self._buffer[:end]
            self._head = None
            self._answer(head, body)

    def _end_of(self, head: wire.Head) -> int:
        """Where the request ends; -1 while it is incomplete."""
        match head.framing:
            case "length":
                end = head.body_at + head.length
                return end if len(self._buffer) >= end else -1
            case "chunked":
                at = self._buffer.find(b"\r\n" + wire.LAST_CHUNK, head.body_at)
                return at + 2 + len(wire.LAST_CHUNK) if at >= 0 else -1
            case "none":
                return head.body_at

    def _answer(self, head: wire.Head, body: bytes) -> None:
        path = head.path
        if path == b"/stats":
            self._write(wire.response(json.dumps(asdict(self._stats)).encode()))
            return
        if path == TRACES_PATH:
            self._stats.exports += 1
            self._write(wire.response(b"", content_type="application/x-protobuf"))
            return
        answer = self._upstream.answer_for(path, body)
        if answer is None:
            self._write(wire.response(b'{"error":{"message":"no such path"}}', status=404))
            return
        self._stats.requests += 1
        pace = self._upstream.pace
        first_seconds = pace.first_of(body)
        if not _asks_stream(path, body):
            self._after(first_seconds, (answer.whole,), 0)
            return
        self._stats.streams += 1
        if pace.gap_seconds:
            self._write(STREAM_HEAD)
            self._after(first_seconds, (*answer.chunks, answer.closing), 0)
        else:
            self._after(first_seconds, (answer.at_once,), 0)

    def _after(self, seconds: float, parts: Sequence[bytes], at: int) -> None:
        """Write the parts from `at` on, the first after `seconds`, the others a gap apart."""
        if seconds:
            loop = asyncio.get_running_loop()
            self._due = loop.call_later(seconds, self._write_part, parts, at)
        else:
            self._write_part(parts, at)

    def _write_part(self, parts: Sequence[bytes], at: int) -> None:
        self._due = None
        self._write(parts[at])
        if at + 1 < len(parts):
            self._after(self._upstream.pace.gap_seconds, parts, at + 1)

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


STREAM_FIELDS = (b'"stream":true', b'"stream": true')


def _asks_stream(path: bytes, body: bytes) -> bool:
    """The field stands near one of the ends in every client's body; large middles are not searched.
    Gemini has none and says it in the path.
    """
    if b":streamGenerateContent" in path:
        return True
    ends = body if len(body) < 4096 else body[:2048] + body[-2048:]
    return any(field in ends for field in STREAM_FIELDS)


async def listen(upstream: Upstream, *, port: int, host: str = "127.0.0.1") -> asyncio.Server:
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: Connection(upstream), host, port, backlog=BACKLOG)


async def serve(upstream: Upstream, *, port: int, host: str) -> None:
    async with await listen(upstream, port=port, host=host) as server:
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 for a cluster's load test")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--first-ms", type=float, default=0.0, help="time to the first content")
    parser.add_argument("--gap-ms", type=float, default=0.0, help="time between two events")
    parser.add_argument("--events", type=int, default=20, help="content events of a stream")
    told = parser.parse_args()
    pace = Pace(first_seconds=told.first_ms / 1000, gap_seconds=told.gap_ms / 1000)
    uvloop.run(serve(Upstream(pace=pace, event_count=told.events), port=told.port, host=told.host))


if __name__ == "__main__":
    main()
