"""Connections that end badly: noticed, recorded as what they are, and nothing kept of them."""

import asyncio
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
from tests.upstream_dispatcher.samples import CHAT_TEXT, EVENTS, JSON
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
from turnout.errors import UpstreamFailed
from turnout.ports import DispatchRequest
from turnout.upstream_dispatcher.accounting import AttemptLog
from turnout.upstream_dispatcher.limits import MAX_ANSWER_BYTES
from turnout.upstream_dispatcher.run import Run
from turnout.upstream_dispatcher.transport import HttpTransport, Outgoing

pytestmark = pytest.mark.anyio

NO_CHUNK = b"this is no size of a chunk\r\n"


async def test_a_chunk_without_a_size_ends_a_stream_as_a_lost_connection_does() -> None:
    arrived = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        await exchange.head(200, EVENTS)
        await exchange.chunk(CHAT_TEXT)
        await arrived.wait()
        await exchange.write(NO_CHUNK)
        await exchange.until_closed()

    async with provider(script) as openai:
        transport = HttpTransport(QUICK)
        incoming = await transport.send(Outgoing(openai.url, (), b"{}"))
        assert await incoming.read() == CHAT_TEXT
        arrived.set()
        async with asyncio.timeout(5):
            await openai.hung_up.wait()
        with pytest.raises(UpstreamFailed, match="broke off"):
            await incoming.read()
        await incoming.aclose()
        await transport.aclose()


async def test_a_chunk_without_a_size_is_noticed_by_who_waits_for_a_whole_answer() -> None:
    arrived = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        await exchange.head(200, JSON)
        await exchange.chunk(b"{")
        await arrived.wait()
        await exchange.write(NO_CHUNK)
        await exchange.until_closed()

    async with provider(script) as openai:
        transport = HttpTransport(QUICK)
        incoming = await transport.send(Outgoing(openai.url, (), b"{}"))
        arrived.set()
        async with asyncio.timeout(10):
            with pytest.raises(UpstreamFailed, match="broke off"):
                await incoming.read_all(max_bytes=MAX_ANSWER_BYTES)
        await incoming.aclose()
        await transport.aclose()


@pytest.mark.parametrize("stream", [True, False])
async def test_an_error_whose_body_cannot_be_read_keeps_its_status_and_its_time(
    stream: bool,
) -> None:
    headers = (JSON, ("content-encoding", "br"), ("retry-after", "7"))

    async def script(exchange: Exchange) -> None:
        await exchange.answer(429, b"\x0b\x02\x80{}\x03", *headers)

    async with provider(script) as openai, bench({"openai": openai.url}) as on:
        body = CHAT_BODY if stream else CHAT_WHOLE_BODY
        answer = await answer_of(on, request(FIRST, stream=stream, body=body))
        assert answer.head.status == 429
        assert dict(answer.head.headers)["retry-after"] == "7"
        (attempt,) = on.facts.attempts
        assert (attempt.status, attempt.error, attempt.cost_usd) == (429, "rate_limited", 0.0)


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
