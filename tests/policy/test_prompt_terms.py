"""How a prompt is cached where it is served."""

from dataclasses import replace

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from tests.policy.scenes import (
    ANTHROPIC_CACHE,
    CATALOG,
    GPT,
    OPENAI_CACHE,
    OPUS,
    OPUS_PRICES,
    Difference,
    PlainTables,
    decided,
    running,
    scene,
)
from turnout.catalog.models import CacheTerms, Prices, WriteLifetime
from turnout.policy.lifetime import breakpoint_pays
from turnout.policy.prompt_terms import (
    cache_terms,
    chosen_lifetime,
    pauses_to_write_for,
    seconds_of,
    survival,
    written_lifetime,
)

OPUS_AT = f"anthropic/{OPUS}@env"


def test_a_prefix_stays_as_the_pauses_of_those_who_come_back_let_it() -> None:
    """Of a thousand, 24 come after five minutes to an hour and 4 later."""
    tables = PlainTables(share=1.0)
    five, hour = (
        survival(tables, "anthropic", lifetime, False, "claude_code", False)
        for lifetime in (300.0, 3_600.0)
    )
    assert five == pytest.approx(0.972)
    assert hour == pytest.approx(0.996)


@pytest.mark.parametrize(
    ("cache", "asks_one_hour", "expected"),
    [
        (ANTHROPIC_CACHE, False, ("5m", 300.0)),
        (ANTHROPIC_CACHE, True, ("1h", 3_600.0)),
        (replace(ANTHROPIC_CACHE, lifetimes_seconds=(300,)), True, ("5m", 300.0)),
        # Who stores by itself is not asked for a lifetime.
        (OPENAI_CACHE, True, ("other", 300.0)),
        (CacheTerms(kind="automatic"), False, ("other", 0.0)),
        (CacheTerms(kind="none"), True, ("other", 0.0)),
    ],
)
def test_the_lifetime_of_a_write(
    cache: CacheTerms, asks_one_hour: bool, expected: tuple[WriteLifetime, float]
) -> None:
    lifetime = written_lifetime(cache, asks_one_hour=asks_one_hour)
    assert (lifetime, seconds_of(lifetime, cache)) == expected


@pytest.mark.parametrize("asks_one_hour", [False, True])
@pytest.mark.parametrize(("pauses", "expected"), [(0.0, "5m"), (3.0, "1h")])
def test_pauses_say_what_a_write_is_for(
    pauses: float, expected: str, *, asks_one_hour: bool
) -> None:
    inputs = scene(asks_one_hour=asks_one_hour)
    tables = PlainTables(pauses=pauses)
    told = pauses_to_write_for(inputs, tables)
    assert chosen_lifetime(OPUS_PRICES, ANTHROPIC_CACHE, pauses=told) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (Difference(), "1h"),
        (Difference(mode="observe"), ""),
        (Difference(mode="observe", asks_one_hour=True), ""),
        (Difference(request_class="auxiliary"), ""),
        (Difference(request_class="compaction"), ""),
        (Difference(model=GPT), ""),
    ],
)
def test_a_decision_says_what_is_written_for_where_it_may(given: Difference, expected: str) -> None:
    alone: Difference = {"candidates": (), **given}
    assert decided(PlainTables(pauses=3.0), **alone).write_lifetime == expected


def test_a_model_that_is_not_cached_has_no_cache() -> None:
    plain = CATALOG.models[OPUS]
    uncached = replace(plain, capabilities=replace(plain.capabilities, prompt_caching=False))
    assert cache_terms(plain, CATALOG).kind == "explicit"
    assert cache_terms(uncached, CATALOG).kind == "none"


UNMARKED: Difference = {"lacks_breakpoints": True, "candidates": ()}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "5m"),
        # Nobody comes back to it.
        ({"kind": "compaction"}, ""),
        ({"mode": "observe"}, ""),
        ({"arm": "control"}, ""),
        ({"request_class": "auxiliary"}, ""),
    ],
)
def test_a_prompt_without_breakpoints_gets_one_where_reads_are_expected(
    given: Difference, expected: str
) -> None:
    differs: Difference = {**UNMARKED, **given}
    assert decided(PlainTables(pauses=0.0), **differs).write_lifetime == expected


def test_one_that_is_not_cached_costs_fresh_input_in_every_step() -> None:
    tables = PlainTables(pauses=0.0, steps=11.0, growth=0.0, output=0.0)
    beside: Difference = {**UNMARKED, "prompt": 100_000, "request_class": "auxiliary"}
    going_on: Difference = {**UNMARKED, "prompt": 100_000}
    (one,) = decided(tables, **beside).candidates
    (ours,) = decided(tables, **going_on).candidates
    # Five dollars for a million tokens.
    assert one.cost_now_usd == pytest.approx(0.5)
    assert one.cost_to_go_usd == pytest.approx(5.5)
    assert ours.cost_to_go_usd is not None
    assert ours.cost_to_go_usd < 2.0


def test_what_others_have_cached_helps_no_prompt_without_breakpoints() -> None:
    given: Difference = {
        **UNMARKED,
        "prompt": 100_000,
        "request_class": "auxiliary",
        "state": running(OPUS_AT, warm=90_000),
    }
    (one,) = decided(**given).candidates
    assert one.warm_tokens == 0


@pytest.mark.parametrize(
    ("steps", "stays_warm", "expected"),
    [
        (1.0, 1.0, False),
        # A write costs a quarter more, a read saves nine tenths.
        (1.2, 1.0, False),
        (1.3, 1.0, True),
        (40.0, 0.1, False),
        (40.0, 0.3, True),
    ],
)
def test_a_breakpoint_pays_when_its_reads_do(
    steps: float, stays_warm: float, *, expected: bool
) -> None:
    paid = breakpoint_pays(OPUS_PRICES, lifetime="5m", steps=steps, stays_warm=stays_warm)
    assert paid is expected


def test_nothing_is_said_of_prices_that_are_not_known() -> None:
    assert not breakpoint_pays(Prices(fresh_input=1.0), lifetime="5m", steps=40.0, stays_warm=1.0)


@drawn(
    steps=st.floats(1.0, 200.0),
    longer=st.floats(0.0, 100.0),
    stays_warm=st.floats(0.0, 1.0),
    warmer=st.floats(0.0, 1.0),
)
def test_more_steps_and_warmer_caches_never_undo_it(
    steps: float, longer: float, stays_warm: float, warmer: float
) -> None:
    if breakpoint_pays(OPUS_PRICES, lifetime="5m", steps=steps, stays_warm=stays_warm):
        assert breakpoint_pays(
            OPUS_PRICES,
            lifetime="5m",
            steps=steps + longer,
            stays_warm=max(stays_warm, warmer),
        )
