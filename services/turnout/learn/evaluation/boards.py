"""Scores, costs and seconds of some tasks by some models as matrices, and what a router makes of them.

Rules of this module: a model that lacks more than half of a dataset's tasks is left out; what another lacks
counts as its mean on the dataset. Seconds are NaN where a model was not timed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from turnout.learn.evaluation.router import Router
from turnout.learn.evaluation.tasks import Run, Task
from turnout.policy.request import TaskKind

Numbers = NDArray[np.float64]
Indices = NDArray[np.int64]

LEAST_COVERED: Final = 0.5

Confusion = Mapping[TaskKind, Mapping[TaskKind, float]]
"""How often tasks of a kind are told to be of which; a kind that is not in it is always told right."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which tasks are looked at.

    Attributes:
        is_alike: every kind weighs the same; else every task does.
        without: models that are left out.
    """

    name: str
    datasets: tuple[str, ...]
    is_alike: bool = False
    without: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Board:
    """Matrices have a row a task and a column a model; `weights` of the tasks sum to 1."""

    tasks: tuple[Task, ...]
    models: tuple[str, ...]
    weights: Numbers
    scores: Numbers
    costs: Numbers
    seconds: Numbers

    def rows_of_datasets(self) -> list[Indices]:
        datasets = np.array([task.dataset for task in self.tasks])
        return [np.flatnonzero(datasets == dataset) for dataset in np.unique(datasets)]


@dataclass(frozen=True, slots=True, eq=False)
class Routed:
    """What is expected of each task (rows) by each value of a success (columns)."""

    scores: Numbers
    costs: Numbers
    seconds: Numbers


def lay_out(runs: Sequence[Run], scope: Scope) -> Board | None:
    """None where a dataset of the scope is not there or no model covers it."""
    rows = [run for run in runs if run.task.dataset in scope.datasets]
    tasks = tuple(dict.fromkeys(run.task for run in rows))
    models = tuple(sorted({run.model for run in rows} - scope.without))
    if not models or {task.dataset for task in tasks} != set(scope.datasets):
        return None
    place_of = {task: at for at, task in enumerate(tasks)}
    column_of = {model: at for at, model in enumerate(models)}
    matrices = np.full((3, len(tasks), len(models)), np.nan)
    for run in rows:
        if run.model in column_of:
            matrices[:, place_of[run.task], column_of[run.model]] = (
                run.score,
                run.cost_usd,
                run.seconds,
            )
    covers = np.ones(len(models), dtype=bool)
    for dataset in scope.datasets:
        own = np.array([task.dataset == dataset for task in tasks])
        known = ~np.isnan(matrices[:, own])
        covers &= known[:2].mean(axis=1).min(axis=0) >= LEAST_COVERED
        sums = np.nansum(matrices[:, own], axis=1)
        counts = known.sum(axis=1)
        means = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
        matrices[:, own] = np.where(known, matrices[:, own], means[:, np.newaxis])
    if not covers.any():
        return None
    scores, costs, seconds = matrices[:, :, covers]
    return Board(
        tasks=tasks,
        models=tuple(model for model, does in zip(models, covers.tolist(), strict=True) if does),
        weights=_weights(tasks, is_alike=scope.is_alike),
        scores=scores,
        costs=costs,
        seconds=seconds,
    )


def route(
    board: Board,
    router_of: Mapping[str, Router],
    values: Numbers,
    *,
    confusion: Confusion,
    reads_text: bool,
) -> Routed:
    """`router_of`: by repository, the router that saw nothing of it. Told kinds are not drawn: each counts by
    its share.
    """
    sums = np.zeros((3, len(board.tasks), len(values)))
    matrices = np.stack([board.scores, board.costs, board.seconds])
    for (repository, kind, cluster), rows in _alike(board, router_of, reads_text=reads_text):
        for told, share in confusion.get(kind, {kind: 1.0}).items():
            picks = router_of[repository].picks(told, board.models, values, cluster=cluster)
            sums[:, rows] += share * matrices[:, rows][:, :, picks]
    return Routed(*sums)


def foresee(board: Board, fold_of: Mapping[str, int], values: Numbers) -> Routed:
    """The one model for all tasks at each value that is best on the other folds' tasks: what mixing
    single models comes to for who chooses them beforehand. `fold_of` is by repository.
    """
    folds = np.array([fold_of[task.repository] for task in board.tasks])
    found = np.zeros((3, len(board.tasks), len(values)))
    matrices = np.stack([board.scores, board.costs, board.seconds])
    for held in np.unique(folds).tolist():
        own = folds == held
        # Where no other task is left, nothing is known: the choice is from the tasks themselves.
        weights = np.where(own, 0.0, board.weights) if (folds != held).any() else board.weights
        weights = weights / weights.sum()
        picks = (values[:, np.newaxis] * (weights @ board.scores) - weights @ board.costs).argmax(1)
        found[:, own] = matrices[:, own][:, :, picks]
    return Routed(*found)


def _alike(
    board: Board, router_of: Mapping[str, Router], *, reads_text: bool
) -> list[tuple[tuple[str, TaskKind, int], list[int]]]:
    """Tasks between which no router sees a difference."""
    found: dict[tuple[str, TaskKind, int], list[int]] = {}
    for at, task in enumerate(board.tasks):
        if task.kind is not None:
            clusters = router_of[task.repository].clusters
            cluster = clusters.get(task, -1) if reads_text else -1
            found.setdefault((task.repository, task.kind, cluster), []).append(at)
    return list(found.items())


def _weights(tasks: Sequence[Task], *, is_alike: bool) -> Numbers:
    kinds = [task.kind for task in tasks]
    if not is_alike:
        return np.full(len(tasks), 1 / len(tasks))
    counts = {kind: kinds.count(kind) for kind in set(kinds)}
    return np.array([1 / (len(counts) * counts[kind]) for kind in kinds])
