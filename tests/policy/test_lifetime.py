"""Write lifetimes and keep-warm reads: what the arithmetic says, and what holds whatever the figures are."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.scenes import ANTHROPIC_CACHE, GPT_PRICES, OPENAI_CACHE, OPUS_PRICES
from turnout.catalog.models import Prices
from turnout.policy.lifetime import (
    MOST_READS,
    keep_warm_gain_usd,
    keep_warm_reads,
    keep_warm_usd,
    pauses_between,
    return_chances,
    write_lifetime,
)
from turnout.policy.request import Harness


@dataclass(frozen=True)
class Pauses:
    """Shares of answers after which nothing came for five minutes, and for an hour."""

    five: float
    hour: float

    def idle_share(
        self, *, harness: Harness, is_subagent: bool, ends_turn: bool | None, seconds: float
    ) -> float:
        return 1.0 if seconds < 300.0 else self.five if seconds < 3_600.0 else self.hour


def lifetime(pauses: float, prices: Prices = OPUS_PRICES) -> str:
    return write_lifetime(prices, ANTHROPIC_CACHE, pauses=pauses)


def test_an_hour_is_bought_where_pauses_pay_for_it() -> None:
    """0.75 of the input price more for each token, and 1.15 of it saved at each pause: 0.65 pauses."""
    assert (lifetime(0.65), lifetime(0.66)) == ("5m", "1h")


@pytest.mark.parametrize(
    ("five", "hour", "pauses"), [(0.05, 0.02, 1.5), (0.1, 0.1, 0.0), (0.1, 0.0, float("inf"))]
)
def test_pauses_are_counted_until_one_that_is_too_long(
    five: float, hour: float, pauses: float
) -> None:
    found = pauses_between(Pauses(five, hour), "claude_code", is_subagent=False)
    assert found == pytest.approx(pauses)


@pytest.mark.parametrize(
    "prices",
    [
        replace(OPUS_PRICES, cache_write_1h=None),
        replace(OPUS_PRICES, cache_write_5m=None),
        replace(OPUS_PRICES, cache_read=None),
    ],
)
def test_an_unknown_price_buys_no_hour(prices: Prices) -> None:
    assert lifetime(100.0, prices) == "5m"


def test_where_no_hour_is_on_offer_none_is_bought() -> None:
    short = replace(ANTHROPIC_CACHE, lifetimes_seconds=(300,))
    assert write_lifetime(OPUS_PRICES, short, pauses=100.0) == "5m"
    assert write_lifetime(GPT_PRICES, OPENAI_CACHE, pauses=100.0) == ""


def test_a_read_pays_where_the_request_comes_in_the_life_it_adds() -> None:
    """A tenth of the input price, against the 1.9 that it costs to write the prefix for an hour anew."""
    chances = (0.06, 0.05, 0.9)
    assert reads(chances=chances) == 1
    assert reads(chances=(0.05, *chances)) == 0


def test_the_chance_is_that_of_the_life_that_a_read_adds() -> None:
    """The first read of a prefix of five minutes is sent after 270 s and keeps it until 570 s."""
    chances = return_chances(
        Pauses(0.4, 0.1), "claude_code", is_subagent=False, ends_turn=True, lifetime_seconds=300.0
    )
    assert chances[:2] == (0.0, 0.0)
    assert len(chances) == MOST_READS
    hour = return_chances(
        Pauses(0.4, 0.1), "codex", is_subagent=False, ends_turn=True, lifetime_seconds=3_500.0
    )
    assert hour[0] == pytest.approx((0.4 - 0.1) / 0.4)


def reads(
    *,
    chances: tuple[float, ...],
    tokens: float = 100_000.0,
    prices: Prices = OPUS_PRICES,
    budget_usd: float = float("inf"),
) -> int:
    return keep_warm_reads(
        prices,
        ANTHROPIC_CACHE,
        prefix_tokens=tokens,
        lifetime="1h",
        chances=chances,
        budget_usd=budget_usd,
    )


CHANCES = st.lists(st.floats(0.0, 1.0), max_size=MOST_READS).map(tuple)
TOKENS = st.floats(0.0, 1e6)
PRICE = st.floats(0.01, 100.0)


@given(chances=CHANCES, tokens=TOKENS, more=st.floats(1.0, 10.0))
def test_a_longer_prefix_is_never_kept_for_less_long(
    chances: tuple[float, ...], tokens: float, more: float
) -> None:
    assert reads(chances=chances, tokens=tokens * more) >= reads(chances=chances, tokens=tokens)


@given(chances=CHANCES, tokens=TOKENS, write=PRICE, dearer=st.floats(0.0, 10.0))
def test_what_is_dearer_to_write_is_never_kept_for_less_long(
    chances: tuple[float, ...], tokens: float, write: float, dearer: float
) -> None:
    cheap, dear = (
        reads(chances=chances, tokens=tokens, prices=replace(OPUS_PRICES, cache_write_1h=price))
        for price in (write, write + dearer)
    )
    assert dear >= cheap


@given(chances=CHANCES, tokens=TOKENS, budget=st.floats(0.0, 1.0))
def test_the_budget_is_never_exceeded(
    chances: tuple[float, ...], tokens: float, budget: float
) -> None:
    sent = reads(chances=chances, tokens=tokens, budget_usd=budget)
    assert sent * keep_warm_usd(OPUS_PRICES, prefix_tokens=tokens) <= budget


@given(pauses=st.floats(0.0, 50.0), more=st.floats(0.0, 50.0), hour=PRICE, cheaper=PRICE)
def test_more_pauses_and_a_cheaper_hour_speak_for_it(
    pauses: float, more: float, hour: float, cheaper: float
) -> None:
    dear = replace(OPUS_PRICES, cache_write_1h=hour + cheaper)
    cheap = replace(OPUS_PRICES, cache_write_1h=hour)
    if lifetime(pauses, dear) == "1h":
        assert lifetime(pauses + more, dear) == lifetime(pauses, cheap) == "1h"


@given(chance=st.floats(0.0, 1.0), tokens=TOKENS)
def test_where_lifetimes_are_not_bought_nothing_is_kept(chance: float, tokens: float) -> None:
    gain = keep_warm_gain_usd(
        GPT_PRICES, OPENAI_CACHE, prefix_tokens=tokens, lifetime="5m", chance=chance
    )
    assert gain <= 0.0
