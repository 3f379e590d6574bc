"""`make bench`: turnout against a plain relay, the bare upstream and LiteLLM, in one run.

Prints a table, ratios and one line per target, and writes the same as JSON. Exit status 0 also when
a target is missed, since a benchmark is no test; 1 when something did not run. What each number
means is said in the README beside this file.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import get_args

import msgspec

from loadtest import gateways, growth, machine, routing, streams, throughput, translation
from loadtest.answers import LoadDialect
from loadtest.bodies import SIZES
from loadtest.gateways import Engines, Name, Place
from loadtest.load import NoAnswer
from loadtest.machine import Cpus, NotStarted, Started
from loadtest.open_loop import NotAnswered
from loadtest.report import Report, Resident
from loadtest.routing import RouteFailed
from loadtest.streams import StreamLost
from loadtest.throughput import Case, Plan, RunFailed

MEGABYTE = 1_000_000

TRANSLATION_ROUNDS = 15
"""Best of so many: one of them is hardly ever disturbed."""


def main() -> int:
    machine.end_when_told()
    told = _arguments()
    cpus = Cpus.of_this_machine()
    if not cpus.are_apart:
        print("One CPU only: gateway and load share it, so figures mean little.", file=sys.stderr)
    dialects: tuple[LoadDialect, ...] = tuple(
        name for name in get_args(LoadDialect) if name in told.dialects.split(",")
    )
    plan = Plan(
        cases=tuple(case for dialect in dialects for case in _cases(dialect)),
        rounds=told.rounds,
        seconds=told.seconds,
        alone_seconds=max(0.5, told.seconds / 3),
        connections=told.connections,
    )
    peers = Path(told.peers)
    names = _names(gateways.installed_peers(peers))
    report = Report(plan=plan, python=sys.version, cpus=cpus, engines=told.engines, names=names)
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="turnout-bench-"))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        place = Place(
            cpus=cpus, port=told.port, directory=directory, engines=told.engines, peers=peers
        )
        if told.only in {"", "throughput"}:
            _throughput(report, place)
        if told.only in {"", "route"} and told.route_seconds:
            _route(report, place, seconds=told.route_seconds)
        if told.only in {"", "memory"} and told.memory_requests:
            _growth(report, place, requests=told.memory_requests)
        if told.only in {"", "translation"}:
            _translation(report, place)
    print("\n".join(report.lines()))
    if told.json:
        Path(told.json).write_bytes(_as_json(report))
    return 1 if report.failures else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5, help="of one throughput run")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--dialects", default=",".join(get_args(LoadDialect)))
    parser.add_argument("--engines", choices=get_args(Engines), default="beside")
    parser.add_argument("--route-seconds", type=float, default=20.0, help="0 leaves Route out")
    parser.add_argument(
        "--memory-requests",
        type=int,
        default=growth.REQUESTS,
        help="whose memory is compared with that of a tenth; 0 leaves it out",
    )
    parser.add_argument(
        "--only",
        choices=("throughput", "route", "memory", "translation"),
        default="",
        help="one section",
    )
    parser.add_argument("--port", type=int, default=19200, help="first of 30 free ports")
    parser.add_argument(
        "--peers", default=".venv-peers", help="where LiteLLM and Portkey are, if they are"
    )
    parser.add_argument("--json", default="", help="file for the results")
    return parser.parse_args()


def _names(peers: tuple[Name, ...]) -> tuple[Name, ...]:
    """Five processes are compared with LiteLLM alone."""
    split: tuple[Name, ...] = ("split",) if "litellm" in peers else ()
    return ("direct", "relay", "turnout", *split, *peers)


def _cases(dialect: LoadDialect) -> tuple[Case, ...]:
    whole = tuple(Case(dialect=dialect, size=size, stream=False) for size in SIZES)
    return (*whole, Case(dialect=dialect, size="small", stream=True))


def _throughput(report: Report, place: Place) -> None:
    try:
        with gateways.all_running(place, report.names) as started:
            ours = started["turnout"]
            machine.settle([ours.pid, *machine.children(ours.pid)])
            for cell in throughput.measure(
                report.plan, started, report.cpus, on_unable=report.unable.append
            ):
                report.cells.cells.append(cell)
                _progress(f"round {cell.round + 1}: {cell.case.title}, {cell.gateway}")
                if cell.errors:
                    report.failures.append(
                        f"{cell.case.title} on {cell.gateway}: {cell.errors} errors"
                    )
            report.resident = _resident(ours)
    except (NotStarted, RunFailed, NoAnswer) as reason:
        report.failures.append(str(reason))


def _resident(ours: Started) -> list[Resident]:
    return [
        Resident(
            process=(title := machine.title(pid)),
            mb=machine.resident_bytes(pid) / MEGABYTE,
            shared_out_mb=machine.shared_out_bytes(pid) / MEGABYTE,
            is_clickhouse="clickhouse" in title,
        )
        for pid in (ours.pid, *machine.children(ours.pid))
    ]


def _route(report: Report, place: Place, *, seconds: float) -> None:
    """Split mode, on whatever CPUs the machine gives: five services are not meant for one."""
    port = place.port + 2
    _progress(f"Route in split mode, twice {seconds:g} s")
    try:
        with (
            gateways.upstream(place),
            gateways.split(place),
        ):
            runs = asyncio.run(routing.measure(f"127.0.0.1:{port + 4}", seconds=seconds))
            report.route_mixed, report.route_cached = runs
    except (NotStarted, RouteFailed) as reason:
        report.failures.append(f"Route: {reason}")


def _growth(report: Report, place: Place, *, requests: int) -> None:
    _progress(f"memory of the embedded process over {requests} requests")
    try:
        report.growth = growth.measure(place, requests=requests)
    except (NotStarted, NotAnswered) as reason:
        report.failures.append(f"memory: {reason}")


def _translation(report: Report, place: Place) -> None:
    _progress("translation between all pairs of dialects, in this process")
    report.translation = translation.measure(rounds=TRANSLATION_ROUNDS)
    _progress("streams within a dialect beside the relay, and memory of open ones")
    try:
        report.streams = streams.measure(place, rounds=report.plan.rounds)
    except (NotStarted, StreamLost) as reason:
        report.failures.append(f"streams: {reason}")


def _as_json(report: Report) -> bytes:
    content = {
        "plan": report.plan,
        "python": report.python,
        "cpus": report.cpus,
        "engines": report.engines,
        "cells": report.cells.cells,
        "resident": report.resident,
        "route_mixed": report.route_mixed,
        "route_cached": report.route_cached,
        "growth": report.growth,
        "translation": report.translation,
        "streams": report.streams,
        "targets": [
            {
                "what": target.what,
                "measured": target.measured,
                "bound": target.bound,
                "limit": target.limit,
                "is_met": target.is_met,
            }
            for target in report.targets()
        ],
        "failures": report.failures,
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=1)


def _progress(said: str) -> None:
    print(f"bench: {said}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
