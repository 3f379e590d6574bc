"""What translating costs, in this process: requests between all pairs of dialects, and stream events.

CPU time of the functions that the dispatcher calls, the best of several rounds: what disturbs the
machine makes a round slower and never faster. A request is decoded, fitted to the target as its own
vendor serves it, and encoded. An answer goes through the dispatcher's own course, one event at a time.
"""

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import permutations
from typing import Final

from loadtest import bodies
from loadtest.targets import Target
from turnout.capabilities import Capabilities, Dialect
from turnout.dialects.fit import fit
from turnout.dialects.registry import DIALECTS
from turnout.dialects.stream import (
    Finished,
    PartEnded,
    StreamEvent,
    StreamStarted,
    TextDelta,
    TextStarted,
    ToolArgumentsDelta,
    ToolCallStarted,
    UsageReported,
)
from turnout.dialects.usage import Usage
from turnout.quirks import DIALECT_QUIRKS
from turnout.running import settle_memory
from turnout.upstream_dispatcher.answer import Course, RelayedCourse, translated_course

MAX_BOTH_WAYS_MS: Final = 1.5
MAX_GROWTH: Final = 1.2
"""The second megabyte by the first one: linear, to within the noise."""

MAX_EVENT_US: Final = 25.0

MEGABYTE: Final = 1_000_000
DELTAS: Final = 400
"""Of text, and as many of a call's arguments."""

GEMINI_PATH: Final = "/v1beta/models/gemini-3.8-flash:streamGenerateContent"
ABLE: Final = Capabilities(images=True, documents=True, structured_output=True, thinking=True)


@dataclass(frozen=True, slots=True)
class Way:
    """A request of one dialect told to a target of another; milliseconds.

    Attributes:
        middle_ms, large_ms: of the same thread with more steps, 1 MB and 2 MB.
    """

    client: Dialect
    target: Dialect
    small_ms: float
    middle_ms: float
    large_ms: float

    @property
    def growth(self) -> float:
        """What the second megabyte costs by what the first one does: the steps in them are alike."""
        return (self.large_ms - self.middle_ms) / (self.middle_ms - self.small_ms)


@dataclass(frozen=True, slots=True)
class EventCost:
    """One event of an answer on its way; microseconds. Native where both are the same."""

    upstream: Dialect
    client: Dialect
    microseconds: float


@dataclass(frozen=True, slots=True)
class Translation:
    """All that was measured in this process."""

    ways: tuple[Way, ...]
    events: tuple[EventCost, ...]

    def targets(self) -> Iterator[Target]:
        by_pair = {(way.client, way.target): way for way in self.ways}
        for (client, target), way in by_pair.items():
            if client > target:
                continue
            back = by_pair[target, client]
            both = way.small_ms + back.small_ms
            what = f"translation of 60 kB both ways, {client} and {target}"
            yield Target(what, both, "under", MAX_BOTH_WAYS_MS, " ms")
        worst = max(self.ways, key=lambda way: way.growth)
        yield Target(
            f"the second MB of a request by the first, {worst.client} to {worst.target} (the worst)",
            worst.growth,
            "under",
            MAX_GROWTH,
            "x",
        )
        slowest = max(self.events, key=lambda event: event.microseconds)
        what = f"a stream event, {slowest.upstream} to {slowest.client} (the slowest)"
        yield Target(what, slowest.microseconds, "under", MAX_EVENT_US, " us")

    def lines(self) -> Iterator[str]:
        yield f"{'request':18} {'to':18} {'60 kB ms':>9} {'1 MB ms':>9} {'2 MB ms':>9} {'2nd/1st':>8}"
        for way in self.ways:
            yield (
                f"{way.client:18} {way.target:18} {way.small_ms:9.3f} {way.middle_ms:9.2f}"
                f" {way.large_ms:9.2f} {way.growth:7.2f}x"
            )
        yield f"{'answer':18} {'to':18} {'us/event':>9}"
        for event in self.events:
            yield f"{event.upstream:18} {event.client:18} {event.microseconds:9.2f}"


