"""Synthetic facts that look like agent traffic, made by ClickHouse itself, and what the queries take on them.

Rules: the same number of rows and seed give the same facts. They go to a database of their own, in
slices that fit an embedded engine, as if telemetry had inserted them at the time they tell of. What a
step looks like is said in `deploy/clickhouse/synthetic/steps.sql`.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from datetime import date

from turnout.errors import InvalidRequest
from turnout.telemetry.rollups import refresh
from turnout.telemetry.schema import load_migrations, migrate, render
from turnout.telemetry.sql_files import sql_directory
from turnout.telemetry.warehouse import Warehouse

DATABASE = "turnout_synthetic"
KINDS = ("requests", "attempts", "decisions", "thread_switches", "outcomes")
TABLES = (*(f"{kind}_raw" for kind in KINDS), "session_hours_raw")
SLICE_ROWS = 40_000
"""What a writer of the embedded engine can insert at once in its 320 MiB; 120,000 it cannot."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to make: this many requests, with the attempts, decisions and outcomes around them.

    Attributes:
        until: the day after the last one.

    """

    rows: int
    until: date
    seed: int = 1
    days: int = 60


async def generate(
    warehouse: Warehouse, plan: Plan, *, removal: str = "drop it"
) -> AsyncGenerator[int]:
    """Fill an empty database; gives how many requests are there, again and again. `removal` is how
    whoever asks gets rid of the facts of before.

    Raises `InvalidRequest` when there are facts in it already.
    """
    settings = warehouse.settings
    await migrate(warehouse, load_migrations())
    if await warehouse.rows("SELECT 1 FROM requests_raw LIMIT 1"):
        raise InvalidRequest(
            f"the database {settings.database} holds facts already; {removal}, or name another one"
            " with --database"
        )
    for first in range(0, plan.rows, SLICE_ROWS):
        rows = min(SLICE_ROWS, plan.rows - first)
        for kind in KINDS:
            await warehouse.command(
                _statement(kind, plan, first=first, rows=rows, warehouse=warehouse)
            )
        yield first + rows


async def settle(warehouse: Warehouse, told: Callable[[str], Awaitable[None]]) -> None:
    """Count the roll-ups and merge parts, as a server has done with facts of yesterday."""
    settings = warehouse.settings
    await told("roll-ups")
    await refresh(warehouse)
    on_cluster = f" ON CLUSTER '{settings.cluster}'" if settings.cluster else ""
    for table in TABLES:
        rows = await warehouse.rows(
            "SELECT DISTINCT partition_id FROM system.parts WHERE active"  # noqa: S608
            f" AND database = '{settings.database}' AND table = '{table}' ORDER BY partition_id"
        )
        for row in rows:
            await told(f"merging {table} {row[0]}")
            await warehouse.command(
                f"OPTIMIZE TABLE {settings.database}.{table}{on_cluster}"
                f" PARTITION ID '{row[0]}' FINAL"
            )


def _statement(kind: str, plan: Plan, *, first: int, rows: int, warehouse: Warehouse) -> str:
    directory = sql_directory() / "synthetic"
    steps = (directory / "steps.sql").read_text(encoding="utf-8")
    template = (directory / f"{kind}.sql").read_text(encoding="utf-8")
    template = template.replace("${steps}", f"\n{steps.strip()}\n")
    numbers = {
        "{first:UInt64}": f"{first}",
        "{rows:UInt64}": f"{rows}",
        "{total:UInt64}": f"{plan.rows}",
        "{seed:UInt64}": f"{plan.seed}",
        "{until:Date}": f"toDate('{plan.until.isoformat()}')",
        "{days:UInt32}": f"{plan.days}",
    }
    for placeholder, number in numbers.items():
        template = template.replace(placeholder, number)
    settings = warehouse.settings
    (statement,) = render(template, database=settings.database, cluster=settings.cluster)
    return statement
