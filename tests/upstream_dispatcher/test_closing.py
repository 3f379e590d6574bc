"""Commit by time, signs of life, hanging up, and clients that read slowly."""

import asyncio
import socket
from contextlib import aclosing
from dataclasses import replace

import pytest

from tests.upstream_dispatcher.faults import (
    FIRST,
    SECOND,
    error_in_stream,
    html,
    no_http,
    reset_at_once,
    silence,
    silence_after_role,
    silent_after_content,
    whole_stream,
)
from tests.upstream_dispatcher.samples import (
    ASKED_NAME,
    CHAT_DONE,
    CHAT_MORE,
    CHAT_ROLE,
    CHAT_STOP,
    CHAT_STREAM,
    CHAT_TEXT,
    CHAT_USAGE,
    EVENTS,
    MESSAGE_START,
    PING,
    UPSTREAM_NAME,
)
from tests.upstream_dispatcher.scripted import Exchange, Script, provider
from tests.upstream_dispatcher.workbench import (
    CHAT_BODY,
    CHAT_WHOLE_BODY,
    MESSAGES_BODY,
    QUICK,
    answer_of,
    bench,
    request,
)
from turnout.dialects.usage import Usage
from turnout.ports import Chunk, Head
from turnout.upstream_dispatcher.limits import Limits

pytestmark = pytest.mark.anyio


AGENTS_WAIT_SECONDS = 20.0
"""Of Claude Code's stall watchdog; whole streams it gives up after 300 s of silence."""
AGENTS_GIVE_UP_SECONDS = 600.0
"""Of its SDK, for a head or a whole answer."""


def test_bug_14_signs_of_life_come_before_agents_take_a_stream_for_dead() -> None:
    limits = Limits()
    assert limits.commit_after_seconds < AGENTS_WAIT_SECONDS
    assert limits.keep_alive_seconds < AGENTS_WAIT_SECONDS
    assert limits.whole_answer_seconds <= AGENTS_GIVE_UP_SECONDS


async def test_bug_14_committed_by_time_the_client_gets_signs_of_life_and_still_another_target() -> (
    None
):
    quick = replace(
        QUICK, commit_after_seconds=0.05, keep_alive_seconds=0.05, first_byte_seconds=0.3
    )
    async with (
        provider(silence) as openai,
        provider(whole_stream) as deepseek,
        bench({"openai": openai.url, "deepseek": deepseek.url}, limits=quick) as on,
    ):
        answer = await answer_of(on, request(FIRST, SECOND))
        assert answer.head.status == 200
        assert answer.head.headers == (("content-type", "text/event-stream; charset=utf-8"),)
        begun = CHAT_ROLE.replace(UPSTREAM_NAME, ASKED_NAME)
        signs, _, rest = answer.body.partition(begun)
        assert set(signs.split(b"\n\n")) == {b": keep-alive", b""}
        assert signs.count(b": keep-alive") >= 2
        said = b"".join(CHAT_STREAM)
        assert begun + rest == said.replace(UPSTREAM_NAME, ASKED_NAME)
        assert on.facts.completed.target == SECOND
        # The head could not say yet who would answer.
        assert (answer.head.target, answer.head.attempts) == ("", 1)
        assert answer.served is not None
        assert (answer.served.target, answer.served.attempts) == (SECOND, 2)


async def test_bug_42_what_a_failed_provider_began_never_reaches_the_client() -> None:
    async def begun(exchange: Exchange) -> None:
        await exchange.head(200, EVENTS)
        await exchange.chunk(MESSAGE_START + PING)
        await exchange.until_closed()

    quick = replace(
        QUICK, commit_after_seconds=0.02, keep_alive_seconds=0.05, first_content_seconds=0.2
    )
    async with (
        provider(begun) as anthropic,
        provider(whole_stream) as openai,
        bench({"anthropic": anthropic.url, "openai": openai.url}, limits=quick) as on,
    ):
        asked = request(
            "anthropic/claude-opus-5-5@env",
            FIRST,
            dialect="anthropic_messages",
            model="claude-opus-5-5",
            body=MESSAGES_BODY,
        )
        answer = await answer_of(on, asked)
        assert answer.chunks[0].startswith(b"event: ping")
        assert answer.body.count(b"event: message_start") == 1
        assert b"msg_of_the_first" not in answer.body
        assert answer.body.count(b"event: message_stop") == 1
        assert on.facts.attempts[0].error == "upstream_timeout"
        assert on.facts.attempts[0].usage == Usage(fresh_input=9, output=1)


