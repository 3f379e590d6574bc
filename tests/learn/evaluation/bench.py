"""Tables of benchmark runs with a planted answer: what every model solves of every kind, and at what cost."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.learn.sample_tables import write
from turnout.catalog.catalog import parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.learn.evaluation.tasks import Run, Runs, Task, read_runs
from turnout.learn.model_names import ModelNames
from turnout.learn.outcomes import DATASET_KINDS
from turnout.learn.parquet import load_table

SWE, SWT, GAIA = "openhands/swe-bench", "openhands/swt-bench", "openhands/gaia"
NAMES: Final = ModelNames(parse_catalog(snapshot_bytes()).names)

Plan = Mapping[str, Mapping[str, tuple[int, float]]]
"""By dataset and model: solved of every ten tasks, and USD a task."""

SPECIALISTS: Final[Plan] = {
    SWE: {"fixer": (9, 0.1), "tester": (4, 0.1), "large": (9, 1.0)},
    SWT: {"fixer": (4, 0.1), "tester": (9, 0.1), "large": (9, 1.0)},
}
"""A cheap model is as good as the dear one, another for each kind."""

GENERALISTS: Final[Plan] = {
    dataset: {"small": (4, 0.1), "middle": (7, 0.3), "large": (9, 1.0)} for dataset in (SWE, SWT)
}
"""The kind says nothing."""

TASKS: Final = 60
REPOSITORIES: Final = 6


def planted(plan: Plan, *, seconds: float = 100.0) -> Runs:
    """Task n is of repository n modulo six, and ten tasks in a row have every model's share."""
    tasks = {
        (dataset, number): Task(
            dataset=dataset,
            item=str(number),
            kind=DATASET_KINDS[dataset],
            repository=f"repository{number % REPOSITORIES}",
            prompt="",
        )
        for dataset in plan
        for number in range(TASKS)
    }
    return Runs(
        tasks=tuple(tasks.values()),
        runs=tuple(
            Run(tasks[dataset, number], model, float(number // 6 % 10 < solved), cost, seconds)
            for dataset, models in plan.items()
            for model, (solved, cost) in models.items()
            for number in range(TASKS)
        ),
        left_out={},
    )


def item(number: int = 0, **differences: object) -> dict[str, object]:
    plain: dict[str, object] = {
        "dataset": SWE,
        "item_id": str(number),
        "prompt": "",
        "category": f"repository{number % REPOSITORIES}",
    }
    return plain | differences


def outcome(number: int = 0, **differences: object) -> dict[str, object]:
    plain: dict[str, object] = {
        "dataset": SWE,
        "item_id": str(number),
        "model": "claude-opus-4-8",
        "agent": "openhands",
        "score": 1.0,
        "cost_usd": 0.5,
        "seconds": None,
    }
    return plain | differences


def write_table(directory: Path, name: str, rows: Sequence[Mapping[str, object]]) -> Path:
    write(directory, name, {column: [row[column] for row in rows] for column in rows[0]})
    return directory / f"{name}.parquet"


def read(
    directory: Path,
    *,
    items: Sequence[Mapping[str, object]],
    outcomes: Sequence[Mapping[str, object]],
    models: Sequence[Mapping[str, object]] = (),
) -> Runs:
    write_table(directory, "items", items)
    write_table(directory, "outcomes", outcomes)
    if models:
        write_table(directory, "models", models)
    return read_runs(
        load_table(directory, "items"),
        load_table(directory, "outcomes"),
        load_table(directory, "models") if models else None,
        NAMES,
    )


def write_planted(directory: Path, plan: Plan, *, prompt: str = "") -> None:
    """The same as `planted`, as tables."""
    write_table(
        directory,
        "items",
        [
            item(number, dataset=dataset, prompt=prompt)
            for dataset in plan
            for number in range(TASKS)
        ],
    )
    write_table(
        directory,
        "outcomes",
        [
            outcome(
                number,
                dataset=dataset,
                model=model,
                score=float(number // 6 % 10 < solved),
                cost_usd=cost,
            )
            for dataset, models in plan.items()
            for model, (solved, cost) in models.items()
            for number in range(TASKS)
        ],
    )
