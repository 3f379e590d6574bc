"""Answers that are no stream, and token counts."""

import asyncio
from dataclasses import replace

import msgspec
import pytest
from msgspec import structs

from tests.upstream_dispatcher.samples import ASKED_NAME, CHAT_WHOLE, EVENTS, JSON, UPSTREAM_NAME
from tests.upstream_dispatcher.scripted import Exchange, Script, provider, unused_url
from tests.upstream_dispatcher.workbench import (
    CHAT_WHOLE_BODY,
    MESSAGES_BODY,
    QUICK,
    answer_of,
    bench,
    request,
)
from turnout.dialects.conversation import Provenance
from turnout.dialects.seal import seal
from turnout.dialects.usage import Usage
from turnout.ports import DispatchRequest, Head

pytestmark = pytest.mark.anyio

FIRST = "openai/gpt-5.4@env"
SECOND = "deepseek/deepseek-chat@env"


def whole_request(*targets: str) -> DispatchRequest:
    return request(*targets, body=CHAT_WHOLE_BODY, stream=False)


async def whole(exchange: Exchange) -> None:
    await exchange.answer(200, CHAT_WHOLE, JSON, ("x-request-id", "req_9"))


async def test_relays_the_body_and_accounts_for_it() -> None:
    async with provider(whole) as openai, bench({"openai": openai.url}) as on:
        answer = await answer_of(on, whole_request(FIRST))
        assert answer.chunks == [CHAT_WHOLE]
        assert answer.head == Head(
            status=200,
            headers=(JSON, ("x-request-id", "req_9"), ("content-length", str(len(CHAT_WHOLE)))),
            target=FIRST,
            model="gpt-5.4",
            provider="openai",
            attempts=1,
        )
        assert openai.seen[0].body == CHAT_WHOLE_BODY
        completed = on.facts.completed
        assert completed.usage == Usage(fresh_input=400, cache_read=600, output=10)
        assert completed.usage_source == "reported"
        assert completed.answer_bytes == len(CHAT_WHOLE)
        await asyncio.wait_for(on.notes.arrived.wait(), 5)


WARMED = (
    b'{"id":"m","type":"message","role":"assistant","model":"claude-opus-5-5","content":[],'
    b'"stop_reason":"max_tokens","stop_sequence":null,'
    b'"usage":{"input_tokens":4,"cache_creation_input_tokens":2000,"output_tokens":0}}'
)


async def test_a_cache_that_is_filled_without_an_answer_is_no_failure() -> None:
    """platform.claude.com/docs/en/build-with-claude/prompt-caching#pre-warming-the-cache."""

    async def script(exchange: Exchange) -> None:
        await exchange.answer(200, WARMED, JSON)

    body = b'{"model":"claude-opus-5-5","max_tokens":0,"messages":[{"role":"user","content":"a"}]}'
    asked = request(
        "anthropic/claude-opus-5-5@env",
        dialect="anthropic_messages",
        body=body,
        model="claude-opus-5-5",
        stream=False,
    )
    async with provider(script) as claude, bench({"anthropic": claude.url}) as on:
        answer = await answer_of(on, asked)
        (seen,) = claude.seen
    assert (seen.body, answer.chunks) == (body, [WARMED])
    assert on.facts.completed.usage == Usage(fresh_input=4, cache_write_other=2_000)


async def test_a_translated_response_repeats_its_request() -> None:
    body = b'{"model":"gpt-5.4", "input":"hi", "temperature":0.50}'
    asked = request(
        FIRST, dialect="openai_responses", body=body, path="/v1/responses", stream=False
    )
    async with provider(whole) as openai, bench({"openai": openai.url}) as on:
        answer = await answer_of(on, asked)
    assert b'"temperature":0.50,' in answer.body


async def cut_short(exchange: Exchange) -> None:
    await exchange.head(200, JSON, length=len(CHAT_WHOLE))
    await exchange.write(CHAT_WHOLE[:50])
    exchange.close()


async def half_of_it(exchange: Exchange) -> None:
    await exchange.answer(200, CHAT_WHOLE[:-30], JSON)


async def an_error_inside(exchange: Exchange) -> None:
    await exchange.answer(200, b'{"error":{"message":"no","type":"server_error"}}', JSON)


async def no_answer_of_any_dialect(exchange: Exchange) -> None:
    await exchange.answer(200, b'{"evil":true}', JSON)


async def no_choices(exchange: Exchange) -> None:
    await exchange.answer(200, b'{"object":"chat.completion","choices":[]}', JSON)


async def html(exchange: Exchange) -> None:
    await exchange.answer(200, b"<html></html>", ("content-type", "text/html"))