def measure(*, rounds: int) -> Translation:
    # Memory is settled as in the processes that serve.
    settle_memory()
    small = {name: body_of(name, steps=0) for name in DIALECTS}
    steps = steps_for(MEGABYTE)
    middle = {name: body_of(name, steps=steps) for name in DIALECTS}
    large = {name: body_of(name, steps=2 * steps) for name in DIALECTS}
    bodies_by_size = (small, middle, large)
    ways = tuple(
        _way(client, target, [found[client] for found in bodies_by_size], rounds)
        for client, target in permutations(DIALECTS, 2)
    )
    answers = {name: wire_of(name) for name in DIALECTS}
    events = tuple(
        EventCost(upstream, client, _event_cost(upstream, client, answers[upstream], rounds))
        for upstream in DIALECTS
        for client in DIALECTS
    )
    return Translation(ways, events)


def _way(client: Dialect, target: Dialect, sizes: Sequence[bytes], rounds: int) -> Way:
    costs = [
        _best(partial(translate, client, target, body), rounds, calls=20 if number == 0 else 1)
        for number, body in enumerate(sizes)
    ]
    return Way(client, target, *costs)


def body_of(dialect: Dialect, *, steps: int) -> bytes:
    """The 60 kB request of the load with more steps behind it, in any dialect.

    What the load does not write itself is written by the dialect's own encoder.
    """
    body = bodies.body("anthropic_messages", "60 kB", stream=True, agent=0, step=steps)
    return (
        body if dialect == "anthropic_messages" else translate("anthropic_messages", dialect, body)
    )


def steps_for(size: int) -> int:
    """Steps that take as many bytes."""
    bare, hundred = (len(body_of("anthropic_messages", steps=steps)) for steps in (0, 100))
    return size * 100 // (hundred - bare)


def translate(client: Dialect, target: Dialect, body: bytes) -> bytes:
    path = GEMINI_PATH if client == "gemini_generate" else ""
    conversation = DIALECTS[client].decode_request(body, path=path)
    fitted = fit(conversation, to=target, quirks=DIALECT_QUIRKS[target], has=ABLE)
    return DIALECTS[target].encode_request(fitted.conversation, model="m", has=ABLE)


def answer_events() -> Iterator[StreamEvent]:
    """A text and a call, in small pieces."""
    usage = Usage(fresh_input=200, cache_read=1_000, output=2 * DELTAS)
    yield StreamStarted("r", "m", usage)
    yield TextStarted(0)
    for number in range(DELTAS):
        yield TextDelta(0, f"piece{number:03d} ")
    yield PartEnded(0)
    yield ToolCallStarted(1, "call_1", "Edit")
    yield ToolArgumentsDelta(1, '{"text":"')
    for number in range(DELTAS):
        yield ToolArgumentsDelta(1, f"piece{number:03d} ")
    yield ToolArgumentsDelta(1, '"}')
    yield PartEnded(1)
    yield UsageReported(usage, "reported")
    yield Finished("tool_use")


def wire_of(dialect: Dialect) -> tuple[bytes, ...]:
    """The answer as a provider of the dialect streams it: an event a piece."""
    encoder = DIALECTS[dialect].stream_encoder(
        response_id="r", model="m", created_at=1, input_estimate=1, include_usage=True
    )
    told = b"".join(encoder.encode(event) for event in answer_events())
    return tuple(event + b"\n\n" for event in told.split(b"\n\n") if event)


def course_of(upstream: Dialect, client: Dialect) -> Course:
    if upstream == client:
        return RelayedCourse(DIALECTS[client], hides_usage=False)
    return translated_course(
        DIALECTS,
        target="provider/m@key",
        from_dialect=upstream,
        to_dialect=client,
        response_id="r",
        model="m",
        created_at=1,
        input_estimate=1,
        include_usage=True,
    )


def _event_cost(
    upstream: Dialect, client: Dialect, pieces: tuple[bytes, ...], rounds: int
) -> float:
    def once() -> None:
        course = course_of(upstream, client)
        for piece in pieces:
            course.feed(piece)
            # As the dispatcher does after each piece.
            _ = course.is_over
        course.close()

    return _best(once, rounds, calls=2) * 1000 / len(pieces)


def _best(call: Callable[[], object], rounds: int, *, calls: int) -> float:
    """Milliseconds of CPU of one call, in the best round."""
    call()
    best = float("inf")
    for _ in range(rounds):
        gc.collect()
        begun = time.process_time()
        for _ in range(calls):
            call()
        best = min(best, (time.process_time() - begun) / calls * 1000)
    return best
