"""What a subscription's use is worth: the bounds, by hand, and what must grow with what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.policy.quota import Quota, QuotaWindow, is_covered, list_shares, way_of

NOW = 1_790_000_000.0
FIVE_HOURS, WEEK = 18_000.0, 604_800.0
WAY = "anthropic@client"


def window(used: float, *, left: float = 0.5, seconds: float = FIVE_HOURS) -> QuotaWindow:
    """Of which the share `left` is still to come."""
    return QuotaWindow(used, seconds, NOW + left * seconds)


def share(*windows: QuotaWindow, now: float = NOW) -> float:
    return list_shares([Quota(WAY, NOW, windows)], now=now)[WAY]


@pytest.mark.parametrize(
    ("used", "left", "expected"),
    [
        # As fast as the window passes, it lasts to its end.
        (0.5, 0.5, 0.0),
        (0.2, 0.8, 0.0),
        # Three quarters in half of the time: as much again, and a quarter is left.
        (0.75, 0.5, 2 / 3),
        (0.9, 0.1, 0.0),
        (0.99, 0.1, 10 / 11),
        # The first minutes count as a tenth of the window, the rest of it has not come yet.
        (0.1, 0.999, (0.999 - 0.9) / 0.999),
    ],
)
def test_by_hand(used: float, left: float, expected: float) -> None:
    assert share(window(used, left=left)) == pytest.approx(expected, abs=1e-9)


SHARES = st.floats(0.0, 1.0)


@given(SHARES, SHARES, SHARES, st.sampled_from((FIVE_HOURS, WEEK)))
def test_more_use_never_makes_it_cheaper(
    used: float, more: float, left: float, seconds: float
) -> None:
    less, most = sorted((used, more))
    cheaper = share(window(less, left=left, seconds=seconds))
    dearer = share(window(most, left=left, seconds=seconds))
    assert 0.0 <= cheaper <= dearer + 1e-12 <= 1.0 + 1e-12


@given(SHARES, SHARES, SHARES)
def test_the_nearer_the_reset_the_cheaper(used: float, left: float, other: float) -> None:
    sooner, later = sorted((left, other))
    if used < 1.0:
        assert share(window(used, left=sooner)) <= share(window(used, left=later)) + 1e-12


@given(SHARES, st.floats(0.01, 1.0))
def test_the_ends(left: float, still: float) -> None:
    assert share(window(0.0, left=left)) == 0.0
    assert share(window(1.0, left=still)) == 1.0


@given(st.lists(st.tuples(SHARES, SHARES), min_size=1, max_size=4))
def test_of_several_windows_the_dearest_counts(given_: list[tuple[float, float]]) -> None:
    windows = [window(used, left=left) for used, left in given_]
    assert share(*windows) == max(share(one) for one in windows)


def test_a_window_that_has_ended_begins_anew() -> None:
    spent = window(1.0)
    assert share(spent, now=spent.resets_at - 1) == 1.0
    assert share(spent, now=spent.resets_at) == 0.0


def test_a_subscription_that_tells_nothing_is_paid_in_full() -> None:
    assert share() == 1.0
    assert list_shares([], now=NOW) == {}


def test_a_way_of_paying_is_both_ends_of_a_target() -> None:
    assert way_of("anthropic/claude-opus-5-5@client") == WAY
    assert way_of("openrouter/vendor/model@2@env") == "openrouter@env"


def test_a_plan_covers_what_no_window_of_it_has_ended_for() -> None:
    assert is_covered([window(0.2), window(0.99)])
    assert not is_covered([window(0.2), window(1.0)])
    assert not is_covered([])
