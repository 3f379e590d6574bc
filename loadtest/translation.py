"""What translating costs, in this process: requests between all pairs of dialects, and stream events.

CPU time of the functions that the dispatcher calls, the best of several rounds: what disturbs the
machine makes a round slower and never faster. A request is decoded, shown what its reader may see,
fitted to the target as its own vendor serves it, encoded, and reshaped for the endpoint. An answer goes through the dispatcher's own course, one event at a time.
"""

import gc
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import permutations, product
from math import inf
from typing import Final

import msgspec

from loadtest import bodies
from loadtest.targets import Target
from turnout.capabilities import Capabilities, Dialect
from turnout.dialects.fit import fit
from turnout.dialects.registry import DIALECTS
from turnout.dialects.reshape import reshaped
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
from turnout.policy.provenance import shown_to
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
        unusual_ms: of the small one with a field that nobody knows on every message and every tool,
            so that none is read in one step.
    """

    client: Dialect
    target: Dialect
    small_ms: float
    middle_ms: float
    large_ms: float
    unusual_ms: float

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
        yield f"{'request':18} {'to':18} {'60 kB ms':>9} {'1 MB ms':>9} {'2 MB ms':>9} {'2nd/1st':>8} {'unusual':>8}"
        for way in self.ways:
            yield (
                f"{way.client:18} {way.target:18} {way.small_ms:9.3f} {way.middle_ms:9.2f}"
                f" {way.large_ms:9.2f} {way.growth:7.2f}x {way.unusual_ms:8.3f}"
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
    unusual = {name: with_unknown_fields(body) for name, body in small.items()}
    ways = tuple(permutations(DIALECTS, 2))

    def costs(sizes: Mapping[Dialect, bytes], calls: int) -> list[float]:
        told = [partial(translate, client, target, sizes[client]) for client, target in ways]
        return _best(told, rounds, calls=calls)

    of_ways = zip(
        costs(small, 20), costs(middle, 1), costs(large, 1), costs(unusual, 20), strict=True
    )
    answers = {name: wire_of(name) for name in DIALECTS}
    courses = tuple(product(DIALECTS, repeat=2))
    of_answers = _best(
        [partial(_relay, upstream, client, answers[upstream]) for upstream, client in courses],
        rounds,
        calls=2,
    )
    return Translation(
        tuple(
            Way(client, target, *cost) for (client, target), cost in zip(ways, of_ways, strict=True)
        ),
        tuple(
            EventCost(upstream, client, cost * 1000 / len(answers[upstream]))
            for (upstream, client), cost in zip(courses, of_answers, strict=True)
        ),
    )


def body_of(dialect: Dialect, *, steps: int) -> bytes:
    """The 60 kB request of the load with more steps behind it, in any dialect.

    What the load does not write itself is written by the dialect's own encoder.
    """
    body = bodies.body("anthropic_messages", "60 kB", stream=True, agent=0, step=steps)
    return (
        body if dialect == "anthropic_messages" else translate("anthropic_messages", dialect, body)
    )


def with_unknown_fields(body: bytes) -> bytes:
    """The request with a field more on every message and every tool."""
    request = msgspec.json.decode(body, type=dict[str, object])
    for name in ("messages", "input", "contents", "tools"):
        _add_unknown(request.get(name))
    return msgspec.json.encode(request)


def _add_unknown(values: object) -> None:
    for value in values if isinstance(values, list) else ():
        declared = value.get("functionDeclarations")
        if declared is None:
            value["x_unknown"] = True
        _add_unknown(declared)


def steps_for(size: int) -> int:
    """Steps that take as many bytes."""
    bare, hundred = (len(body_of("anthropic_messages", steps=steps)) for steps in (0, 100))
    return size * 100 // (hundred - bare)


def translate(client: Dialect, target: Dialect, body: bytes) -> bytes:
    path = GEMINI_PATH if client == "gemini_generate" else ""
    conversation = DIALECTS[client].decode_request(body, path=path)
    quirks = DIALECT_QUIRKS[target]
    fitted = fit(shown_to("p/m@key", conversation), to=target, quirks=quirks, has=ABLE)
    body = DIALECTS[target].encode_request(fitted.conversation, model="m", has=ABLE)
    return reshaped(body, quirks, dialect=target, thinks=ABLE.thinking)[0]


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


def _relay(upstream: Dialect, client: Dialect, pieces: Iterable[bytes]) -> None:
    course = course_of(upstream, client)
    for piece in pieces:
        course.feed(piece)
        # As the dispatcher does after each piece.
        _ = course.is_over
    course.close()


def _best(measured: Sequence[Callable[[], object]], rounds: int, *, calls: int) -> list[float]:
    """Milliseconds of CPU of one call of each, in its best round.

    In turn, so that what disturbs the machine for a while disturbs some rounds of all and not all of one.
    """
    best = [inf] * len(measured)
    for call in measured:
        call()
    for _ in range(rounds):
        for at, call in enumerate(measured):
            gc.collect()
            begun = time.process_time()
            for _ in range(calls):
                call()
            best[at] = min(best[at], (time.process_time() - begun) / calls * 1000)
    return best