async def test_closing_while_connecting_leaves_nothing() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        address = deaf.getsockname()
        # The queue of connections is full after these, so the next one waits for its handshake.
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        quick = replace(QUICK, commit_after_seconds=0.02)
        async with bench({"openai": f"http://{address[0]}:{address[1]}"}, limits=quick) as on:
            events = on.dispatcher.dispatch(request(FIRST))
            assert isinstance(await anext(events), Head)
            await events.aclose()
            assert on.facts.completed.outcome == "cancelled"
        for one in waiting:
            one.close()


async def test_bug_42_committed_by_time_a_failure_of_all_ends_the_stream_with_an_error() -> None:
    quick = replace(
        QUICK, commit_after_seconds=0.05, keep_alive_seconds=1.0, first_byte_seconds=0.2
    )
    async with provider(silence) as openai, bench({"openai": openai.url}, limits=quick) as on:
        answer = await answer_of(on, request(FIRST))
        assert answer.head.status == 200
        assert answer.chunks[0] == b": keep-alive\n\n"
        assert answer.chunks[-1].startswith(b'data: {"error":')
        assert on.facts.completed.error == "upstream_timeout"
        # Its prompt was read, as far as anybody knows.
        (attempt,) = on.facts.attempts
        assert (attempt.usage, attempt.usage_source) == (Usage(fresh_input=77), "estimated")
        assert on.facts.completed.cost_usd == attempt.cost_usd


async def test_signs_of_life_in_the_middle_stand_between_events() -> None:
    go_on = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        await exchange.head(200, EVENTS)
        await exchange.chunk(CHAT_TEXT + CHAT_MORE[:30])
        await go_on.wait()
        await exchange.chunk(CHAT_MORE[30:])
        await exchange.chunk(CHAT_STOP + CHAT_USAGE + CHAT_DONE)
        await exchange.end()

    quick = replace(QUICK, keep_alive_seconds=0.02)
    async with provider(script) as openai, bench({"openai": openai.url}, limits=quick) as on:
        body = b""
        async with aclosing(on.dispatcher.dispatch(request(FIRST))) as events:
            async for event in events:
                if isinstance(event, Chunk):
                    body += event.data
                    if body.count(b"keep-alive") == 2:
                        go_on.set()
        plain = body.replace(b": keep-alive\n\n", b"")
        assert body.startswith(CHAT_TEXT + b": keep-alive\n\n: keep-alive\n\n")
        assert plain == CHAT_TEXT + CHAT_MORE + CHAT_STOP + CHAT_USAGE + CHAT_DONE


@pytest.mark.parametrize("fault", [silence, silence_after_role, silent_after_content])
async def test_bug_39_closing_the_answer_hangs_up_on_the_provider(fault: Script) -> None:
    quick = replace(QUICK, commit_after_seconds=0.01, idle_seconds=5.0, first_byte_seconds=5.0)
    async with provider(fault) as openai, bench({"openai": openai.url}, limits=quick) as on:
        events = on.dispatcher.dispatch(request(FIRST))
        assert isinstance(await anext(events), Head)
        assert on.dispatcher.in_flight == 1
        await events.aclose()
        assert on.dispatcher.in_flight == 0
        await asyncio.wait_for(openai.hung_up.wait(), 5)
        assert openai.open_connections == 0
        (attempt,) = on.facts.attempts
        assert attempt.outcome == "cancelled"
        assert on.facts.completed.outcome == "cancelled"
        assert on.facts.completed.target == FIRST


