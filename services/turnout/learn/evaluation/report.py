"""Everything that `turnout eval` finds, from the tables' tasks and runs.

Rules of this module: every task is scored by the router that was fitted without its repository; the same tables and
seed give the same figures.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from turnout.errors import InvalidRequest
from turnout.learn.evaluation.boards import Board, Confusion, Scope, foresee, lay_out, route
from turnout.learn.evaluation.cascades import Cascade, cascades
from turnout.learn.evaluation.folds import folds_of
from turnout.learn.evaluation.router import Numbers, Router, fit_router
from turnout.learn.evaluation.standings import Draws, Standing, draw, stand
from turnout.learn.evaluation.tasks import Runs
from turnout.learn.outcomes import DATASET_KINDS
from turnout.policy.request import TaskKind

VALUES: Final = np.concatenate([[0.0], np.geomspace(0.01, 1_000.0, 120)])
"""Dollars that a success is worth: from the cheapest model everywhere to the best."""

LEAST_TASKS: Final = 30
"""Of a dataset that is looked at: with fewer, which of two models is better is luck."""

CODING: Final[tuple[TaskKind, ...]] = ("bug_fix", "tests")
MEASURED_WELL: Final[tuple[TaskKind, ...]] = (*CODING, "research")
"""Kinds with a benchmark of their own; those of `feature` only come near."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was found.

    Attributes:
        left_out: rows by reason.
        too_small: tasks by dataset that is not looked at.
        kinds: by dataset, which is within one kind; `pools` are of several kinds, told to the router.
        confused: the pools again with kinds told as a classifier does.
    """

    folds: int
    seed: int
    resamples: int
    left_out: Mapping[str, int]
    too_small: Mapping[str, int]
    kinds: tuple[Standing, ...]
    pools: tuple[Standing, ...]
    confused: tuple[Standing, ...]
    cascades: tuple[Cascade, ...]


def evaluate(
    found: Runs,
    texts: Mapping[str, Numbers],
    *,
    pairs: Sequence[tuple[str, str]],
    without: Sequence[frozenset[str]],
    confusion: Confusion,
    seed: int,
    resamples: int,
) -> Report:
    """`texts` are vectors by prompt. Everything is told with all models and again `without` each of these. Raises
    `InvalidRequest` where there is nothing to compare.
    """
    folds = folds_of(found.tasks)
    count = 1 + max(folds.values())
    routers = [
        fit_router(
            [run for run in found.runs if folds[run.task.repository] != held], found.tasks, texts
        )
        for held in range(count)
    ]
    router_of = {repository: routers[fold] for repository, fold in folds.items()}
    sizes = _sizes(found)
    datasets = tuple(dataset for dataset, size in sizes.items() if size >= LEAST_TASKS)
    kinds: list[Standing] = []
    pools: list[Standing] = []
    confused: list[Standing] = []
    chains: list[Cascade] = []
    for scope in _scopes(datasets, without):
        board = lay_out(found.runs, scope)
        if board is None:
            continue
        draws = draw(board, seed=seed, resamples=resamples)
        standing = _standing(board, scope, draws, router_of, folds, {})
        if len(scope.datasets) == 1:
            kinds.append(standing)
        else:
            pools.append(standing)
            confused.append(_standing(board, scope, draws, router_of, folds, confusion))
        if not scope.is_alike:
            chains += cascades(board, scope, draws, pairs)
    if not kinds:
        raise InvalidRequest(
            f"No dataset that stands for a task kind has {LEAST_TASKS} tasks that models have bills on."
        )
    return Report(
        folds=count,
        seed=seed,
        resamples=resamples,
        left_out=found.left_out,
        too_small={dataset: size for dataset, size in sizes.items() if size < LEAST_TASKS},
        kinds=tuple(kinds),
        pools=tuple(pools),
        confused=tuple(confused),
        cascades=tuple(chains),
    )


def _standing(
    board: Board,
    scope: Scope,
    draws: Draws,
    router_of: Mapping[str, Router],
    folds: Mapping[str, int],
    confusion: Confusion,
) -> Standing:
    if confusion:
        prior: dict[TaskKind, float] = {}
        for task, weight in zip(board.tasks, board.weights.tolist(), strict=True):
            if task.kind is not None:
                prior[task.kind] = prior.get(task.kind, 0.0) + weight
        doubting = {id(one): one.doubting(confusion, prior) for one in router_of.values()}
        router_of = {name: doubting[id(one)] for name, one in router_of.items()}
    routed, without_text = (
        route(board, router_of, VALUES, confusion=confusion, reads_text=reads_text)
        for reads_text in (True, False)
    )
    abstaining = [router_of[task.repository].abstains(task) for task in board.tasks]
    return stand(
        board,
        scope,
        draws,
        routed=routed,
        without_text=without_text,
        foreseen=foresee(board, folds, VALUES),
        values=VALUES,
        abstains=float(board.weights @ np.array(abstaining, dtype=np.float64)),
    )


def _sizes(found: Runs) -> dict[str, int]:
    """Tasks with runs by dataset, in the order in which kinds are listed."""
    seen = {run.task for run in found.runs}
    counts = {name: sum(task.dataset == name for task in seen) for name in DATASET_KINDS}
    return {name: count for name, count in counts.items() if count}


def _scopes(datasets: Sequence[str], left_out: Sequence[frozenset[str]]) -> Iterator[Scope]:
    pools = {
        "coding": CODING,
        "measured": MEASURED_WELL,
        "all": tuple(dict.fromkeys(DATASET_KINDS.values())),
    }
    for without in dict.fromkeys((frozenset[str](), *left_out)):
        for dataset in datasets:
            yield Scope(dataset.rpartition("/")[2], (dataset,), without=without)
        for name, kinds in pools.items():
            pooled = tuple(one for one in datasets if DATASET_KINDS[one] in kinds)
            if {DATASET_KINDS[one] for one in pooled} == set(kinds):
                for is_alike in (False, True):
                    yield Scope(name, pooled, is_alike=is_alike, without=without)