async def a_stream(exchange: Exchange) -> None:
    await exchange.answer(200, b"data: [DONE]\n\n", EVENTS)


async def endless(exchange: Exchange) -> None:
    await exchange.head(200, JSON)
    while True:
        await exchange.chunk(b" " * 65_536)
        await asyncio.sleep(0)


async def silence(exchange: Exchange) -> None:
    await exchange.until_closed()


@pytest.mark.parametrize(
    "fault",
    [
        cut_short,
        half_of_it,
        an_error_inside,
        no_answer_of_any_dialect,
        no_choices,
        html,
        a_stream,
        endless,
        silence,
    ],
)
async def test_no_whole_answer_goes_to_the_next_target(fault: Script) -> None:
    async with (
        provider(fault) as openai,
        provider(whole) as deepseek,
        bench(
            {"openai": openai.url, "deepseek": deepseek.url},
            limits=replace(QUICK, whole_answer_seconds=0.3),
        ) as on,
    ):
        answer = await answer_of(on, whole_request(FIRST, SECOND))
        assert answer.body == CHAT_WHOLE.replace(UPSTREAM_NAME, ASKED_NAME)
        assert answer.head.target == SECOND
        assert [fact.outcome for fact in on.facts.attempts] == ["failed", "answered"]


async def test_what_is_no_answer_is_an_error_where_nobody_else_can_be_asked() -> None:
    async with provider(no_choices) as openai, bench({"openai": openai.url}) as on:
        answer = await answer_of(on, whole_request(FIRST))
        assert answer.head.status == 502
        assert msgspec.json.decode(answer.body)["error"]["type"] == "server_error"


async def test_cancelling_hangs_up() -> None:
    arrived = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        arrived.set()
        await exchange.until_closed()

    async with provider(script) as openai, bench({"openai": openai.url}) as on:
        waiting = asyncio.ensure_future(answer_of(on, whole_request(FIRST)))
        await arrived.wait()
        waiting.cancel()
        await asyncio.wait({waiting})
        await asyncio.wait_for(openai.hung_up.wait(), 5)
        (attempt,) = on.facts.attempts
        assert attempt.outcome == "cancelled"
        assert attempt.cost_usd is None


async def test_provider_down_is_said_in_the_clients_dialect() -> None:
    async with bench({"openai": unused_url()}) as on:
        answer = await answer_of(on, whole_request(FIRST))
        assert answer.head.status == 502
        assert msgspec.json.decode(answer.body)["error"]["type"] == "server_error"
        assert on.facts.completed.error == "upstream_failed"


def count_request(*targets: str) -> DispatchRequest:
    return request(
        *targets,
        dialect="anthropic_messages",
        model="claude-opus-5-5",
        body=MESSAGES_BODY,
        stream=False,
        path="/v1/messages/count_tokens",
        query="beta=true",
    )


async def counted(exchange: Exchange) -> None:
    await exchange.answer(200, b'{"input_tokens":12}', JSON)


async def refused(exchange: Exchange) -> None:
    await exchange.answer(400, b'{"type":"error","error":{"type":"x","message":"m"}}', JSON)


def refusing(status: int) -> Script:
    async def refuse(exchange: Exchange) -> None:
        await exchange.answer(status, b'{"type":"error","error":{"type":"x","message":"m"}}', JSON)

    return refuse


@pytest.mark.parametrize("status", [401, 403, 404, 500])
async def test_a_provider_that_will_not_count_leaves_it_to_us(status: int) -> None:
    async with provider(refusing(status)) as anthropic, bench({"anthropic": anthropic.url}) as on:
        answer = await answer_of(on, count_request("anthropic/claude-opus-5-5@env"))
        assert msgspec.json.decode(answer.body) == {"input_tokens": 5}


async def unknown(exchange: Exchange) -> None:
    await exchange.answer(404, b'{"type":"error","error":{"type":"x","message":"m"}}', JSON)


async def test_a_count_is_relayed_and_teaches_the_tracker_nothing() -> None:
    async with provider(counted) as anthropic, bench({"anthropic": anthropic.url}) as on:
        answer = await answer_of(on, count_request("anthropic/claude-opus-5-5@env"))
        assert answer.body == b'{"input_tokens":12}'
        assert anthropic.seen[0].line == "POST /v1/messages/count_tokens?beta=true HTTP/1.1"
        assert anthropic.seen[0].headers["x-api-key"] == "env-key-of-anthropic"
        assert anthropic.seen[0].headers["anthropic-version"] == "2023-06-01"
        assert on.facts.completed.cost_usd == 0.0
    assert not on.notes.all


