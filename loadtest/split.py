"""`make bench-split`: turnout as five processes against a bare chain of the same hops, in one run.

Everything is on: facts, metrics, and tracing of a tenth of the requests. No process is pinned but
the load, since five services are not meant for one CPU. Then Route at half of what the scorer can
do, and many long streams at once, wave after wave, for errors and for memory that grows. Exit status
0 also when a target is missed; 1 when something did not run.
"""

import argparse
import asyncio
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec

from loadtest import gateways, machine, routing, throughput
from loadtest.gateways import Name, Place
from loadtest.load import Result
from loadtest.machine import Cpus, NotStarted, Started
from loadtest.report import MIN_SPLIT_TIMES, Least, Report
from loadtest.routing import RouteFailed, RouteRun
from loadtest.targets import Target
from loadtest.throughput import Case, Plan, RunFailed

MIN_CHAIN_SHARE = 0.5
MAX_ROUTE_MS = 50.0
MAX_GROWTH_SHARE = 0.05
"""The promises of split mode. Memory may move by a twentieth from one wave to the next."""

STREAM_EVENTS = 20
"""Of the scripted upstream."""

SAMPLED = "0.1"


def _traced(place: Place) -> dict[str, str]:
    """A tenth of the requests, to the upstream, which takes spans as well."""
    return {
        "TURNOUT_TRACING__ENDPOINT": place.upstream_url,
        "TURNOUT_TRACING__SAMPLE_RATIO": SAMPLED,
    }


@dataclass(frozen=True, slots=True)
class Wave:
    """Streams that were all open at once.

    Attributes:
        resident_mb: of each process of turnout after the wave, by what it is.

    """

    streams: int
    errors: int
    last_error: str
    p50_ms: float
    longest_ms: float
    resident_mb: dict[str, float]


def main() -> int:
    machine.end_when_told()
    told = _arguments()
    cpus = Cpus.of_this_machine()
    plan = Plan(
        cases=(
            Case("anthropic_messages", "small", stream=False),
            Case("anthropic_messages", "600 kB", stream=False),
        ),
        rounds=told.rounds,
        seconds=told.seconds,
        alone_seconds=max(0.5, told.seconds / 3),
        connections=told.connections,
    )
    peers = Path(told.peers)
    names: tuple[Name, ...] = ("direct", "chain", "split", *gateways.installed_peers(peers))
    report = Report(
        plan=plan,
        python=sys.version,
        cpus=cpus,
        engines="beside",
        names=names,
        least=(
            Least("split", "chain", MIN_CHAIN_SHARE),
            Least("split", "litellm", MIN_SPLIT_TIMES),
        ),
    )
    lines: list[str] = []
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="turnout-bench-"))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        place = Place(cpus=cpus, port=told.port, directory=directory, engines="beside", peers=peers)
        try:
            lines += _compare(report, place, route_seconds=told.route_seconds)
            if told.streams:
                lines += _waves(report, place, told)
        except (NotStarted, RunFailed, RouteFailed) as reason:
            report.failures.append(str(reason))
    print("\n".join((*report.lines(), *lines)))
    return 1 if report.failures else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="split", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of one throughput run")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--route-seconds", type=float, default=10.0, help="0 leaves Route out")
    parser.add_argument("--streams", type=int, default=600, help="at once; 0 leaves them out")
    parser.add_argument("--stream-seconds", type=float, default=30.0, help="of each stream")
    parser.add_argument("--waves", type=int, default=3)
    parser.add_argument("--port", type=int, default=19200, help="first of 20 free ports")
    parser.add_argument(
        "--peers", default=".venv-peers", help="where LiteLLM and Portkey are, if they are"
    )
    return parser.parse_args()


def _compare(report: Report, place: Place, *, route_seconds: float) -> list[str]:
    with ExitStack() as stack:
        started: dict[Name, Started] = {"direct": stack.enter_context(gateways.upstream(place))}
        started["chain"] = stack.enter_context(gateways.chain(place))
        started["split"] = stack.enter_context(gateways.split(place, _traced(place)))
        if "litellm" in report.names:
            started["litellm"] = stack.enter_context(gateways.litellm(place, is_pinned=False))
        if "portkey" in report.names:
            started["portkey"] = stack.enter_context(gateways.portkey(place, is_pinned=False))
        for cell in throughput.measure(
            report.plan, started, report.cpus, on_unable=report.unable.append
        ):
            report.cells.cells.append(cell)
            _progress(f"round {cell.round + 1}: {cell.case.title}, {cell.gateway}")
            if cell.errors:
                report.failures.append(f"{cell.case.title} on {cell.gateway}: {cell.errors} errors")
        if not route_seconds:
            return []
        _progress(f"Route, twice {route_seconds:g} s")
        full, half = asyncio.run(
            routing.measure_half_full(f"127.0.0.1:{place.port + 6}", seconds=route_seconds)
        )
    return _route_lines(full, half)


