"""How fast a target answers, as the dispatcher sees it: whole answers say nothing of it, streams do."""

from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager

import anyio
import pytest

from tests.upstream_dispatcher.faults import FIRST, SECOND
from tests.upstream_dispatcher.samples import CHAT_DONE, CHAT_ROLE, CHAT_STOP, EVENTS, chat_event
from tests.upstream_dispatcher.scripted import Exchange, provider
from tests.upstream_dispatcher.test_whole import whole, whole_request
from tests.upstream_dispatcher.workbench import Bench, CountingClock, answer_of, bench, request
from turnout.ports import Chunk, Head

pytestmark = pytest.mark.anyio

WORDS = 60


def said(text: str) -> bytes:
    return chat_event(
        '{"id":"c","model":"gpt-5.4","choices":[{"index":0,"delta":{"content":"' + text + '"}}]}'
    )


COUNTED = chat_event(
    '{"id":"c","model":"gpt-5.4","choices":[],'
    '"usage":{"prompt_tokens":9,"completion_tokens":60,"total_tokens":69}}'
)


class Target:
    """Its provider, which gives out all but the first word once `seconds` have passed on the clock."""

    def __init__(self) -> None:
        self.clock = CountingClock()
        self._has_begun = anyio.Event()
        self._seconds = 0.0

    async def serve(self, exchange: Exchange) -> None:
        if b'"stream":true' not in exchange.seen.body:
            await whole(exchange)
            return
        await exchange.head(200, EVENTS)
        await exchange.chunk(CHAT_ROLE + said("word "))
        await self._has_begun.wait()
        self.clock.now += self._seconds
        await exchange.chunk(said("word " * (WORDS - 1)))
        await exchange.chunk(CHAT_STOP + COUNTED + CHAT_DONE)
        await exchange.end()

    async def stream(self, on: Bench, *, seconds: float, taken_in: float = 0.0) -> str:
        """Who served a stream whose output took so long, and whose first word its client took so long for."""
        self._has_begun = anyio.Event()
        self._seconds = seconds
        target = ""
        with anyio.fail_after(10):
            async with aclosing(on.dispatcher.dispatch(request(FIRST, SECOND))) as events:
                async for event in events:
                    match event:
                        case Head():
                            target = event.target
                        case Chunk() if not self._has_begun.is_set():
                            self.clock.now += taken_in
                            self._has_begun.set()
                        case _:
                            pass
        return target


@asynccontextmanager
async def asked() -> AsyncGenerator[tuple[Target, Bench], None]:
    target = Target()
    async with (
        provider(target.serve) as openai,
        provider(whole) as deepseek,
        bench({"openai": openai.url, "deepseek": deepseek.url}, clock=target.clock) as on,
    ):
        yield target, on


def state(on: Bench, target: Target) -> str:
    return on.dispatcher.standings.of(FIRST, "under_2k", account="", now=target.clock.now).state


async def test_streams_after_whole_answers_are_no_collapse() -> None:
    async with asked() as (target, on):
        for _ in range(15):
            assert (await answer_of(on, whole_request(FIRST, SECOND))).head.target == FIRST
        for _ in range(10):
            assert await target.stream(on, seconds=2.0) == FIRST
        assert state(on, target) == "healthy"


async def test_streams_that_become_far_slower_eject() -> None:
    async with asked() as (target, on):
        for _ in range(20):
            await target.stream(on, seconds=2.0)
        for _ in range(5):
            assert state(on, target) == "healthy"
            await target.stream(on, seconds=20.0)
        assert state(on, target) == "ejected"


async def test_slow_clients_make_no_target_slow() -> None:
    async with asked() as (target, on):
        for _ in range(20):
            await target.stream(on, seconds=2.0)
        for _ in range(5):
            await target.stream(on, seconds=2.0, taken_in=20.0)
        assert state(on, target) == "healthy"
