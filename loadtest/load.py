"""The load: requests over kept connections, as fast as answers come or at a fixed rate.

One process on a bare protocol. Closed loop: each connection sends when its answer has ended, which
measures throughput. Fixed rate (open loop): requests are due at fixed times whatever the answers
do, and latency counts from the time a request was due, so that a stall is not measured once but by
everyone who would have waited. An answer is an error unless its status is 200 and, for a stream,
its last event has come. Prints one JSON object.
Run: python -m loadtest.load URL --connections 16 --seconds 5 --size "60 kB" --stream.
"""

import argparse
import asyncio
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from typing import get_args
from urllib.parse import urlsplit

import msgspec
import uvloop
from typing_extensions import override

from loadtest import bodies, wire
from loadtest.answers import PATHS, STREAM_END, LoadDialect
from loadtest.bodies import SIZES, Size
from loadtest.figures import Spread

ANSWER_SECONDS = 30.0
"""An answer that takes longer is an error, unless told otherwise: little that is measured takes a
second.
"""

THREAD_REQUESTS = 8
"""Requests of a thread before its agent begins again: real threads have 65 in the mean, so what a
gateway remembers of a thread counts for less here.
"""

MAX_ERRORS = 100
"""A run with more has failed and ends."""

clock = time.perf_counter


@dataclass(frozen=True, slots=True)
class Ask:
    """One run of the load."""

    url: str
    dialect: LoadDialect
    size: Size
    stream: bool
    connections: int
    seconds: float
    rate: float = 0.0
    key: str = "sk-bench"
    answer_seconds: float = ANSWER_SECONDS
    header: tuple[str, ...] = ()


@dataclass(slots=True)
class Tally:
    """What a run has seen; seconds."""

    totals: list[float] = field(default_factory=list)
    firsts: list[float] = field(default_factory=list)
    answer_bytes: int = 0
    errors: int = 0
    last_error: str = ""

    def fail(self, reason: str) -> None:
        self.errors += 1
        self.last_error = reason[:300]


@dataclass(frozen=True, slots=True)
class Result:
    """Of one run. Latencies are in milliseconds; `first` is the body's first byte."""

    ask: Ask
    requests: int
    request_bytes: int
    answer_bytes: int
    seconds: float
    per_second: float
    total: Spread
    first: Spread
    errors: int
    last_error: str


class AnswerLost(Exception):
    """The connection closed inside an answer."""


class Connection(asyncio.Protocol):
    """A kept connection with at most one request under way."""

    def __init__(self) -> None:
        self._transport: wire.Writer | None = None
        self._buffer = bytearray()
        self._ended: asyncio.Future[None] | None = None
        self.head: wire.Head | None = None
        self.first_at = 0.0
        self.last_at = 0.0

    @property
    def is_open(self) -> bool:
        return self._transport is not None

    @property
    def body(self) -> bytes:
        return bytes(self._buffer[self.head.body_at :]) if self.head else b""

    async def exchange(self, request: bytes) -> None:
        """Send and wait for the end of the answer."""
        if self._transport is None:
            raise AnswerLost("not connected")
        self._buffer.clear()
        self.head = None
        self.first_at = 0.0
        self._ended = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        await self._ended

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, wire.Writer)
        self._transport = transport

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._ended is not None and not self._ended.done():
            self._ended.set_exception(AnswerLost(f"closed inside an answer: {exc}"))

    @override
    def data_received(self, data: bytes) -> None:
        if self._ended is None or self._ended.done():
            return
        self._buffer += data
        head = self.head = self.head or wire.read_head(self._buffer)
        if head is None:
            return
        if not self.first_at and len(self._buffer) > head.body_at:
            self.first_at = clock()
        if self._is_complete(head):
            self.last_at = clock()
            self.first_at = self.first_at or self.last_at
            self._ended.set_result(None)

    def _is_complete(self, head: wire.Head) -> bool:
        if head.framing == "chunked":
            return self._buffer.endswith(wire.LAST_CHUNK)
        return len(self._buffer) >= head.body_at + head.length


