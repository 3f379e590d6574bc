"""What a run says: a table, one line per target, and the same as JSON. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from loadtest import figures
from loadtest.bodies import Size
from loadtest.gateways import Engines, Name
from loadtest.growth import Growth
from loadtest.machine import Cpus
from loadtest.routing import RouteRun
from loadtest.streams import Streams
from loadtest.targets import Target
from loadtest.throughput import Case, Cell, Cells, Plan
from loadtest.translation import Translation

MIN_RELAY_SHARE = 0.5
MIN_LITELLM_TIMES = 8.0
MIN_PORTKEY_TIMES = 2.0
MIN_SPLIT_TIMES = 2.5
MAX_LITELLM_ADDED = 0.3
MAX_PORTKEY_ADDED = 1.0
MAX_ROUTE_MS = 50.0
MAX_CACHED_ROUTE_MS = 10.0
MAX_RESIDENT_MB = 300.0
"""The promises; where they come from is said in the README beside this file."""


PEERS_SIZE: Size = "60 kB"
"""Where Portkey and latencies are compared: a body of the size that agents send."""


@dataclass(frozen=True, slots=True)
class Least:
    """Requests a second of one gateway, at least so many `times` those of another.

    Attributes:
        size: of whole answers, where it is promised for that alone.
    """

    of: Name
    to: Name
    times: float
    size: Size | None = None

    def is_for(self, case: Case) -> bool:
        return self.size is None or (case.size == self.size and not case.stream)


EMBEDDED = (
    Least("turnout", "relay", MIN_RELAY_SHARE),
    Least("turnout", "litellm", MIN_LITELLM_TIMES),
    Least("turnout", "portkey", MIN_PORTKEY_TIMES, PEERS_SIZE),
    Least("split", "litellm", MIN_SPLIT_TIMES),
)
ADDED: tuple[tuple[Name, float], ...] = (
    ("litellm", MAX_LITELLM_ADDED),
    ("portkey", MAX_PORTKEY_ADDED),
)


@dataclass(frozen=True, slots=True)
class Resident:
    """Memory of one process of turnout after the load, in MB (10^6 bytes).

    Attributes:
        mb: resident set size.
        shared_out_mb: proportional set size, which can be summed over processes.

    """

    process: str
    mb: float
    shared_out_mb: float
    is_clickhouse: bool


@dataclass(slots=True)
class Report:
    """One run of the bench.

    Attributes:
        python: version, build and compiler (`sys.version`), since builds differ in speed.

    """

    plan: Plan
    python: str
    cpus: Cpus
    engines: Engines
    names: tuple[Name, ...]
    least: tuple[Least, ...] = EMBEDDED
    cells: Cells = field(default_factory=Cells)
    resident: list[Resident] = field(default_factory=list)
    route_mixed: RouteRun | None = None
    route_cached: RouteRun | None = None
    growth: Growth | None = None
    translation: Translation | None = None
    streams: Streams | None = None
    failures: list[str] = field(default_factory=list)
    unable: list[str] = field(default_factory=list)

    def targets(self) -> list[Target]:
        """All that this run has figures for."""
        found = [*self._throughput_targets(), *self._latency_targets()]
        if self.resident:
            own = self.resident[0].mb
            tree = sum(one.shared_out_mb for one in self.resident if not one.is_clickhouse)
            for what, mb in (
                ("resident memory of the embedded process", own),
                ("memory of that and all children but ClickHouse, shared pages once", tree),
            ):
                found.append(Target(what, mb, "under", MAX_RESIDENT_MB, " MB"))
        for run, title, limit in (
            (self.route_mixed, "Route p99, a quarter of texts new", MAX_ROUTE_MS),
            (self.route_cached, "Route p99, texts known", MAX_CACHED_ROUTE_MS),
        ):
            if run is not None:
                found.append(Target(title, run.total.p99, "under", limit, " ms"))
        for section in (self.growth, self.translation, self.streams):
            if section is not None:
                found += section.targets()
        return found

    def _throughput_targets(self) -> Iterator[Target]:
        for case in self.plan.cases:
            for least in self.least:
                share = self._ratio(least.of, least.to, case)
                if share is not None and least.is_for(case):
                    unit = "streams/s" if case.stream else "requests/s"
                    what = f"{unit} of {least.of} by {least.to}, {case.title}"
                    yield Target(what, share, "at least", least.times, "x")

    def _latency_targets(self) -> Iterator[Target]:
        """Of one connection, above the bare upstream's."""
        for case in self.plan.cases:
            ours, direct = self.cells.of("turnout", case), self.cells.of("direct", case)
            for name, limit in ADDED:
                theirs = self.cells.of(name, case)
                is_compared = case.size == PEERS_SIZE and not case.stream
                if is_compared and ours and len(ours) == len(theirs) == len(direct):
                    share = figures.ratio(_added(ours, direct), _added(theirs, direct))
                    what = f"added p50 at one connection by {name}'s, {case.title}"
                    yield Target(what, share, "at most", limit, "x")

    def _ratio(self, of: Name, to: Name, case: Case) -> float | None:
        first, second = self.cells.of(of, case), self.cells.of(to, case)
        if not first or len(first) != len(second):
            return None
        return figures.ratio(
            [cell.per_second for cell in first], [cell.per_second for cell in second]
        )

    def lines(self) -> list[str]:
        """The whole report for people."""
        told = [f"python  {self.python}", "", *self._table(), "", *self._ratios(), ""]
        told += [
            f"memory  {one.process:38} resident {one.mb:6.1f} MB, shared out"
            f" {one.shared_out_mb:6.1f} MB"
            for one in self.resident
        ]
        for title, run in (("new", self.route_mixed), ("known", self.route_cached)):
            if run is not None:
                told.append(_route_line(title, run))
        for section in (self.growth, self.translation, self.streams):
            if section is not None:
                told += ["", *section.lines()]
        told += ["", *(f"TARGET  {target.line}" for target in self.targets())]
        told += [f"UNABLE  {what}" for what in self.unable]
        told += [f"FAILED  {failure}" for failure in self.failures]
        return told

    def _table(self) -> list[str]:
        head = (
            f"{'case':34} {'gateway':8} {'req/s':>8} {'p99 ms':>8} {'CPU ms':>8}"
            f" {'children':>8} {'p50 c=1':>8} {'added':>7} {'errors':>6}"
        )
        rows = [head]
        for case in self.plan.cases:
            direct = self.cells.of("direct", case)
            for name in self.names:
                cells = self.cells.of(name, case)
                if cells:
                    rows.append(_row(case, name, cells, direct))
        return rows

    def _ratios(self) -> list[str]:
        rows: list[str] = []
        own, baseline = self.least[0].of, self.least[0].to
        for case in self.plan.cases:
            ours, bare = self.cells.of(own, case), self.cells.of(baseline, case)
            if not ours or len(ours) != len(bare):
                continue
            whole = figures.ratio(
                [c.cpu_ms + (c.children_cpu_ms or 0.0) for c in bare],
                [c.cpu_ms + (c.children_cpu_ms or 0.0) for c in ours],
            )
            share = self._ratio(own, baseline, case) or 0.0
            by_cpu = ""
            # A process that only keeps others up uses none that could be told.
            if all(cell.cpu_ms for cell in ours):
                cpu = figures.ratio([c.cpu_ms for c in bare], [c.cpu_ms for c in ours])
                by_cpu = f" by CPU {cpu:.2f},"
            rows.append(
                f"ratio   {case.title:34} {own}/{baseline}: throughput {share:.2f},{by_cpu}"
                f" by CPU with children {whole:.2f}"
            )
        return rows


