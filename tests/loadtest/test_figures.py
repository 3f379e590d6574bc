"""Percentiles and ratios."""

import pytest

from loadtest import figures


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 50.0), (0.95, 95.0), (0.99, 99.0), (1.0, 100.0), (0.0, 1.0)]
)
def test_percentiles_are_nearest_rank(share: float, expected: float) -> None:
    assert figures.percentile([float(n) for n in range(100, 0, -1)], share) == expected


def test_one_value_is_every_percentile() -> None:
    spread = figures.Spread.of_seconds([0.002])
    assert (spread.p50, spread.p99, spread.longest) == (2.0, 2.0, 2.0)


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        figures.percentile([], 0.5)


def test_a_ratio_pairs_rounds() -> None:
    """In the second round the machine was slow for both; medians of each alone would say 1.0."""
    assert figures.ratio([100.0, 10.0, 90.0], [200.0, 20.0, 10.0]) == 0.5