class Load:
    """One run against one address."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self.tally = Tally()
        url = urlsplit(ask.url)
        self._host, self._port = url.hostname or "127.0.0.1", url.port or 80
        headers = [
            ("host", f"{self._host}:{self._port}"),
            ("content-type", "application/json"),
            ("accept", "*/*"),
            ("user-agent", "loadtest"),
        ]
        if ask.dialect == "anthropic_messages":
            headers += [("anthropic-version", "2023-06-01"), ("x-api-key", ask.key)]
        else:
            headers += [("authorization", f"Bearer {ask.key}")]
        for line in ask.header:
            name, _, value = line.partition(":")
            headers.append((name.strip(), value.strip()))
        self._threads = [
            [
                wire.request(
                    "POST",
                    PATHS[ask.dialect],
                    tuple(headers),
                    bodies.body(ask.dialect, ask.size, stream=ask.stream, agent=agent, step=step),
                )
                for step in range(THREAD_REQUESTS if SIZES[ask.size] else 1)
            ]
            for agent in range(ask.connections)
        ]
        self._sent = [0] * ask.connections

    @property
    def request_bytes(self) -> int:
        """Of a thread's first request."""
        return len(self._threads[0][0])

    def _next_request(self, agent: int) -> bytes:
        """A thread grows by a step a request, and begins anew at its end."""
        thread = self._threads[agent]
        request = thread[self._sent[agent] % len(thread)]
        self._sent[agent] += 1
        return request

    async def run(self) -> float:
        """Run for the asked time; seconds from the first request to the last answer."""
        begun = clock()
        async with asyncio.TaskGroup() as group:
            if self._ask.rate:
                group.create_task(self._fixed_rate(begun))
            else:
                for agent in range(self._ask.connections):
                    group.create_task(self._closed_loop(agent, begun + self._ask.seconds))
        return clock() - begun

    async def _closed_loop(self, agent: int, end: float) -> None:
        connection: Connection | None = None
        try:
            while clock() < end and self.tally.errors < MAX_ERRORS:
                connection = await self._one(agent, connection, clock())
        finally:
            if connection is not None:
                connection.close()

    async def _fixed_rate(self, begun: float) -> None:
        """Send what is due; a request that finds no free connection opens one."""
        free: deque[Connection] = deque()
        count = int(self._ask.rate * self._ask.seconds)

        async def send(number: int, due: float) -> None:
            connection = free.pop() if free else None
            kept = await self._one(number % self._ask.connections, connection, due)
            if kept is not None:
                free.append(kept)

        async with asyncio.TaskGroup() as group:
            for number in range(count):
                due = begun + number / self._ask.rate
                pause = due - clock()
                if pause > 0:
                    await asyncio.sleep(pause)
                group.create_task(send(number, due))
        for connection in free:
            connection.close()

    async def _one(
        self, agent: int, connection: Connection | None, due: float
    ) -> Connection | None:
        """One request; the connection if it can be used again."""
        keeps = False
        try:
            async with asyncio.timeout(self._ask.answer_seconds):
                if connection is None or not connection.is_open:
                    connection = await self._connect()
                await connection.exchange(self._next_request(agent))
            self._count(connection, due)
            keeps = connection.head is not None and not connection.head.closes
        except (AnswerLost, OSError, TimeoutError) as reason:
            self.tally.fail(repr(reason))
        finally:
            if connection is not None and not keeps:
                connection.close()
        return connection if keeps else None

    def _count(self, connection: Connection, due: float) -> None:
        body = connection.body
        status = connection.head.status if connection.head else 0
        if status != 200:
            self.tally.fail(f"{status}: {body.decode('utf-8', 'replace')}")
        elif self._ask.stream and STREAM_END[self._ask.dialect] not in body[-200:]:
            self.tally.fail(f"a stream without its end: {body[-200:]!r}")
        else:
            self.tally.totals.append(connection.last_at - due)
            self.tally.firsts.append(connection.first_at - due)
            self.tally.answer_bytes = len(body)

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(Connection, self._host, self._port)
        return connection


class NoAnswer(Exception):
    """Not one request of a run was answered."""


async def measure(ask: Ask) -> Result:
    """One run. Raises `NoAnswer` when there is nothing to measure."""
    load = Load(ask)
    seconds = await load.run()
    tally = load.tally
    if not tally.totals:
        raise NoAnswer(f"{ask.url}: no request was answered; last error: {tally.last_error}")
    return Result(
        ask=ask,
        requests=len(tally.totals),
        request_bytes=load.request_bytes,
        answer_bytes=tally.answer_bytes,
        seconds=round(seconds, 3),
        per_second=round(len(tally.totals) / seconds, 1),
        total=Spread.of_seconds(tally.totals),
        first=Spread.of_seconds(tally.firsts),
        errors=tally.errors,
        last_error=tally.last_error,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="http://host:port")
    parser.add_argument("--dialect", choices=get_args(LoadDialect), default="openai_chat")
    parser.add_argument("--size", choices=get_args(Size), default="small")
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rate", type=float, default=0.0, help="requests/s; 0 means closed loop")
    parser.add_argument("--key", default="sk-bench")
    parser.add_argument("--answer-seconds", type=float, default=ANSWER_SECONDS)
    parser.add_argument("--header", action="append", default=[], help="'name: value', repeatable")
    told = parser.parse_args()
    try:
        result = uvloop.run(measure(Ask(**vars(told))))
    except NoAnswer as reason:
        print(reason, file=sys.stderr)
        return 1
    print(msgspec.json.encode(result).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
