"""Memory and open files of a Turnout's processes during a soak, by the kernel's word. Linux only."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from loadtest import machine
from loadtest.faults import SERVICES
from loadtest.soak_chaos import SUPERVISOR, parts_below
from loadtest.soak_report import Memory

SAMPLE_SECONDS = 2.0

SETTLED_SECONDS = 100.0
"""Idle connections to a provider are kept for 45 s, and looked at as often."""


async def watch(pid: int, *, requests: Callable[[], int], memory: list[Memory]) -> None:
    """Add samples of every process until cancelled."""
    first_seen: dict[int, float] = {}
    while True:
        now = time.monotonic()
        for part, pids in parts_below(pid).items():
            for one in pids:
                age = now - first_seen.setdefault(one, now)
                resident = machine.resident_bytes(one)
                if resident:
                    memory.append(Memory(part, one, age, requests(), resident / 1e6))
        await asyncio.sleep(SAMPLE_SECONDS)


def open_files(pid: int) -> dict[str, int]:
    """Of each part, all of its processes together."""
    return {part: sum(map(_open_files, pids)) for part, pids in parts_below(pid).items()}


async def settled_files(pid: int, *, at_most: dict[str, int]) -> dict[str, int]:
    """The same once no part of ours holds more than before, or long enough after. ClickHouse has files for
    what it was told, so it is not waited for.
    """
    due = time.monotonic() + SETTLED_SECONDS
    found = open_files(pid)
    while time.monotonic() < due and any(
        found.get(part, 0) > at_most.get(part, 0) for part in (SUPERVISOR, *SERVICES)
    ):
        await asyncio.sleep(SAMPLE_SECONDS)
        found = open_files(pid)
    return found


def _open_files(pid: int) -> int:
    try:
        return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return 0
