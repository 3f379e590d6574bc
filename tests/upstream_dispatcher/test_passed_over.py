"""What a request meets when its targets fail or throttle: who is asked instead, for whom it waits, what is refused."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest
from msgspec import structs

from tests.policy.test_wait_or_move import candidate
from tests.upstream_dispatcher.faults import FIRST, SECOND, refusing, whole_stream
from tests.upstream_dispatcher.samples import CHAT_STREAM, JSON
from tests.upstream_dispatcher.scripted import Exchange, Script, provider
from tests.upstream_dispatcher.test_failover import CLAUDE, claude_request, refusal_of_anthropic
from tests.upstream_dispatcher.test_whole import whole, whole_request
from tests.upstream_dispatcher.workbench import (
    NOW,
    QUICK,
    Bench,
    answer_of,
    bench,
    request,
)
from turnout.facts import RequestCompleted
from turnout.policy.breaker import IN_A_ROW
from turnout.policy.limit import CEILING, FLOOR
from turnout.policy.standing import CallEnd
from turnout.ports import Credential, DispatchRequest

pytestmark = pytest.mark.anyio

BUSY = b'{"error":{"message":"slow down","type":"rate_limit_error"}}'


def throttling(seconds: float, status: int = 429) -> Script:
    return refusing(status, BUSY, JSON, ("retry-after", f"{seconds:g}"))


def running_clock() -> Callable[[], float]:
    """Unix seconds that pass as the loop's do."""
    time = asyncio.get_running_loop().time
    begun_at = time()
    return lambda: NOW + time() - begun_at


def failing(on: Bench, target: str) -> None:
    for _ in range(IN_A_ROW):
        on.dispatcher.standings.begun(target, now=NOW)
        end = CallEnd(ending="error", sent_at=NOW, size="under_2k", open_seconds=0.1)
        on.dispatcher.standings.ended(target, end, peers=(FIRST, SECOND), now=NOW)


def full(on: Bench, target: str) -> None:
    for _ in range(FLOOR + 1):
        on.dispatcher.standings.begun(target, now=NOW)
    end = CallEnd(ending="throttled", sent_at=NOW, size="under_2k", open_seconds=0.1)
    on.dispatcher.standings.ended(target, end, peers=(FIRST, SECOND), now=NOW - 60.0)


@pytest.mark.parametrize("asked", [request, whole_request])
async def test_one_that_throttles_is_not_asked_again_while_another_may_be(
    asked: Callable[..., DispatchRequest],
) -> None:
    answers = whole_stream if asked is request else whole
    async with (
        provider(throttling(30)) as openai,
        provider(answers) as deepseek,
        bench({"openai": openai.url, "deepseek": deepseek.url}) as on,
    ):
        assert (await answer_of(on, asked(FIRST, SECOND))).head.attempts == 2
        on.facts.all.clear()
        answer = await answer_of(on, asked(FIRST, SECOND))
        assert (answer.head.status, answer.head.target) == (200, SECOND)
        assert (answer.head.attempts, len(openai.seen)) == (1, 1)
        (attempt,) = on.facts.attempts
        assert (attempt.number, attempt.kind) == (1, "fallback")
        assert on.facts.completed.passed_over == (f"{FIRST}:throttled",)


async def test_where_nobody_may_be_asked_the_client_hears_at_once_when_to_come_back() -> None:
    async with provider(throttling(30)) as openai, bench({"openai": openai.url}) as on:
        first = await answer_of(on, request(FIRST))
        on.facts.all.clear()
        second = await answer_of(on, request(FIRST))
        assert (first.head.status, second.head.status) == (429, 429)
        assert dict(second.head.headers)["retry-after"] == "30"
        errors = [msgspec.json.decode(answer.body)["error"] for answer in (first, second)]
        assert errors[0]["type"] == errors[1]["type"] == "rate_limit_error"
        assert len(openai.seen) == 1
        assert not on.facts.attempts
        completed = on.facts.completed
        assert (completed.outcome, completed.error) == ("failed", "rate_limited")
        assert (completed.attempts, completed.passed_over) == (0, (f"{FIRST}:throttled",))


