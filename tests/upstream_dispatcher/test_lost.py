"""Connections that end badly: nothing is kept of them."""

import gc

import pytest

from tests.upstream_dispatcher.faults import (
    FIRST,
    ended_early,
    error_in_json,
    no_http,
    reset_at_once,
    reset_before_content,
    truncated_json,
)
from tests.upstream_dispatcher.samples import EVENTS
from tests.upstream_dispatcher.scripted import Exchange, Script, provider, unused_url
from tests.upstream_dispatcher.workbench import (
    CHAT_BODY,
    CHAT_WHOLE_BODY,
    QUICK,
    Bench,
    answer_of,
    bench,
    request,
)
from turnout.ports import DispatchRequest
from turnout.upstream_dispatcher.accounting import AttemptLog
from turnout.upstream_dispatcher.run import Run

pytestmark = pytest.mark.anyio


async def endless_event(exchange: Exchange) -> None:
    await exchange.head(200, EVENTS)
    await exchange.chunk(b'data: {"')
    while True:
        await exchange.chunk(b"x" * 65536)


async def leaves_nothing(on: Bench, asked: DispatchRequest) -> None:
    gc.collect()
    gc.disable()
    try:
        await answer_of(on, asked)
        assert on.facts.completed.outcome in ("failed", "rejected")
        assert not [one for one in gc.get_objects() if isinstance(one, AttemptLog | Run)]
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "fault",
    [
        reset_at_once,
        no_http,
        reset_before_content,
        endless_event,
        ended_early,
        error_in_json,
        truncated_json,
    ],
)
@pytest.mark.parametrize("stream", [True, False])
async def test_what_has_failed_is_gone_without_the_garbage_collector(
    fault: Script, stream: bool
) -> None:
    """A prompt has half a megabyte and what was held may have sixteen; the collector counts neither."""
    body = CHAT_BODY if stream else CHAT_WHOLE_BODY
    async with provider(fault) as openai, bench({"openai": openai.url}) as on:
        await leaves_nothing(on, request(FIRST, stream=stream, body=body))


async def test_what_could_not_be_asked_is_gone_too() -> None:
    async with bench({"openai": unused_url()}) as on:
        await leaves_nothing(on, request(FIRST))
    async with bench({}) as on:
        await leaves_nothing(on, request(FIRST))
