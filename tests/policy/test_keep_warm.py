"""Which prompts are kept cached, as a decision says it, and what their reads may cost."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.scenes import (
    ANTHROPIC_CACHE,
    GPT,
    OPUS,
    OPUS_PRICES,
    TABLES,
    Difference,
    decided,
)
from turnout.catalog.models import LongContext, WriteLifetime
from turnout.policy.decision import KeepWarm
from turnout.policy.keep_warm import dearest_read_usd, reads_that_pay
from turnout.policy.lifetime import return_chances

ON: Difference = {"keep_warm": True, "keep_warm_budget_usd": 3.0}


@pytest.mark.parametrize(("pauses", "lifetime", "seconds"), [(0.01, "5m", 300), (50, "1h", 3_600)])
def test_a_decision_brings_the_chances_of_its_own_lifetime_for_both_ends_of_an_answer(
    pauses: float, lifetime: WriteLifetime, seconds: float
) -> None:
    tables = replace(TABLES, pauses=pauses)
    plan = decided(tables, **ON).keep_warm
    assert plan == KeepWarm(
        lifetime=lifetime,
        chances_ended=return_chances(tables, "claude_code", False, True, seconds),
        chances_going_on=return_chances(tables, "claude_code", False, False, seconds),
        budget_usd=3.0,
    )


@pytest.mark.parametrize(
    "otherwise",
    [
        Difference(keep_warm_budget_usd=0.0),
        Difference(keep_warm=False),
        Difference(mode="observe"),
        Difference(arm="control"),
        Difference(is_subagent=True, request_class="subagent"),
        Difference(request_class="auxiliary", kind="title"),
        Difference(request_class="compaction", kind="compaction"),
        Difference(model=GPT),
    ],
    ids=str,
)
def test_nothing_is_kept_where_nobody_asked_for_it_or_nothing_can_be(otherwise: Difference) -> None:
    allowed: Difference = {"mode": "cache", "model": OPUS}
    assert decided(**ON | allowed).keep_warm is not None
    assert decided(**ON | allowed | otherwise).keep_warm is None


def test_the_chances_that_count_are_those_of_how_the_answer_ended() -> None:
    plan = KeepWarm("5m", chances_ended=(0.9, 0.9, 0.0), chances_going_on=(0.0,), budget_usd=1.0)

    def reads(*, ends_turn: bool, prefix_tokens: int = 50_000) -> int:
        return reads_that_pay(
            plan, OPUS_PRICES, ANTHROPIC_CACHE, prefix_tokens=prefix_tokens, ends_turn=ends_turn
        )

    assert (reads(ends_turn=True), reads(ends_turn=False)) == (2, 0)
    assert reads(ends_turn=True, prefix_tokens=1_023) == 0


@given(
    prompt=st.integers(0, 400_000),
    read=st.floats(0, 1),
    hour=st.floats(0, 1),
    fresh=st.floats(0, 1),
)
def test_no_read_costs_more_than_the_dearest(
    prompt: int, read: float, hour: float, fresh: float
) -> None:
    """However the prompt is split into read, written and fresh tokens."""
    dear = replace(OPUS_PRICES, fresh_input=12.0, cache_write_1h=20.0, cache_write_5m=14.0)
    prices = replace(OPUS_PRICES, long_context=LongContext(above_tokens=200_000, prices=dear))
    valid = prices.for_prompt(prompt)
    rate = read * 0.5 + (1 - read) * (
        fresh * (valid.fresh_input or 0.0)
        + (1 - fresh)
        * (hour * (valid.cache_write_1h or 0.0) + (1 - hour) * (valid.cache_write_5m or 0.0))
    )
    spent = (rate * prompt + (valid.output or 0.0)) / 1e6
    assert spent <= dearest_read_usd(prices, prompt_tokens=prompt) + 1e-12
