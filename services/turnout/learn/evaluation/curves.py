"""Accuracy against cost: the hull of what can be mixed, and how far one such curve lies above another.

Rules of this module: pure numpy. A curve is the upper concave hull of its points, because any two of them can be
mixed at random, up to its best accuracy; dearer points that are no better are not on it.

* Gain: the mean of the accuracy of one curve less that of the other, in points, over the costs from where both
  have begun to where the other ends. Beyond its own end a curve is level: what brings nothing need not be spent.
  The mean is over the logarithm of the cost, so that every doubling of a budget counts alike; `gain_by_dollar`
  is the mean in which every dollar does.
* Saving: the mean, over the accuracies that both curves reach, of the share of its cost by which one is cheaper
  than the other there; `greatest_saving` is that share where it is largest.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Indices = NDArray[np.int64]

GRID: Final = 200
"""Costs and accuracies at which two curves are compared; a curve has a dozen corners at most."""


LEAST_RISE: Final = 1e-9
"""Less is how sums of the same scores differ in their last digits."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Corners by rising cost and accuracy, and which points they are."""

    costs: Numbers
    accuracies: Numbers
    places: Indices

    def accuracy_at(self, costs: Numbers) -> Numbers:
        """Level beyond the ends."""
        return np.interp(costs, self.costs, self.accuracies)

    def costs_of(self, accuracies: Numbers) -> Numbers:
        """Level beyond the ends."""
        return np.interp(accuracies, self.accuracies, self.costs)


@dataclass(frozen=True, slots=True)
class Lead:
    """Of one curve over another: points, points, and shares of the other's cost."""

    gain: float
    gain_by_dollar: float
    saving: float
    greatest_saving: float


def hull(costs: Numbers, accuracies: Numbers) -> Curve:
    """Of at least one point."""
    corners: list[int] = []
    xs, ys = costs.tolist(), accuracies.tolist()
    for at in np.lexsort((-accuracies, costs)).tolist():
        if corners and ys[at] <= ys[corners[-1]] + LEAST_RISE:
            continue
        while len(corners) > 1:
            first, last = corners[-2:]
            rise = (ys[last] - ys[first]) * (xs[at] - xs[last])
            if rise > (ys[at] - ys[last]) * (xs[last] - xs[first]):
                break
            corners.pop()
        corners.append(at)
    places = np.array(corners)
    return Curve(costs[places], accuracies[places], places)


def lead(curve: Curve, other: Curve) -> Lead:
    low = float(max(curve.costs[0], other.costs[0]))
    high = max(low, float(other.costs[-1]))
    least = float(max(curve.accuracies[0], other.accuracies[0]))
    most = max(least, float(min(curve.accuracies[-1], other.accuracies[-1])))
    accuracies = np.linspace(least, most, GRID)
    savings = 1.0 - curve.costs_of(accuracies) / other.costs_of(accuracies)
    return Lead(
        gain=_mean_gap(curve, other, np.geomspace(low, high, GRID)),
        gain_by_dollar=_mean_gap(curve, other, np.linspace(low, high, GRID)),
        saving=float(savings.mean()),
        greatest_saving=float(savings.max()),
    )


def _mean_gap(curve: Curve, other: Curve, costs: Numbers) -> float:
    return 100.0 * float((curve.accuracy_at(costs) - other.accuracy_at(costs)).mean())
