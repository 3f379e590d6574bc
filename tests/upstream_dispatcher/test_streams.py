"""Streams within one dialect: what goes out, what comes back, what is told."""

import asyncio
import gzip
import tracemalloc
import zlib
from dataclasses import replace

import pytest
from msgspec import structs

from tests.upstream_dispatcher.faults import (
    FIRST,
    SECOND,
    whole_stream,
)
from tests.upstream_dispatcher.samples import (
    CHAT_DONE,
    CHAT_MORE,
    CHAT_ROLE,
    CHAT_STOP,
    CHAT_STREAM,
    CHAT_TEXT,
    CHAT_USAGE,
    CHAT_WHOLE,
    EVENTS,
    JSON,
)
from tests.upstream_dispatcher.scripted import Exchange, provider
from tests.upstream_dispatcher.workbench import (
    CHAT_BODY,
    CHAT_WHOLE_BODY,
    MESSAGES_BODY,
    NOW,
    KeptNotes,
    answer_of,
    bench,
    request,
)
from turnout.capabilities import Dialect, Needs
from turnout.dialects.usage import Usage
from turnout.policy.identity import account_scope
from turnout.policy.quota import QuotaWindow
from turnout.ports import Chunk, Credential, Head

pytestmark = pytest.mark.anyio


async def test_relays_the_bytes_of_the_stream_and_accounts_for_them() -> None:
    async with provider(whole_stream) as openai, bench({"openai": openai.url}) as on:
        answer = await answer_of(on, request(FIRST))
        assert answer.body == b"".join(CHAT_STREAM)
        assert answer.head == Head(
            status=200,
            headers=(EVENTS,),
            target=FIRST,
            model="gpt-5.4",
            provider="openai",
            attempts=1,
        )
        (attempt,) = on.facts.attempts
        assert attempt.event_id == "r1:attempt:1"
        assert (attempt.kind, attempt.outcome, attempt.status) == ("first", "answered", 200)
        assert attempt.usage == Usage(fresh_input=400, cache_read=600, output=10)
        assert attempt.usage_source == "reported"
        assert attempt.response_model == "gpt-5.4-2026-03-05"
        assert attempt.finish_reason == "stop"
        completed = on.facts.completed
        assert completed.event_id == "r1:completed"
        assert (completed.outcome, completed.status, completed.error) == ("answered", 200, "")
        assert completed.served_model == "gpt-5.4"
        assert completed.cost_usd == pytest.approx((400 * 2.5 + 600 * 0.25 + 10 * 15) / 1e6)
        assert completed.baseline_cost_usd == completed.cost_usd
        await asyncio.wait_for(on.notes.arrived.wait(), 5)
        (note,) = on.notes.all
        assert note.usage == attempt.usage
        assert (note.target, note.is_failed, note.moves_thread) == (FIRST, False, True)


async def test_sends_the_very_bytes_of_the_client_with_our_key_and_nobody_elses_headers() -> None:
    async with provider(whole_stream) as openai, bench({"openai": openai.url}) as on:
        await answer_of(
            on,
            request(
                FIRST,
                headers=[
                    ("user-agent", "agent/1"),
                    ("x-stainless-lang", "js"),
                    ("x-claude-1p-request-class", "main"),
                    ("cookie", "a=b"),
                    ("x-turnout-team", "infra"),
                    ("openai-organization", "org-of-the-client"),
                    ("x-some-secret", "s"),
                    ("host", "evil"),
                ],
                query="a=1",
            ),
        )
        (seen,) = openai.seen
        assert seen.line == "POST /v1/chat/completions?a=1 HTTP/1.1"
        assert seen.body == CHAT_BODY
        assert seen.headers["authorization"] == "Bearer env-key-of-openai"
        assert seen.headers["user-agent"] == "agent/1"
        assert seen.headers["x-stainless-lang"] == "js"
        assert seen.headers["x-claude-1p-request-class"] == "main"
        assert seen.headers["accept-encoding"] == "identity"
        assert seen.headers["host"] == openai.url.removeprefix("http://")
        assert not seen.headers.keys() & {
            "cookie",
            "x-turnout-team",
            "openai-organization",
            "x-some-secret",
        }


async def test_a_clients_credential_goes_to_its_own_provider_only() -> None:
    own = Credential("openai", "authorization", "Bearer of-the-client")
    async with (
        provider(whole_stream) as openai,
        provider(whole_stream) as deepseek,
        bench({"openai": openai.url, "deepseek": deepseek.url}) as on,
    ):
        answer = await answer_of(
            on,
            request(
                "deepseek/deepseek-chat@client",
                "openai/gpt-5.4@client",
                credentials=[own],
                headers=[("chatgpt-account-id", "account")],
            ),
        )
        assert answer.head.provider == "openai"
        assert openai.seen[0].headers["authorization"] == "Bearer of-the-client"
        assert openai.seen[0].headers["chatgpt-account-id"] == "account"
        assert not deepseek.seen
        assert len(on.facts.attempts) == 1


