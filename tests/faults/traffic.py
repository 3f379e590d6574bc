"""Traffic that does not stop: whole and streamed requests in both dialects, and what became of each.

Rules: a client never sends a request again; connections are kept and used again, as agents do.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import aiohttp

from tests.faults.clients import NotWhole, Question, Seen, ask
from tests.faults.product import Product

CLIENTS: Final = 12
SHAPES: Final = ("tokens=20,gap=0.01", "tokens=40,gap=0.03", "ttft=0.3,gap=0")
"""Some 0.2 s, 1.2 s and 0.3 s: something is always before its first byte, and in the middle."""

ENOUGH_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that was not answered whole. `begun` is the clock's time of its start."""

    question: Question
    begun: float
    reason: Exception


@dataclass(slots=True)
class Traffic:
    seen: list[Seen] = field(default_factory=list)
    begun: list[float] = field(default_factory=list)
    """When each of `seen` was sent, in the same order."""
    failures: list[Failure] = field(default_factory=list)

    async def more(self, count: int) -> None:
        """Wait until so many more are answered whole."""
        wanted = len(self.seen) + count
        async with asyncio.timeout(ENOUGH_SECONDS):
            while len(self.seen) < wanted:
                await asyncio.sleep(0.02)

    def told(self) -> list[str]:
        """The failures, for the message of a test that wants none."""
        return [
            f"{one.question.wire} stream={one.question.stream} {one.question.headers}"
            f" {type(one.reason).__name__}: {one.reason}"
            for one in self.failures
        ]


def question(number: int) -> Question:
    return Question(
        wire="openai_chat" if number % 2 == 0 else "anthropic_messages",
        stream=number % 3 != 0,
        session=f"t{number % 40}",
        model=("claude-haiku-5-5", "gpt-5.4-mini")[number // 2 % 2],
        headers={"x-simulate": SHAPES[number % len(SHAPES)]},
    )


@asynccontextmanager
async def flowing(product: Product) -> AsyncGenerator[Traffic]:
    """Traffic for the length of the block; at its end every request has ended."""
    traffic = Traffic()
    numbers = itertools.count()
    stop = asyncio.Event()

    async def agent(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            if stop.is_set():
                return
            asked, begun = question(number), time.monotonic()
            try:
                answer = await ask(session, product.url, asked)
            except (NotWhole, aiohttp.ClientError, OSError, TimeoutError) as reason:
                traffic.failures.append(Failure(asked, begun, reason))
            else:
                traffic.seen.append(answer)
                traffic.begun.append(begun)

    connector = aiohttp.TCPConnector(limit=CLIENTS)
    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(agent(session))
        try:
            await traffic.more(CLIENTS)
            yield traffic
        finally:
            stop.set()
