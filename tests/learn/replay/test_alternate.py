"""What a second model beside a thread's own gains."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tests.policy.scenes import (
    ANTHROPIC_CACHE,
    DEEPSEEK_PRICES,
    HAIKU_PRICES,
    OPENAI_CACHE,
    OPUS_PRICES,
    SONNET_PRICES,
)
from turnout.catalog.models import Prices
from turnout.learn.replay.alternate import Side, alternating_gain_usd

OPUS = Side(prices=OPUS_PRICES, cache=ANTHROPIC_CACHE, lifetime="5m")
HAIKU = Side(prices=HAIKU_PRICES, cache=ANTHROPIC_CACHE, lifetime="5m")
SONNET = Side(prices=SONNET_PRICES, cache=ANTHROPIC_CACHE, lifetime="5m")
DEEPSEEK = Side(prices=DEEPSEEK_PRICES, cache=OPENAI_CACHE, lifetime="5m")


def gain(
    other: Side,
    *,
    own: Side = OPUS,
    prompt: float = 100_000.0,
    growth: float = 0.0,
    output: float = 0.0,
    steps: float = 10.0,
    share: float = 0.5,
    margin: float = 0.0,
) -> float:
    found = alternating_gain_usd(
        own,
        other,
        prompt_tokens=prompt,
        growth_tokens=growth,
        output_tokens=output,
        steps=steps,
        share=share,
        margin=margin,
    )
    assert found is not None
    return found


def test_reads_that_are_saved_pay_for_a_cold_prompt() -> None:
    """Five of ten steps read 100,000 tokens at $0.1 instead of $0.5 a million; the first costs $1.25."""
    assert gain(HAIKU) == pytest.approx((5 * (0.5 - 0.1) - (1.25 - 0.1)) * 0.1)


def test_output_is_saved_too() -> None:
    assert gain(HAIKU, output=1_000.0) - gain(HAIKU) == pytest.approx(5 * 1_000 * (25 - 5) / 1e6)


def test_both_caches_are_written_with_all_that_the_thread_grows_by() -> None:
    mean = 100_000 + 1_000 * 9 / 2
    expected = 5 * 0.4 * mean - 1.15 * 100_000 - 1.25 * 1_000 * 10
    assert gain(HAIKU, growth=1_000.0) == pytest.approx(expected / 1e6)


def test_a_cache_that_is_lost_is_written_anew() -> None:
    lost = structs.replace(HAIKU, stays_warm=0.9)
    assert gain(HAIKU) - gain(lost) == pytest.approx(0.1 * 10 * 1.15 * 0.1)


def test_what_is_warm_there_need_not_be_written() -> None:
    warm = structs.replace(HAIKU, warm_tokens=100_000.0)
    assert gain(warm) - gain(HAIKU) == pytest.approx(1.15 * 0.1)


def test_the_margin_is_of_the_cold_prompt_alone() -> None:
    assert gain(HAIKU) - gain(HAIKU, margin=0.2) == pytest.approx(0.2 * 1.15 * 0.1)
    warm = structs.replace(HAIKU, warm_tokens=100_000.0)
    assert gain(warm, margin=0.2) == gain(warm)


def test_one_step_pays_for_a_cold_prompt_only_where_new_input_costs_less_than_cached_here() -> None:
    assert gain(HAIKU, steps=1.0, share=1.0) < 0.0
    assert gain(SONNET, steps=1.0, share=1.0) < 0.0
    assert gain(DEEPSEEK, steps=1.0, share=1.0) > 0.0


def test_a_price_that_is_not_known_makes_the_gain_unknown() -> None:
    unknown = structs.replace(HAIKU, prices=Prices(fresh_input=1.0, output=5.0))
    figures = {"prompt_tokens": 1e5, "growth_tokens": 0.0, "output_tokens": 1.0, "margin": 0.0}
    assert alternating_gain_usd(OPUS, unknown, steps=9.0, share=0.5, **figures) is None
    assert alternating_gain_usd(unknown, HAIKU, steps=9.0, share=0.5, **figures) is None


SIDES = st.sampled_from((HAIKU, SONNET, DEEPSEEK))


@given(
    other=SIDES,
    share=st.floats(0.01, 0.5),
    more=st.floats(0.0, 0.5),
    prompt=st.floats(2_000.0, 400_000.0),
    warm=st.floats(0.0, 1.0),
)
def test_more_steps_of_its_own_and_a_warmer_cache_never_lower_the_gain(
    other: Side, share: float, more: float, prompt: float, warm: float
) -> None:
    least = gain(other, prompt=prompt, share=share)
    assert gain(other, prompt=prompt, share=share + more) >= least
    warmer = structs.replace(other, warm_tokens=warm * prompt)
    assert gain(warmer, prompt=prompt, share=share) >= least


@given(other=SIDES, prompt=st.floats(2_000.0, 400_000.0), steps=st.floats(1.0, 200.0))
def test_a_model_gains_nothing_beside_itself(other: Side, prompt: float, steps: float) -> None:
    assert gain(other, own=other, prompt=prompt, steps=steps, growth=500.0) <= 0.0