async def subscribed_stream(exchange: Exchange) -> None:
    await exchange.head(
        200,
        EVENTS,
        ("x-codex-primary-used-percent", "40"),
        ("x-codex-primary-window-minutes", "300"),
        ("x-codex-primary-reset-at", "1790009000"),
    )
    for chunk in CHAT_STREAM:
        await exchange.chunk(chunk)
    await exchange.end()


@pytest.mark.parametrize("target", ["openai/gpt-5.4@client", FIRST])
async def test_what_a_subscription_pays_has_its_list_price_and_is_told_to_the_tracker(
    target: str,
) -> None:
    """Only of the client's own credential: ours are keys, whatever an answer says."""
    own = Credential("openai", "authorization", "Bearer of-the-client")
    async with provider(subscribed_stream) as openai, bench({"openai": openai.url}) as on:
        await answer_of(on, request(target, credentials=[own]))
        await asyncio.wait_for(on.notes.arrived.wait(), 5)
        (note,), (attempt,), completed = on.notes.all, on.facts.attempts, on.facts.completed
        cost = pytest.approx((400 * 2.5 + 600 * 0.25 + 10 * 15) / 1e6)
        assert attempt.cost_usd == completed.cost_usd == cost
        if target == FIRST:
            assert attempt.paid_usd == completed.paid_usd == cost
            assert (note.account_scope, note.windows) == ("", ())
        else:
            assert attempt.paid_usd == completed.paid_usd == 0.0
            assert note.windows == (QuotaWindow(0.4, 18_000.0, 1_790_009_000.0),)
            assert note.account_scope == account_scope("p", "client", "openai")


async def test_asks_for_usage_and_hides_it_from_a_client_that_did_not() -> None:
    body = b'{"model":"gpt-5.4","stream":true,"messages":[]}'
    async with provider(whole_stream) as openai, bench({"openai": openai.url}) as on:
        answer = await answer_of(on, request(FIRST, body=body))
        assert b'"include_usage":true' in openai.seen[0].body
        assert answer.body == b"".join(chunk for chunk in CHAT_STREAM if chunk != CHAT_USAGE)
        assert on.facts.completed.usage_source == "reported"


async def test_another_model_of_the_dialect_gets_its_own_name_and_nothing_else_changes() -> None:
    async with provider(whole_stream) as deepseek, bench({"deepseek": deepseek.url}) as on:
        await answer_of(on, request(SECOND))
        assert deepseek.seen[0].body == CHAT_BODY.replace(b'"gpt-5.4"', b'"deepseek-chat"')


async def test_keeps_a_dated_name_that_the_provider_knows_and_drops_our_spellings() -> None:
    async with provider(whole_stream) as openai, bench({"openai": openai.url}) as on:
        dated = CHAT_BODY.replace(b"gpt-5.4", b"gpt-5.4-2026-03-05")
        await answer_of(on, request(FIRST, body=dated, model="gpt-5.4-2026-03-05"))
        ours = CHAT_BODY.replace(b"gpt-5.4", b"turnout/gpt-5.4")
        pinned = request(FIRST, body=ours, model="turnout/gpt-5.4")
        # As a decision reads that name.
        decision = structs.replace(pinned.decision, requested_model="gpt-5.4")
        await answer_of(on, replace(pinned, decision=decision))
        assert [seen.body for seen in openai.seen] == [dated, CHAT_BODY]


async def test_uses_a_connection_again() -> None:
    async with provider(whole_stream) as openai, bench({"openai": openai.url}) as on:
        for _ in range(3):
            await answer_of(on, request(FIRST))
        assert openai.connections == 1


async def test_a_json_answer_to_a_stream_request_is_told_as_a_stream() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(200, CHAT_WHOLE, JSON)

    async with provider(script) as openai, bench({"openai": openai.url}) as on:
        answer = await answer_of(on, request(FIRST))
        assert dict(answer.head.headers)["content-type"].startswith("text/event-stream")
        assert b'"content":"Hello"' in answer.body
        assert on.facts.completed.usage == Usage(fresh_input=400, cache_read=600, output=10)


async def test_facts_are_there_before_the_last_byte() -> None:
    async with provider(whole_stream) as openai, bench({"openai": openai.url}) as on:
        got = 0
        async for event in on.dispatcher.dispatch(request(FIRST)):
            if isinstance(event, Chunk):
                got += len(event.data)
                if CHAT_USAGE in event.data or CHAT_DONE in event.data:
                    assert on.facts.completed.outcome == "answered"
        assert got == len(b"".join(CHAT_STREAM))


