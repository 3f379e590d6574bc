"""What a failing provider costs the client: nothing before content, one error event after."""

import asyncio
from dataclasses import replace

import msgspec
import pytest

from tests.dialects.golden import Golden
from tests.upstream_dispatcher.faults import (
    FIRST,
    SECOND,
    ended_early,
    ended_inside_an_event,
    error_in_json,
    error_in_stream,
    half_a_head,
    html,
    no_http,
    nothing_in_stream,
    refusing,
    reset_after_head,
    reset_at_once,
    reset_before_content,
    silence,
    silence_after_role,
    silent_after_content,
    truncated_json,
    whole_stream,
)
from tests.upstream_dispatcher.samples import (
    ASKED_NAME,
    CHAT_DONE,
    CHAT_ERROR,
    CHAT_MORE,
    CHAT_ROLE,
    CHAT_STREAM,
    CHAT_TEXT,
    EVENTS,
    JSON,
    UPSTREAM_NAME,
)
from tests.upstream_dispatcher.scripted import Exchange, Script, provider, unused_url
from tests.upstream_dispatcher.workbench import (
    MESSAGES_BODY,
    QUICK,
    answer_of,
    bench,
    request,
)
from turnout.dialects.usage import Usage
from turnout.ports import Chunk, Credential, DispatchRequest

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("fault", "tries", "status"),
    [
        (refusing(429), 1, 429),
        (refusing(500, b"<html>oops</html>", ("content-type", "text/html")), 1, 500),
        (refusing(503), 1, 503),
        (refusing(529), 1, 529),
        (refusing(408), 1, 408),
        (refusing(404), 1, 404),
        (refusing(401), 1, 401),
        (refusing(403), 1, 403),
        (refusing(302, b"", ("location", "http://127.0.0.1:9/")), 1, 302),
        (reset_at_once, 2, 0),
        (half_a_head, 1, 0),
        (no_http, 1, 0),
        (reset_after_head, 1, 200),
        (reset_before_content, 1, 200),
        (nothing_in_stream, 1, 200),
        (html, 1, 200),
        (error_in_stream, 1, 200),
        (error_in_json, 1, 200),
        (truncated_json, 1, 200),
        (silence, 1, 0),
        (silence_after_role, 1, 200),
    ],
)
async def test_a_failure_before_content_goes_to_the_next_target(
    fault: Script, tries: int, status: int
) -> None:
    # Short only where it is waited for: others may be that late on a loaded machine.
    is_waited_for = fault in (silence, silence_after_role)
    quick = replace(QUICK, first_byte_seconds=1.0, idle_seconds=1.0) if is_waited_for else QUICK
    async with (
        provider(fault) as openai,
        provider(whole_stream) as deepseek,
        bench({"openai": openai.url, "deepseek": deepseek.url}, limits=quick) as on,
    ):
        answer = await answer_of(on, request(FIRST, SECOND))
        assert answer.body == b"".join(CHAT_STREAM).replace(UPSTREAM_NAME, ASKED_NAME)
        assert (answer.head.target, answer.head.attempts) == (SECOND, tries + 1)
        assert len(openai.seen) == tries
        failed, *_, served = on.facts.attempts
        assert (failed.outcome, failed.status, failed.kind) == ("failed", status, "first")
        assert failed.error
        assert (served.outcome, served.kind) == ("answered", "fallback")
        assert on.facts.completed.attempts == tries + 1
        assert on.facts.completed.target == SECOND
        await asyncio.wait_for(openai.hung_up.wait(), 5) if fault is silence else None


async def test_a_provider_that_is_down_goes_to_the_next_target() -> None:
    async with (
        provider(whole_stream) as deepseek,
        bench({"openai": unused_url(), "deepseek": deepseek.url}) as on,
    ):
        answer = await answer_of(on, request(FIRST, SECOND))
        assert answer.head.target == SECOND
        assert on.facts.attempts[0].cost_usd == 0.0


