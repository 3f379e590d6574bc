"""`make loadtest`: agents against Turnout in one process and split, and straight at the upstream.

The same Locust users play the same sessions on each target, one target after the other, in front of
the scripted upstream. Prints tables, writes CSV and a plot. The exit status is 1 when a request
failed, when a fact is missing in ClickHouse, or when something did not run.

    python -m loadtest.agents --users 16 --seconds 30
    python -m loadtest.agents --targets direct,split --terminate all
    python -m loadtest.agents --url https://turnout.example --clickhouse http://clickhouse.example:8123
"""

import argparse
import math
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from loadtest import agent_report as report
from loadtest import faults, gateways, machine, samples, spans
from loadtest.agent_report import Plan, Result, Target
from loadtest.gateways import Place
from loadtest.machine import Cpus, NotStarted
from loadtest.samples import Sample
from loadtest.stages import NoFigures, Warehouse
from turnout.observe.trace_dump import receiving

PORTS = 20
"""Of the upstream and of one Turnout, split."""

READY_SECONDS = 60.0
"""Until every part serves; a part that starts late would be measured as missing."""

GRACE_SECONDS = 30
"""What Locust gives the requests that are under way when the time is over."""

OWN_TARGETS = ("direct", "embedded", "split")


class NotRun(Exception):
    """A target could not be measured; the message says why."""


def main(argv: Sequence[str] | None = None) -> int:
    machine.end_when_told()
    plan = _plan(argv)
    if not plan.locust.exists():
        print(f"{plan.locust} is not there; `make loadtest` installs it", file=sys.stderr)
        return 1
    plan.out.mkdir(parents=True, exist_ok=True)
    results: list[Result] = []
    failures: list[str] = []
    tag = f"load-{plan.seed}-{secrets.token_hex(3)}"
    with tempfile.TemporaryDirectory(prefix="turnout-load-") as directory:
        for name in plan.targets:
            try:
                results.append(_measured(plan, name, Path(directory), tag))
            except (NotStarted, NotRun, NoFigures) as reason:
                failures.append(f"{name}: {reason}")
    summaries = report.summaries_of(results)
    print("\n".join(report.lines(plan, results, summaries)))
    failures += report.failures(results)
    if summaries:
        report.write(plan, results, summaries)
    for failure in failures:
        print(f"FAILED  {failure}")
    return 1 if failures else 0


