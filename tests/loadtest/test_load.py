"""The load against the scripted upstream, over loopback."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import get_args

import pytest

from loadtest import load, wire
from loadtest.answers import LoadDialect
from loadtest.load import Ask, NoAnswer
from loadtest.upstream import Connection, Pace, Upstream

SECONDS = 0.2
WAIT_SECONDS = 10.0


@asynccontextmanager
async def serving(upstream: Upstream) -> AsyncGenerator[str]:
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(upstream), "127.0.0.1", 0
    )
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def ask(url: str, dialect: LoadDialect, *, stream: bool, rate: float = 0.0) -> Ask:
    return Ask(
        url=url,
        dialect=dialect,
        size="60 kB",
        stream=stream,
        connections=3,
        seconds=SECONDS,
        rate=rate,
    )


@pytest.mark.parametrize("dialect", get_args(LoadDialect))
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("pace", [Pace(), Pace(first_seconds=0.01, gap_seconds=0.001)])
def test_every_request_is_answered_and_counted(
    dialect: LoadDialect, stream: bool, pace: Pace
) -> None:
    upstream = Upstream(pace=pace, event_count=5)

    async def run() -> load.Result:
        async with serving(upstream) as url:
            return await load.measure(ask(url, dialect, stream=stream))

    result = asyncio.run(run())
    assert (result.errors, result.last_error) == (0, "")
    assert result.requests == upstream.stats.requests
    assert result.total.p50 >= (pace.first_seconds + (5 * pace.gap_seconds if stream else 0)) * 1000
    assert upstream.stats.aborted == 0


def test_a_fixed_rate_sends_what_is_due_and_counts_from_there() -> None:
    """Answers take 50 ms and requests are due every 20 ms: they overlap."""
    upstream = Upstream(pace=Pace(first_seconds=0.05), event_count=1)

    async def run() -> load.Result:
        async with serving(upstream) as url:
            return await load.measure(ask(url, "openai_chat", stream=False, rate=50.0))

    result = asyncio.run(run())
    assert result.requests == int(SECONDS * 50.0)
    assert result.total.p50 >= 50.0
    assert upstream.stats.connections > 1


def test_an_answer_of_another_status_is_an_error() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = wire.read_head(await reader.readuntil(wire.HEAD_END))
        assert head is not None
        await reader.readexactly(head.length)
        writer.write(b"HTTP/1.1 503 no\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(refuse, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            await load.measure(ask(f"http://127.0.0.1:{port}", "openai_chat", stream=False))

    with pytest.raises(NoAnswer, match="503"):
        asyncio.run(run())


def test_nobody_listening_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(NoAnswer, match="no request was answered"):
        asyncio.run(
            load.measure(ask(f"http://127.0.0.1:{port}", "openai_chat", stream=False, rate=50.0))
        )


def test_a_reader_that_leaves_is_counted() -> None:
    upstream = Upstream(pace=Pace(first_seconds=30.0), event_count=1)

    async def run() -> None:
        async with serving(upstream) as url, asyncio.timeout(WAIT_SECONDS):
            running = asyncio.ensure_future(load.Load(ask(url, "openai_chat", stream=False)).run())
            while upstream.stats.requests < 3:
                await asyncio.sleep(0)
            running.cancel()
            await asyncio.wait([running])
            while upstream.stats.aborted < 3:
                await asyncio.sleep(0)

    asyncio.run(run())
    assert upstream.stats.aborted == 3
