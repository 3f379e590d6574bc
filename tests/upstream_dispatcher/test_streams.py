"""Streams within one dialect: commit point, keep-alives, failover, and what stays behind."""

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest

from tests.upstream_dispatcher.samples import (
    CHAT_DONE,
    CHAT_ERROR,
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
from tests.upstream_dispatcher.scripted import Exchange, Script, provider, unused_url
from tests.upstream_dispatcher.workbench import (
    CHAT_BODY,
    QUICK,
    KeptNotes,
    answer_of,
    bench,
    request,
)
from turnout.dialects.usage import Usage
from turnout.ports import Chunk, Credential, Head

pytestmark = pytest.mark.anyio

MINI = "openai/gpt-5.4@env"
DEEP = "deepseek/deepseek-chat@env"


async def whole_stream(exchange: Exchange) -> None:
    await exchange.stream(*CHAT_STREAM)


async def test_relays_the_bytes_of_the_stream_and_accounts_for_them() -> None:
    async with provider(whole_stream) as openai, bench({"openai": openai.url}) as on:
        answer = await answer_of(on, request(MINI))
        assert answer.body == b"".join(CHAT_STREAM)
        assert answer.head == Head(
            status=200,
            headers=(EVENTS,),
            target=MINI,
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
        assert (note.target, note.is_failed, note.moves_thread) == (MINI, False, True)


async def test_sends_the_very_bytes_of_the_client_with_our_key_and_nobody_elses_headers() -> None:
    async with provider(whole_stream) as openai, bench({"openai": openai.url}) as on:
        await answer_of(
            on,
            request(
                MINI,
                headers=[
                    ("user-agent", "agent/1"),
                    ("x-stainless-lang", "js"),
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
            request("deepseek/deepseek-chat@client", "openai/gpt-5.4@client", credentials=[own]),
        )
        assert answer.head.provider == "openai"
        assert openai.seen[0].headers["authorization"] == "Bearer of-the-client"
        assert not deepseek.seen
        assert len(on.facts.attempts) == 1


async def test_asks_for_usage_and_hides_it_from_a_client_that_did_not() -> None:
    body = b'{"model":"gpt-5.4","stream":true,"messages":[]}'
    async with provider(whole_stream) as openai, bench({"openai": openai.url}) as on:
        answer = await answer_of(on, request(MINI, body=body))
        assert b'"include_usage":true' in openai.seen[0].body
        assert answer.body == b"".join(chunk for chunk in CHAT_STREAM if chunk != CHAT_USAGE)
        assert on.facts.completed.usage_source == "reported"


async def test_another_model_of_the_dialect_gets_its_own_name_and_nothing_else_changes() -> None:
    async with provider(whole_stream) as deepseek, bench({"deepseek": deepseek.url}) as on:
        await answer_of(on, request(DEEP))
        assert deepseek.seen[0].body == CHAT_BODY.replace(b'"gpt-5.4"', b'"deepseek-chat"')


async def test_keeps_a_dated_name_that_the_provider_knows_and_drops_our_spellings() -> None:
    async with provider(whole_stream) as openai, bench({"openai": openai.url}) as on:
        dated = CHAT_BODY.replace(b"gpt-5.4", b"gpt-5.4-2026-03-05")
        await answer_of(on, request(MINI, body=dated, model="gpt-5.4-2026-03-05"))
        ours = CHAT_BODY.replace(b"gpt-5.4", b"turnout/gpt-5.4")
        await answer_of(on, request(MINI, body=ours, model="turnout/gpt-5.4"))
        assert [seen.body for seen in openai.seen] == [dated, CHAT_BODY]


async def test_uses_a_connection_again() -> None:
    async with provider(whole_stream) as openai, bench({"openai": openai.url}) as on:
        for _ in range(3):
            await answer_of(on, request(MINI))
        assert openai.connections == 1


def refusing(status: int, body: bytes = b"{}", *headers: tuple[str, str]) -> Script:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(status, body, *(headers or (JSON,)))

    return script


async def reset_at_once(exchange: Exchange) -> None:
    exchange.reset()


async def reset_after_head(exchange: Exchange) -> None:
    await exchange.head(200, EVENTS)
    exchange.reset()


async def reset_before_content(exchange: Exchange) -> None:
    await exchange.head(200, EVENTS)
    await exchange.chunk(CHAT_ROLE)
    exchange.reset()


async def nothing_in_stream(exchange: Exchange) -> None:
    await exchange.stream()


async def no_http(exchange: Exchange) -> None:
    await exchange.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    exchange.close()


async def html(exchange: Exchange) -> None:
    await exchange.answer(200, b"<html>captive</html>", ("content-type", "text/html"))


async def error_in_stream(exchange: Exchange) -> None:
    await exchange.stream(CHAT_ROLE, CHAT_ERROR)


async def error_in_json(exchange: Exchange) -> None:
    await exchange.answer(200, b'{"error":{"message":"no","type":"server_error"}}', JSON)


async def truncated_json(exchange: Exchange) -> None:
    await exchange.answer(200, CHAT_WHOLE[:100], JSON)


async def silence(exchange: Exchange) -> None:
    await exchange.until_closed()


async def silence_after_role(exchange: Exchange) -> None:
    await exchange.head(200, EVENTS)
    await exchange.chunk(CHAT_ROLE)
    await exchange.until_closed()


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
    quick = replace(QUICK, first_byte_seconds=0.2, idle_seconds=0.2)
    async with (
        provider(fault) as openai,
        provider(whole_stream) as deepseek,
        bench({"openai": openai.url, "deepseek": deepseek.url}, limits=quick) as on,
    ):
        answer = await answer_of(on, request(MINI, DEEP))
        assert answer.body == b"".join(CHAT_STREAM)
        assert (answer.head.target, answer.head.attempts) == (DEEP, tries + 1)
        assert len(openai.seen) == tries
        failed, *_, served = on.facts.attempts
        assert (failed.outcome, failed.status, failed.kind) == ("failed", status, "first")
        assert failed.error
        assert (served.outcome, served.kind) == ("answered", "fallback")
        assert on.facts.completed.attempts == tries + 1
        assert on.facts.completed.target == DEEP
        await asyncio.wait_for(openai.hung_up.wait(), 5) if fault is silence else None


async def test_a_provider_that_is_down_goes_to_the_next_target() -> None:
    async with (
        provider(whole_stream) as deepseek,
        bench({"openai": unused_url(), "deepseek": deepseek.url}) as on,
    ):
        answer = await answer_of(on, request(MINI, DEEP))
        assert answer.head.target == DEEP
        assert on.facts.attempts[0].cost_usd == 0.0


async def test_when_all_fail_the_client_hears_when_to_come_back() -> None:
    async with (
        provider(refusing(429, b"{}", JSON, ("retry-after", "80"))) as openai,
        provider(refusing(500)) as deepseek,
        bench({"openai": openai.url, "deepseek": deepseek.url}) as on,
    ):
        answer = await answer_of(on, request(MINI, DEEP))
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
        answer = await answer_of(on, request(MINI))
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
        answer = await answer_of(on, request(MINI, DEEP))
        assert (answer.head.status, answer.body) == (400, body)
        assert answer.head.headers == (JSON, ("x-request-id", "req_1"))
        assert answer.head.target == MINI
        assert not deepseek.seen
        assert on.facts.completed.error == "invalid_request"


async def test_a_clients_own_rejected_key_is_its_own_to_know() -> None:
    own = Credential("openai", "authorization", "Bearer of-the-client")
    async with (
        provider(refusing(401, b'{"error":{"message":"bad key"}}')) as openai,
        bench({"openai": openai.url}) as on,
    ):
        answer = await answer_of(
            on, request("openai/gpt-5.4@client", "openai/gpt-5.4@env", credentials=[own])
        )
        assert (answer.head.status, len(openai.seen)) == (401, 1)
        assert b"bad key" in answer.body


async def test_our_own_rejected_key_is_not_the_clients_fault() -> None:
    async with provider(refusing(401)) as openai, bench({"openai": openai.url}) as on:
        answer = await answer_of(on, request(MINI))
        assert answer.head.status == 502
        assert b"key" in answer.body


async def ended_early(exchange: Exchange) -> None:
    await exchange.stream(CHAT_TEXT)


async def ended_inside_an_event(exchange: Exchange) -> None:
    await exchange.stream(CHAT_TEXT, CHAT_MORE[:-1])


async def silent_after_content(exchange: Exchange) -> None:
    await exchange.head(200, EVENTS)
    await exchange.chunk(CHAT_TEXT)
    await exchange.until_closed()


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
        answer = await answer_of(on, request(MINI, DEEP))
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
        async for event in on.dispatcher.dispatch(request(MINI)):
            if isinstance(event, Chunk):
                body += event.data
                arrived.set()
        assert body.startswith(CHAT_TEXT + b'data: {"error":')
        assert on.facts.completed.error == "upstream_failed"


async def test_an_error_event_after_content_is_the_providers_own() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.stream(CHAT_TEXT, CHAT_ERROR)

    async with provider(script) as openai, bench({"openai": openai.url}) as on:
        answer = await answer_of(on, request(MINI))
        assert answer.body == CHAT_TEXT + CHAT_ERROR
        assert on.facts.completed.outcome == "failed"


async def test_a_json_answer_to_a_stream_request_is_told_as_a_stream() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(200, CHAT_WHOLE, JSON)

    async with provider(script) as openai, bench({"openai": openai.url}) as on:
        answer = await answer_of(on, request(MINI))
        assert dict(answer.head.headers)["content-type"].startswith("text/event-stream")
        assert b'"content":"Hello"' in answer.body
        assert on.facts.completed.usage == Usage(fresh_input=400, cache_read=600, output=10)


async def test_committed_by_time_the_client_gets_signs_of_life_and_still_another_target() -> None:
    quick = replace(
        QUICK, commit_after_seconds=0.05, keep_alive_seconds=0.05, first_byte_seconds=0.3
    )
    async with (
        provider(silence) as openai,
        provider(whole_stream) as deepseek,
        bench({"openai": openai.url, "deepseek": deepseek.url}, limits=quick) as on,
    ):
        answer = await answer_of(on, request(MINI, DEEP))
        assert answer.head.status == 200
        assert answer.head.headers == (("content-type", "text/event-stream; charset=utf-8"),)
        signs, _, rest = answer.body.partition(CHAT_ROLE)
        assert set(signs.split(b"\n\n")) == {b": keep-alive", b""}
        assert signs.count(b": keep-alive") >= 2
        assert CHAT_ROLE + rest == b"".join(CHAT_STREAM)
        assert on.facts.completed.target == DEEP


async def test_committed_by_time_a_failure_of_all_ends_the_stream_with_an_error() -> None:
    quick = replace(
        QUICK, commit_after_seconds=0.05, keep_alive_seconds=1.0, first_byte_seconds=0.2
    )
    async with provider(silence) as openai, bench({"openai": openai.url}, limits=quick) as on:
        answer = await answer_of(on, request(MINI))
        assert answer.head.status == 200
        assert answer.chunks[0] == b": keep-alive\n\n"
        assert answer.chunks[-1].startswith(b'data: {"error":')
        assert on.facts.completed.error == "upstream_timeout"
        assert on.facts.completed.cost_usd is None


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
        async with aclosing(on.dispatcher.dispatch(request(MINI))) as events:
            async for event in events:
                if isinstance(event, Chunk):
                    body += event.data
                    if body.count(b"keep-alive") == 2:
                        go_on.set()
        plain = body.replace(b": keep-alive\n\n", b"")
        assert body.startswith(CHAT_TEXT + b": keep-alive\n\n: keep-alive\n\n")
        assert plain == CHAT_TEXT + CHAT_MORE + CHAT_STOP + CHAT_USAGE + CHAT_DONE


@pytest.mark.parametrize("fault", [silence, silence_after_role, silent_after_content])
async def test_closing_the_answer_hangs_up_on_the_provider(fault: Script) -> None:
    quick = replace(QUICK, commit_after_seconds=0.01, idle_seconds=5.0, first_byte_seconds=5.0)
    async with provider(fault) as openai, bench({"openai": openai.url}, limits=quick) as on:
        events = on.dispatcher.dispatch(request(MINI))
        assert isinstance(await anext(events), Head)
        await events.aclose()
        await asyncio.wait_for(openai.hung_up.wait(), 5)
        assert openai.open_connections == 0
        (attempt,) = on.facts.attempts
        assert attempt.outcome == "cancelled"
        assert on.facts.completed.outcome == "cancelled"
        assert on.facts.completed.target == MINI


async def test_cancelling_before_the_head_hangs_up_too() -> None:
    arrived = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        arrived.set()
        await exchange.until_closed()

    async with provider(script) as openai, bench({"openai": openai.url}) as on:
        waiting = asyncio.ensure_future(answer_of(on, request(MINI)))
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
        events = on.dispatcher.dispatch(request(MINI))
        await anext(events)
        await anext(events)
        await events.aclose()
        assert on.facts.completed.usage == Usage(fresh_input=77, output=2)
        assert on.facts.completed.usage_source == "estimated"


async def test_facts_are_there_before_the_last_byte() -> None:
    async with provider(whole_stream) as openai, bench({"openai": openai.url}) as on:
        got = 0
        async for event in on.dispatcher.dispatch(request(MINI)):
            if isinstance(event, Chunk):
                got += len(event.data)
                if CHAT_USAGE in event.data or CHAT_DONE in event.data:
                    assert on.facts.completed.outcome == "answered"
        assert got == len(b"".join(CHAT_STREAM))


async def test_a_tracker_that_hangs_delays_nobody() -> None:
    notes = KeptNotes(hold=True)
    async with provider(whole_stream) as openai:
        async with bench({"openai": openai.url}, notes=notes) as on:
            answer = await answer_of(on, request(MINI))
            assert answer.body == b"".join(CHAT_STREAM)
            dispatcher = on.dispatcher
        assert dispatcher.notes_failed == 1


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
        events = on.dispatcher.dispatch(request(MINI))
        await anext(events)
        await anext(events)
        await asyncio.wait_for(stuck.wait(), 10)
        assert sent < 400 * len(blob)
        chunks = [event.data async for event in events if isinstance(event, Chunk)]
        assert chunks[-1].endswith(CHAT_DONE)
        assert on.facts.completed.outcome == "answered"


async def test_compressed_all_the_same_is_read_plain() -> None:
    import gzip

    async def script(exchange: Exchange) -> None:
        await exchange.head(200, EVENTS, ("content-encoding", "gzip"))
        packed = gzip.compress(b"".join(CHAT_STREAM))
        await exchange.chunk(packed[:40])
        await exchange.chunk(packed[40:])
        await exchange.end()

    async with provider(script) as openai, bench({"openai": openai.url}) as on:
        answer = await answer_of(on, request(MINI))
        assert answer.body == b"".join(CHAT_STREAM)


async def test_stopping_ends_what_is_under_way() -> None:
    arrived = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        arrived.set()
        await exchange.until_closed()

    async with provider(script) as openai:
        async with bench({"openai": openai.url}) as on:
            waiting = asyncio.ensure_future(answer_of(on, request(MINI)))
            await arrived.wait()
        answer = await asyncio.wait_for(waiting, 5)
        assert answer.head.status == 503
        assert on.facts.completed.outcome == "failed"


async def test_no_target_that_could_be_asked_is_a_rejection() -> None:
    async with bench({}) as on:
        answer = await answer_of(on, request(MINI))
        assert answer.head.status == 503
        assert b"OPENAI_API_KEY" in answer.body
        assert on.facts.completed.outcome == "rejected"
        assert not on.facts.attempts