async def test_claude_code_is_refused_in_its_own_words() -> None:
    async with (
        provider(throttling(300, 529)) as anthropic,
        bench({"anthropic": anthropic.url}) as on,
    ):
        answers = [await answer_of(on, claude_request(CLAUDE)) for _ in range(2)]
        assert len(anthropic.seen) == 1
        for answer in answers:
            told = msgspec.json.decode(answer.body)
            assert (answer.head.status, told["error"]["type"]) == (529, "overloaded_error")
            headers = dict(answer.head.headers)
            assert headers["retry-after"] == "60"
            assert "x-should-retry" not in headers


async def test_without_a_time_nobody_is_refused_on_a_guess() -> None:
    async with (
        provider(refusing(529, b"{}"), whole_stream) as openai,
        bench({"openai": openai.url}) as on,
    ):
        assert (await answer_of(on, request(FIRST))).head.status == 503
        assert (await answer_of(on, request(FIRST))).head.status == 200


async def test_accounts_of_clients_are_throttled_apart() -> None:
    target = "openai/gpt-5.4@client"
    own = Credential("openai", "authorization", "Bearer of-the-client")
    asked = request(target, credentials=[own])
    other = replace(asked, identity=structs.replace(asked.identity, principal="another"))
    async with (
        provider(throttling(30), whole_stream) as openai,
        bench({"openai": openai.url}) as on,
    ):
        assert (await answer_of(on, asked)).head.status == 429
        assert (await answer_of(on, other)).head.status == 200
        assert (await answer_of(on, asked)).head.attempts == 0
        assert len(openai.seen) == 2


async def test_one_that_fails_is_passed_over_and_asked_where_there_is_no_other() -> None:
    async with (
        provider(whole_stream) as openai,
        provider(whole_stream) as deepseek,
        bench({"openai": openai.url, "deepseek": deepseek.url}) as on,
    ):
        failing(on, FIRST)
        assert (await answer_of(on, request(FIRST, SECOND))).head.target == SECOND
        assert on.facts.completed.passed_over == (f"{FIRST}:failing",)
        on.facts.all.clear()
        assert (await answer_of(on, request(FIRST))).head.target == FIRST
        assert not on.facts.completed.passed_over


async def test_one_at_its_limit_is_passed_over_and_refused_where_there_is_no_other() -> None:
    async with (
        provider(whole_stream) as openai,
        provider(whole_stream) as deepseek,
        bench({"openai": openai.url, "deepseek": deepseek.url}) as on,
    ):
        full(on, FIRST)
        assert (await answer_of(on, request(FIRST, SECOND))).head.target == SECOND
        answer = await answer_of(on, request(FIRST))
        assert (answer.head.status, dict(answer.head.headers)["retry-after"]) == (429, "5")
        assert not openai.seen


async def test_an_answer_that_uses_up_the_limits_sends_the_next_request_elsewhere_while_it_goes_on() -> (
    None
):
    go_on = asyncio.Event()

    async def last_one(exchange: Exchange) -> None:
        await exchange.head(
            200,
            ("content-type", "text/event-stream"),
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", "6m0s"),
        )
        await exchange.chunk(b"".join(CHAT_STREAM[:2]))
        await go_on.wait()
        await exchange.chunk(b"".join(CHAT_STREAM[2:]))
        await exchange.end()

    async with (
        provider(last_one) as openai,
        provider(whole_stream) as deepseek,
        bench({"openai": openai.url, "deepseek": deepseek.url}) as on,
    ):
        events = on.dispatcher.dispatch(request(FIRST, SECOND))
        assert await anext(events)
        assert (await answer_of(on, request(FIRST, SECOND))).head.target == SECOND
        go_on.set()
        async for _ in events:
            pass
        assert (await answer_of(on, request(FIRST, SECOND))).head.target == SECOND
        # It may be asked all the same: limits fill up all the time.
        assert (await answer_of(on, request(FIRST))).head.target == FIRST


