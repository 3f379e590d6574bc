"""The small commands around the facts' tables: `turnout sql`, `turnout schema`, `turnout facts`.

Rules: a ClickHouse whose address is set is used as it is; else synthetic facts and the document of the
schema get an embedded one of their own, below the data directory and on a free port, so that a running
Turnout is neither needed nor touched.
"""

import argparse
import asyncio
import re
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx

from turnout import parts
from turnout.engines.clickhouse.process import clickhouse_child
from turnout.engines.free_ports import free_port
from turnout.engines.supervisor import supervising
from turnout.errors import InvalidRequest, Unavailable
from turnout.settings import Settings, load
from turnout.telemetry.queries import AnalyticsQuery, load_queries, load_query
from turnout.telemetry.schema import load_migrations, migrate, records_template, render
from turnout.telemetry.schema_document import document
from turnout.telemetry.synthetic import DATABASE, Plan, generate, settle
from turnout.telemetry.warehouse import WarehouseSettings, open_warehouse

QUERY_SECONDS = 40.0
"""Longer than an embedded engine lets a reader's query run."""

TIMES_MEASURED = 3
"""The median of three: the first reads from disk, one may meet something else."""

DIGITS = 6

_FRACTION = re.compile(r"(?<![\w.:-])(?P<whole>-?\d+)\.\d+(?:e[+-]?\d+)?(?![\w.:])")
"""A number of its own, no part of a name or a time."""

_TABLE: Mapping[str, str] = {
    "default_format": "PrettyCompactMonoBlock",
    "output_format_pretty_row_numbers": "0",
    "output_format_pretty_color": "0",
    "output_format_pretty_single_large_number_tip_threshold": "0",
}


def main(command: str, argv: Sequence[str]) -> int:
    """`turnout schema …` and `turnout facts …`."""
    parser = argparse.ArgumentParser(prog=f"turnout {command}")
    actions = parser.add_subparsers(dest="action", required=True)
    if command == "schema":
        rendered = actions.add_parser("render", help="print the statements that make the schema")
        rendered.add_argument("--cluster", default="", help="for a cluster of this name")
        rendered.add_argument("--database", default="turnout")
        actions.add_parser("document", help="print what every column means, as Markdown")
    else:
        made = actions.add_parser("generate", help="make synthetic facts")
        made.add_argument("--rows", type=_positive, default=1_000_000, help="requests")
        made.add_argument("--seed", type=int, default=1, help="other numbers, other facts")
        made.add_argument("--days", type=_positive, default=60, help="days up to now")
        made.add_argument("--database", default=DATABASE)
        timed = actions.add_parser("time", help="run every query on them")
        timed.add_argument("--database", default=DATABASE)
    told = parser.parse_args(argv)
    match told.action:
        case "render":
            print_schema(database=told.database, cluster=told.cluster)
        case "document":
            asyncio.run(print_document())
        case "generate":
            asyncio.run(
                generate_facts(
                    load(), rows=told.rows, seed=told.seed, days=told.days, database=told.database
                )
            )
        case _:
            asyncio.run(time_queries(load(), database=told.database))
    return 0


def _positive(told: str) -> int:
    if not told.isascii() or not told.isdecimal() or not (number := int(told)):
        raise argparse.ArgumentTypeError(f"{told!r} is no whole number above 0, such as 100")
    return number


def values_of(told: Sequence[str]) -> dict[str, str]:
    """`["since=2026-01-01"]` as a mapping. Raises `InvalidRequest` for anything else."""
    values: dict[str, str] = {}
    for one in told:
        name, equals, value = one.partition("=")
        if not equals:
            raise InvalidRequest(f"{one!r} is no value of a parameter; since=2026-11-22 is one")
        if name in values:
            raise InvalidRequest(
                f"{name} is told twice, as {values[name]!r} and {value!r}; tell one"
            )
        values[name] = value
    return values


async def run_query(settings: Settings, name: str, values: Mapping[str, str]) -> None:
    """Print a named query's answer as a table, or the names with their questions."""
    if not name:
        for query in load_queries().values():
            print(f"{query.name:32} {query.question}")
        return
    answer = await ask(settings, load_query(name).with_values(values), _TABLE)
    sys.stdout.write(shortened(answer))
    if not answer.strip():
        print("no rows", file=sys.stderr)


def shortened(table: str) -> str:
    """The table with six digits of every fraction, in as much room as it had: ClickHouse writes all that a
    float has.
    """
    return _FRACTION.sub(_six_digits, table)


def _six_digits(found: re.Match[str]) -> str:
    whole, value = found["whole"].lstrip("-"), float(found[0])
    # A number below 1 has zeros in front that say nothing, and one with an exponent none at all.
    is_plain = int(whole) > 0 and "e" not in found[0]
    short = f"{value:.{max(0, DIGITS - len(whole))}f}" if is_plain else f"{value:.{DIGITS}g}"
    return short.rjust(len(found[0])) if len(short) < len(found[0]) else found[0]


