"""Throughput, CPU per request and added latency of the gateways, in interleaved rounds.

A round measures every case on every gateway, one gateway after the other, in an order that rotates
from round to round: what disturbs the machine for a while disturbs neighbours alike. What is
compared later are medians of ratios within rounds.
"""

import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from loadtest import machine
from loadtest.answers import Dialect
from loadtest.bodies import Size
from loadtest.gateways import Name
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

    dialect: Dialect
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


def measure(plan: Plan, gateways: Mapping[Name, Started], cpus: Cpus) -> Iterator[Cell]:
    """Every case on every gateway, round by round."""
    order = deque(gateways)
    for number in range(plan.rounds):
        for case in plan.cases:
            for name in order:
                yield _cell(plan, case, name, gateways[name], cpus, number=number)
        order.rotate(1)


def _cell(plan: Plan, case: Case, name: Name, gateway: Started, cpus: Cpus, *, number: int) -> Cell:
    below = machine.children(gateway.pid)
    connections = plan.connections
    _load(case, gateway.url, cpus, connections=connections, seconds=WARM_UP_SECONDS)
    alone = _load(case, gateway.url, cpus, connections=1, seconds=plan.alone_seconds)
    machine.settle([gateway.pid, *below])
    own, others = machine.cpu_seconds(gateway.pid), _sum(below)
    result = _load(case, gateway.url, cpus, connections=connections, seconds=plan.seconds)
    machine.settle([gateway.pid, *below])
    own, others = machine.cpu_seconds(gateway.pid) - own, _sum(below) - others
    return Cell(
        gateway=name,
        case=case,
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


def _load(case: Case, url: str, cpus: Cpus, *, connections: int, seconds: float) -> Result:
    """One run of the load in its own process. Raises `RunFailed`."""
    argv = [
        *("taskset", "--cpu-list", str(cpus.load), sys.executable, "-m", "loadtest.load", url),
        *("--dialect", case.dialect, "--size", case.size),
        *("--connections", str(connections), "--seconds", str(seconds)),
        *(("--stream",) if case.stream else ()),
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