async def test_a_full_pool_of_ours_says_nothing_of_a_target() -> None:
    async with (
        provider(whole_stream) as openai,
        bench({"openai": openai.url}, limits=replace(QUICK, max_connections=1)) as on,
    ):
        go_on = asyncio.Event()

        async def slow(exchange: Exchange) -> None:
            await go_on.wait()
            await exchange.stream(*CHAT_STREAM)

        openai.scripts[:] = [slow, whole_stream]
        waiting = asyncio.ensure_future(answer_of(on, request(FIRST)))
        async with asyncio.timeout(5):
            while not openai.seen:
                await asyncio.sleep(0.01)
        assert (await answer_of(on, request(FIRST))).head.status == 503
        assert on.dispatcher.standings.bar(FIRST, now=NOW) is None
        go_on.set()
        assert (await waiting).head.status == 200


async def test_counting_tokens_neither_tells_nor_asks_how_a_target_stands() -> None:
    counting = replace(
        claude_request(CLAUDE),
        path="/v1/messages/count_tokens",
        features=structs.replace(claude_request(CLAUDE).features, stream=False),
    )
    async with (
        provider(throttling(30), throttling(40), refusing(200, b'{"input_tokens":9}')) as anthropic,
        bench({"anthropic": anthropic.url}) as on,
    ):
        assert (await answer_of(on, counting)).head.status == 200
        assert on.dispatcher.standings.bar(CLAUDE, now=NOW) is None
        await answer_of(on, claude_request(CLAUDE))
        assert on.dispatcher.standings.bar(CLAUDE, now=NOW) is not None
        counted = await answer_of(on, counting)
        assert (counted.head.target, counted.body) == (CLAUDE, b'{"input_tokens":9}')


async def test_what_a_client_scripts_at_the_simulated_provider_is_for_its_own_request() -> None:
    target = "openai/gpt-5.4@simulated"
    scripted = request(target, headers=[("x-simulate", "status=429,retry-after=30")])
    async with (
        provider(throttling(30), throttling(30), throttling(30)) as simulator,
        bench({}, simulated_url=simulator.url) as on,
    ):
        await answer_of(on, scripted)
        await answer_of(on, request(target))
        await answer_of(on, scripted)
        await answer_of(on, request(target))
        assert len(simulator.seen) == 3


class FaultyClock:
    """Fails once when it is armed."""

    def __init__(self) -> None:
        self.is_armed = False

    def __call__(self) -> float:
        if self.is_armed:
            self.is_armed = False
            raise ArithmeticError("a fault of ours")
        return NOW


async def test_a_fault_of_ours_leaves_no_call_under_way() -> None:
    clock = FaultyClock()

    async def answers(exchange: Exchange) -> None:
        clock.is_armed = True
        await exchange.stream(*CHAT_STREAM)

    async with provider(answers) as openai, bench({"openai": openai.url}, clock=clock) as on:
        answer = await answer_of(on, request(FIRST))
        assert answer.head.status == 500
        (attempt,) = on.facts.attempts
        assert attempt.outcome == "cancelled"
        assert on.facts.completed.attempts == 1
        assert on.dispatcher.standings.of(FIRST, "under_2k", now=NOW).free == CEILING


def moving_costs(asked: DispatchRequest) -> DispatchRequest:
    """A dollar, to the second target."""
    candidates = (candidate(FIRST, 0.1, 1.0), candidate(SECOND, 1.1, 2.0))
    return replace(asked, decision=structs.replace(asked.decision, candidates=candidates))


