"""Hulls of costs and accuracies, and how far one lies above another."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.learn.evaluation.curves import Curve, hull, lead

POINTS = st.lists(
    st.tuples(st.integers(1, 1_000), st.integers(0, 100)), min_size=1, max_size=30, unique=True
)


def curve(*points: tuple[float, float]) -> Curve:
    costs, accuracies = np.array(points, dtype=np.float64).T
    return hull(costs, accuracies)


@given(POINTS)
def test_a_hull_rises_ever_less_and_no_point_is_above_it(points: list[tuple[int, int]]) -> None:
    found = curve(*points)
    slopes = np.diff(found.accuracies) / np.diff(found.costs)
    assert (slopes > 0).all()
    assert (np.diff(slopes) < 1e-12).all()
    for cost, accuracy in points:
        assert accuracy <= found.accuracy_at(np.array([float(cost)]))[0] + 1e-9


@given(POINTS)
def test_a_curve_has_no_lead_over_itself(points: list[tuple[int, int]]) -> None:
    found = lead(curve(*points), curve(*points))
    assert (found.gain, found.gain_by_dollar, found.saving) == (0.0, 0.0, 0.0)


def test_a_hull_says_which_points_it_has() -> None:
    found = curve((2.0, 0.5), (1.0, 0.4), (3.0, 0.45), (4.0, 0.6), (3.0, 0.551))
    assert found.places.tolist() == [1, 0, 4, 3]


def test_a_gain_begins_where_both_have_begun() -> None:
    ours, theirs = curve((1.0, 0.5), (4.0, 0.8)), curve((0.1, 0.1), (1.0, 0.4), (4.0, 0.7))
    assert lead(ours, theirs).gain == pytest.approx(10.0)


def test_who_is_as_good_for_less_is_ahead_up_to_where_the_other_ends() -> None:
    ours, theirs = curve((1.0, 0.8)), curve((1.0, 0.4), (3.0, 0.8))
    assert lead(ours, theirs).gain_by_dollar == pytest.approx(20.0)


def test_who_stops_short_is_behind_from_there_on() -> None:
    ours, theirs = curve((1.0, 0.4)), curve((1.0, 0.4), (3.0, 0.8))
    assert lead(ours, theirs).gain_by_dollar == pytest.approx(-20.0)


def test_a_gain_counts_doublings_alike_and_one_by_dollar_counts_dollars() -> None:
    """Ours is 10 points above at the low end and level at the high one."""
    ours, theirs = curve((1.0, 0.6), (100.0, 0.9)), curve((1.0, 0.5), (100.0, 0.9))
    found = lead(ours, theirs)
    assert found.gain_by_dollar == pytest.approx(5.0)
    # The mean of (100 - c) / 99 over the logarithm of c from 1 to 100.
    assert found.gain == pytest.approx(10 * (100 - 99 / math.log(100)) / 99, abs=0.05)


def test_a_saving_is_at_the_same_accuracy() -> None:
    found = lead(curve((1.0, 0.4), (2.0, 0.8)), curve((2.0, 0.4), (8.0, 0.8)))
    assert found.greatest_saving == pytest.approx(0.75)
    assert 0.5 < found.saving < 0.75


def test_differences_in_the_last_digit_make_no_corner() -> None:
    assert curve((1.0, 0.9), (2.0, 0.9 + 1e-15)).places.tolist() == [0]


def test_curves_that_share_no_cost_are_compared_where_the_dearer_begins() -> None:
    assert lead(curve((1.0, 0.5)), curve((2.0, 0.8))).gain == pytest.approx(-30.0)
