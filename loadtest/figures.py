"""Percentiles, medians and ratios. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: the smallest value that `share` of all do not exceed.

    Raises ValueError for no values.
    """
    if not values:
        raise ValueError("no values to take a percentile of")
    ordered = sorted(values)
    rank = -(-len(ordered) * round(share * 1000) // 1000)
    return ordered[max(0, int(rank) - 1)]


@dataclass(frozen=True, slots=True)
class Spread:
    """Latencies of a run in milliseconds."""

    p50: float
    p95: float
    p99: float
    longest: float

    @classmethod
    def of_seconds(cls, seconds: Sequence[float]) -> "Spread":
        return cls(
            p50=round(percentile(seconds, 0.5) * 1000, 3),
            p95=round(percentile(seconds, 0.95) * 1000, 3),
            p99=round(percentile(seconds, 0.99) * 1000, 3),
            longest=round(max(seconds) * 1000, 3),
        )


def middle(values: Sequence[float]) -> float:
    """The median over rounds. Raises ValueError for no values."""
    if not values:
        raise ValueError("no rounds to take a median of")
    return median(values)


def ratio(of: Sequence[float], to: Sequence[float]) -> float:
    """Median of the ratios of rounds that ran one after the other.

    Rounds are paired because a machine that is slow for a while is slow for both of a pair.
    """
    return middle([first / second for first, second in zip(of, to, strict=True)])
