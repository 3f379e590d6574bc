"""`make bench-facts`: how fast telemetry takes facts from the bus into ClickHouse.

The real NATS and the real embedded ClickHouse, and `turnout run telemetry` between them, each a process
of its own wherever the kernel runs it. Exit status 0 also when a target is missed; 1 when something did
not run or a fact is missing or twice.

Backlog: the stream is filled, then telemetry is started. Facts/s count from the first row that is
seen in ClickHouse to the last one. Rows are seen by asking for `count()` of the tables every 50 ms.

Steady: three publishers send what has come every 0.2 s, as `LINGER_SECONDS` has it, at a fixed rate. A
row's lag is the time from just before its message was published to the answer of ClickHouse that
counts it, asked every 20 ms; rows of a table count as seen in the order in which they were published.
What facts wait in the spool before (up to 0.2 s) is not in it.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec
from nats.js import JetStreamContext

from loadtest import machine
from loadtest.fact_mix import Mix, facts_of, filled, records_of, rows_of, window_of
from loadtest.fact_processes import CpuTime, Processes, cpu_of, engines, telemetry
from loadtest.machine import NotStarted
from loadtest.targets import Target
from turnout.bus.connection import ensure_stream, open_bus
from turnout.bus.publisher import LINGER_SECONDS, Message, messages_of
from turnout.bus.records import Record
from turnout.bus.subjects import SCHEMA_HEADER, SCHEMA_VERSION, STREAM
from turnout.telemetry.tables import TABLES
from turnout.telemetry.warehouse import Warehouse, WarehouseFailed, open_warehouse

MIN_FACTS_A_SECOND = 20_000.0
MAX_LAG_SECONDS = 2.0
STEADY_RATE = 2_000
"""The promises of telemetry; the rate is what some 650 requests a second leave."""

PUBLISHERS = 3
"""Ingress, scorer and dispatcher each have a spool."""

BACKLOG_POLL_SECONDS = 0.05
STEADY_POLL_SECONDS = 0.02
WAIT_SECONDS = 30.0
"""Without a new row for so long, rows are missing."""

ACK_SECONDS = 10.0
BACKLOG_AT = 1_773_144_000.0
STEADY_AT = BACKLOG_AT + 86_400.0
SEED = 20_000


class FactsMissing(Exception):
    """Not every fact became a row, or one became two; the message says how many did."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """Attributes:
    facts: of those the ones that came after the first row was seen; CPU time is theirs.
    """

    facts: int
    seconds: float
    cpu: CpuTime

    @property
    def per_second(self) -> float:
        return self.facts / self.seconds


@dataclass(frozen=True, slots=True)
class Steady:
    facts: int
    per_second: float
    longest_lag_seconds: float
    cpu: CpuTime


def main() -> int:
    machine.end_when_told()
    told = _arguments()
    lines: list[str] = []
    failure = ""
    results: dict[str, object] = {}
    targets: list[Target] = []
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="turnout-facts-"))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        try:
            backlog, steady = _measure(directory, told)
        except (NotStarted, FactsMissing, TimeoutError) as reason:
            failure = f"FAILED  {type(reason).__name__}: {reason}"
        else:
            results = {"backlog": backlog, "steady": steady}
            lines = _lines(backlog, steady)
            targets = _targets(backlog, steady)
    print("\n".join((*lines, *(f"TARGET  {one.line}" for one in targets))) if lines else failure)
    if told.json:
        met = [
            {"what": one.what, "measured": one.measured, "is_met": one.is_met} for one in targets
        ]
        content = {**results, "targets": met, "failure": failure}
        Path(told.json).write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=1))
    return 1 if failure else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="facts", description=__doc__)
    parser.add_argument("--facts", type=int, default=300_000, help="that wait at the start")
    parser.add_argument("--seconds", type=float, default=20.0, help="of the steady rate")
    parser.add_argument("--rate", type=int, default=STEADY_RATE, help="facts a second")
    parser.add_argument("--json", default="", help="file for the results")
    return parser.parse_args()


def _lines(backlog: Backlog, steady: Steady) -> list[str]:
    return [
        f"backlog {backlog.per_second:.0f} facts/s, {backlog.facts} in {backlog.seconds:.1f} s;"
        f" {backlog.cpu.line(backlog.facts)}",
        f"steady  {steady.per_second:.0f} facts/s published, {steady.facts} in all; longest lag"
        f" {steady.longest_lag_seconds:.2f} s; {steady.cpu.line(steady.facts)}",
        "rows    every fact that was published is there once",
    ]


def _targets(backlog: Backlog, steady: Steady) -> list[Target]:
    return [
        Target(
            "facts into ClickHouse, backlog",
            backlog.per_second,
            "at least",
            MIN_FACTS_A_SECOND,
            " facts/s",
        ),
        Target(
            f"longest lag at {steady.per_second:.0f} facts/s",
            steady.longest_lag_seconds,
            "under",
            MAX_LAG_SECONDS,
            " s",
        ),
    ]


def _measure(directory: Path, told: argparse.Namespace) -> tuple[Backlog, Steady]:
    _progress(f"making {told.facts} facts")
    waiting = filled(Mix(seed=SEED, first=0, at=BACKLOG_AT), told.facts, spool="backlog")
    facts = facts_of(Mix(seed=SEED + 1, first=told.facts, at=STEADY_AT))
    records = records_of(facts, round(told.rate * told.seconds))
    with engines(directory) as processes:
        asyncio.run(_fill(processes.nats_url, waiting))
        _progress("the stream is filled; starting telemetry")
        with telemetry(processes, directory) as pid:
            _progress("telemetry answers")
            backlog = asyncio.run(_watch_backlog(processes, pid, rows_of(waiting)))
            _progress(f"{told.rate} facts/s for {told.seconds:g} s")
            machine.settle([pid, processes.clickhouse])
            steady = asyncio.run(
                _keep_steady(processes, pid, rows_of(waiting), records, seconds=told.seconds)
            )
    return backlog, steady


async def _fill(nats_url: str, messages: Sequence[Message]) -> None:
    async with open_bus(nats_url, name="bench") as bus:
        jetstream = await bus.jetstream()
        await ensure_stream(jetstream)
        for message in messages:
            await _publish(jetstream, message)


async def _publish(jetstream: JetStreamContext, message: Message) -> None:
    await jetstream.publish(
        message.subject,
        message.payload,
        timeout=ACK_SECONDS,
        stream=STREAM,
        headers={
            "Nats-Msg-Id": message.id,
            SCHEMA_HEADER: SCHEMA_VERSION,
            "traceparent": message.traceparent,
        },
    )


async def _rows(warehouse: Warehouse) -> dict[str, int]:
    """Rows of each table as of now; none before telemetry has made the tables."""
    counts = ", ".join(f"(SELECT count() FROM {table.name})" for table in TABLES)
    try:
        (row,) = await warehouse.rows(f"SELECT {counts}")
    except WarehouseFailed:
        row = (0,) * len(TABLES)
    return {table.name: int(str(count)) for table, count in zip(TABLES, row, strict=True)}


async def _watch_backlog(
    processes: Processes, telemetry_pid: int, expected: dict[str, int]
) -> Backlog:
    """Until every row is there."""
    total = sum(expected.values())
    async with open_warehouse(processes.warehouse) as warehouse:
        empty_at, seen, seen_at = time.monotonic(), 0, time.monotonic()
        first = (empty_at, 0, cpu_of(processes, telemetry_pid))
        while seen < total:
            await asyncio.sleep(BACKLOG_POLL_SECONDS)
            found = sum((await _rows(warehouse)).values())
            now = time.monotonic()
            # The rows that are seen first have been worked on before; where they are all, so be it.
            if found < total and not first[1]:
                first = (now, found, cpu_of(processes, telemetry_pid))
            if found > seen:
                seen, seen_at = found, now
            elif seen and now - seen_at > WAIT_SECONDS:
                raise FactsMissing(
                    f"{await _rows(warehouse)} of {expected}, and no more are coming"
                )
        begun, before, cpu = first
        ended = time.monotonic()
        used = cpu_of(processes, telemetry_pid).since(cpu)
        await _hold_once(warehouse, expected)
    return Backlog(facts=total - before, seconds=ended - begun, cpu=used)


async def _hold_once(warehouse: Warehouse, expected: dict[str, int]) -> None:
    """Raises `FactsMissing` unless every fact is one row, counted with and without what is merged."""
    for table, count in expected.items():
        (row,) = await warehouse.rows(
            f"SELECT (SELECT count() FROM {table}), (SELECT uniqExact(event_id) FROM {table})"
        )
        if row != (count, count):
            raise FactsMissing(f"{table}: {count} published, (rows, ids) are {row}")


@dataclass(slots=True)
class _Publishing:
    """What was published and when, by table, until its rows are seen."""

    ahead: dict[str, deque[tuple[int, float]]]
    published: dict[str, int]
    facts: int = 0
    is_over: bool = False

    def sent(self, message: Message, at: float) -> None:
        (table,) = rows_of((message,))
        self.published[table] += message.facts
        self.facts += message.facts
        self.ahead[table].append((self.published[table], at))

    def longest_lag(self, seen: dict[str, int], now: float) -> float:
        """Of the rows that have been seen since it was asked last."""
        longest = 0.0
        for table, waiting in self.ahead.items():
            while waiting and waiting[0][0] <= seen[table]:
                longest = max(longest, now - waiting.popleft()[1])
        return longest


async def _keep_steady(
    processes: Processes,
    telemetry_pid: int,
    there: dict[str, int],
    records: Sequence[Record],
    *,
    seconds: float,
) -> Steady:
    told = _Publishing(
        ahead={table.name: deque() for table in TABLES},
        published={table.name: there.get(table.name, 0) for table in TABLES},
    )
    before = cpu_of(processes, telemetry_pid)
    begun = time.monotonic()
    async with (
        open_bus(processes.nats_url, name="bench") as bus,
        open_warehouse(processes.warehouse) as warehouse,
        asyncio.TaskGroup() as tasks,
    ):
        jetstream = await bus.jetstream()
        watching = tasks.create_task(_watch_lag(warehouse, told))
        async with asyncio.TaskGroup() as publishing:
            for number in range(PUBLISHERS):
                publishing.create_task(
                    _publish_steadily(
                        jetstream, told, records[number::PUBLISHERS], number, seconds=seconds
                    )
                )
        took = time.monotonic() - begun
        told.is_over = True
        longest = await watching
        used = cpu_of(processes, telemetry_pid).since(before)
        expected = {table: count for table, count in told.published.items() if count}
        await _hold_once(warehouse, expected)
    return Steady(
        facts=told.facts,
        per_second=told.facts / (took - LINGER_SECONDS),
        longest_lag_seconds=longest,
        cpu=used,
    )


async def _publish_steadily(
    jetstream: JetStreamContext,
    told: _Publishing,
    records: Sequence[Record],
    number: int,
    *,
    seconds: float,
) -> None:
    """One publisher: what has come since the last cycle, in messages of their own."""
    # Publishers do not send at the same moment.
    begun = time.monotonic() + LINGER_SECONDS * number / PUBLISHERS
    done, cycle = 0, 0
    while done < len(records):
        cycle += 1
        due = begun + cycle * LINGER_SECONDS
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        until = min(len(records), round(len(records) * cycle * LINGER_SECONDS / seconds))
        if until == done:
            continue
        # The spool counts positions from the beginning; ids follow from them.
        for message in messages_of(window_of(f"steady-{number}", records[done:until])):
            told.sent(message, time.monotonic())
            await _publish(jetstream, message)
        done = until


async def _watch_lag(warehouse: Warehouse, told: _Publishing) -> float:
    """The longest lag of any row, once all have been seen."""
    longest, progress_at = 0.0, time.monotonic()
    while not told.is_over or any(told.ahead.values()):
        await asyncio.sleep(STEADY_POLL_SECONDS)
        seen = await _rows(warehouse)
        now = time.monotonic()
        waiting = sum(map(len, told.ahead.values()))
        longest = max(longest, told.longest_lag(seen, now))
        if not waiting or sum(map(len, told.ahead.values())) < waiting:
            progress_at = now
        elif now - progress_at > WAIT_SECONDS:
            raise FactsMissing(f"{waiting} messages have not become rows, and no more are coming")
    return longest


def _progress(said: str) -> None:
    print(f"facts: {said}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