async def test_bug_39_cancelling_before_the_head_hangs_up_too() -> None:
    arrived = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        arrived.set()
        await exchange.until_closed()

    async with provider(script) as openai, bench({"openai": openai.url}) as on:
        waiting = asyncio.ensure_future(answer_of(on, request(FIRST)))
        await arrived.wait()
        waiting.cancel()
        await asyncio.wait({waiting})
        assert waiting.cancelled()
        await asyncio.wait_for(openai.hung_up.wait(), 5)
        assert on.facts.completed.outcome == "cancelled"
        assert on.facts.completed.status == 0


async def test_cancelled_after_content_the_usage_so_far_is_kept() -> None:
    async with (
        provider(silent_after_content) as openai,
        bench({"openai": openai.url}) as on,
    ):
        events = on.dispatcher.dispatch(request(FIRST))
        await anext(events)
        await anext(events)
        await events.aclose()
        assert on.facts.completed.usage == Usage(fresh_input=77, output=2)
        assert on.facts.completed.usage_source == "estimated"


async def test_a_client_that_hangs_up_has_not_been_left_by_its_provider() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.head(200, EVENTS)
        await exchange.chunk(CHAT_TEXT)
        await exchange.chunk(CHAT_USAGE)
        await exchange.until_closed()

    async with provider(script) as openai, bench({"openai": openai.url}) as on:
        events = on.dispatcher.dispatch(request(FIRST))
        while not (isinstance(event := await anext(events), Chunk) and CHAT_USAGE in event.data):
            pass
        await events.aclose()
        await asyncio.wait_for(on.notes.arrived.wait(), 5)
        (note,) = on.notes.all
        assert (note.is_failed, note.broke_off) == (True, False)


async def test_a_slow_client_slows_the_provider_and_starts_no_stall_clock() -> None:
    blob = b": " + b"x" * 65_000 + b"\n\n"
    sent = 0
    stuck = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        nonlocal sent
        await exchange.head(200, EVENTS)
        await exchange.chunk(CHAT_TEXT)
        for _ in range(400):
            writing = asyncio.ensure_future(exchange.chunk(blob))
            done, _ = await asyncio.wait({writing}, timeout=0.5)
            if not done:
                stuck.set()
            await writing
            sent += len(blob)
        await exchange.chunk(CHAT_STOP + CHAT_USAGE + CHAT_DONE)
        await exchange.end()

    async with (
        provider(script) as openai,
        bench(
            {"openai": openai.url}, limits=replace(QUICK, idle_seconds=0.3, keep_alive_seconds=5)
        ) as on,
    ):
        events = on.dispatcher.dispatch(request(FIRST))
        await anext(events)
        await anext(events)
        await asyncio.wait_for(stuck.wait(), 10)
        assert sent < 400 * len(blob)
        chunks = [event.data async for event in events if isinstance(event, Chunk)]
        assert chunks[-1].endswith(CHAT_DONE)
        assert on.facts.completed.outcome == "answered"


async def test_a_provider_that_goes_on_after_its_end_is_neither_relayed_nor_read_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sent = 0

    async def script(exchange: Exchange) -> None:
        nonlocal sent
        await exchange.head(200, EVENTS)
        await exchange.chunk(b"".join(CHAT_STREAM))
        while True:
            await exchange.chunk(CHAT_MORE * 20)
            sent += len(CHAT_MORE) * 20
            await asyncio.sleep(0)

    async with provider(script) as openai, bench({"openai": openai.url}) as on:
        answer = await answer_of(on, request(FIRST))
        assert answer.body == b"".join(CHAT_STREAM)
        assert on.facts.completed.outcome == "answered"
        await asyncio.wait_for(openai.hung_up.wait(), 5)
        # What was on its way in buffers of sockets included.
        assert sent < 20_000_000
        assert openai.open_connections == 0
    (line,) = (record for record in caplog.records if "went on after" in record.getMessage())
    assert vars(line)["target"] == FIRST


