"""Numbered requests at a fixed rate and clients that leave, straight at the scripted upstream."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from loadtest import bodies, leaving, stalls
from loadtest.load import clock
from loadtest.open_loop import NotAnswered, first_seconds, post
from loadtest.stalls import Draw, DrawnPace
from loadtest.upstream import Pace, Upstream, listen

RATE = 200.0
BODY = bodies.body("openai_chat", "small", stream=True, agent=0)


@asynccontextmanager
async def serving(upstream: Upstream) -> AsyncGenerator[str]:
    async with await listen(upstream, port=0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _seconds(upstream: Upstream, count: int, *, body: bytes = BODY) -> list[float]:
    async with serving(upstream) as url:
        return await first_seconds(
            url,
            "openai_chat",
            lambda number: post(url, "openai_chat", stalls.numbered(body, number)),
            count=count,
            rate=RATE,
            begun=clock(),
        )


def test_times_are_those_of_their_numbers_however_they_overlap() -> None:
    drawn = [Draw(first, 0.0) for first in (2.0, 0.0, 1.0, 0.0)]
    upstream = Upstream(pace=DrawnPace(drawn, times_faster=10.0), event_count=3)
    found = asyncio.run(_seconds(upstream, len(drawn)))
    assert [at >= draw.first / 10.0 for at, draw in zip(found, drawn, strict=True)] == [True] * 4
    assert max(found) == found[0]
    assert upstream.stats.streams == len(drawn)


def test_a_request_that_is_not_answered_ends_the_run() -> None:
    whole = BODY.replace(b'"stream":true', b'"stream":false')
    with pytest.raises(NotAnswered, match="request 0: a stream without its end"):
        asyncio.run(_seconds(Upstream(pace=Pace(), event_count=1), 1, body=whole))


def test_clients_leave_before_content_and_after() -> None:
    upstream = Upstream(pace=Pace(), event_count=20)

    async def run() -> leaving.Left:
        async with serving(upstream) as url:
            return await leaving.measure(url, upstream, count=5)

    left = asyncio.run(run())
    assert (len(left.silent), len(left.streaming)) == (2, 3)
    assert min(left.all) > 0.0
    assert upstream.stats.aborted == 5
