"""What a run of agents prints and writes: tables, CSV and a plot. Pure but for writing."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from loadtest import plot, samples
from loadtest.figures import Spread
from loadtest.samples import Sample, Summary
from loadtest.spans import SpanTime
from loadtest.stages import Rows, Stage
from turnout.demo.report import table


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked for on the command line."""

    users: int
    seconds: int
    seed: int
    longest: int
    compression: float
    first_ms: float
    gap_ms: float
    targets: tuple[str, ...]
    url: str
    direct_url: str
    traced: float
    scorers: int
    terminate: tuple[str, ...]
    kill: tuple[str, ...]
    clickhouse: str
    key: str
    locust: Path
    out: Path


@dataclass(frozen=True, slots=True)
class Target:
    """Where users are sent, and where the facts of it are; no `clickhouse` means none are read. `pid`
    is 0 where no process is ours.
    """

    name: str
    url: str
    clickhouse: str = ""
    pid: int = 0


@dataclass(slots=True)
class Result:
    """Of one target."""

    target: Target
    samples: list[Sample]
    stages: list[Stage] = field(default_factory=list)
    spans: list[SpanTime] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    rows: Rows | None = None


def summaries_of(results: Sequence[Result]) -> list[Summary]:
    """Of every target and dialect; what is not direct is compared with what is."""
    direct = next((one.samples for one in results if one.target.name == "direct"), [])
    found: list[Summary] = []
    for one in results:
        against = [] if one.target.name == "direct" else direct
        found += samples.summarise(one.target.name, one.samples, against)
    return found


def lines(plan: Plan, results: Sequence[Result], summaries: Sequence[Summary]) -> list[str]:
    """The report as text."""
    told = [
        f"{plan.users} users, {plan.seconds:g} s a target, sessions of seed {plan.seed}, think times"
        f" by {plan.compression:g}, client retries off",
        ""
        if plan.url
        else f"scripted upstream: first content after {plan.first_ms:g} ms, then an"
        f" event every {plan.gap_ms:g} ms; observe mode",
        "",
        _requests_table(summaries),
    ]
    for result in results:
        if result.stages:
            title = f"where the time went, by facts: {result.target.name}"
            told += ["", title, _stage_table(result.stages)]
        if result.spans:
            title = f"where the time went, by traces of {plan.traced:.0%}: {result.target.name}"
            told += ["", title, _span_table(result.spans)]
        if result.faults:
            told += ["", f"signals: {result.target.name}", *result.faults]
        if result.rows is not None:
            sent = sum(one.status != 0 for one in result.samples)
            told.append(
                f"{result.rows.requests} of {sent} answered requests are rows in ClickHouse; decided with a"
                f" part missing or late: {result.rows.degraded}"
            )
        told += samples.errors(result.samples)
    return told


HEAD = (
    *("target", "dialect", "requests", "errors", "left", "req/s", "body kB"),
    *("first p50", "p95", "p99", "added p50", "p95", "total p50", "p99", "added p50", "compared"),
)


def _requests_table(summaries: Sequence[Summary]) -> str:
    rows = [
        (
            *(one.target, one.dialect, str(one.requests), str(one.errors), str(one.disconnects)),
            *(f"{one.per_second:.1f}", f"{one.body_kb:.0f}"),
            *((_ms(one.first.p50), _ms(one.first.p95), _ms(one.first.p99)) if one.first else "---"),
            *(_ms(one.added_first_p50), _ms(one.added_first_p95)),
            *((_ms(one.total.p50), _ms(one.total.p99)) if one.total else "--"),
            *(_ms(one.added_total_p50), str(one.compared)),
        )
        for one in summaries
    ]
    return table(HEAD, rows, texts=2)


def _stage_table(stages: Sequence[Stage]) -> str:
    rows = [
        (one.stage, str(one.requests), _ms(one.p50_ms), _ms(one.p95_ms), _ms(one.p99_ms))
        for one in stages
    ]
    return table(("stage", "requests", "p50 ms", "p95 ms", "p99 ms"), rows)


def _span_table(spans: Sequence[SpanTime]) -> str:
    rows = [
        (
            *(one.service, one.name, str(one.spans)),
            *(_ms(one.own.p50), _ms(one.own.p95), _ms(one.own.p99)),
            *(_ms(one.whole.p50), _ms(one.whole.p95), _ms(one.whole.p99)),
        )
        for one in spans
    ]
    head = ("service", "span", "spans", "own p50", "p95", "p99", "whole p50", "p95", "p99")
    return table(head, rows, texts=2)


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def failures(results: Sequence[Result]) -> list[str]:
    found: list[str] = []
    for one in results:
        name = one.target.name
        if count := sum(sample.outcome == "error" for sample in one.samples):
            found.append(f"{name}: {count} requests failed")
        sent = sum(sample.status != 0 for sample in one.samples)
        if one.rows is not None and one.rows.requests < sent:
            found.append(
                f"{name}: {sent - one.rows.requests} of {sent} requests are not in ClickHouse"
            )
    return found


_SPREAD = ("p50_ms", "p95_ms", "p99_ms", "longest_ms")
_SUMMARY_COLUMNS = (
    *("target", "dialect", "requests", "errors", "disconnects", "per_second", "body_kb"),
    *(f"first_{name}" for name in _SPREAD),
    *(f"total_{name}" for name in _SPREAD),
    *("added_first_p50_ms", "added_first_p95_ms", "added_total_p50_ms", "compared"),
)
_STAGE_COLUMNS = ("target", "stage", "requests", "p50_ms", "p95_ms", "p99_ms")
_SPAN_COLUMNS = (
    *("target", "service", "span", "spans"),
    *(f"own_{name}" for name in _SPREAD),
    *(f"whole_{name}" for name in _SPREAD),
)


def write(plan: Plan, results: Sequence[Result], summaries: Sequence[Summary]) -> None:
    """summary.csv, stages.csv, spans.csv and first_content.svg."""
    _write_table(
        plan.out / "summary.csv",
        _SUMMARY_COLUMNS,
        (
            (
                *(one.target, one.dialect, one.requests, one.errors, one.disconnects),
                *(one.per_second, one.body_kb, *_cells(one.first), *_cells(one.total)),
                *(one.added_first_p50, one.added_first_p95, one.added_total_p50, one.compared),
            )
            for one in summaries
        ),
    )
    _write_table(
        plan.out / "stages.csv",
        _STAGE_COLUMNS,
        (
            (
                *(result.target.name, stage.stage.strip(), stage.requests),
                *(f"{ms:.3f}" for ms in (stage.p50_ms, stage.p95_ms, stage.p99_ms)),
            )
            for result in results
            for stage in result.stages
        ),
    )
    _write_table(
        plan.out / "spans.csv",
        _SPAN_COLUMNS,
        (
            (
                *(result.target.name, span.service, span.name, span.spans),
                *(*_cells(span.own), *_cells(span.whole)),
            )
            for result in results
            for span in result.spans
        ),
    )
    series = {
        one.target.name: [
            sample.first_ms
            for sample in one.samples
            if sample.outcome == "answered" and sample.first_ms is not None
        ]
        for one in results
    }
    title = f"First content, {plan.users} agents"
    (plan.out / "first_content.svg").write_text(plot.curves(title, series), encoding="utf-8")
    print(f"\nwritten: {plan.out}/summary.csv, stages.csv, spans.csv, first_content.svg")


def _write_table(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows((head, *rows))


def _cells(spread: Spread | None) -> tuple[float | str, ...]:
    if spread is None:
        return ("", "", "", "")
    return (spread.p50, spread.p95, spread.p99, spread.longest)
