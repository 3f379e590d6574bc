"""The dial: hulls by hand, and that its places are shares of the quality to be had."""

import itertools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from turnout.policy.decision import Candidate
from turnout.policy.dial import BEST_USD, Dial, Rise, dial_of, rises


def candidate(usd: float | None, quality: float, *, lacks: tuple[str, ...] = ()) -> Candidate:
    return Candidate(
        target="p/m@env",
        model="m",
        provider="p",
        lacks=lacks,
        warm_tokens=0.0,
        cost_now_usd=usd,
        cost_to_go_usd=usd,
        quality=quality,
        quality_sd=0.0,
        score=None if usd is None or lacks else 0.0,
    )


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([], []),
        ([(1.0, 0.5)], []),
        ([(1.0, 0.5), (3.0, 0.7)], [(10.0, 0.2)]),
        # Dearer and no better.
        ([(1.0, 0.5), (3.0, 0.5), (4.0, 0.3)], []),
        # As cheap and better: there is nothing to pay for.
        ([(1.0, 0.5), (1.0, 0.6), (3.0, 0.7)], [(20.0, 0.1)]),
        # Below the line between its neighbours.
        ([(1.0, 0.5), (3.0, 0.55), (4.0, 0.8)], [(10.0, 0.3)]),
        ([(1.0, 0.5), (1.5, 0.6), (4.0, 0.8)], [(5.0, 0.1), (12.5, 0.2)]),
    ],
)
def test_the_steps_up_a_hull(
    points: list[tuple[float, float]], expected: list[tuple[float, float]]
) -> None:
    found = rises(candidate(usd, quality) for usd, quality in points)
    assert [(round(one.value_usd, 9), round(one.gain, 9)) for one in found] == expected


def test_what_cannot_serve_or_has_no_price_is_no_step() -> None:
    assert (
        rises([candidate(1.0, 0.5), candidate(None, 0.9), candidate(2.0, 0.9, lacks=("tools",))])
        == []
    )


def test_places_are_shares_of_the_gains_of_all_requests() -> None:
    cheap = [candidate(1.0, 0.5), candidate(2.0, 0.6)]
    dear = [candidate(1.0, 0.5), candidate(11.0, 0.8)]
    dial = dial_of([cheap, dear])
    assert dial.values_usd == pytest.approx((10.0, 33.333333))
    assert dial.shares == pytest.approx((0.25, 1.0))
    assert dial.value_usd(0.25) == pytest.approx(10.0)
    assert dial.value_usd(0.125) == pytest.approx(5.0)
    # Between two values the scale is of factors.
    assert dial.value_usd(0.625) == pytest.approx((10.0 * 33.333333) ** 0.5)
    assert (dial.value_usd(0.0), dial.value_usd(1.0)) == (0.0, BEST_USD)


def test_where_there_is_no_choice_every_place_is_the_cheapest_but_the_last() -> None:
    assert dial_of([[candidate(1.0, 0.5)]]) == Dial((), ())
    assert dial_of([]).value_usd(0.5) == 0.0


hulls = st.lists(
    st.lists(
        st.builds(candidate, st.floats(0.001, 100), st.floats(0.01, 0.99)), min_size=1, max_size=6
    ),
    max_size=8,
)


@given(hulls, st.floats(0, 1), st.floats(0, 1))
def test_a_higher_place_is_never_a_lower_value(
    requests: list[list[Candidate]], one: float, other: float
) -> None:
    dial = dial_of(requests)
    less, more = sorted((one, other))
    assert dial.value_usd(less) <= dial.value_usd(more) * (1 + 1e-9)


@given(hulls)
def test_a_hull_is_climbed_in_the_order_of_value_and_to_its_best(
    requests: list[list[Candidate]],
) -> None:
    for request in requests:
        steps: list[Rise] = rises(request)
        for earlier, later in itertools.pairwise(steps):
            assert earlier.value_usd <= later.value_usd * (1 + 1e-9)
        cheapest = min((one.cost_to_go_usd or 0.0, -one.quality) for one in request)
        assert -cheapest[1] + sum(step.gain for step in steps) == pytest.approx(
            max(one.quality for one in request)
        )


@given(hulls, st.floats(0.01, 0.99))
def test_the_share_that_is_taken_is_the_place(requests: list[list[Candidate]], bias: float) -> None:
    """Up to the size of one step: what is taken jumps where a request changes its mind."""
    dial = dial_of(requests)
    assume(dial.shares)
    value = dial.value_usd(bias)
    steps = [step for one in requests for step in rises(one) if step.value_usd > 0]
    total = sum(step.gain for step in steps)
    below = sum(step.gain for step in steps if step.value_usd < value * (1 - 1e-9)) / total
    upto = sum(step.gain for step in steps if step.value_usd <= value * (1 + 1e-9)) / total
    largest = max(
        sum(step.gain for step in steps if step.value_usd == at) for at in dial.values_usd
    )
    assert below - 1e-9 <= bias
    assert bias <= upto + largest / total + 1e-9
