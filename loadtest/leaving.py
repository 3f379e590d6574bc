"""Clients that leave an answer, and how long its upstream goes on for nobody.

A client of the load and the scripted upstream are in one process, so both times are of one clock: the client closes
its connection while the model is silent, or in the middle of its stream, and the upstream sees its own close.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from loadtest import bodies
from loadtest.load import AnswerLost, Connection, clock
from loadtest.open_loop import connect, post
from loadtest.upstream import Pace, Upstream

SILENT: Final = Pace(first_seconds=30.0, gap_seconds=0.1)
STREAMING: Final = Pace(gap_seconds=0.1)
"""With twenty events longer than any client here stays."""

WAIT_SECONDS: Final = 10.0
POLL_SECONDS: Final = 0.001


class StillOpen(Exception):
    """The upstream was not left, or the answer did not begin."""


@dataclass(frozen=True, slots=True)
class Left:
    """Seconds from each client's close to the upstream's."""

    silent: list[float]
    streaming: list[float]

    @property
    def all(self) -> list[float]:
        return [*self.silent, *self.streaming]


async def measure(url: str, upstream: Upstream, *, count: int) -> Left:
    """`count` clients leave one after the other, half of them before any content. Raises `StillOpen`."""
    silent = [
        await _left(url, upstream, SILENT, number, lambda _: upstream.stats.streams)
        for number in range(count // 2)
    ]
    streaming = [
        await _left(url, upstream, STREAMING, number, lambda connection: connection.first_at)
        for number in range(count - count // 2)
    ]
    return Left(silent, streaming)


async def _left(
    url: str,
    upstream: Upstream,
    pace: Pace,
    number: int,
    progress: Callable[[Connection], float],
) -> float:
    upstream.pace = pace
    connection = await connect(url)
    begun = progress(connection)
    request = post(url, "openai_chat", bodies.question("openai_chat", agent=number))
    asking = asyncio.create_task(connection.exchange(request))
    closed: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    upstream.on_aborted = lambda: None if closed.done() else closed.set_result(clock())
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            while progress(connection) == begun:  # noqa: ASYNC110
                await asyncio.sleep(POLL_SECONDS)
            left_at = clock()
            connection.close()
            return await closed - left_at
    except TimeoutError:
        raise StillOpen(f"{url}: client {number} left, and the upstream was not") from None
    finally:
        connection.close()
        with suppress(AnswerLost):
            await asking