def _route_lines(full: float, half: RouteRun) -> list[str]:
    target = Target(
        "Route p99 at half of saturation, texts known", half.total.p99, "under", MAX_ROUTE_MS, " ms"
    )
    return [
        f"route   {full:.0f} calls/s at most; at half of that: {half.requests} calls,"
        f" p50 {half.total.p50:.1f} ms, p99 {half.total.p99:.1f}, longest"
        f" {half.total.longest:.1f}; errors: {half.errors}",
        f"TARGET  {target.line}",
    ]


def _waves(report: Report, place: Place, told: argparse.Namespace) -> list[str]:
    streams: int = told.streams
    gap_ms = told.stream_seconds * 1000 / STREAM_EVENTS
    _progress(f"{streams} streams of {told.stream_seconds:g} s, {told.waves} waves")
    upstream = machine.running(
        (
            *(sys.executable, "-m", "loadtest.upstream", "--port", str(place.port)),
            *("--first-ms", str(gap_ms), "--gap-ms", str(gap_ms)),
        ),
        url=place.upstream_url,
        ready_path="/stats",
        log=place.directory / "slow-upstream.log",
        cpu=None,
    )
    with upstream, gateways.split(place, _traced(place)) as turnout:
        waves: list[Wave] = []
        for number in range(told.waves):
            waves.append(_wave(turnout, streams=streams, stream_seconds=told.stream_seconds))
            _progress(f"wave {number + 1}: {waves[-1].errors} errors")
    failed = sum(wave.errors for wave in waves)
    if failed:
        report.failures.append(f"{failed} streams failed: {waves[-1].last_error}")
    return [*(_wave_line(wave) for wave in waves), f"TARGET  {_growth(waves).line}"]


def _wave(turnout: Started, *, streams: int, stream_seconds: float) -> Wave:
    """Every connection makes one stream."""
    limit = stream_seconds * 3
    ended = subprocess.run(
        (
            *(sys.executable, "-m", "loadtest.load", turnout.url, "--stream"),
            *("--dialect", "anthropic_messages", "--connections", str(streams)),
            *("--seconds", str(stream_seconds / 2), "--answer-seconds", str(limit)),
        ),
        capture_output=True,
        check=False,
        timeout=limit * 2,
    )
    if ended.returncode:
        raise RunFailed(f"streams: {ended.stderr.decode()[-500:]}")
    pids = [turnout.pid, *machine.children(turnout.pid)]
    machine.settle(pids)
    result = msgspec.json.decode(ended.stdout, type=Result)
    return Wave(
        streams=result.requests,
        errors=result.errors,
        last_error=result.last_error,
        p50_ms=result.total.p50,
        longest_ms=result.total.longest,
        resident_mb={
            f"{machine.title(pid)} {pid}": machine.resident_bytes(pid) / 1e6 for pid in pids
        },
    )


def _wave_line(wave: Wave) -> str:
    total = sum(wave.resident_mb.values())
    each = ", ".join(f"{name.rpartition(' ')[0]} {mb:.0f}" for name, mb in wave.resident_mb.items())
    return (
        f"streams {wave.streams} at once, {wave.errors} errors, p50 {wave.p50_ms / 1000:.1f} s,"
        f" longest {wave.longest_ms / 1000:.1f} s; resident {total:.0f} MB: {each}"
    )


def _growth(waves: Sequence[Wave]) -> Target:
    """Of the services and the bus from the last wave but one to the last; ClickHouse keeps caches
    of what it has inserted, within a limit of its own.
    """
    before, after = (
        sum(mb for name, mb in wave.resident_mb.items() if "clickhouse" not in name)
        for wave in (waves[-2], waves[-1])
    )
    return Target(
        "growth of memory from the last wave but one to the last",
        after / before - 1,
        "under",
        MAX_GROWTH_SHARE,
    )


def _progress(said: str) -> None:
    print(f"bench: {said}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