def _plan(argv: Sequence[str] | None) -> Plan:
    parser = argparse.ArgumentParser(
        prog="loadtest.agents",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--users", type=_whole, default=16)
    parser.add_argument("--seconds", type=_whole, default=30, help="of one target")
    parser.add_argument("--seed", type=int, default=1, help="which sessions are played")
    parser.add_argument("--longest", type=_whole, default=40, help="requests of a thread")
    parser.add_argument("--compression", type=_times, default=100.0, help="of think times")
    parser.add_argument(
        "--first-ms", type=_milliseconds, default=20.0, help="of the scripted upstream"
    )
    parser.add_argument("--gap-ms", type=_milliseconds, default=1.0, help="between its events")
    parser.add_argument("--targets", default=",".join(OWN_TARGETS), help="in this order")
    parser.add_argument("--traced", type=_share, default=0.1, help="share of requests, 0 to 1")
    parser.add_argument("--scorers", type=_whole, default=1, help="replicas in split mode")
    services = f"{', '.join(faults.SERVICES)}, all"
    parser.add_argument("--terminate", default="", help=f"SIGTERM to services, of {services}")
    parser.add_argument("--kill", default="", help="SIGKILL to services, named alike")
    parser.add_argument("--url", default="", help="a Turnout that runs already, instead")
    parser.add_argument("--direct-url", default="", help="the upstream behind it, to compare with")
    parser.add_argument("--clickhouse", default="", help="its ClickHouse, for the stages")
    parser.add_argument("--key", default="", help="a router key")
    parser.add_argument("--locust", type=Path, default=Path(".venv-loadtest/bin/locust"))
    parser.add_argument("--out", type=Path, default=Path("loadtest-results"))
    told = parser.parse_args(argv)
    targets = tuple(str(told.targets).split(","))
    if unknown := set(targets) - set(OWN_TARGETS):
        parser.error(
            f"--targets: no {', '.join(sorted(unknown))}; there are {', '.join(OWN_TARGETS)}"
        )
    harmed = {
        name: tuple(filter(None, vars(told)[name].split(","))) for name in ("terminate", "kill")
    }
    for option, names in harmed.items():
        if unknown := set(names) - {"all", *faults.SERVICES}:
            parser.error(f"--{option}: no {', '.join(sorted(unknown))}; there are {services}")
        if names and told.url:
            parser.error(f"--{option}: a Turnout that runs elsewhere is not sent signals")
    if told.url:
        targets = ("direct", "running") if told.direct_url else ("running",)
    return Plan(**{**vars(told), **harmed, "targets": targets})


def _whole(told: str) -> int:
    if not told.isascii() or not told.isdecimal() or not (number := int(told)):
        raise argparse.ArgumentTypeError(f"{told!r} is no whole number above 0, such as 16")
    return number


def _milliseconds(told: str) -> float:
    return _number(told, lambda number: 0 <= number < math.inf, "number from 0 on, such as 20")


def _share(told: str) -> float:
    return _number(told, lambda number: 0 <= number <= 1, "number from 0 to 1, such as 0.1")


def _times(told: str) -> float:
    return _number(told, lambda number: 0 < number < math.inf, "number above 0, such as 100")


def _number(told: str, is_right: Callable[[float], bool], what: str) -> float:
    try:
        number = float(told)
    except ValueError:
        number = math.nan
    if not is_right(number):
        raise argparse.ArgumentTypeError(f"{told!r} is no {what}")
    return number


def _measured(plan: Plan, name: str, directory: Path, tag: str) -> Result:
    print(
        f"loadtest: {name}, {plan.users} users for {plan.seconds:g} s", file=sys.stderr, flush=True
    )
    with receiving() as (received, collector):
        result = _asked(plan, name, directory, tag, collector)
    # The product has ended, so its last spans are here too.
    result.spans = spans.by_name(received.spans)
    return result


def _asked(plan: Plan, name: str, directory: Path, tag: str, collector: str) -> Result:
    with _target(plan, name, directory, collector) as target:
        planned = faults.planned(target.pid, terminate=plan.terminate, kill=plan.kill)
        with faults.during(target.pid, planned, seconds=plan.seconds) as sent:
            found = _play(plan, target, directory, tag)
        result = Result(target, found, faults=sent.lines)
        if target.clickhouse:
            warehouse = Warehouse(target.clickhouse, tag)
            result.rows = warehouse.wait_for(sum(one.status != 0 for one in found))
            result.stages = warehouse.stages()
        return result


@contextmanager
def _target(plan: Plan, name: str, directory: Path, collector: str) -> Generator[Target]:
    if plan.url:
        is_direct = name == "direct"
        yield Target(
            name=name,
            url=plan.direct_url if is_direct else plan.url,
            clickhouse="" if is_direct else plan.clickhouse,
        )
        return
    port = machine.free_range(PORTS)
    place = Place(
        cpus=Cpus.of_this_machine(),
        port=port,
        directory=directory,
        engines="with",
        peers=Path(),
    )
    argv = (
        *(sys.executable, "-m", "loadtest.upstream", "--port", str(port)),
        *("--first-ms", str(plan.first_ms), "--gap-ms", str(plan.gap_ms)),
    )
    log = directory / "upstream.log"
    url = place.upstream_url
    with machine.running(argv, url=url, ready_path="/stats", log=log, cpu=None):
        if name == "direct":
            yield Target(name=name, url=url)
            return
        at = port + 2
        with machine.running(
            (sys.executable, "-m", "turnout", "serve", *_composition(plan, name)),
            url=f"http://127.0.0.1:{at}",
            ready_path="/ready",
            log=directory / f"{name}.log",
            cpu=None,
            env={**gateways.turnout_env(place, directory=name, at=at), **_traced(plan, collector)},
        ) as started:
            _wait_until_whole(started.url)
            yield Target(
                name=name,
                url=started.url,
                clickhouse=f"http://127.0.0.1:{at + 3}",
                pid=started.pid,
            )


def _traced(plan: Plan, collector: str) -> dict[str, str]:
    if not plan.traced:
        return {}
    return {
        "TURNOUT_TRACING__ENDPOINT": collector,
        "TURNOUT_TRACING__SAMPLE_RATIO": str(plan.traced),
    }


def _composition(plan: Plan, name: str) -> tuple[str, ...]:
    if name != "split":
        return ()
    return ("--split", *(("--scorers", str(plan.scorers)) if plan.scorers > 1 else ()))


def _wait_until_whole(url: str) -> None:
    due = time.monotonic() + READY_SECONDS
    state = "no answer"
    while time.monotonic() < due:
        try:
            state = httpx.get(f"{url}/ready", timeout=5.0, trust_env=False).text
        except httpx.TransportError as reason:
            state = repr(reason)
        if '"status":"ok"' in state:
            return
        time.sleep(machine.POLL_SECONDS)
    raise NotRun(f"{url} is not whole after {READY_SECONDS:g} s: {state[:300]}")


def _play(plan: Plan, target: Target, directory: Path, tag: str) -> list[Sample]:
    """Locust as a process of its own; what its users have seen."""
    path = directory / f"{target.name}.csv"
    root = Path(__file__).resolve().parent.parent
    argv = [
        *(
            str(plan.locust.absolute()),
            "-f",
            str(root / "loadtest" / "locustfile.py"),
            "--headless",
        ),
        *("--only-summary", "--loglevel", "WARNING", "--host", target.url),
        *("-u", str(plan.users), "-r", str(plan.users), "-t", f"{plan.seconds}s"),
        *("--stop-timeout", str(GRACE_SECONDS), "--exit-code-on-error", "0"),
        *("--seed", str(plan.seed), "--longest", str(plan.longest), "--tag", tag),
        *("--compression", str(plan.compression), "--samples", str(path)),
    ]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join((str(root / "services"), str(root)))}
    if plan.key:
        argv += ["--key", plan.key]
    ended = subprocess.run(
        argv,
        env=env,
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=plan.seconds + 10 * GRACE_SECONDS,
    )
    if ended.returncode or not path.exists():
        raise NotRun(f"locust ended with {ended.returncode}: {ended.stderr[-1_000:].strip()}")
    if not (found := samples.read_samples(path)):
        raise NotRun(f"{target.name}: no request was sent: {ended.stderr[-1_000:].strip()}")
    return found


if __name__ == "__main__":
    sys.exit(main())