async def test_when_all_fail_the_client_hears_when_to_come_back() -> None:
    async with (
        provider(refusing(429, b"{}", JSON, ("retry-after", "80"))) as openai,
        provider(refusing(500)) as deepseek,
        bench({"openai": openai.url, "deepseek": deepseek.url}) as on,
    ):
        answer = await answer_of(on, request(FIRST, SECOND))
        headers = dict(answer.head.headers)
        assert answer.head.status == 429
        assert headers["retry-after"] == "60"
        assert answer.head.target == ""
        assert b'"error"' in answer.body
        completed = on.facts.completed
        assert (completed.outcome, completed.error, completed.status) == (
            "failed",
            "rate_limited",
            429,
        )
        assert completed.target == ""
        assert completed.cost_usd == 0.0
        assert not on.notes.all


async def test_the_only_target_is_tried_again_when_it_says_soon() -> None:
    async with (
        provider(refusing(429, b"{}", JSON, ("retry-after-ms", "20")), whole_stream) as openai,
        bench({"openai": openai.url}) as on,
    ):
        answer = await answer_of(on, request(FIRST))
        assert answer.body == b"".join(CHAT_STREAM)
        assert [fact.kind for fact in on.facts.attempts] == ["first", "retry"]


async def test_a_refusal_of_the_request_is_relayed_as_it_came() -> None:
    body = b'{"error":{"message":"bad temperature","type":"invalid_request_error"}}'
    headers = (
        JSON,
        ("x-request-id", "req_1"),
        ("x-ratelimit-limit-requests", "9"),
        ("set-cookie", "a=b"),
        ("openai-model", "other"),
    )
    async with (
        provider(refusing(400, body, *headers)) as openai,
        provider(whole_stream) as deepseek,
        bench({"openai": openai.url, "deepseek": deepseek.url}) as on,
    ):
        answer = await answer_of(on, request(FIRST, SECOND))
        assert (answer.head.status, answer.body) == (400, body)
        assert answer.head.headers == (JSON, ("x-request-id", "req_1"))
        assert answer.head.target == FIRST
        assert not deepseek.seen
        assert on.facts.completed.error == "invalid_request"
        (attempt,) = on.facts.attempts
        assert (attempt.outcome, on.facts.completed.outcome) == ("rejected", "rejected")


async def test_a_refusal_of_a_translated_request_says_whose_it_is_and_no_place_in_it() -> None:
    said = "Invalid 'messages[1].tool_calls[0].id': string too long."
    body = b'{"error":{"message":"%b","type":"invalid_request_error"}}' % said.encode()
    async with provider(refusing(400, body, JSON)) as openai, bench({"openai": openai.url}) as on:
        answer = await answer_of(on, claude_request(FIRST))
    told = msgspec.json.decode(answer.body)["error"]
    assert (answer.head.status, told["type"]) == (400, "invalid_request_error")
    assert told["message"] == (
        f"{FIRST} refused the translated request: Invalid 'id': string too long."
    )


async def test_what_a_switch_made_refused_is_answered_by_the_model_that_was_asked_for() -> None:
    body = b'{"error":{"message":"reasoning_content is missing","type":"invalid_request_error"}}'
    async with (
        provider(refusing(400, body, JSON)) as deepseek,
        provider(whole_stream) as openai,
        bench({"openai": openai.url, "deepseek": deepseek.url}) as on,
    ):
        answer = await answer_of(on, request(SECOND, FIRST))
        assert (answer.head.status, answer.head.target) == (200, FIRST)
        assert [fact.kind for fact in on.facts.attempts] == ["first", "fallback"]
        await on.notes.arrived.wait()
        (note,) = on.notes.all
        assert (note.target, note.refused) == (FIRST, SECOND)


CLAUDE = "anthropic/claude-opus-5-5@env"


def claude_request(*targets: str) -> DispatchRequest:
    return request(
        *targets, dialect="anthropic_messages", model="claude-opus-5-5", body=MESSAGES_BODY
    )


def refusal_of_anthropic(message: str) -> bytes:
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
    return msgspec.json.encode(body)


