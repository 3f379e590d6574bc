"""What waiting for first content does to decisions, by example and for every scene."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tests.policy.scenes import (
    ANTHROPIC_CLIENT,
    ANTHROPIC_ENV,
    CATALOG,
    OPUS,
    SONNET,
    TABLES,
    Difference,
    PlainTables,
    decided,
    running,
    scene,
)
from tests.policy.test_switch_properties import (
    fresh_scenes,
    made,
    outcome,
    scenes,
    tables_of,
)
from turnout.policy.cost import Horizon
from turnout.policy.decision import Decision, DecisionInputs
from turnout.policy.explain import explain
from turnout.policy.latency import PRIOR_SECONDS, SIZES, Size
from turnout.policy.standing import TargetLatency
from turnout.policy.waiting import by_size, expected_wait

OWN, OPUS_AT, SONNET_AT = (
    f"anthropic/{OPUS}@client",
    f"anthropic/{OPUS}@env",
    f"anthropic/{SONNET}@env",
)
BOTH = (ANTHROPIC_CLIENT, ANTHROPIC_ENV)
ONE = (ANTHROPIC_ENV,)
SHORT = replace(TABLES, steps=1.0)


def slow(target: str, seconds: float) -> tuple[TargetLatency, ...]:
    """For prompts of every size."""
    return tuple(TargetLatency(target, size, seconds) for size in SIZES)


@pytest.mark.parametrize(
    ("warm", "first"),
    [
        (0, 9.0),
        (29_500, 1.0),
        # Of this size nothing is known.
        (20_000, PRIOR_SECONDS["under_16k"]),
    ],
)
def test_a_prompt_waits_for_what_its_cache_does_not_hold(warm: int, first: float) -> None:
    known: dict[Size, float] = {"under_2k": 1.0, "under_64k": 9.0}
    latencies = tuple(TargetLatency(OPUS_AT, size, seconds) for size, seconds in known.items())
    decision = decided(
        SHORT,
        access=ONE,
        candidates=(),
        second_usd=0.01,
        latencies=latencies,
        state=running(OPUS_AT, warm=warm),
    )
    (one,) = decision.candidates
    assert one.first_content_seconds == first
    assert one.latency_usd == pytest.approx(0.01 * first)
    assert decision.second_usd == 0.01


def test_later_steps_wait_for_what_they_add_or_for_the_whole_prompt_when_it_is_cold() -> None:
    known = by_size(
        (TargetLatency(OPUS_AT, "under_2k", 1.0), TargetLatency(OPUS_AT, "under_64k", 9.0))
    )
    horizon = Horizon(steps=11.0, growth_tokens=1_000.0, output_tokens=1.0, stays_warm=0.75)
    wait = expected_wait(OPUS_AT, known, 30_000.0, 29_500.0, horizon)
    assert wait.first == 1.0
    assert wait.to_go == pytest.approx(1.0 + 10 * (0.75 * 1.0 + 0.25 * 9.0))
    last = structs.replace(horizon, steps=1.0)
    assert expected_wait(OPUS_AT, known, 30_000.0, 0.0, last).to_go == 9.0


def test_a_target_that_was_never_asked_is_as_slow_as_the_prior_says() -> None:
    decision = decided(SHORT, access=ONE, candidates=(SONNET,), second_usd=0.01)
    seconds = {one.first_content_seconds for one in decision.candidates}
    assert seconds == {PRIOR_SECONDS["under_64k"]}


def test_a_new_thread_goes_where_it_waits_less() -> None:
    """Sonnet scores 34 cents more over forty steps; five seconds less at each are worth a dollar."""
    given: Difference = {"access": ONE, "candidates": (SONNET,)}
    assert decided(**given).targets[0] == SONNET_AT
    slowly: Difference = {**given, "second_usd": 0.005, "latencies": slow(SONNET_AT, 9.0)}
    assert decided(**slowly).targets[0] == OPUS_AT


def test_a_warm_thread_leaves_a_slow_target_for_waits_that_pay_for_the_move() -> None:
    given: Difference = {
        "access": BOTH,
        "candidates": (),
        "prompt": 100_000,
        "state": running(OWN, warm=99_000),
    }
    for second_usd, served in ((0.0, OWN), (0.001, OWN), (0.01, OPUS_AT)):
        more: Difference = {**given, "second_usd": second_usd, "latencies": slow(OWN, 9.0)}
        decision = decided(**more)
        assert decision.targets[0] == served, second_usd
    assert decision.reason == "gain_exceeds_break_even"


def test_what_was_asked_for_is_served_in_observe_mode_however_slow_it_is() -> None:
    decision = decided(
        access=ONE,
        mode="observe",
        second_usd=1.0,
        latencies=slow(OPUS_AT, 90.0),
        candidates=(SONNET,),
    )
    assert (decision.targets, decision.proposal) == ((OPUS_AT,), SONNET_AT)


def test_waits_are_explained() -> None:
    given: Difference = {
        "access": ONE,
        "candidates": (SONNET,),
        "second_usd": 0.005,
        "latencies": slow(SONNET_AT, 9.0),
    }
    lines = explain(decided(**given), scene(**given), catalog=CATALOG)
    assert any(
        line.endswith("- cost to go - waits. A second until first content is worth $0.0050.")
        for line in lines
    )
    (slower,) = [line for line in lines if f". {SONNET_AT}: score" in line]
    assert "first content in 9.0 s, waits $1.80;" in slower
    plain: Difference = {"access": ONE, "candidates": (SONNET,)}
    assert not any(
        "wait" in line for line in explain(decided(**plain), scene(**plain), catalog=CATALOG)
    )


@given(scenes, tables_of, st.sampled_from((0.0, -0.0)))
def test_without_a_price_of_a_second_nothing_that_was_seen_is_an_argument(
    inputs: DecisionInputs, tables: PlainTables, second_usd: float
) -> None:
    free = structs.replace(inputs, settings=structs.replace(inputs.settings, second_usd=second_usd))
    seen = outcome(free, tables)
    assert seen == outcome(structs.replace(free, latencies=()), tables)
    if isinstance(seen, Decision):
        assert {one.first_content_seconds for one in seen.candidates} <= {None}
        assert all(one.latency_usd == 0.0 for one in seen.candidates)


@given(
    st.floats(1e-6, 10),
    st.floats(0.01, 100),
    st.floats(0.01, 100),
    st.integers(1, 200_000),
    tables_of,
)
def test_of_two_equals_the_slower_is_never_preferred(
    second_usd: float, own: float, env: float, prompt: int, tables: PlainTables
) -> None:
    """One model by two accounts, which differ in nothing else."""
    decision = decided(
        tables,
        access=BOTH,
        candidates=(),
        prompt=prompt,
        second_usd=second_usd,
        latencies=(*slow(OWN, own), *slow(OPUS_AT, env)),
    )
    seconds = {OWN: own, OPUS_AT: env}
    first, second = decision.targets
    # A difference below the digits of a score is none.
    assert seconds[first] <= seconds[second] or second_usd * abs(own - env) < 1e-9


@given(fresh_scenes, tables_of, st.floats(0, 1), st.floats(0, 1), st.data())
def test_a_higher_price_of_a_second_never_buys_a_longer_wait(
    inputs: DecisionInputs, tables: PlainTables, one: float, other: float, data: st.DataObject
) -> None:
    targets = [candidate.target for candidate in made(inputs, tables).candidates]
    latencies = tuple(
        latency
        for target in targets
        for latency in slow(target, data.draw(st.floats(0.01, 60), label=target))
    )
    chosen: list[str] = []
    for second_usd in sorted((one, other)):
        settings = structs.replace(inputs.settings, second_usd=second_usd)
        priced = structs.replace(inputs, settings=settings, latencies=latencies)
        chosen.append(made(priced, tables).proposal)
    known = by_size(latencies)
    less, more = (known[target, "under_2k"] for target in chosen)
    # A difference below the digits of a score is none.
    assert more <= less or abs(one - other) * (more - less) < 1e-9
