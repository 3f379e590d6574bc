"""Streams within one dialect: CPU of an event against a plain relay, and memory of an open stream.

Rules: both gateways relay at once on one CPU and are measured over the same seconds, so that what
disturbs one disturbs the other; the events of a stream come far enough apart that none of them are read
together; memory is the growth of the process between few and many open streams, so that what the first
ones bring with them is not counted.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from loadtest import bodies, figures, gateways, machine
from loadtest.answers import PATHS
from loadtest.gateways import KEY, Name, Place
from loadtest.machine import Started
from loadtest.targets import Target
from turnout.capabilities import Dialect
from turnout.dialects.registry import DIALECTS

MAX_RELAYS: Final = 1.3
MAX_STREAM_KB: Final = 64.0

GATEWAYS: Final[tuple[Name, ...]] = ("relay", "turnout")

STREAMS: Final = 8
GAP_MS: Final = 4.0
EVENTS: Final = 10_000
"""More than any stream here lasts; it is left before its end."""

SECONDS: Final = 3.0

FEW: Final = 50
MANY: Final = 350

OPEN_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class EventCpu:
    """One gateway in one round; microseconds of its process an event."""

    gateway: Name
    dialect: Dialect
    microseconds: float


@dataclass(frozen=True, slots=True)
class Streams:
    """All that was measured.

    Attributes:
        stream_kb: resident kilobytes that an open stream takes, by gateway.
    """

    events: tuple[EventCpu, ...]
    stream_kb: tuple[tuple[Name, float], ...]

    def targets(self) -> Iterator[Target]:
        for dialect in DIALECTS:
            relay, ours = (self._of(name, dialect) for name in GATEWAYS)
            if relay:
                what = f"CPU of a stream event by the relay's, {dialect}"
                yield Target(what, figures.ratio(ours, relay), "under", MAX_RELAYS, "x")
        for name, kb in self.stream_kb:
            if name == "turnout":
                yield Target("memory of an open stream", kb, "under", MAX_STREAM_KB, " kB")

    def lines(self) -> Iterator[str]:
        for dialect in DIALECTS:
            for name in GATEWAYS:
                found = self._of(name, dialect)
                if found:
                    yield f"stream  {dialect:20} {name:8} {figures.middle(found):7.1f} us CPU an event"
        for name, kb in self.stream_kb:
            yield f"stream  memory of an open one, {name:8} {kb:7.1f} kB"

    def _of(self, name: Name, dialect: Dialect) -> list[float]:
        return [
            one.microseconds for one in self.events if (one.gateway, one.dialect) == (name, dialect)
        ]


class StreamLost(Exception):
    """A stream ended, or did not begin; the message says where."""


def measure(place: Place, *, rounds: int) -> Streams:
    """Raises `NotStarted` and `StreamLost`."""
    with gateways.all_running(
        place, GATEWAYS, pace=("--gap-ms", str(GAP_MS), *_WITHOUT_END)
    ) as running:
        machine.settle([running["turnout"].pid, *machine.children(running["turnout"].pid)])
        events = tuple(
            found
            for _ in range(rounds)
            for dialect in DIALECTS
            for found in asyncio.run(_event_cpu(running, dialect))
        )
    with gateways.all_running(place, GATEWAYS, pace=("--gap-ms", "1000", *_WITHOUT_END)) as running:
        kb = tuple((name, asyncio.run(_stream_kb(running[name]))) for name in GATEWAYS)
    return Streams(events, kb)


_WITHOUT_END: Final = ("--events", str(EVENTS))


async def _event_cpu(running: Mapping[Name, Started], dialect: Dialect) -> list[EventCpu]:
    """Every gateway in one round."""
    opened: list[tuple[Name, asyncio.StreamReader, asyncio.StreamWriter]] = []
    # In turn, so that the upstream's timers give none of them a better place in time.
    places = [(name, agent) for agent in range(STREAMS) for name in GATEWAYS]
    try:
        for name, agent in places:
            reader, writer = await _open(running[name].url, dialect, agent)
            opened.append((name, reader, writer))
        await _events_of(opened, SECONDS / 6)
        before = {name: machine.cpu_seconds(running[name].pid) for name in GATEWAYS}
        counts = await _events_of(opened, SECONDS)
        spent = {name: machine.cpu_seconds(running[name].pid) - before[name] for name in GATEWAYS}
    finally:
        for _, _, writer in opened:
            writer.close()
    for name in GATEWAYS:
        if not counts[name]:
            raise StreamLost(f"{name}: no event of {dialect} came in {SECONDS:g} s")
    return [EventCpu(name, dialect, spent[name] * 1e6 / counts[name]) for name in GATEWAYS]


async def _events_of(
    opened: Sequence[tuple[Name, asyncio.StreamReader, asyncio.StreamWriter]], seconds: float
) -> Counter[Name]:
    found = await asyncio.gather(*(_events_in(reader, seconds) for _, reader, _ in opened))
    counts: Counter[Name] = Counter()
    for (name, _, _), count in zip(opened, found, strict=True):
        counts[name] += count
    return counts


async def _stream_kb(to: Started) -> float:
    opened: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    resident: list[int] = []
    dialects = tuple(DIALECTS)
    try:
        for count in (FEW, MANY):
            while len(opened) < count:
                opened.append(
                    await _open(to.url, dialects[len(opened) % len(dialects)], len(opened))
                )
            await asyncio.gather(*(_events_in(reader, 2.0) for reader, _ in opened))
            resident.append(machine.resident_bytes(to.pid))
    finally:
        for _, writer in opened:
            writer.close()
    return (resident[1] - resident[0]) / (MANY - FEW) / 1000


async def _open(
    url: str, dialect: Dialect, agent: int
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A stream of which the first event has come."""
    host, _, port = url.removeprefix("http://").partition(":")
    try:
        reader, writer = await asyncio.open_connection(host, int(port))
    except OSError as error:
        raise StreamLost(f"{url}: {error}") from None
    body = bodies.question(dialect, agent=agent)
    writer.write(
        f"POST {PATHS[dialect]} HTTP/1.1\r\nhost: {host}:{port}\r\nauthorization: Bearer {KEY}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode()
        + body
    )
    try:
        async with asyncio.timeout(OPEN_SECONDS):
            await reader.readuntil(b"data: ")
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
        writer.close()
        raise StreamLost(f"{url}: no stream of {dialect} began") from None
    return reader, writer


async def _events_in(reader: asyncio.StreamReader, seconds: float) -> int:
    """How many events come within the time. Raises `StreamLost` when the stream ends before."""
    ends = time.monotonic() + seconds
    count = 0
    while (left := ends - time.monotonic()) > 0:
        try:
            async with asyncio.timeout(left):
                data = await reader.read(65_536)
        except TimeoutError:
            break
        except OSError:
            data = b""
        if not data:
            raise StreamLost("a stream ended while its events were counted")
        count += data.count(b"data: ")
    return count