@pytest.mark.parametrize(
    "message",
    [
        "messages.1.role: Input should be 'user' or 'assistant'",
        "context_management: Extra inputs are not permitted",
        "This model does not support the effort parameter.",
        "adaptive thinking is not supported on this model",
        "Unexpected value(s) `x-2026-01-01` for the `anthropic-beta` header.",
        "messages.1.output_config: Extra inputs are not permitted",
        "messages.1.content.0: Invalid `signature` in `thinking` block",
        "messages.1.content.0: `thinking` or `redacted_thinking` blocks cannot be modified",
        "safeguards: Extra inputs are not permitted",
    ],
)
async def test_what_claude_code_negotiates_by_is_relayed_to_it_as_it_came(message: str) -> None:
    """It leaves out what the message names and sends again: nobody else may answer instead."""
    body = refusal_of_anthropic(message)
    ours = (
        JSON,
        ("request-id", "req_1"),
        ("anthropic-ratelimit-unified-status", "allowed"),
        ("anthropic-ratelimit-requests-remaining", "9"),
        ("anthropic-organization-id", "org"),
    )
    async with (
        provider(refusing(400, body, *ours)) as anthropic,
        provider(whole_stream) as openai,
        bench({"anthropic": anthropic.url, "openai": openai.url}) as on,
    ):
        answer = await answer_of(on, claude_request(CLAUDE, FIRST))
        assert (answer.head.status, answer.body) == (400, body)
        names = [name for name, _ in answer.head.headers]
        assert names == ["content-type", "request-id", "anthropic-organization-id"]
        assert not openai.seen


@pytest.mark.parametrize("status", [400, 413])
async def test_a_prompt_that_is_too_long_is_told_verbatim_where_nobody_takes_it(
    status: int,
) -> None:
    body = refusal_of_anthropic("prompt is too long: 210000 tokens > 200000 maximum")
    async with (
        provider(refusing(status, body)) as anthropic,
        bench({"anthropic": anthropic.url}) as on,
    ):
        answer = await answer_of(on, claude_request(CLAUDE))
        assert (answer.head.status, answer.body) == (status, body)
        assert on.facts.completed.error == "context_too_long"
        (attempt,) = on.facts.attempts
        assert (attempt.outcome, on.facts.completed.outcome) == ("rejected", "rejected")


async def test_a_prompt_that_is_too_long_for_one_model_is_served_by_another_that_takes_it() -> None:
    body = refusal_of_anthropic("prompt is too long: 210000 tokens > 200000 maximum")
    async with (
        provider(refusing(400, body)) as anthropic,
        provider(whole_stream) as openai,
        bench({"anthropic": anthropic.url, "openai": openai.url}) as on,
    ):
        answer = await answer_of(on, claude_request(CLAUDE, FIRST))
        assert (answer.head.status, answer.head.target) == (200, FIRST)
        assert b"event: message_stop" in answer.body


async def test_a_clients_own_rejected_key_is_its_own_to_know() -> None:
    own = Credential("openai", "authorization", "Bearer of-the-client")
    async with (
        provider(
            refusing(401, b'{"error":{"message":"bad key"}}', JSON, ("x-should-retry", "true"))
        ) as openai,
        bench({"openai": openai.url}) as on,
    ):
        answer = await answer_of(
            on, request("openai/gpt-5.4@client", "openai/gpt-5.4@env", credentials=[own])
        )
        assert (answer.head.status, len(openai.seen)) == (401, 1)
        assert b"bad key" in answer.body
        # Whether to retry is the vendor's to say: a subscription's client renews its token first.
        assert ("x-should-retry", "true") in answer.head.headers


async def test_our_own_rejected_key_is_not_the_clients_fault() -> None:
    async with provider(refusing(401)) as openai, bench({"openai": openai.url}) as on:
        answer = await answer_of(on, request(FIRST))
        assert answer.head.status == 502
        assert b"key" in answer.body


@pytest.mark.parametrize("fault", [ended_early, ended_inside_an_event, silent_after_content])
async def test_after_content_nothing_is_tried_again_and_the_stream_says_so(fault: Script) -> None:
    async with (
        provider(fault) as openai,
        provider(whole_stream) as deepseek,
        bench(
            {"openai": openai.url, "deepseek": deepseek.url},
            limits=replace(QUICK, idle_seconds=0.2),
        ) as on,
    ):
        answer = await answer_of(on, request(FIRST, SECOND))
        assert answer.head.status == 200
        assert answer.body.startswith(CHAT_TEXT + b'data: {"error":')
        assert answer.body.endswith(b"}\n\n")
        assert not deepseek.seen
        completed = on.facts.completed
        assert completed.outcome == "failed"
        assert completed.status == 200
        assert completed.error in {"upstream_failed", "upstream_timeout"}
        assert completed.usage_source == "estimated"
        assert completed.usage == Usage(fresh_input=77, output=2)


