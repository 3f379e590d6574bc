"""Whether a process that serves grows: its memory after many requests, by that after a tenth of them.

Rules: every thread is a new one, and has as many steps as the load's, so that whatever is kept of threads would be
seen; both dialects of the load in turn, streamed, the size that agents send; memory is read when all processes are
idle.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Final, get_args

import uvloop

from loadtest import bodies, gateways, machine
from loadtest.answers import LoadDialect
from loadtest.bodies import ANY_AGENT
from loadtest.gateways import Place
from loadtest.load import THREAD_REQUESTS, Connection
from loadtest.open_loop import answered, connect, post
from loadtest.targets import Target

REQUESTS: Final = 50_000
EARLIER_SHARE: Final = 0.1
MAX_RATIO: Final = 1.10
CONNECTIONS: Final = 16


@dataclass(frozen=True, slots=True)
class Growth:
    """Resident megabytes of the ingress's process."""

    earlier_requests: int
    earlier_mb: float
    requests: int
    mb: float

    def targets(self) -> Iterator[Target]:
        what = f"memory after {self.requests} requests by that after {self.earlier_requests}"
        yield Target(what, self.mb / self.earlier_mb, "at most", MAX_RATIO, "x")

    def lines(self) -> Iterator[str]:
        for requests, mb in ((self.earlier_requests, self.earlier_mb), (self.requests, self.mb)):
            yield f"memory  turnout serve after {requests:6} requests: resident {mb:6.1f} MB"


def measure(place: Place, *, requests: int) -> Growth:
    """Raises `NotStarted` and `NotAnswered`."""
    earlier = round(requests * EARLIER_SHARE)
    threads = _Threads()
    with gateways.all_running(place, ("direct", "turnout")) as running:
        ours = running["turnout"]
        found: list[float] = []
        for more in (earlier, requests - earlier):
            uvloop.run(_served(ours.url, threads, more))
            machine.settle([ours.pid, *machine.children(ours.pid)])
            found.append(machine.resident_bytes(ours.pid) / 1e6)
    return Growth(earlier, found[0], requests, found[1])


class _Threads:
    """Bodies of the steps of new threads."""

    def __init__(self) -> None:
        self._agents = count(1)
        self._steps = {
            dialect: [
                bodies.body(dialect, "60 kB", stream=True, agent=ANY_AGENT, step=step)
                for step in range(THREAD_REQUESTS)
            ]
            for dialect in get_args(LoadDialect)
        }

    def next(self) -> tuple[LoadDialect, list[bytes]]:
        agent = next(self._agents)
        dialects: tuple[LoadDialect, ...] = get_args(LoadDialect)
        dialect = dialects[agent % len(dialects)]
        return dialect, [bodies.by_agent(step, agent) for step in self._steps[dialect]]


async def _served(url: str, threads: _Threads, requests: int) -> None:
    left = iter(range(requests))

    async def play() -> None:
        connection: Connection | None = None
        try:
            while True:
                dialect, steps = threads.next()
                for body in steps:
                    number = next(left, None)
                    if number is None:
                        return
                    if connection is None or not connection.is_open:
                        connection = await connect(url)
                    await answered(connection, dialect, post(url, dialect, body), number)
        finally:
            if connection is not None:
                connection.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(play())