def _added(cells: Sequence[Cell], direct: Sequence[Cell]) -> list[float]:
    return [cell.alone_p50_ms - bare.alone_p50_ms for cell, bare in zip(cells, direct, strict=True)]


def _row(case: Case, name: Name, cells: Sequence[Cell], direct: Sequence[Cell]) -> str:
    children = [cell.children_cpu_ms for cell in cells if cell.children_cpu_ms is not None]
    alone = figures.middle([cell.alone_p50_ms for cell in cells])
    added = "-"
    if direct and name != "direct":
        added = f"{alone - figures.middle([cell.alone_p50_ms for cell in direct]):.2f}"
    return (
        f"{case.title:34} {name:8} {figures.middle([c.per_second for c in cells]):8.0f}"
        f" {figures.middle([c.p99_ms for c in cells]):8.1f}"
        f" {figures.middle([c.cpu_ms for c in cells]):8.3f}"
        f" {f'{figures.middle(children):.3f}' if children else '-':>8}"
        f" {alone:8.2f} {added:>7} {sum(cell.errors for cell in cells):6}"
    )


def _route_line(title: str, run: RouteRun) -> str:
    skipped = ", ".join(f"{count} {reason}" for reason, count in run.without_text.items()) or "none"
    return (
        f"route   texts {title:6} {run.requests} calls, {run.new_texts} new: p50 {run.total.p50:.1f} ms,"
        f" p95 {run.total.p95:.1f}, p99 {run.total.p99:.1f}, longest {run.total.longest:.1f};"
        f" decided without text: {skipped}; errors: {run.errors}"
    )
