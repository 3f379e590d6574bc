"""What has to be run for the page, on all cores; the longest jobs come first.

Rules: a job reads the tables itself, because processes share nothing; one that the tables do not suffice for says
why and leaves its tables out.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Final

from turnout.errors import TurnoutError
from turnout.evaluation_page import sessions, tasks, trouble
from turnout.evaluation_page.tables import Part, Table
from turnout.learn.parquet import load_table

CANDIDATES: Final = (
    *("claude-sonnet-4-6", "claude-haiku-4-5", "gpt-5.5", "deepseek-v4-pro", "glm-5.1"),
)
KEPT_WARM: Final = "read-only+subagents"

FILES: Final = (
    *("items", "outcomes", "models", "trace_calls", "trace_turns", "trace_tools"),
    "trace_events",
)

Job = Callable[[Path, Path], Part]


@dataclass(frozen=True, slots=True)
class Done:
    """Attributes:
    refused: why there are no tables, "" where there are.
    """

    name: str
    seconds: float
    part: Part
    refused: str


def _replayed(data: Path, _out: Path, *, candidate: str, scenario: str, keeps_warm: bool) -> Part:
    return sessions.replays(data, candidate, scenario, keeps_warm=keeps_warm)


def jobs() -> Mapping[str, Job]:
    """By name, the order of rows of the same table kept."""
    return {
        "models on tasks": tasks.models_on_tasks,
        "task kinds": tasks.task_kinds,
        "lifetimes": sessions.lifetimes,
        **{
            f"replay with {candidate}, {scenario}": partial(
                _replayed, candidate=candidate, scenario=scenario, keeps_warm=False
            )
            for candidate in CANDIDATES
            for scenario in sessions.SCENARIOS
        },
        **{
            f"replay with {candidate}, kept warm": partial(
                _replayed, candidate=candidate, scenario=KEPT_WARM, keeps_warm=True
            )
            for candidate in CANDIDATES
        },
        "escalation": trouble.escalation,
        "cache hits": sessions.cache_hits,
        "dial": sessions.dial,
        "files": files,
    }


def run(
    todo: Mapping[str, Job], data: Path, out: Path, *, workers: int, told: Callable[[Done], None]
) -> Sequence[Done]:
    """Every job; `told` as each is done, in their order. Raises `OSError`."""
    out.mkdir(parents=True, exist_ok=True)
    found: list[Done] = []
    with ProcessPoolExecutor(workers) as pool:
        for done in [pool.submit(_run, name, job, data, out) for name, job in todo.items()]:
            one = done.result()
            for name, report in one.part.reports.items():
                (out / name).write_bytes(report + b"\n")
            told(one)
            found.append(one)
    return found


def _run(name: str, job: Job, data: Path, out: Path) -> Done:
    begun = perf_counter()
    try:
        part, refused = job(data, out), ""
    except TurnoutError as error:
        part, refused = Part({}, {}, {}), error.message
    return Done(name, perf_counter() - begun, part, refused)


def files(data: Path, _out: Path) -> Part:
    tables = [load_table(data, name) for name in FILES]
    return Part(
        tables={
            "files": Table(
                ("file", "rows", "sha256 begins with"),
                tuple((f"`{one.name}`", f"{one.rows:,}", f"`{one.sha256[:16]}`") for one in tables),
            )
        },
        reached={},
        reports={},
    )