@pytest.mark.parametrize("targets", [(FIRST,), ("anthropic/claude-opus-5-5@env",), ()])
async def test_a_count_that_no_provider_gives_is_made_here_and_says_so(
    targets: tuple[str, ...],
) -> None:
    async with provider(unknown) as anthropic, bench({"anthropic": anthropic.url}) as on:
        answer = await answer_of(on, count_request(*targets))
        assert answer.head.status == 200
        assert ("turnout-count", "local; p90-error=0.20") in answer.head.headers
        # One token of text by a ratio of 1.58, rounded up, and what stands around a message.
        assert msgspec.json.decode(answer.body) == {"input_tokens": 5}
        assert on.facts.completed.outcome == "answered"


async def test_a_provider_that_is_down_leaves_the_count_to_us() -> None:
    async with bench({"anthropic": unused_url()}) as on:
        answer = await answer_of(on, count_request("anthropic/claude-opus-5-5@env"))
        assert msgspec.json.decode(answer.body) == {"input_tokens": 5}


async def test_a_fallback_with_another_tokenizer_is_not_asked_to_count() -> None:
    """Claude Code would measure its window in the tokens of a model that it does not talk to."""
    async with provider(counted) as anthropic, bench({"anthropic": anthropic.url}) as on:
        for fallback, told in (("claude-haiku-4-5", 5), ("claude-sonnet-5-5", 12)):
            answer = await answer_of(on, count_request(f"anthropic/{fallback}@env"))
            assert msgspec.json.decode(answer.body) == {"input_tokens": told}


async def test_a_count_of_what_cannot_be_read_is_estimated_from_bytes() -> None:
    async with bench({}) as on:
        asked = replace(count_request(), body=b'{"messages": "none"}')
        answer = await answer_of(on, asked)
        assert answer.head.status == 200
        assert ("turnout-count", "estimated") in answer.head.headers
        assert msgspec.json.decode(answer.body) == {"input_tokens": 77}


async def test_the_estimate_of_a_free_choice_is_in_tokens_of_who_would_serve() -> None:
    async with bench({}) as on:
        asked = replace(count_request(), body=b'{"messages": "none"}')
        asked = replace(
            asked,
            features=structs.replace(asked.features, requested_model="turnout/auto"),
            decision=structs.replace(asked.decision, requested_model="turnout/auto"),
        )
        answer = await answer_of(on, asked)
        assert msgspec.json.decode(answer.body) == {"input_tokens": round(77 * 3.6 / 2.48)}


async def test_a_model_without_figures_says_that_the_error_is_unknown() -> None:
    async with bench({}) as on:
        asked = replace(
            count_request(),
            decision=structs.replace(
                count_request().decision, requested_model="grok-4.7", model=""
            ),
        )
        answer = await answer_of(on, asked)
        assert ("turnout-count", "local; p90-error=unknown") in answer.head.headers


async def no_count(exchange: Exchange) -> None:
    await exchange.answer(200, b'{"model":"x"}', JSON)


async def test_an_answer_that_is_no_count_is_not_passed_on() -> None:
    async with provider(no_count) as anthropic, bench({"anthropic": anthropic.url}) as on:
        answer = await answer_of(on, count_request("anthropic/claude-opus-5-5@env"))
        assert msgspec.json.decode(answer.body) == {"input_tokens": 5}


async def test_a_count_that_the_provider_refuses_is_refused() -> None:
    async with provider(refused) as anthropic, bench({"anthropic": anthropic.url}) as on:
        answer = await answer_of(on, count_request("anthropic/claude-opus-5-5@env"))
        assert answer.head.status == 400


async def test_reasoning_of_another_maker_stays_away_from_anthropic() -> None:
    """A thread that another model served comes back with thinking that Anthropic would refuse."""
    sealed = seal(Provenance("openai_chat", "deepseek-v4-pro"))
    told = {
        "model": "claude-opus-5-5",
        "max_tokens": 9,
        "messages": [
            {"role": "user", "content": "hi"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": sealed},
                    {"type": "text", "text": "yes"},
                ],
            },
            {"role": "user", "content": "go on"},
        ],
    }
    asked = request(
        "anthropic/claude-opus-5-5@env",
        dialect="anthropic_messages",
        model="claude-opus-5-5",
        path="/v1/messages",
        body=msgspec.json.encode(told),
        stream=False,
    )
    asked = replace(asked, features=structs.replace(asked.features, has_foreign_thinking=True))
    async with provider(whole) as anthropic, bench({"anthropic": anthropic.url}) as on:
        await answer_of(on, asked)
        assert b"thinking" not in anthropic.seen[0].body
        assert b"go on" in anthropic.seen[0].body
