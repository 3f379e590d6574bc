"""Throughput, CPU per request and added latency of the gateways, in interleaved rounds.

A round measures every case on every gateway, one gateway after the other, in an order that rotates
from round to round: what disturbs the machine for a while disturbs neighbours alike. What is
compared later are medians of ratios within rounds.
"""

import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from loadtest import machine
from loadtest.answers import LoadDialect
from loadtest.bodies import Size
from loadtest.gateways import Name, extra_headers
from loadtest.load import Result
from loadtest.machine import Cpus, Started

WARM_UP_SECONDS = 0.7
"""Connections, caches and lazy imports of a gateway; not measured."""

LOAD_EXTRA_SECONDS = 90.0
"""Beyond its asked time a load needs a start and may wait for late answers."""


class RunFailed(Exception):
    """A load did not deliver a result."""


@dataclass(frozen=True, slots=True)
class Case:
    """What is sent."""

    dialect: LoadDialect
    size: Size
    stream: bool

    @property
    def title(self) -> str:
        return f"{self.dialect} {self.size}{' stream' if self.stream else ''}"


@dataclass(frozen=True, slots=True)
class Cell:
    """One gateway in one case of one round. CPU in milliseconds per request.

    Attributes:
        children_cpu_ms: of all processes below the gateway's own; None when it has none.
        alone_p50_ms: latency with one connection.

    """

    gateway: Name
    case: Case
    round: int
    per_second: float
    p99_ms: float
    cpu_ms: float
    children_cpu_ms: float | None
    alone_p50_ms: float
    errors: int


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how often.

    Attributes:
        connections: of the throughput measurement, closed loop.

    """

    cases: tuple[Case, ...]
    rounds: int
    seconds: float
    alone_seconds: float
    connections: int


@dataclass(slots=True)
class Cells:
    """All that was measured."""

    cells: list[Cell] = field(default_factory=list)

    def of(self, gateway: Name, case: Case) -> list[Cell]:
        """One cell per round, in the order of rounds."""
        return [cell for cell in self.cells if (cell.gateway, cell.case) == (gateway, case)]


PEERS: frozenset[Name] = frozenset({"litellm", "portkey"})
"""Gateways of others: what one of them cannot do ends no run."""


def measure(
    plan: Plan,
    gateways: Mapping[Name, Started],
    cpus: Cpus,
    *,
    on_unable: Callable[[str], None],
) -> Iterator[Cell]:
    """Every case on every gateway, round by round. `on_unable` is told what a peer did not answer;
    raises `RunFailed` for all others.
    """
    order = deque(gateways)
    for number in range(plan.rounds):
        for case in plan.cases:
            for name in order:
                headers = extra_headers(name, case.dialect, upstream_url=gateways["direct"].url)
                runs = _Runs(case, gateways[name], cpus, headers)
                try:
                    yield _cell(plan, runs, name, number=number)
                except RunFailed as reason:
                    if name not in PEERS:
                        raise
                    on_unable(f"{name}: {reason}")
        order.rotate(1)


@dataclass(frozen=True, slots=True)
class _Runs:
    """What the runs of a cell have in common."""

    case: Case
    gateway: Started
    cpus: Cpus
    headers: tuple[str, ...]

    def load(self, *, connections: int, seconds: float) -> Result:
        """One run of the load in its own process. Raises `RunFailed`."""
        case, url = self.case, self.gateway.url
        argv = [
            *("taskset", "--cpu-list", str(self.cpus.load), sys.executable, "-m", "loadtest.load"),
            *(url, "--dialect", case.dialect, "--size", case.size),
            *("--connections", str(connections), "--seconds", str(seconds)),
            *(("--stream",) if case.stream else ()),
            *(word for header in self.headers for word in ("--header", header)),
        ]
        try:
            ended = subprocess.run(
                argv, capture_output=True, check=False, timeout=seconds + LOAD_EXTRA_SECONDS
            )
        except subprocess.TimeoutExpired:
            raise RunFailed(f"{case.title} against {url}: the load did not end") from None
        if ended.returncode:
            raise RunFailed(f"{case.title} against {url}: {ended.stderr.decode()[-500:]}")
        return msgspec.json.decode(ended.stdout, type=Result)


def _cell(plan: Plan, runs: _Runs, name: Name, *, number: int) -> Cell:
    pid = runs.gateway.pid
    below = machine.children(pid)
    runs.load(connections=plan.connections, seconds=WARM_UP_SECONDS)
    alone = runs.load(connections=1, seconds=plan.alone_seconds)
    machine.settle([pid, *below])
    own, others = machine.cpu_seconds(pid), _sum(below)
    result = runs.load(connections=plan.connections, seconds=plan.seconds)
    machine.settle([pid, *below])
    own, others = machine.cpu_seconds(pid) - own, _sum(below) - others
    return Cell(
        gateway=name,
        case=runs.case,
        round=number,
        per_second=result.per_second,
        p99_ms=result.total.p99,
        cpu_ms=own * 1000 / result.requests,
        children_cpu_ms=others * 1000 / result.requests if below else None,
        alone_p50_ms=alone.total.p50,
        errors=result.errors + alone.errors,
    )


def _sum(pids: Sequence[int]) -> float:
    return sum(machine.cpu_seconds(pid) for pid in pids)