@pytest.mark.parametrize("rest", [b"", b"event: message_stop\ndata: {"])
async def test_a_message_that_has_said_why_it_ends_gets_the_end_that_its_server_forgot(
    rest: bytes,
) -> None:
    """opencode asks the same again for ever without it, pi and Copilot fail."""
    told = Golden("anthropic_messages").stream_of("no_message_stop")

    async def script(exchange: Exchange) -> None:
        await exchange.stream(told, *([rest] if rest else []))

    async with provider(script) as anthropic, bench({"anthropic": anthropic.url}) as on:
        answer = await answer_of(on, claude_request(CLAUDE))
        assert answer.body == told + b'event: message_stop\ndata: {"type": "message_stop"}\n\n'
        assert on.facts.completed.outcome == "answered"


@pytest.mark.parametrize("target", ["deepseek/deepseek-v4-pro@env", FIRST])
async def test_a_chat_answer_of_an_imitation_gets_the_reason_that_its_server_forgot(
    target: str,
) -> None:
    """opencode asks the same again for ever without one."""
    name = target.partition("/")[0]
    told = (CHAT_ROLE, CHAT_TEXT, CHAT_DONE)

    async def script(exchange: Exchange) -> None:
        await exchange.stream(*told)

    async with provider(script) as upstream, bench({name: upstream.url}) as on:
        answer = await answer_of(on, request(target))
        assert answer.body.count(b'"Hello"') == 1
        assert answer.body.endswith(CHAT_DONE)
        assert (b'"finish_reason":"stop"' in answer.body) == (target != FIRST)
        assert on.facts.completed.outcome == "answered"


async def test_a_connection_lost_inside_an_event_ends_in_a_whole_error_event() -> None:
    arrived = asyncio.Event()

    async def broken_off(exchange: Exchange) -> None:
        await exchange.head(200, EVENTS)
        await exchange.chunk(CHAT_TEXT)
        await exchange.chunk(CHAT_MORE[:20])
        await arrived.wait()
        exchange.reset()

    async with provider(broken_off) as openai, bench({"openai": openai.url}) as on:
        body = b""
        async for event in on.dispatcher.dispatch(request(FIRST)):
            if isinstance(event, Chunk):
                body += event.data
                arrived.set()
        assert body.startswith(CHAT_TEXT + b'data: {"error":')
        assert on.facts.completed.error == "upstream_failed"


async def test_an_error_event_after_content_is_the_providers_own() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.stream(CHAT_TEXT, CHAT_ERROR)

    async with provider(script) as openai, bench({"openai": openai.url}) as on:
        answer = await answer_of(on, request(FIRST))
        assert answer.body == CHAT_TEXT + CHAT_ERROR
        assert on.facts.completed.outcome == "failed"


@pytest.mark.parametrize("fault", [ended_early, ended_inside_an_event, silent_after_content])
async def test_the_tracker_hears_whose_answer_broke_off(fault: Script) -> None:
    quick = replace(QUICK, idle_seconds=0.2)
    async with (
        provider(refusing(529)) as openai,
        provider(fault) as deepseek,
        bench({"openai": openai.url, "deepseek": deepseek.url}, limits=quick) as on,
    ):
        await answer_of(on, request(FIRST, SECOND))
        await asyncio.wait_for(on.notes.arrived.wait(), 5)
        (note,) = on.notes.all
        assert (note.target, note.is_failed, note.broke_off) == (SECOND, True, True)


async def test_an_answer_that_never_began_has_not_broken_off() -> None:
    async with provider(refusing(529)) as openai, bench({"openai": openai.url}) as on:
        await answer_of(on, request(FIRST))
    assert not on.notes.all


async def test_no_target_that_could_be_asked_is_a_rejection() -> None:
    async with bench({}) as on:
        answer = await answer_of(on, request(FIRST))
        assert answer.head.status == 503
        assert b"OPENAI_API_KEY" in answer.body
        assert on.facts.completed.outcome == "rejected"
        assert not on.facts.attempts
