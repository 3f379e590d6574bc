"""Times to first content: close to what was seen, sane before, and unmoved by hedging."""

from collections.abc import Sequence
from itertools import pairwise
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.policy.latency import (
    HALF_LIFE_SECONDS,
    PRIOR_SECONDS,
    SIZES,
    Latency,
    Size,
    TimesSeen,
    size_of,
)

NOW = 1_790_000_000.0
BUCKET_WIDTH = 1.075


def filled(seconds: Sequence[float], *, now: float = NOW, size: Size = "under_2k") -> Latency:
    latency = Latency(size, now=now)
    for one in seconds:
        latency.add(one, now=now)
    return latency


@pytest.mark.parametrize(
    ("tokens", "size"),
    [
        (0, "under_2k"),
        (1_999, "under_2k"),
        (2_000, "under_16k"),
        (16_000, "under_64k"),
        (64_000, "more"),
        (1e9, "more"),
    ],
)
def test_a_size_is_known_by_the_tokens_to_read(tokens: float, size: Size) -> None:
    assert size_of(tokens) == size


def test_without_samples_the_prior_answers_and_larger_prompts_take_longer() -> None:
    spreads = [Latency(size, now=NOW).spread(now=NOW) for size in SIZES]
    assert spreads[0].p50 == pytest.approx(1.6, rel=0.02)
    assert spreads[0].p95 == pytest.approx(5.16, rel=0.02)
    for smaller, larger in pairwise(spreads):
        assert smaller.p50 < larger.p50
        assert smaller.p95 < larger.p95
    assert all(spread.samples == 0 for spread in spreads)


def test_samples_outweigh_the_prior() -> None:
    latency = filled([20.0] * 400)
    assert latency.quantile(0.5, now=NOW) == pytest.approx(20.0, rel=BUCKET_WIDTH - 1)
    assert latency.spread(now=NOW).samples == pytest.approx(400)


def test_the_mean_is_that_of_what_was_seen() -> None:
    latency = filled([2.0] * 300 + [10.0] * 100)
    assert latency.mean(now=NOW) == pytest.approx(4.0, rel=0.05)
    assert latency.spread(now=NOW).mean == latency.mean(now=NOW)


def test_the_mean_begins_at_the_priors_and_calls_that_were_closed_raise_it() -> None:
    latency = filled([2.0] * 400)
    mean = latency.mean(now=NOW)
    for _ in range(100):
        latency.add_longer_than(8.0, now=NOW)
    assert latency.mean(now=NOW) > mean + 1.0
    for size in SIZES:
        spread = Latency(size, now=NOW).spread(now=NOW)
        assert spread.mean == pytest.approx(PRIOR_SECONDS[size], rel=1e-9)
        assert spread.p50 < spread.mean < spread.p95


def test_one_slow_answer_does_not_make_a_target_slow() -> None:
    assert filled([60.0]).quantile(0.5, now=NOW) < 2.0


def test_old_samples_fade_to_the_prior() -> None:
    latency = filled([20.0] * 400)
    prior = Latency("under_2k", now=NOW).quantile(0.95, now=NOW)
    half = latency.spread(now=NOW + HALF_LIFE_SECONDS)
    assert half.samples == pytest.approx(200)
    for half_lives in (20, 60, 5_000):
        later = NOW + half_lives * HALF_LIFE_SECONDS
        assert latency.quantile(0.95, now=later) == pytest.approx(prior, rel=0.01)


def test_new_samples_count_more_than_old_ones() -> None:
    latency = filled([20.0] * 400)
    later = NOW + 4 * HALF_LIFE_SECONDS
    for _ in range(100):
        latency.add(1.0, now=later)
    assert latency.quantile(0.5, now=later) == pytest.approx(1.0, rel=0.1)


def test_samples_after_a_long_silence_fade_like_any() -> None:
    latency = filled([20.0] * 400)
    later = NOW + 5_000 * HALF_LIFE_SECONDS
    for _ in range(100):
        latency.add(1.0, now=later)
    assert latency.spread(now=later + HALF_LIFE_SECONDS).samples == pytest.approx(50)


def test_a_spread_stands_for_a_second() -> None:
    latency = filled([20.0] * 400)
    before = latency.spread(now=NOW)
    latency.add(1.0, now=NOW)
    assert latency.spread(now=NOW + 0.5) is before
    assert latency.spread(now=NOW + 1.5).samples == pytest.approx(401, rel=0.01)


def test_calls_that_were_closed_early_move_the_weight_to_what_took_longer() -> None:
    """Of a hundred calls, half were closed after 2 s; the others took 1 s or 8 s: what is longer than 2 s
    takes 8 s, so three quarters of all do.
    """
    latency = filled([1.0] * 1_000 + [8.0] * 1_000)
    for _ in range(2_000):
        latency.add_longer_than(2.0, now=NOW)
    assert latency.quantile(0.24, now=NOW) == pytest.approx(1.0, rel=0.1)
    assert latency.quantile(0.30, now=NOW) == pytest.approx(8.0, rel=0.1)


