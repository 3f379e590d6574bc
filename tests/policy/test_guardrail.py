"""The guardrail drops on evidence alone, however often it looks."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.policy.guardrail import LEAST_SESSIONS, NEVER, Sample, compare, verdict_of

COUNTS = st.integers(LEAST_SESSIONS, 100_000)
SHARES = st.floats(0, 1)
MARGINS = st.floats(0, NEVER)


def sample(sessions: int, share: float) -> Sample:
    return Sample(sessions, sessions * share)


@pytest.mark.parametrize("control_share", [0.1, 0.5])
@pytest.mark.parametrize("rate", [0.5, 0.9])
def test_identical_arms_are_dropped_no_oftener_than_stated_over_all_looks(
    control_share: float, rate: float
) -> None:
    chance = random.Random(20)
    runs, dropped, missed = 300, 0, 0
    for _ in range(runs):
        counts, sums = [0, 0], [0.0, 0.0]
        is_dropped = is_missed = False
        for session in range(1500):
            arm = int(chance.random() < control_share)
            counts[arm] += 1
            sums[arm] += chance.random() < rate
            if session % 10 == 0:
                found = compare(
                    Sample(counts[0], sums[0]), Sample(counts[1], sums[1]), confidence=0.8
                )
                is_dropped |= verdict_of(found, margin=0.0) == "drop"
                is_missed |= found is not None and not found.low <= 0 <= found.high
        dropped += is_dropped
        missed += is_missed
    assert dropped <= missed <= 0.2 * runs


@given(share=SHARES, treatment=COUNTS, control=COUNTS, margin=MARGINS)
def test_arms_that_did_the_same_hold(
    share: float, treatment: int, control: int, margin: float
) -> None:
    found = compare(sample(treatment, share), sample(control, share), confidence=0.95)
    assert verdict_of(found, margin=margin) == "hold"


@given(
    shares=st.tuples(SHARES, SHARES),
    counts=st.tuples(COUNTS, COUNTS),
    margins=st.tuples(MARGINS, MARGINS),
)
def test_a_wider_margin_never_drops_where_a_narrower_holds(
    shares: tuple[float, float], counts: tuple[int, int], margins: tuple[float, float]
) -> None:
    found = compare(sample(counts[0], shares[0]), sample(counts[1], shares[1]), confidence=0.95)
    narrow, wide = sorted(margins)
    if verdict_of(found, margin=wide) == "drop":
        assert verdict_of(found, margin=narrow) == "drop"
    assert verdict_of(found, margin=NEVER) == "hold"


@given(worse=st.floats(0.1, 1), control=SHARES, margin=st.floats(0, 0.05))
def test_a_gap_beyond_the_margin_is_dropped_once_there_are_enough(
    worse: float, control: float, margin: float
) -> None:
    if worse > control:
        return
    found = compare(sample(90_000, control - worse), sample(10_000, control), confidence=0.95)
    assert verdict_of(found, margin=margin) == "drop"


@given(shares=st.tuples(SHARES, SHARES), count=COUNTS)
def test_more_sessions_and_less_confidence_make_the_interval_narrower(
    shares: tuple[float, float], count: int
) -> None:
    def width(sessions: int, confidence: float) -> float:
        found = compare(
            sample(sessions, shares[0]), sample(sessions, shares[1]), confidence=confidence
        )
        assert found is not None
        assert found.low <= found.difference <= found.high
        return found.high - found.low

    assert width(count * 4, 0.95) <= width(count, 0.95)
    assert width(count, 0.8) <= width(count, 0.95)


def test_what_a_gap_takes() -> None:
    found = compare(sample(900, 0.6), sample(100, 0.9), confidence=0.95)
    assert found is not None
    assert (round(found.low, 2), round(found.high, 2)) == (-0.5, -0.1)
    assert verdict_of(found, margin=0.05) == "drop"
    assert verdict_of(found, margin=0.12) == "hold"


@pytest.mark.parametrize(
    ("control_share", "radii"),
    [(0.1, (0.60, 0.20, 0.09, 0.05)), (0.5, (0.25, 0.11, 0.05, 0.03))],
)
def test_the_interval_is_as_wide_as_the_readme_says(
    control_share: float, radii: tuple[float, ...]
) -> None:
    for sessions, radius in zip((200, 1_000, 5_000, 20_000), radii, strict=True):
        control = round(sessions * control_share)
        found = compare(sample(sessions - control, 0.5), sample(control, 0.5), confidence=0.95)
        assert found is not None
        assert round(found.high, 2) == radius


def test_too_few_sessions_say_nothing() -> None:
    few, many = sample(LEAST_SESSIONS - 1, 0.0), sample(10_000, 1.0)
    assert verdict_of(compare(few, many, confidence=0.5), margin=0.0) == "too_few"
    assert verdict_of(compare(many, few, confidence=0.5), margin=0.0) == "too_few"