async def test_a_tracker_that_hangs_delays_nobody() -> None:
    notes = KeptNotes(hold=True)
    async with provider(whole_stream) as openai:
        async with bench({"openai": openai.url}, notes=notes) as on:
            answer = await answer_of(on, request(FIRST))
            assert answer.body == b"".join(CHAT_STREAM)
            dispatcher = on.dispatcher
        assert dispatcher.notes_failed == 1


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("pieces", [1, 5000])
async def test_compressed_all_the_same_is_read_plain(encoding: str, pieces: int) -> None:
    plain = b"".join((CHAT_ROLE, CHAT_TEXT, CHAT_MORE * pieces, CHAT_STOP, CHAT_USAGE, CHAT_DONE))
    packed = (gzip.compress if encoding == "gzip" else zlib.compress)(plain)

    async def script(exchange: Exchange) -> None:
        await exchange.head(200, EVENTS, ("content-encoding", encoding))
        await exchange.chunk(packed[:40])
        await exchange.chunk(packed[40:])
        await exchange.end()

    async with provider(script) as openai, bench({"openai": openai.url}) as on:
        for _ in range(2):
            answer = await answer_of(on, request(FIRST))
            assert answer.body == plain
        assert openai.connections == 1


BOMB_BYTES = 200_000_000
"""Blanks that 200 kB of gzip hold."""


@pytest.mark.parametrize(
    ("form", "stream"),
    [(EVENTS, True), (JSON, True), (JSON, False)],
    ids=["events", "told", "whole"],
)
async def test_a_small_answer_that_is_large_inflated_costs_no_more_than_the_bounds(
    form: tuple[str, str], stream: bool
) -> None:
    pack = zlib.compressobj(9, wbits=zlib.MAX_WBITS | 16)
    blank = b" " * 1_000_000
    bomb = b"".join((pack.compress(b'data: {"'), *(pack.compress(blank) for _ in range(200))))

    async def script(exchange: Exchange) -> None:
        await exchange.head(200, form, ("content-encoding", "gzip"))
        await exchange.chunk(bomb)
        await exchange.until_closed()

    body = CHAT_BODY if stream else CHAT_WHOLE_BODY
    async with provider(script) as openai, bench({"openai": openai.url}) as on:
        tracemalloc.start()
        answer = await answer_of(on, request(FIRST, stream=stream, body=body))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert answer.head.status == 502
        assert peak < BOMB_BYTES / 2
        await asyncio.wait_for(openai.hung_up.wait(), 5)


async def test_behind_the_end_of_what_was_compressed_nothing_is_read() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.head(200, JSON, ("content-encoding", "gzip"))
        await exchange.chunk(gzip.compress(CHAT_WHOLE))
        while True:
            await exchange.chunk(b"more" * 1000)

    async with provider(script) as openai, bench({"openai": openai.url}) as on:
        answer = await answer_of(on, request(FIRST, stream=False, body=CHAT_WHOLE_BODY))
        assert answer.head.status == 200
        await asyncio.wait_for(openai.hung_up.wait(), 5)


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages"])
@pytest.mark.parametrize(
    ("chunks", "ended"),
    [
        ((CHAT_ROLE, CHAT_TEXT, CHAT_STOP), ""),
        ((CHAT_ROLE, CHAT_STOP), "empty"),
        ((CHAT_ROLE, CHAT_TEXT, CHAT_STOP.replace(b'"stop"', b'"length"')), "cut"),
        ((CHAT_ROLE, CHAT_STOP.replace(b'"stop"', b'"content_filter"')), "refused"),
    ],
)
async def test_the_tracker_hears_how_an_answer_ended(
    dialect: Dialect, chunks: tuple[bytes, ...], ended: str
) -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.stream(*chunks, CHAT_USAGE, CHAT_DONE)

    body = CHAT_BODY if dialect == "openai_chat" else MESSAGES_BODY
    async with provider(script) as openai, bench({"openai": openai.url}) as on:
        await answer_of(on, request(FIRST, dialect=dialect, body=body))
        await asyncio.wait_for(on.notes.arrived.wait(), 5)
    (note,) = on.notes.all
    assert (note.ended, note.is_failed) == (ended, False)


async def test_a_translated_stream_begins_with_an_estimate_in_the_targets_tokens() -> None:
    """BUGS 15: `message_start` without input tokens shows a context that is empty."""
    async with provider(whole_stream) as openai, bench({"openai": openai.url}) as on:
        asked = request(
            FIRST, dialect="anthropic_messages", model="claude-opus-5-5", body=MESSAGES_BODY
        )
        for estimate, told in ((77, round(77 * 2.48 / 3.92)), (0, 1)):
            needs = Needs(prompt_tokens_estimate=estimate)
            features = structs.replace(asked.features, needs=needs)
            answer = await answer_of(on, replace(asked, features=features))
            begun = answer.body.split(b"\n\n")[0]
            assert b"event: message_start" in begun
            assert b'"input_tokens":%d,' % told in begun.replace(b" ", b"")


async def test_a_translated_response_repeats_its_request_and_says_when_it_ended() -> None:
    body = b'{"model":"gpt-5.4", "stream":true, "input":"hi", "temperature":0.50}'
    asked = request(FIRST, dialect="openai_responses", body=body, path="/v1/responses")
    async with provider(whole_stream) as openai, bench({"openai": openai.url}) as on:
        answer = await answer_of(on, asked)
    assert answer.body.count(b'"temperature":0.50,') == 3
    assert answer.body.count(b'"completed_at":%d,' % NOW) == 1
