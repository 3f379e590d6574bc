"""`make bench-hedge`: what hedging does to the slowest answers and what it costs, on against off in one run.

Two gateways get the same requests at the same times, each in front of a scripted upstream of its own that takes as
long for both (`stalls.py`). Then CPU of a request when nothing stalls, and how soon an upstream is left when its
client leaves. Exit status 0 also when a target is missed; 1 when something did not run.
"""

import argparse
import asyncio
import secrets
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import uvloop

from loadtest import bodies, gateways, leaving, machine, stalls
from loadtest.answers import Figures
from loadtest.bodies import ANY_AGENT
from loadtest.gateways import Place
from loadtest.hedge_report import (
    MAX_INDEPENDENT_SHARE,
    MAX_SHARED_SHARE,
    CpuPair,
    HedgeReport,
    Row,
    Spent,
)
from loadtest.leaving import Left, StillOpen
from loadtest.load import clock
from loadtest.machine import Cpus, NotStarted, Started
from loadtest.open_loop import NotAnswered, first_seconds, post
from loadtest.stages import NoFigures, Warehouse
from loadtest.stalls import Draw, DrawnPace
from loadtest.upstream import Pace, Upstream, listen
from turnout.policy.hedge import FLOOR_SECONDS

PORTS: Final = 20
"""Of one gateway with its upstream."""

THREAD_STEPS: Final = 10
WARM_UP_STEPS: Final = 2
"""In which a thread's prompt gets warm, live p95 is learnt and budgets fill."""

THREAD_BYTES: Final = 50_000
CALLS_A_STEP: Final = 3
"""A thread of 12k to 20k tokens that grows by 750 a step: a quarter of a step of 60k tokens with 57k of them cached,
whose shares of the bill are the same."""

BYTES_A_TOKEN: Final = 4
FRESH_TOKENS: Final = 750
OUTPUT_TOKENS: Final = 75
"""What the provider says of a step: all but what is new was cached."""

EVENTS: Final = 20

QUIET: Final = Pace(first_seconds=0.02)
QUIET_REQUESTS: Final = 600
QUIET_RATE: Final = 200.0
"""Of one round in which nothing stalls."""

SPENT: Final = """
WITH mine AS (
    SELECT request_id, hedges, cost_usd, hedge_cost_usd, not_hedged
    FROM requests WHERE ticket = {ticket:String}
)
SELECT
    count() AS requests,
    sum(hedges) AS hedges,
    toFloat64(sum(cost_usd)) AS usd,
    toFloat64(sum(ifNull(hedge_cost_usd, 0))) AS hedge_usd,
    countIf(not_hedged != '') AS refused,
    ifNull((
        SELECT avg(hedge_delay_seconds) FROM attempts
        WHERE kind = 'hedge' AND request_id IN (SELECT request_id FROM mine)
    ), 0) AS delay_seconds
FROM mine
"""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two gateways; its upstream is one for the whole run, because the gateway keeps connections."""

    gateway: Started
    upstream: Upstream
    upstream_port: int
    clickhouse: str


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast."""

    seed: int
    threads: int
    rate: float
    times_faster: float
    cpu_rounds: int
    leavers: int


def main() -> int:
    machine.end_when_told()
    plan, port = _arguments()
    cpus = Cpus.of_this_machine()
    report = HedgeReport()
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="turnout-bench-"))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        plain, hedged, split = (
            _place(cpus, directory / name, port + at * PORTS)
            for at, name in enumerate(("off", "on", "split"))
        )
        try:
            with ExitStack() as running:
                sides = (
                    _side(running, plain, plan, is_on=False),
                    _side(running, hedged, plan, is_on=True),
                )
                uvloop.run(_embedded(report, plan, sides))
            if plan.leavers:
                _progress("clients that leave, split")
                with gateways.split(split) as started:
                    report.left["split"] = uvloop.run(_split(started, split, plan))
        except (NotStarted, NotAnswered, NoFigures, StillOpen) as reason:
            report.failures.append(str(reason))
    print("\n".join(report.lines()))
    return 1 if report.failures else 0


def _arguments() -> tuple[Plan, int]:
    parser = argparse.ArgumentParser(prog="hedge", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=500, help="of eight measured requests each")
    parser.add_argument("--rate", type=float, default=25.0, help="requests/s at each gateway")
    parser.add_argument("--times-faster", type=float, default=10.0, help="than the drawn times")
    parser.add_argument("--cpu-rounds", type=int, default=15, help="0 leaves them out")
    parser.add_argument("--leavers", type=int, default=200, help="0 leaves them out")
    parser.add_argument("--port", type=int, default=19200, help="first of 60 free ports")
    told = vars(parser.parse_args())
    port: int = told.pop("port")
    return Plan(**told), port


def _place(cpus: Cpus, directory: Path, port: int) -> Place:
    directory.mkdir()
    return Place(cpus=cpus, port=port, directory=directory, engines="beside", peers=Path())


def _side(running: ExitStack, place: Place, plan: Plan, *, is_on: bool) -> Side:
    env = {
        "TURNOUT_UPSTREAM_DISPATCHER__HEDGE": "always" if is_on else "never",
        "TURNOUT_UPSTREAM_DISPATCHER__HEDGE_FLOOR_SECONDS": str(FLOOR_SECONDS / plan.times_faster),
    }
    started = running.enter_context(gateways.turnout(place, env))
    upstream = Upstream(pace=QUIET, event_count=EVENTS, figures_of=_figures_of)
    return Side(started, upstream, place.port, f"http://127.0.0.1:{place.port + 5}")


