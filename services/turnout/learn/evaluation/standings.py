"""Where a router stands against mixing single models at random, with intervals.

Rules of this module: the hull has the models that are best on the very tasks that are scored, which nobody knows
beforehand; so a router that sees no difference between tasks ends a little below it, and is set beside a mix that
was foreseen from the same tasks as its own choices too. Intervals are percentiles
over resamples of the tasks of each dataset. What the routers were fitted on and the corners of the curves stay: a
hull chosen anew in each resample would be chosen from noise on top of noise.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from turnout.learn.evaluation.boards import Board, Routed, Scope
from turnout.learn.evaluation.curves import Curve, hull, lead

Numbers = NDArray[np.float64]

ENDS: Final = (2.5, 97.5)
"""Percentiles: an interval of 95 %."""


@dataclass(frozen=True, slots=True)
class Interval:
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Point:
    """`name`: the model, or the value of a success in dollars by which the router chose."""

    name: str
    cost_usd: float
    accuracy: float
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Standing:
    """A router on a scope.

    Attributes:
        gain, gain_by_dollar, saving, greatest_saving: over the hull, as curves.py says them.
        over_foreseen: gain over the mix of single models that was best on the tasks fitted on.
        best_gain, best_saving: the same for the best model by kind at each value, known from the tasks that are
            scored: no router that is told the kind and nothing else can do better.
        abstains: share of tasks of which the text changed nothing.
        text_gain: over the same router that reads no text.
        singles: every model.
        hull, router: the corners of both curves.
    """

    scope: str
    datasets: tuple[str, ...]
    is_alike: bool
    without: tuple[str, ...]
    tasks: int
    models: int
    gain: Interval
    gain_by_dollar: Interval
    saving: Interval
    greatest_saving: Interval
    over_foreseen: Interval
    best_gain: float
    best_saving: float
    abstains: float
    text_gain: Interval
    singles: tuple[Point, ...]
    hull: tuple[Point, ...]
    router: tuple[Point, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """A row a resample, a column a task; every row sums to 1. The first is no resample but all tasks."""

    weights: Numbers

    def interval(self, of: Callable[[int], float]) -> Interval:
        """`of` a row."""
        values = [of(row) for row in range(len(self.weights))]
        low, high = np.percentile(values[1:], ENDS)
        return Interval(values[0], float(low), float(high))


def draw(board: Board, *, seed: int, resamples: int) -> Draws:
    random = np.random.Generator(np.random.PCG64(seed))
    counts = np.ones((resamples + 1, len(board.tasks)))
    for rows in board.rows_of_datasets():
        size = len(rows)
        counts[1:, rows] = random.multinomial(size, np.full(size, 1 / size), size=resamples)
    return Draws(counts * board.weights)


def stand(
    board: Board,
    scope: Scope,
    draws: Draws,
    *,
    routed: Routed,
    without_text: Routed,
    foreseen: Routed,
    values: Numbers,
    abstains: float,
) -> Standing:
    mixed = _curves(draws, board.costs, board.scores)
    own = _curves(draws, routed.costs, routed.scores)
    plain = _curves(draws, without_text.costs, without_text.scores)
    early = _curves(draws, foreseen.costs, foreseen.scores)
    leads = [lead(*pair) for pair in zip(own, mixed, strict=True)]
    best = lead(_best_by_kind(board, values), mixed[0])
    names = [f"{value:.2f}" for value in values.tolist()]
    return Standing(
        scope=scope.name,
        datasets=scope.datasets,
        is_alike=scope.is_alike,
        without=tuple(sorted(scope.without)),
        tasks=len(board.tasks),
        models=len(board.models),
        gain=draws.interval(lambda row: leads[row].gain),
        gain_by_dollar=draws.interval(lambda row: leads[row].gain_by_dollar),
        saving=draws.interval(lambda row: leads[row].saving),
        greatest_saving=draws.interval(lambda row: leads[row].greatest_saving),
        over_foreseen=draws.interval(lambda row: lead(own[row], early[row]).gain),
        best_gain=best.gain,
        best_saving=best.saving,
        abstains=abstains,
        text_gain=draws.interval(lambda row: lead(own[row], plain[row]).gain),
        singles=points(board, board.models, board, range(len(board.models))),
        hull=points(board, board.models, board, mixed[0].places.tolist()),
        router=points(board, names, routed, own[0].places.tolist()),
    )


def points(
    board: Board, names: Sequence[str], found: Board | Routed, columns: Sequence[int]
) -> tuple[Point, ...]:
    scores, costs, seconds = (
        (board.weights @ one).tolist() for one in (found.scores, found.costs, found.seconds)
    )
    return tuple(
        Point(
            name=names[at],
            cost_usd=costs[at],
            accuracy=scores[at],
            seconds=None if math.isnan(seconds[at]) else seconds[at],
        )
        for at in columns
    )


def _curves(draws: Draws, costs: Numbers, scores: Numbers) -> list[Curve]:
    """All tasks' curve, then the resamples' through the points that are its corners."""
    whole = hull(draws.weights[0] @ costs, draws.weights[0] @ scores)
    pairs = zip(
        draws.weights[1:] @ costs[:, whole.places],
        draws.weights[1:] @ scores[:, whole.places],
        strict=True,
    )
    return [whole, *(hull(cost, score) for cost, score in pairs)]


def _best_by_kind(board: Board, values: Numbers) -> Curve:
    kinds = [task.kind for task in board.tasks]
    costs, scores = np.zeros(len(values)), np.zeros(len(values))
    for kind in set(kinds):
        own = np.where([kind == one for one in kinds], board.weights, 0.0)
        cost, score = own @ board.costs, own @ board.scores
        picks = (values[:, np.newaxis] * score - cost).argmax(axis=1)
        costs, scores = costs + cost[picks], scores + score[picks]
    return hull(costs, scores)
