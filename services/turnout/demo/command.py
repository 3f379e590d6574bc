"""`turnout demo`: sessions of coding agents through the running product, and what they cost.

Progress goes to standard error, the tables to standard output. The exit status is 1 when a request
failed that should not have, or when ClickHouse does not hold every request.
"""

import argparse
import asyncio
import contextlib
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from turnout import settings
from turnout.demo.player import ANSWER_SECONDS, Pace, Played, Player
from turnout.demo.product import Product, own_product, running_product
from turnout.demo.progress import Progress
from turnout.demo.prompts import Run
from turnout.demo.report import Reader, rendered
from turnout.demo.sessions import Session, draw_sessions
from turnout.demo.shapes import Shapes, load_shapes

SESSIONS = 50
LONGEST = 50
"""Requests of a main thread, so that the demo ends within about two minutes; many traced
sessions are longer."""

COMPRESSION = 1_000.0
"""Seconds of the traces in one of the demo: a usual tool call of 5 s takes 5 ms."""

AT_ONCE = 8
"""Sessions side by side; more only wait for each other on a laptop."""

CACHE_LIFETIME_SECONDS = 300.0
"""What most prompt caches live by default: pauses that are longer are counted in the label."""

MOST_SESSIONS = 10_000
CONNECTIONS = 64


@dataclass(frozen=True, slots=True)
class Told:
    """The command line."""

    sessions: int
    seed: int
    longest: int
    compression: float
    at_once: int
    split: bool
    url: str
    clickhouse: str
    key: str


def main(argv: Sequence[str]) -> int:
    told = _told(argv)
    return asyncio.run(_run(told))


def _told(argv: Sequence[str]) -> Told:
    parser = argparse.ArgumentParser(
        prog="turnout demo",
        description="Play made-up sessions of coding agents through Turnout on the simulated provider"
        " and show what ClickHouse says of them.",
    )
    parser.add_argument("--sessions", type=_whole, default=SESSIONS, help=f"default {SESSIONS}")
    parser.add_argument("--seed", type=int, default=1, help="which sessions are drawn; default 1")
    parser.add_argument(
        "--longest", type=_whole, default=LONGEST, help=f"requests of a thread; default {LONGEST}"
    )
    parser.add_argument(
        "--compression",
        type=_factor,
        default=COMPRESSION,
        help=f"how much faster than in the traces time passes between requests; {COMPRESSION:g}",
    )
    parser.add_argument("--at-once", type=_whole, default=AT_ONCE, help="sessions side by side")
    parser.add_argument("--split", action="store_true", help="its own Turnout as five processes")
    parser.add_argument("--url", default="", help="a running Turnout on a simulated provider")
    parser.add_argument(
        "--clickhouse", default="", help="its ClickHouse; from the settings if unset"
    )
    parser.add_argument("--key", default="", help="a router key for --url")
    options = parser.parse_args(argv)
    return Told(**vars(options))


def _whole(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_SESSIONS:
        raise argparse.ArgumentTypeError(f"{text!r}: a whole number from 1 to {MOST_SESSIONS}")
    return int(text)


def _factor(text: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not factor >= 1.0:
        raise argparse.ArgumentTypeError(f"{text!r}: a number of at least 1")
    return factor


async def _run(told: Told) -> int:
    shapes = load_shapes()
    sessions = draw_sessions(shapes, count=told.sessions, seed=told.seed, longest=told.longest)
    async with contextlib.AsyncExitStack() as stack:
        if told.url:
            product = await _running(told)
        else:
            _say("Starting a Turnout of its own: embedded NATS, Valkey and ClickHouse ...")
            product = await stack.enter_async_context(own_product(split=told.split))
        return await _played(told, product, sessions, shapes)


async def _running(told: Told) -> Product:
    configured = settings.load().clickhouse
    url = told.clickhouse or configured.url or f"http://127.0.0.1:{configured.port}"
    return await running_product(
        told.url, clickhouse=url, database=configured.database, key=told.key
    )


async def _played(
    told: Told, product: Product, sessions: tuple[Session, ...], shapes: Shapes
) -> int:
    run = Run(tag=f"demo-{told.seed}-{secrets.token_hex(4)}")
    total = sum(session.requests for session in sessions)
    progress = Progress(sys.stderr, total)
    _say(f"Playing {len(sessions)} sessions, {total} requests, on a SIMULATED provider ...")
    headers = {"x-turnout-key": told.key} if told.key else {}
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    async with httpx.AsyncClient(
        base_url=product.url,
        headers=headers,
        timeout=ANSWER_SECONDS,
        limits=limits,
        trust_env=False,
    ) as client:
        player = Player(
            client=client,
            run=run,
            pace=Pace(compression=told.compression, at_once=told.at_once),
            simulator=product.simulator,
            on_progress=lambda played: progress.show(
                played.requests, failed=played.failures.total()
            ),
        )
        played = await player.play(sessions)
        progress.end()
        reader = Reader(client, product, run.tag)
        arrived = await reader.wait_for(played.requests)
        report = await reader.report() if arrived else None
    if report is not None:
        _print(rendered(report))
        _print("")
    _print("\n".join(label(told, sessions, shapes, played)))
    problems = problems_of(played, arrived)
    for problem in problems:
        _say(f"turnout: {problem}")
    return 1 if problems else 0


def label(
    told: Told, sessions: tuple[Session, ...], shapes: Shapes, played: Played
) -> tuple[str, ...]:
    """What the figures are and what they are not."""
    fitted = ", ".join(f"{shape.calls} calls of {agent}" for agent, shape in shapes.shapes.items())
    pauses = [step.pause_seconds for one in sessions for step in one.main.steps]
    long = sum(pause > CACHE_LIFETIME_SECONDS for pause in pauses)
    cut = sum(session.is_cut for session in sessions)
    return (
        "What this is",
        "* Answers are SIMULATED: nobody judged them, so nothing here says that the cheaper model would"
        " have done the work.",
        "* Costs are list prices. `as requested` is the same text repriced at the requested model's"
        " prices (for turnout/auto: the baseline model's), cache hits as they were here.",
        f"* Session shapes are drawn (seed {told.seed}) from tables fitted on {fitted}; texts are words"
        " without meaning.",
        f"* Time between requests passes {told.compression:g} times faster: {long} pauses that outlast a"
        " five-minute cache in the traces do not here, so cache hits are higher than in life.",
        f"* {cut} of {len(sessions)} sessions are cut after {told.longest} requests.",
        f"* {played.requests} requests in {played.seconds:.0f} s; the agents broke off"
        f" {played.interrupted} answers on purpose.",
    )


def problems_of(played: Played, arrived: int) -> tuple[str, ...]:
    """What a run that went well has none of; `arrived` is how many requests are in ClickHouse."""
    problems = [f"{count} requests failed with {name}" for name, count in played.failures.items()]
    if arrived != played.requests:
        problems.append(f"{played.requests} requests were sent and {arrived} are in ClickHouse")
    return tuple(problems)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