def _figures_of(body: bytes) -> Figures:
    prompt = max(FRESH_TOKENS, len(body) // BYTES_A_TOKEN // 100 * 100)
    return Figures(prompt=prompt, cached=prompt - FRESH_TOKENS, output=OUTPUT_TOKENS)


async def _embedded(report: HedgeReport, plan: Plan, sides: tuple[Side, Side]) -> None:
    async with AsyncExitStack() as stack:
        for side in sides:
            await stack.enter_async_context(await listen(side.upstream, port=side.upstream_port))
        await _measured(report, plan, sides)


async def _measured(report: HedgeReport, plan: Plan, sides: tuple[Side, Side]) -> None:
    """All that is measured of the two gateways."""
    for number, (title, max_share) in enumerate(
        (
            ("independent stalls", MAX_INDEPENDENT_SHARE),
            ("half of the stalls shared", MAX_SHARED_SHARE),
        )
    ):
        _progress(title)
        is_shared = number > 0
        report.rows.append(await _row(plan, sides, number, title, max_share, is_shared=is_shared))
    if plan.cpu_rounds:
        _progress("CPU when nothing stalls")
        report.cpu = await _cpu(plan, sides)
    if plan.leavers:
        _progress("clients that leave, embedded")
        plain, _ = sides
        url = plain.gateway.url
        report.left["embedded"] = await leaving.measure(url, plain.upstream, count=plan.leavers)


async def _row(
    plan: Plan,
    sides: tuple[Side, Side],
    number: int,
    title: str,
    max_share: float,
    *,
    is_shared: bool,
) -> Row:
    """Every thread's steps, one step of all threads after the other."""
    warm_up = plan.threads * WARM_UP_STEPS
    count = plan.threads * (THREAD_STEPS - WARM_UP_STEPS)
    seed = plan.seed * 100 + number * 10
    drawn = stalls.draws(warm_up, seed=seed + 1, is_shared=is_shared)
    drawn += stalls.draws(count, seed=seed + 2, is_shared=is_shared)
    ticket = f"hedge-{secrets.token_hex(4)}"
    load = _Load(plan, first_agent=number * plan.threads, ticket=ticket)
    begun = clock() + 1.0
    plain, hedged = await asyncio.gather(
        *(_played(plan, side, drawn, load, begun=begun) for side in sides)
    )
    warehouse = Warehouse(sides[1].clickhouse, ticket)
    await asyncio.to_thread(warehouse.wait_for, count)
    spent = msgspec.json.decode(warehouse.ask(SPENT), type=Spent)
    if spent.requests != count:
        raise NoFigures(f"{title}: facts of {spent.requests} requests are there, not of {count}")
    return Row(
        title=title,
        max_share=max_share,
        plain=[seconds * plan.times_faster for seconds in plain[warm_up:]],
        hedged=[seconds * plan.times_faster for seconds in hedged[warm_up:]],
        spent=msgspec.structs.replace(spent, delay_seconds=spent.delay_seconds * plan.times_faster),
    )


class _Load:
    """The requests of a row. Those of the warm-up carry no ticket."""

    def __init__(self, plan: Plan, *, first_agent: int, ticket: str) -> None:
        self._threads = plan.threads
        self._first_agent = first_agent
        self._ticket = ticket
        self._steps = [
            bodies.long_body("openai_chat", THREAD_BYTES, agent=ANY_AGENT, step=step * CALLS_A_STEP)
            for step in range(THREAD_STEPS)
        ]

    def request(self, url: str, number: int) -> bytes:
        step, thread = divmod(number, self._threads)
        body = bodies.by_agent(self._steps[step], self._first_agent + thread)
        ticket = self._ticket if step >= WARM_UP_STEPS else ""
        return post(url, "openai_chat", stalls.numbered(body, number), ticket=ticket)


async def _played(
    plan: Plan, side: Side, drawn: Sequence[Draw], load: _Load, *, begun: float
) -> list[float]:
    url = side.gateway.url
    side.upstream.pace = DrawnPace(drawn, times_faster=plan.times_faster)
    return await first_seconds(
        url,
        "openai_chat",
        lambda number: load.request(url, number),
        count=len(drawn),
        rate=plan.rate,
        begun=begun,
    )


async def _cpu(plan: Plan, sides: tuple[Side, Side]) -> list[CpuPair]:
    """Small streams, where what hedging adds weighs most; the first round is a warm-up."""
    for side in sides:
        side.upstream.pace = QUIET
    return [await _cpu_pair(sides) for _ in range(plan.cpu_rounds + 1)][1:]


async def _cpu_pair(sides: tuple[Side, Side]) -> CpuPair:
    await asyncio.to_thread(machine.settle, [side.gateway.pid for side in sides])
    before = [machine.cpu_seconds(side.gateway.pid) for side in sides]
    begun = clock() + 0.1
    await asyncio.gather(*(_quiet(side, begun=begun) for side in sides))
    plain, hedged = (
        (machine.cpu_seconds(side.gateway.pid) - spent) * 1000 / QUIET_REQUESTS
        for side, spent in zip(sides, before, strict=True)
    )
    return CpuPair(plain, hedged)


async def _quiet(side: Side, *, begun: float) -> list[float]:
    url = side.gateway.url
    return await first_seconds(
        url,
        "openai_chat",
        lambda number: post(
            url, "openai_chat", bodies.body("openai_chat", "small", stream=True, agent=number % 16)
        ),
        count=QUIET_REQUESTS,
        rate=QUIET_RATE,
        begun=begun,
    )


async def _split(started: Started, place: Place, plan: Plan) -> Left:
    upstream = Upstream(pace=QUIET, event_count=EVENTS)
    async with await listen(upstream, port=place.port):
        return await leaving.measure(started.url, upstream, count=plan.leavers)


def _progress(said: str) -> None:
    print(f"bench: {said}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