def test_a_target_that_never_answers_looks_slower_than_its_calls_were_waited_for() -> None:
    latency = Latency("under_2k", now=NOW)
    for _ in range(1_000):
        latency.add_longer_than(7.0, now=NOW)
    assert latency.quantile(0.5, now=NOW) > 7.0


def test_a_merged_sketch_has_seen_what_both_have() -> None:
    first, second = filled([1.0] * 30), filled([9.0] * 20)
    second.add_longer_than(4.0, now=NOW)
    both = filled([1.0] * 30 + [9.0] * 20)
    both.add_longer_than(4.0, now=NOW)
    plain = msgspec.json.encode(second.told(now=NOW))
    first.merge(msgspec.json.decode(plain, type=TimesSeen), now=NOW)
    for share in (0.1, 0.5, 0.9, 0.95):
        assert first.quantile(share, now=NOW) == pytest.approx(both.quantile(share, now=NOW))
    assert len(plain) < 100


def test_what_is_told_has_faded_as_the_sketch_has() -> None:
    latency = filled([1.0] * 30)
    later = NOW + HALF_LIFE_SECONDS
    assert latency.told(now=later).buckets == ((64, 15.0, 0.0),)


def test_buckets_of_another_version_are_left_out() -> None:
    latency = Latency("more", now=NOW)
    latency.merge(TimesSeen("more", ((-1, 5.0, 5.0), (10_000, 5.0, 5.0), (3, 1.0, 0.0))), now=NOW)
    assert latency.spread(now=NOW).samples == 1.0


TIMES = st.floats(min_value=0.0, max_value=1e5, allow_nan=False)


@given(st.lists(TIMES), st.lists(TIMES), st.floats(min_value=-1e4, max_value=1e7))
def test_quantiles_rise_and_stay_within_the_sketch(
    seen: list[float], longer: list[float], later: float
) -> None:
    latency = filled(seen)
    for one in longer:
        latency.add_longer_than(one, now=NOW + later)
    at = NOW + later
    found = [latency.quantile(share, now=at) for share in (0.0, 0.25, 0.5, 0.75, 0.95, 1.0)]
    assert found == sorted(found)
    assert all(0.01 <= one <= 1_000.1 for one in found)


@given(st.lists(TIMES, min_size=1), st.integers(1, 500))
def test_waiting_longer_in_vain_never_makes_a_target_look_faster(
    seen: list[float], calls: int
) -> None:
    latency = filled(seen)
    before = latency.quantile(0.95, now=NOW)
    for _ in range(calls):
        latency.add_longer_than(before, now=NOW)
    assert latency.quantile(0.95, now=NOW) >= before * (1 - 1e-9)


def times_of(random: Random) -> float:
    """As the evidence on hedging draws them: 3 % stall for 10 to 60 s."""
    if random.random() < 0.03:
        return random.uniform(10.0, 60.0)
    return random.lognormvariate(0.405, 0.739)


def hedged(
    *, tells_losers: bool, calls: int = 12_000, every_seconds: float = 0.2, slower: float = 1.0
) -> tuple[float, float]:
    """The p95 after `calls` that were hedged after the p95 of then; and the share hedged."""
    random, latency, hedges, now = Random(7), Latency("under_2k", now=NOW), 0, NOW
    for _ in range(calls):
        now += every_seconds
        first, delay = slower * times_of(random), latency.spread(now=now).p95
        if first <= delay:
            latency.add(first, now=now)
            continue
        hedges += 1
        second = slower * times_of(random)
        if first <= delay + second:
            latency.add(first, now=now)
            lost = first - delay
        else:
            latency.add(second, now=now)
            lost = delay + second
        if tells_losers:
            latency.add_longer_than(lost, now=now)
    return latency.quantile(0.95, now=now), hedges / calls


def test_p95_stays_where_it_is_while_calls_are_hedged_after_it() -> None:
    random = Random(11)
    unhedged = sorted(times_of(random) for _ in range(20_000))[19_000]
    p95, share = hedged(tells_losers=True)
    assert p95 == pytest.approx(unhedged, rel=0.2)
    assert 0.04 < share < 0.06


def test_without_the_losers_p95_falls_and_hedges_multiply() -> None:
    """Why they are told."""
    p95, share = hedged(tells_losers=False)
    assert p95 < 4.5
    assert share > 0.1


def test_few_calls_to_a_target_slower_than_the_prior_are_not_hedged_by_the_prior() -> None:
    _, share = hedged(tells_losers=True, calls=2_000, every_seconds=60.0, slower=4.0)
    assert share < 0.1
