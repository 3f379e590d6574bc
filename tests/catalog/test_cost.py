"""Cost is usage times prices: known answers and the properties any bill has."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from turnout.catalog import LongContext, Prices, cost_usd, parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.dialects.usage import Usage

COUNTS = (
    "fresh_input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "cache_write_other",
    "output",
)

tokens = st.integers(min_value=0, max_value=2_000_000)
dollars = st.floats(min_value=0, max_value=1_000, allow_nan=False)
usages = st.builds(Usage, **dict.fromkeys(COUNTS, tokens))
prices = st.builds(Prices, **dict.fromkeys(COUNTS, dollars), writes_cost_fresh=st.booleans())


def bill(usage: Usage, at: Prices) -> float:
    cost = cost_usd(usage, at)
    assert cost is not None
    return cost


def test_every_count_of_usage_is_billed_once() -> None:
    assert set(Usage.__struct_fields__) == {*COUNTS, "reasoning"}
    at = Prices(
        fresh_input=1.0,
        cache_read=10.0,
        cache_write_5m=100.0,
        cache_write_1h=1_000.0,
        cache_write_other=10_000.0,
        output=100_000.0,
    )
    usage = Usage(**dict.fromkeys(COUNTS, 1_000_000), reasoning=500_000)
    assert cost_usd(usage, at) == 111_111.0


def test_a_call_of_opus_costs_what_the_price_list_says() -> None:
    opus = parse_catalog(snapshot_bytes()).models["claude-opus-5-5"]
    usage = Usage(fresh_input=100, cache_read=100_000, cache_write_1h=2_000, output=400)
    expected = (100 * 4 + 100_000 * 0.2 + 2_000 * 8 + 400 * 20) / 1_000_000
    assert cost_usd(usage, opus.prices) == pytest.approx(expected)


def test_without_a_write_premium_a_written_token_costs_the_fresh_price() -> None:
    at = Prices(fresh_input=5.0, cache_read=0.5, output=30.0, writes_cost_fresh=True)
    for count in ("cache_write_5m", "cache_write_1h", "cache_write_other"):
        assert cost_usd(Usage(**{count: 1_000}), at) == pytest.approx(0.005)


def test_an_unknown_price_makes_the_cost_unknown_only_when_it_is_needed() -> None:
    at = Prices(fresh_input=5.0, output=30.0)
    assert cost_usd(Usage(fresh_input=10, output=10), at) == pytest.approx(350 / 1_000_000)
    assert cost_usd(Usage(fresh_input=10, cache_read=1), at) is None
    assert cost_usd(Usage(cache_write_5m=1), at) is None


def test_zero_is_a_price() -> None:
    assert cost_usd(Usage(fresh_input=10, output=5), Prices(fresh_input=0.0, output=0.0)) == 0.0


def test_a_long_prompt_has_the_other_price_for_every_token() -> None:
    at = Prices(
        fresh_input=1.0,
        output=2.0,
        long_context=LongContext(above_tokens=200_000, prices=Prices(fresh_input=3.0, output=5.0)),
    )
    assert bill(Usage(fresh_input=200_000, output=100_000), at) == pytest.approx(0.4)
    assert bill(Usage(fresh_input=200_001, output=100_000), at) == pytest.approx(1.100003)


@given(usages, usages, prices)
def test_cost_is_additive(one: Usage, other: Usage, at: Prices) -> None:
    both = Usage(**{name: getattr(one, name) + getattr(other, name) for name in COUNTS})
    assert bill(both, at) == pytest.approx(bill(one, at) + bill(other, at))


@given(usages, prices, st.sampled_from(COUNTS), st.integers(min_value=1, max_value=10_000))
def test_more_tokens_never_cost_less(usage: Usage, at: Prices, count: str, more: int) -> None:
    larger = structs.replace(usage, **{count: getattr(usage, count) + more})
    assert bill(larger, at) >= bill(usage, at)


@given(usages, prices, st.sampled_from(COUNTS), st.floats(min_value=0, max_value=100))
def test_higher_prices_never_cost_less(usage: Usage, at: Prices, price: str, more: float) -> None:
    dearer = replace(at, **{price: getattr(at, price) + more})
    assert bill(usage, dearer) >= bill(usage, at)


@given(usages, prices)
def test_reasoning_is_a_part_of_output_and_not_billed_again(usage: Usage, at: Prices) -> None:
    assert cost_usd(structs.replace(usage, reasoning=usage.output), at) == cost_usd(usage, at)
