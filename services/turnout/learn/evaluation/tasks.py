"""Benchmark tasks and what models did on them, as `turnout eval` reads them from its tables.

Rules of this module: a model that ran in several harnesses counts once a task, with its mean, as in training.
A bill of nothing is a missing bill. Harnesses that tell too few of a model's bills on a dataset stay out of it
with score and cost, because a score without its cost cannot be set beside others.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from turnout.errors import InvalidRequest
from turnout.learn.model_names import ModelNames
from turnout.learn.outcomes import DATASET_KINDS
from turnout.learn.parquet import Table
from turnout.policy.request import TaskKind

LEAST_PRICED: Final = 0.8
"""Share of a harness's runs of a model on a dataset whose bill must be known. Runs without one fail more
often, so leaving out single runs would flatter the model."""

RUNTIME_SUFFIX: Final = "_runtime_s"
"""Of the columns with a model's mean seconds on a benchmark, in the table of models."""


@dataclass(frozen=True, slots=True)
class Task:
    """`kind` is None where the dataset stands for none; `repository` is what is held out together."""

    dataset: str
    item: str
    kind: TaskKind | None
    repository: str
    prompt: str


@dataclass(frozen=True, slots=True)
class Run:
    """One task by one model: means over its harnesses, NaN where no harness knows."""

    task: Task
    model: str
    score: float
    cost_usd: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Runs:
    """`left_out` counts rows by reason."""

    tasks: tuple[Task, ...]
    runs: tuple[Run, ...]
    left_out: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Row:
    task: Task
    model: str
    agent: str
    score: float
    cost_usd: float
    seconds: float


def read_runs(items: Table, outcomes: Table, models: Table | None, names: ModelNames) -> Runs:
    """Raises `InvalidRequest` when a table is not as described."""
    tasks = _tasks(items)
    rows, left_out = _rows(outcomes, tasks, names)
    if models is not None:
        rows = _with_seconds(rows, _mean_seconds(models, names))
    kept = _priced(rows)
    left_out["of harnesses without bills"] = len(rows) - len(kept)
    by_run: dict[tuple[Task, str], list[_Row]] = {}
    for row in kept:
        by_run.setdefault((row.task, row.model), []).append(row)
    if not any(task.kind for task, _ in by_run):
        raise InvalidRequest(
            f"{outcomes.name} has no run with a score and a bill on a dataset that stands for a task kind:"
            f" {', '.join(DATASET_KINDS)}."
        )
    return Runs(
        tasks=tuple(tasks.values()),
        runs=tuple(
            Run(
                task=task,
                model=model,
                score=_mean([row.score for row in same]),
                cost_usd=_mean([row.cost_usd for row in same]),
                seconds=_mean([row.seconds for row in same]),
            )
            for (task, model), same in sorted(by_run.items(), key=_place)
        ),
        left_out={reason: count for reason, count in left_out.items() if count},
    )


def _place(entry: tuple[tuple[Task, str], list[_Row]]) -> tuple[str, str, str]:
    (task, model), _ = entry
    return task.dataset, task.item, model


def _tasks(items: Table) -> dict[tuple[str, str], Task]:
    columns = [items.texts(name) for name in ("dataset", "item_id", "category", "prompt")]
    rows = list(zip(*columns, strict=True))
    categories: dict[str, set[str]] = {}
    for dataset, _, category, _ in rows:
        categories.setdefault(dataset, set()).add(category)
    return {
        (dataset, item): Task(
            dataset=dataset,
            item=item,
            kind=DATASET_KINDS.get(dataset),
            # One category for all says nothing of where a task is from: each stands for itself.
            repository=category if len(categories[dataset]) > 1 else f"{dataset}/{item}",
            prompt=prompt,
        )
        for dataset, item, category, prompt in rows
    }


def _rows(
    outcomes: Table, tasks: Mapping[tuple[str, str], Task], names: ModelNames
) -> tuple[list[_Row], dict[str, int]]:
    left_out = {"of unknown items": 0, "of more than one model": 0, "without a score": 0}
    rows: list[_Row] = []
    for dataset, item, name, agent, score, cost, seconds in zip(
        outcomes.texts("dataset"),
        outcomes.texts("item_id"),
        outcomes.texts("model"),
        outcomes.texts("agent"),
        outcomes.numbers("score").tolist(),
        outcomes.numbers("cost_usd").tolist(),
        outcomes.numbers("seconds").tolist(),
        strict=True,
    ):
        task, model = tasks.get((dataset, item)), names.resolve(name)
        if task is None:
            left_out["of unknown items"] += 1
        elif model is None:
            left_out["of more than one model"] += 1
        elif math.isnan(score):
            left_out["without a score"] += 1
        elif not 0 <= score <= 1:
            raise InvalidRequest(
                f"{outcomes.name}, column score: expected a share from 0 to 1, found {score:g}."
            )
        else:
            rows.append(
                _Row(task, model, agent, score, cost if cost > 0 else math.nan, seconds),
            )
    return rows, left_out


def _priced(rows: Sequence[_Row]) -> list[_Row]:
    """Without those of harnesses that tell too few bills; datasets without a kind are never priced."""
    known: dict[tuple[str, str, str], list[bool]] = {}
    for row in rows:
        key = (row.task.dataset, row.model, row.agent)
        known.setdefault(key, []).append(not math.isnan(row.cost_usd))
    return [
        row
        for row in rows
        if row.task.kind is None
        or np.mean(known[row.task.dataset, row.model, row.agent]) >= LEAST_PRICED
    ]


def _mean_seconds(models: Table, names: ModelNames) -> dict[tuple[str, str, str], float]:
    """By benchmark, model and harness."""
    found: dict[tuple[str, str, str], float] = {}
    agents = models.texts("agent")
    plain = [names.resolve(name) for name in models.texts("model")]
    for column in models.columns:
        if column.endswith(RUNTIME_SUFFIX):
            benchmark = column.removesuffix(RUNTIME_SUFFIX)
            for model, agent, seconds in zip(
                plain, agents, models.numbers(column).tolist(), strict=True
            ):
                if model is not None and seconds > 0:
                    found[benchmark, model, agent] = seconds
    return found


def _with_seconds(rows: Sequence[_Row], means: Mapping[tuple[str, str, str], float]) -> list[_Row]:
    """A run that was not timed took what its model takes on the benchmark in that harness."""
    return [
        row
        if row.seconds > 0
        else _Row(
            row.task,
            row.model,
            row.agent,
            row.score,
            row.cost_usd,
            means.get((row.task.dataset.rpartition("/")[2], row.model, row.agent), math.nan),
        )
        for row in rows
    ]


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return math.fsum(known) / len(known) if known else math.nan
