"""What a soak does to the processes of a Turnout, and when: drawn from a seed, then done.

Rules: a schedule is pure and the same for the same seed. Every harm there is has its turn before any comes
again, so that the whole list is met however long a soak takes; no part dies as often in a minute as makes
the supervisor take a pause. A process that has ended meanwhile is sent nothing. Linux only.
"""

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from loadtest import faults, machine

Deed: TypeAlias = Literal["kill", "pause", "terminate", "flush"]

ENGINES = ("nats", "valkey", "clickhouse")
PROVIDER = "provider"
SUPERVISOR = "turnout"
"""In one process it is all of the services but telemetry."""

SHORTEST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 4.0

LEAST_SECONDS_BETWEEN = 3.0
"""The thirteen harms of one process then take 39 s, in which telemetry dies twice: in a minute at most six times."""

FLUSH_SECONDS = 2.0

_PROGRAMS = {"nats-server": "nats", "valkey-server": "valkey"}
_MODULES = {"turnout.engines.clickhouse": "clickhouse", "turnout.simulator": PROVIDER}


@dataclass(frozen=True, slots=True)
class Harm:
    """One thing that is done to one part; `pause_seconds` is for how long a paused one is."""

    at_seconds: float
    deed: Deed
    part: str
    pause_seconds: float = 0.0


@dataclass(slots=True)
class Done:
    """What has been done: in words, and when the process that clients hold connections to was killed: from the
    signal until it was gone, by `time.monotonic`.
    """

    lines: list[str] = field(default_factory=list)
    edge_kills: list[tuple[float, float]] = field(default_factory=list)


def schedule(
    seed: int, *, seconds: float, every_seconds: float, is_split: bool
) -> tuple[Harm, ...]:
    """Harms from `every_seconds` on, about as far apart, the last one that long before the end."""
    draw = random.Random(seed)
    deck: list[tuple[Deed, str]] = []
    made: list[Harm] = []
    for place in range(1, int(seconds / every_seconds)):
        if not deck:
            deck = _deeds(is_split=is_split)
            draw.shuffle(deck)
        deed, part = deck.pop()
        pause = draw.uniform(SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        made.append(
            Harm(
                at_seconds=every_seconds * (place + draw.uniform(-0.4, 0.4)),
                deed=deed,
                part=part,
                pause_seconds=pause if deed == "pause" else 0.0,
            )
        )
    return tuple(made)


def _deeds(*, is_split: bool) -> list[tuple[Deed, str]]:
    services = faults.SERVICES if is_split else ("telemetry",)
    harms: list[tuple[Deed, str]] = []
    for part in (*ENGINES, PROVIDER, *services):
        harms.append(("kill", part))
        harms.append(("pause", part))
    harms.append(("flush", "valkey"))
    harms.append(("pause", SUPERVISOR))
    harms.extend(("terminate", part) for part in services)
    return harms


def part_of(words: Sequence[str]) -> str:
    """The part that a command line runs, "" for any other program and one that is only being launched."""
    if not words or any(word.endswith("launch.py") for word in words):
        return ""
    modules = [_MODULES[word] for word in words if word in _MODULES]
    # Valkey writes its address behind its name, into the same word.
    program = _PROGRAMS.get(Path(words[0].split(" ")[0]).name, "")
    return program or next(iter(modules), "") or faults.service_of(words)


def parts_below(pid: int) -> dict[str, list[int]]:
    """The processes of each part, oldest first, and the supervisor itself."""
    found: dict[str, list[int]] = {SUPERVISOR: [pid]}
    for child in sorted(machine.children(pid)):
        part = part_of(faults.words_of(child))
        if part:
            found.setdefault(part, []).append(child)
    return found


async def do_all(
    harms: Sequence[Harm], *, pid: int, valkey_port: int, say: Callable[[str], None]
) -> Done:
    """Do each in its time to the Turnout that `pid` supervises; everything runs again at the end."""
    done = Done()
    begun = time.monotonic()

    async def one(harm: Harm) -> None:
        await asyncio.sleep(max(0.0, begun + harm.at_seconds - time.monotonic()))
        if harm.deed == "flush":
            what = await _flush(valkey_port)
        else:
            what = await _signal(harm, pid=pid, done=done)
        line = f"{harm.at_seconds:6.1f} s  {harm.deed:9} {harm.part}{what}"
        done.lines.append(line)
        say(line)

    async with asyncio.TaskGroup() as group:
        for harm in harms:
            group.create_task(one(harm))
    return done


async def _signal(harm: Harm, *, pid: int, done: Done) -> str:
    there = parts_below(pid).get(harm.part, [])
    if not there:
        return ": it was not there"
    victim = there[0]
    match harm.deed:
        case "kill":
            killed_at = time.monotonic()
            await _kill(victim)
            if harm.part == "ingress":
                done.edge_kills.append((killed_at, time.monotonic()))
        case "terminate":
            os.kill(victim, signal.SIGTERM)
        case _:
            os.kill(victim, signal.SIGSTOP)
            await asyncio.sleep(harm.pause_seconds)
            if victim in parts_below(pid).get(harm.part, []):
                os.kill(victim, signal.SIGCONT)
            return f" for {harm.pause_seconds:.1f} s"
    return ""


async def _kill(pid: int) -> None:
    """Comes back when the kernel has ended the process, and so closed its sockets."""
    is_gone = asyncio.Event()
    loop = asyncio.get_running_loop()
    watched = os.pidfd_open(pid)
    try:
        loop.add_reader(watched, is_gone.set)
        os.kill(pid, signal.SIGKILL)
        await is_gone.wait()
    finally:
        loop.remove_reader(watched)
        os.close(watched)


async def _flush(port: int) -> str:
    try:
        async with asyncio.timeout(FLUSH_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"FLUSHALL\r\n")
                said = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError) as reason:
        return f": it was not there ({type(reason).__name__})"
    return "" if said.startswith(b"+OK") else f": it said {said.decode(errors='replace').strip()}"
