"""A second call beside one that is silent: who answers, who is closed, what it costs, and when it is not made."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from tests.upstream_dispatcher.faults import (
    FIRST,
    SECOND,
    refusing,
    silence,
    silence_after_role,
    whole_stream,
)
from tests.upstream_dispatcher.samples import CHAT_STREAM
from tests.upstream_dispatcher.scripted import Exchange, Script, ScriptedProvider, provider
from tests.upstream_dispatcher.test_whole import whole_request
from tests.upstream_dispatcher.workbench import QUICK, Bench, answer_of, bench, request
from turnout.policy.hedge import Races
from turnout.policy.request import Mode
from turnout.policy.standing import CallEnd
from turnout.ports import Head
from turnout.upstream_dispatcher.limits import HedgeTerms

pytestmark = pytest.mark.anyio

PATIENT = replace(QUICK, first_byte_seconds=5.0, idle_seconds=5.0, whole_answer_seconds=5.0)
QUICKLY = HedgeTerms(requests_share=1.0, usd_share=1.0, floor_seconds=0.05)
"""Every request may be raced, for as much as requests have cost."""


def in_turn(*scripts: Script) -> Script:
    """One for each request, the last for all others."""
    left = list(scripts)

    async def script(exchange: Exchange) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(exchange)

    return script


def answers_fast(on: Bench, *targets: str) -> None:
    """They are known to begin within milliseconds."""
    now = 1_800_000_000.0
    for target in targets:
        for _ in range(500):
            on.dispatcher.standings.begun(target, now=now)
            end = CallEnd(
                ending="answered",
                sent_at=now,
                size="under_2k",
                open_seconds=0.02,
                first_content_seconds=0.01,
            )
            on.dispatcher.standings.ended(target, end, peers=[target], now=now)


@dataclass(slots=True)
class Raced:
    on: Bench
    openai: ScriptedProvider
    deepseek: ScriptedProvider


@asynccontextmanager
async def racing(
    openai: Script, deepseek: Script = whole_stream, *, terms: HedgeTerms = QUICKLY
) -> AsyncGenerator[Raced, None]:
    """After one request that was answered, whose cost fills the budget."""
    async with (
        provider(in_turn(whole_stream, openai)) as first,
        provider(deepseek) as second,
        bench(
            {"openai": first.url, "deepseek": second.url}, limits=PATIENT, hedge_terms=terms
        ) as on,
    ):
        answers_fast(on, FIRST, SECOND)
        await answer_of(on, request(FIRST))
        on.facts.all.clear()
        yield Raced(on, first, second)


@pytest.mark.parametrize("stalled", [silence, silence_after_role])
async def test_a_silent_call_is_raced_and_the_first_with_content_answers(stalled: Script) -> None:
    async with racing(in_turn(stalled, whole_stream)) as race:
        answer = await answer_of(race.on, request(FIRST, SECOND))
        assert answer.body.count(b"[DONE]") == 1
        assert (answer.head.target, answer.head.attempts) == (FIRST, 2)
        await asyncio.wait_for(race.openai.hung_up.wait(), 5)
        lost, won = sorted(race.on.facts.attempts, key=lambda attempt: attempt.number)
        assert (lost.kind, lost.outcome, lost.hedge_delay_seconds) == ("first", "lost", None)
        assert (won.kind, won.outcome) == ("hedge", "answered")
        assert won.hedge_delay_seconds is not None
        assert lost.event_id != won.event_id
        completed = race.on.facts.completed
        assert (completed.hedges, completed.not_hedged) == (1, "")
        assert completed.hedge_cost_usd == lost.cost_usd
        assert lost.cost_usd is not None
        assert won.cost_usd is not None
        assert completed.cost_usd == pytest.approx(lost.cost_usd + won.cost_usd)


async def test_the_first_call_may_still_win_and_the_hedge_is_closed() -> None:
    raced = asyncio.Event()

    async def late(exchange: Exchange) -> None:
        await raced.wait()
        await exchange.stream(*CHAT_STREAM)

    async def hedge(exchange: Exchange) -> None:
        raced.set()
        await exchange.until_closed()

    async with racing(in_turn(late, hedge)) as race:
        answer = await answer_of(race.on, request(FIRST))
        assert (answer.head.target, answer.head.attempts) == (FIRST, 2)
        await asyncio.wait_for(race.openai.hung_up.wait(), 5)
        won, lost = sorted(race.on.facts.attempts, key=lambda attempt: attempt.number)
        assert (won.kind, won.outcome) == ("first", "answered")
        assert (lost.kind, lost.outcome) == ("hedge", "lost")


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        (replace(QUICKLY, usd_share=0.0), "no_dollars_left"),
        (replace(QUICKLY, requests_share=0.0), "no_requests_left"),
    ],
)
async def test_what_the_budget_does_not_pay_for_is_not_raced_and_says_why(
    terms: HedgeTerms, why: str
) -> None:
    async def late(exchange: Exchange) -> None:
        await asyncio.sleep(0.2)
        await exchange.stream(*CHAT_STREAM)

    async with racing(late, terms=terms) as race:
        answer = await answer_of(race.on, request(FIRST))
        assert answer.head.attempts == 1
        assert race.on.facts.completed.not_hedged == why
        assert race.on.facts.completed.hedges == 0


@pytest.mark.parametrize(
    ("races", "mode", "attempts"),
    [
        ("never", "full", 1),
        ("beyond_observe", "observe", 1),
        ("beyond_observe", "cache", 2),
        ("always", "observe", 2),
    ],
)
async def test_whose_calls_are_raced(races: Races, mode: Mode, attempts: int) -> None:
    async def late(exchange: Exchange) -> None:
        await asyncio.sleep(0.5)
        await exchange.stream(*CHAT_STREAM)

    async with racing(in_turn(late, whole_stream), terms=replace(QUICKLY, races=races)) as race:
        asked = replace(request(FIRST), mode=mode)
        assert (await answer_of(race.on, asked)).head.attempts == attempts
        assert race.on.facts.completed.not_hedged == ""


async def test_an_answer_that_is_no_stream_is_not_raced() -> None:
    async def late(exchange: Exchange) -> None:
        await asyncio.sleep(0.2)
        await exchange.answer(503, b"", ("content-type", "text/html"))

    async with racing(late) as race:
        await answer_of(race.on, whole_request(FIRST))
        assert len(race.on.facts.attempts) == 1


async def test_when_both_fail_the_next_target_is_asked() -> None:
    async def late(exchange: Exchange) -> None:
        await asyncio.sleep(0.2)
        await exchange.answer(500, b"")

    async with racing(in_turn(late, refusing(500, b"{}"))) as race:
        answer = await answer_of(race.on, request(FIRST, SECOND))
        assert (answer.head.target, answer.head.attempts) == (SECOND, 3)
        assert kinds(race.on) == ["first", "hedge", "fallback"]


async def test_a_refusal_that_only_the_hedge_met_is_not_what_the_client_hears() -> None:
    raced = asyncio.Event()

    async def late(exchange: Exchange) -> None:
        await raced.wait()
        await exchange.answer(500, b"")

    async def throttled(exchange: Exchange) -> None:
        await exchange.answer(429, b"{}", ("content-type", "application/json"))
        raced.set()

    async with racing(in_turn(late, throttled)) as race:
        answer = await answer_of(race.on, request(FIRST))
        assert kinds(race.on) == ["first", "hedge"]
        assert answer.head.status == 502
        assert b"rate_limit" not in answer.body
        assert race.on.facts.completed.error == "upstream_failed"


async def test_a_failure_before_the_delay_is_failover() -> None:
    async with racing(refusing(500, b"{}")) as race:
        answer = await answer_of(race.on, request(FIRST, SECOND))
        assert answer.head.target == SECOND
        assert kinds(race.on) == ["first", "fallback"]


async def test_a_client_that_leaves_in_a_race_closes_both_calls() -> None:
    arrived = asyncio.Event()

    async def hedge(exchange: Exchange) -> None:
        arrived.set()
        await exchange.until_closed()

    async with racing(in_turn(silence, hedge)) as race:
        async with aclosing(race.on.dispatcher.dispatch(request(FIRST))) as events:
            waiting = asyncio.ensure_future(anext(events))
            await asyncio.wait_for(arrived.wait(), 5)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        async with asyncio.timeout(5):
            while race.openai.open_connections:
                await asyncio.sleep(0.01)
        assert [attempt.outcome for attempt in race.on.facts.attempts] == ["cancelled"] * 2
        assert race.on.facts.completed.outcome == "cancelled"


async def test_signs_of_life_go_on_in_a_race() -> None:
    quick = replace(PATIENT, commit_after_seconds=0.02, keep_alive_seconds=0.05)
    go_on = asyncio.Event()

    async def hedge(exchange: Exchange) -> None:
        await go_on.wait()
        await exchange.stream(*CHAT_STREAM)

    async with (
        provider(in_turn(whole_stream, silence, hedge)) as openai,
        bench({"openai": openai.url}, limits=quick, hedge_terms=QUICKLY) as on,
    ):
        answers_fast(on, FIRST)
        await answer_of(on, request(FIRST))
        on.facts.all.clear()
        signs = 0
        async with aclosing(on.dispatcher.dispatch(request(FIRST))) as events:
            assert isinstance(await anext(events), Head)
            async for _ in events:
                signs += 1
                if signs == 5:
                    go_on.set()
        assert on.facts.completed.outcome == "answered"
        assert on.facts.completed.hedges == 1


def kinds(on: Bench) -> Sequence[str]:
    return [
        attempt.kind for attempt in sorted(on.facts.attempts, key=lambda attempt: attempt.number)
    ]
