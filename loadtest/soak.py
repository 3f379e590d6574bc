"""`make soak`: requests at a fixed rate while the parts of a Turnout are killed, paused and replaced.

`turnout serve --split` on its own engines and the simulated provider; what is done to whom, and when, is
drawn from a printed seed. After the last harm comes a quiet, in which everything has to come back and every
fact to arrive. The exit status is 1 when an answer was neither whole nor an error of its dialect, when a fact
is missing, when a row is there twice, or when it did not run.

    python -m loadtest.soak --minutes 10 --rate 20 --seed 7
"""

import argparse
import asyncio
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from loadtest import machine, soak_chaos, soak_load, soak_rows, soak_watch
from loadtest.machine import NotStarted, Started
from loadtest.soak_load import Load, Seen
from loadtest.soak_report import Memory, Soaked
from loadtest.soak_rows import NoRows

MAX_SEED = 1_000_000
WARM_UP_REQUESTS = 40
"""One of each agent."""

QUIET_SHARE = 0.15
"""Of the load, at its end, without harm: a memory that is given back and a part that comes late are seen then."""

WHOLE_SECONDS = 90.0
"""A part that died often is tried again a minute later."""

SERVICES = ("SCORER", "SESSION_CACHE_TRACKER", "UPSTREAM_DISPATCHER")
PORTS = ("INGRESS", "NATS", "REDIS", "CLICKHOUSE", "SIMULATOR", *SERVICES)


class NotWhole(Exception):
    """Turnout did not come up, or not come back; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for."""

    minutes: float
    rate: float
    every_seconds: float
    bad_share: float
    seed: int
    is_split: bool
    is_kept: bool

    @property
    def seconds(self) -> float:
        return self.minutes * 60


def main(argv: Sequence[str] | None = None) -> int:
    machine.end_when_told()
    plan = _plan(argv)
    print(f"soak: seed {plan.seed}, {plan.minutes:g} minutes, {plan.rate:g} requests/s", flush=True)
    directory = Path(tempfile.mkdtemp(prefix="turnout-soak-"))
    try:
        soaked = _soak(plan, directory)
    except (NotStarted, NotWhole, NoRows) as reason:
        print(f"FAILED  {reason}\nlogs: {directory}")
        return 1
    print("\n".join(("", *soaked.lines())))
    failures = soaked.failures()
    for failure in failures:
        print(f"FAILED  {failure}")
    if failures or plan.is_kept:
        print(f"logs and data: {directory}")
    else:
        shutil.rmtree(directory, ignore_errors=True)
    return 1 if failures else 0


def _plan(argv: Sequence[str] | None) -> Plan:
    parser = argparse.ArgumentParser(
        prog="loadtest.soak",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="of load")
    parser.add_argument("--rate", type=float, default=20.0, help="requests a second")
    parser.add_argument(
        "--every", type=float, default=5.0, help="seconds from one harm to the next"
    )
    parser.add_argument("--bad", type=float, default=0.1, help="share of provider faults, 0 to 1")
    parser.add_argument("--seed", type=int, default=None, help="drawn and printed if not told")
    parser.add_argument("--embedded", action="store_true", help="one process instead of five")
    parser.add_argument("--keep", action="store_true", help="keep logs and data of a good run too")
    told = parser.parse_args(argv)
    least = soak_chaos.LEAST_SECONDS_BETWEEN
    if told.every < least:
        parser.error(f"--every: at least {least:g}, else parts die too often to be kept up")
    if told.minutes <= 0 or told.rate <= 0 or not 0 <= told.bad <= 1:
        parser.error("--minutes and --rate are above 0, --bad is from 0 to 1")
    return Plan(
        minutes=told.minutes,
        rate=told.rate,
        every_seconds=told.every,
        bad_share=told.bad,
        seed=secrets.randbelow(MAX_SEED) if told.seed is None else told.seed,
        is_split=not told.embedded,
        is_kept=told.keep,
    )


def _soak(plan: Plan, directory: Path) -> Soaked:
    first = machine.free_range(len(PORTS))
    ports = {name: first + place for place, name in enumerate(PORTS)}
    with machine.running(
        (sys.executable, "-m", "turnout", "serve", *(["--split"] if plan.is_split else [])),
        url=f"http://127.0.0.1:{ports['INGRESS']}",
        ready_path="/ready",
        log=directory / "turnout.log",
        cpu=None,
        env={
            **{f"TURNOUT_{name}__PORT": str(port) for name, port in ports.items()},
            "TURNOUT_DATA_DIR": str(directory / "data"),
            "TURNOUT_SIMULATOR__ENABLED": "always",
            "TURNOUT_ROUTING__MODE": "full",
        },
    ) as started:
        return asyncio.run(_soaked(plan, started, ports))


async def _soaked(plan: Plan, started: Started, ports: dict[str, int]) -> Soaked:
    load = Load(
        url=started.url,
        seed=plan.seed,
        rate=plan.rate,
        seconds=plan.seconds,
        bad_share=plan.bad_share,
        ticket=f"soak-{plan.seed}",
    )
    harms = soak_chaos.schedule(
        plan.seed,
        seconds=plan.seconds * (1 - QUIET_SHARE),
        every_seconds=plan.every_seconds,
        is_split=plan.is_split,
    )
    await _whole(started.url)
    await soak_load.warm_up(load, WARM_UP_REQUESTS)
    before = soak_watch.open_files(started.pid)
    seen: list[Seen] = []
    memory: list[Memory] = []
    begun = time.monotonic()
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(
            soak_watch.watch(started.pid, requests=lambda: len(seen), memory=memory)
        )
        doing = group.create_task(
            soak_chaos.do_all(harms, pid=started.pid, valkey_port=ports["REDIS"], say=_say)
        )
        await soak_load.send(load, seen)
        await doing
        watching.cancel()
    _say("the load is over")
    await _whole(started.url)
    rows = await soak_rows.arrived(
        clickhouse_url=f"http://127.0.0.1:{ports['CLICKHOUSE']}",
        nats_url=f"nats://127.0.0.1:{ports['NATS']}",
        ticket=load.ticket,
        wanted=[one.request_id for one in seen if one.request_id],
    )
    return Soaked(
        begun=begun,
        seen=seen,
        edge_kills=doing.result().edge_kills,
        rows=rows,
        memory=memory,
        files_before=before,
        files_after=await soak_watch.settled_files(started.pid, at_most=before),
    )


async def _whole(url: str) -> None:
    """Until `/ready` says that nothing is missing. Raises `NotWhole`."""
    due = time.monotonic() + WHOLE_SECONDS
    state = "no answer"
    async with httpx.AsyncClient(timeout=5.0, trust_env=False) as client:
        while time.monotonic() < due:
            try:
                state = (await client.get(f"{url}/ready")).text
            except httpx.TransportError as reason:
                state = repr(reason)
            if '"status":"ok"' in state:
                return
            await asyncio.sleep(machine.POLL_SECONDS)
    raise NotWhole(f"{url} is not whole after {WHOLE_SECONDS:g} s: {state[:300]}")


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