async def ask(settings: Settings, sql: str, how: Mapping[str, str]) -> str:
    """The answer to a query; `how` are parameters of ClickHouse's HTTP interface. Raises `Unavailable`."""
    told = settings.clickhouse
    url = told.url or f"http://127.0.0.1:{told.port}"
    async with httpx.AsyncClient(timeout=QUERY_SECONDS) as client:
        return await _answer(client, url, sql, told.database, how)


def print_query(name: str, values: Mapping[str, str]) -> None:
    """Print the text of a query, for any other client."""
    sys.stdout.write(load_query(name).with_values(values))


def print_schema(*, database: str, cluster: str) -> None:
    """Print every statement that brings an empty server or cluster up to the newest schema."""
    on_cluster = f" ON CLUSTER '{cluster}'" if cluster else ""
    templates = (records_template(cluster=cluster), *(one.template for one in load_migrations()))
    print(f"CREATE DATABASE IF NOT EXISTS {database}{on_cluster};")
    for template in templates:
        for statement in render(template, database=database, cluster=cluster):
            print(f"\n{statement};")


async def print_document() -> None:
    """Print what every table and column means, read from a database made for it."""
    with tempfile.TemporaryDirectory(prefix="turnout-schema-") as directory:
        async with (
            _embedded(Path(directory), database="turnout") as found,
            open_warehouse(found) as warehouse,
        ):
            await migrate(warehouse, load_migrations())
            sys.stdout.write(await document(warehouse))


async def generate_facts(
    settings: Settings, *, rows: int, seed: int, days: int, database: str
) -> None:
    """Make synthetic facts in a database of their own."""

    async def told(what: str) -> None:
        print(f"{time.monotonic() - started:7.1f} s  {what}", file=sys.stderr, flush=True)

    started = time.monotonic()
    plan = Plan(rows=rows, until=datetime.now(UTC).date(), seed=seed, days=days)
    removal = (
        f"run DROP DATABASE {database} SYNC at {settings.clickhouse.url}"
        if settings.clickhouse.url
        else f"remove the directory {_synthetic(settings)}"
    )
    async with _warehouse(settings, database) as found, open_warehouse(found) as warehouse:
        async for done in generate(warehouse, plan, removal=removal):
            await told(f"{done:,} of {rows:,} requests")
        await settle(warehouse, told)
        await told("done")


async def time_queries(settings: Settings, *, database: str) -> None:
    """Print what every query takes on the synthetic facts, over HTTP and as a reader."""
    async with _warehouse(settings, database) as found:
        told = settings.clickhouse
        user = (found.user, found.password) if told.url else None
        async with httpx.AsyncClient(timeout=QUERY_SECONDS, auth=user) as client:
            tables = "SELECT database FROM system.tables WHERE name = 'requests_raw' FORMAT TSV"
            count = "SELECT count() FROM requests_raw FORMAT TSV"
            if database not in (await _answer(client, found.url, tables, "system")).split():
                raise InvalidRequest(
                    f"there is no database {database} of facts; make it with `turnout facts generate`"
                )
            rows = int((await _answer(client, found.url, count, database)).strip())
            print(f"{rows:,} requests; median of {TIMES_MEASURED}, ms")
            for query in load_queries().values():
                taken = [
                    await _taken(client, found.url, query, database) for _ in range(TIMES_MEASURED)
                ]
                print(f"{statistics.median(taken) * 1000:8.0f}  {query.name}", flush=True)


async def _taken(
    client: httpx.AsyncClient, url: str, query: AnalyticsQuery, database: str
) -> float:
    started = time.perf_counter()
    await _answer(client, url, query.sql, database)
    return time.perf_counter() - started


async def _answer(
    client: httpx.AsyncClient,
    url: str,
    sql: str,
    database: str,
    how: Mapping[str, str] = _TABLE,
) -> str:
    try:
        answer = await client.post(url, params={"database": database, **how}, content=sql)
    except httpx.TimeoutException:
        raise Unavailable(f"ClickHouse did not answer within {QUERY_SECONDS:g} s.") from None
    except httpx.TransportError as reason:
        raise Unavailable(f"No ClickHouse answers at {url}: {reason or 'no connection'}.") from None
    if answer.is_error:
        raise Unavailable(f"ClickHouse said {answer.status_code}: {answer.text[:300].strip()}")
    return answer.text


@asynccontextmanager
async def _warehouse(settings: Settings, database: str) -> AsyncGenerator[WarehouseSettings]:
    """The ClickHouse that is configured, or an embedded one for synthetic facts."""
    if settings.clickhouse.url:
        yield replace(parts.warehouse_of(settings), database=database)
        return
    parts.make_data_dir(settings)
    async with _embedded(_synthetic(settings), database=database) as found:
        yield found


def _synthetic(settings: Settings) -> Path:
    return settings.data_dir / "synthetic"


@asynccontextmanager
async def _embedded(directory: Path, *, database: str) -> AsyncGenerator[WarehouseSettings]:
    token = secrets.token_urlsafe(32)
    port = free_port()
    child = clickhouse_child(data_dir=directory, token=token, port=port)
    async with supervising((child,), data_dir=directory):
        yield WarehouseSettings(url=f"http://127.0.0.1:{port}", password=token, database=database)