async def test_the_warm_target_is_waited_for_where_the_cold_one_costs_more() -> None:
    async with (
        provider(refusing(429, BUSY, JSON, ("retry-after-ms", "200")), whole_stream) as openai,
        provider(whole_stream) as deepseek,
        bench({"openai": openai.url, "deepseek": deepseek.url}, clock=running_clock()) as on,
    ):
        asked = moving_costs(request(FIRST, SECOND))
        answers = await asyncio.gather(answer_of(on, asked), answer_of(on, asked))
        assert [answer.head.target for answer in answers] == [FIRST, FIRST]
        assert not deepseek.seen
        completed = [fact for fact in on.facts.all if isinstance(fact, RequestCompleted)]
        told = sorted(completed, key=lambda fact: fact.waited_seconds)
        assert told[-1].waited_seconds >= 0.1
        assert told[-1].move_usd == pytest.approx(1.0)
        assert told[-1].wait_usd is not None
        assert 0.0 < told[-1].wait_usd < 0.01
        assert told[-1].passed_over == ()


@pytest.mark.parametrize(
    ("second_usd", "target", "kind"), [(0.0, FIRST, "first"), (100.0, SECOND, "fallback")]
)
async def test_the_next_request_waits_where_its_tenants_seconds_are_worth_less(
    second_usd: float, target: str, kind: str
) -> None:
    async with (
        provider(whole_stream) as openai,
        provider(whole_stream) as deepseek,
        bench({"openai": openai.url, "deepseek": deepseek.url}, clock=running_clock()) as on,
    ):
        standings = on.dispatcher.standings
        standings.begun(FIRST, now=NOW)
        end = CallEnd(
            ending="throttled",
            sent_at=NOW,
            size="under_2k",
            open_seconds=0.1,
            come_back_seconds=1.0,
        )
        standings.ended(FIRST, end, peers=(FIRST, SECOND), now=NOW)
        asked = moving_costs(request(FIRST, SECOND))
        decision = structs.replace(asked.decision, second_usd=second_usd)
        answer = await answer_of(on, replace(asked, decision=decision))
        assert (answer.head.target, answer.head.attempts) == (target, 1)
        assert on.facts.attempts[0].kind == kind
        assert (on.facts.completed.waited_seconds > 0.0) == (target == FIRST)


TOP_K = b'{"error":{"message":"Unsupported value: \'top_k\'","type":"invalid_request_error"}}'


async def test_what_our_translation_made_refused_goes_to_the_dialects_own_vendor_and_names_the_rule() -> (
    None
):
    asked = claude_request(FIRST, SECOND, CLAUDE)
    asked = replace(asked, body=asked.body[:-1] + b',"top_k":5}')
    async with (
        provider(refusing(400, TOP_K)) as openai,
        provider(whole_stream) as deepseek,
        provider(refusing(400, refusal_of_anthropic("messages: too few"))) as anthropic,
        bench({"openai": openai.url, "deepseek": deepseek.url, "anthropic": anthropic.url}) as on,
    ):
        answer = await answer_of(on, asked)
        assert (answer.head.status, answer.head.target) == (400, CLAUDE)
        assert b"too few" in answer.body, "in the vendor's own words"
        assert not deepseek.seen, "once"
        translated, native = on.facts.attempts
        assert (translated.outcome, translated.suspect) == ("rejected", "dropped:top_k")
        assert (native.target, native.suspect) == (CLAUDE, "")


async def test_a_model_that_was_asked_for_in_another_dialect_is_no_exception() -> None:
    asked = request(
        CLAUDE,
        FIRST,
        model="claude-opus-5-5",
        body=request(FIRST).body.replace(b"gpt-5.4", b"claude-opus-5-5"),
    )
    async with (
        provider(refusing(400, refusal_of_anthropic("tools.0: bad"))) as anthropic,
        provider(whole_stream) as openai,
        bench({"anthropic": anthropic.url, "openai": openai.url}) as on,
    ):
        answer = await answer_of(on, asked)
        assert (answer.head.status, answer.head.target) == (200, FIRST)
        async with asyncio.timeout(5):
            await on.notes.arrived.wait()
        assert on.notes.all[0].refused == CLAUDE