@pytest.mark.parametrize("body", [CHAT_BODY, CHAT_WHOLE_BODY])
async def test_without_a_connection_left_the_client_hears_so_at_once(body: bytes) -> None:
    quick = replace(QUICK, max_connections=1, connect_seconds=30.0)
    async with (
        provider(silent_after_content, whole_stream) as openai,
        provider(whole_stream) as deepseek,
        bench({"openai": openai.url, "deepseek": deepseek.url}, limits=quick) as on,
    ):
        first = on.dispatcher.dispatch(request(FIRST))
        await anext(first)
        asked = request(FIRST, SECOND, stream=body is CHAT_BODY, body=body)
        refused = await answer_of(on, asked)
        assert refused.head.status == 503
        assert ("retry-after", "5") in refused.head.headers
        assert on.facts.completed.error == "overloaded"
        assert on.facts.completed.cost_usd == 0
        assert not deepseek.seen
        await first.aclose()
        again = await answer_of(on, request(FIRST))
        assert again.head.status == 200


async def test_a_connection_that_comes_free_soon_is_waited_for() -> None:
    go_on = asyncio.Event()

    async def first_waits(exchange: Exchange) -> None:
        await go_on.wait()
        await exchange.stream(*CHAT_STREAM)

    quick = replace(QUICK, max_connections=1)
    async with provider(first_waits) as openai, bench({"openai": openai.url}, limits=quick) as on:
        answers = [asyncio.ensure_future(answer_of(on, request(FIRST))) for _ in range(2)]
        await asyncio.sleep(0)
        go_on.set()
        assert [(await answer).head.status for answer in answers] == [200, 200]
        assert openai.connections == 1


@pytest.mark.parametrize("fault", [reset_at_once, no_http, html, error_in_stream, silence])
async def test_no_failure_keeps_a_connection(fault: Script) -> None:
    quick = replace(QUICK, max_connections=1, first_byte_seconds=0.2)
    async with (
        provider(fault, fault, whole_stream) as openai,
        bench({"openai": openai.url}, limits=quick) as on,
    ):
        answers = [await answer_of(on, request(FIRST)) for _ in range(3)]
        assert answers[-1].head.status == 200


async def dripping(exchange: Exchange) -> None:
    await exchange.head(200, EVENTS)
    await exchange.chunk(CHAT_TEXT)
    while True:
        await exchange.chunk(b": drip\n\n")
        await asyncio.sleep(0.01)


async def flooding(exchange: Exchange) -> None:
    await exchange.head(200, EVENTS)
    while True:
        await exchange.chunk(CHAT_MORE * 100)


async def silent(exchange: Exchange) -> None:
    await exchange.head(200, EVENTS)
    await exchange.chunk(CHAT_TEXT)
    await exchange.until_closed()


@pytest.mark.parametrize("fault", [dripping, flooding, silent])
async def test_an_answer_that_never_ends_is_ended(fault: Script) -> None:
    quick = replace(QUICK, answer_seconds=0.3)
    async with provider(fault) as openai, bench({"openai": openai.url}, limits=quick) as on:
        answer = await answer_of(on, request(FIRST))
        last = answer.body.rsplit(b"\n\n", 2)[1]
        assert b"was not over within 0.3 s" in last
        assert on.facts.completed.error == "upstream_timeout"
        await asyncio.wait_for(openai.hung_up.wait(), 5)


async def test_stopping_ends_what_is_under_way() -> None:
    arrived = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        arrived.set()
        await exchange.until_closed()

    async with provider(script) as openai:
        async with bench({"openai": openai.url}) as on:
            waiting = asyncio.ensure_future(answer_of(on, request(FIRST)))
            await arrived.wait()
        answer = await asyncio.wait_for(waiting, 5)
        assert answer.head.status == 503
        assert on.facts.completed.outcome == "failed"
