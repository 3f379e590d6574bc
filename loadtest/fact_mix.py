"""Facts as requests leave them, and the bus messages that publishers make of them.

Rules: a request leaves a decision with nine candidates, an attempt and its completion, every twentieth
a switch of its thread as well; the same seed gives the same facts. They are made by the code that
services make them with (`to_pb`), and cut into messages by the publisher's own function.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from tests.bus import samples
from turnout.bus.cursor import Position
from turnout.bus.directory import WINDOW_BYTES, Window
from turnout.bus.publisher import Message, messages_of
from turnout.bus.records import Record
from turnout.bus.subjects import BY_FACT
from turnout.facts import Fact
from turnout.policy.decision import Candidate
from turnout.protos import to_pb
from turnout.telemetry.tables import BY_SUBJECT

CANDIDATES = 9
SWITCH_EVERY = 20
STEPS_OF_A_SESSION = 40
STEP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Mix:
    """What one run publishes.

    Attributes:
        first: number of the first request, so that two mixes have no id in common.
        at: unix seconds of the first request; a session's steps follow each other.
    """

    seed: int
    first: int
    at: float


def facts_of(mix: Mix) -> Iterator[Fact]:
    """Facts of one request after the other, without end."""
    draw = random.Random(mix.seed)
    number = mix.first
    while True:
        yield from _request(draw, number, at=mix.at + number % STEPS_OF_A_SESSION * STEP_SECONDS)
        number += 1


def _request(draw: random.Random, number: int, *, at: float) -> Iterator[Fact]:
    request_id = f"req-{number:08d}-{draw.getrandbits(64):016x}"
    identity = samples.identity(session=f"session-{number // STEPS_OF_A_SESSION}")
    traceparent = f"00-{draw.getrandbits(128):032x}-{draw.getrandbits(64):016x}-00"
    routed = samples.routed(request_id)
    inputs = routed.inputs
    cost = draw.uniform(0.001, 0.9)
    yield replace(
        routed,
        occurred_at=at,
        traceparent=traceparent,
        inputs=replace(
            inputs,
            identity=identity,
            features=replace(
                inputs.features,
                body_bytes=draw.randrange(2_000, 900_000),
                last_message_digest=f"{draw.getrandbits(128):032x}",
            ),
            state=replace(inputs.state, steps=number % STEPS_OF_A_SESSION, last_at=at - 9.5),
            now=at,
            draw=draw.random(),
        ),
        decision=replace(routed.decision, candidates=_candidates(draw)),
        look_seconds=draw.uniform(0.0005, 0.002),
        decide_seconds=draw.uniform(0.0002, 0.001),
    )
    usage = replace(samples.USAGE, fresh_input=draw.randrange(4_000), output=draw.randrange(2_000))
    yield replace(
        samples.attempt(request_id),
        occurred_at=at + 4.5,
        sent_at=at + 0.02,
        traceparent=traceparent,
        duration_seconds=draw.uniform(1.0, 20.0),
        usage=usage,
        cost_usd=cost,
        response_id=f"msg_{draw.getrandbits(64):016x}",
    )
    yield replace(
        samples.completed(request_id),
        occurred_at=at + 4.6,
        received_at=at,
        traceparent=traceparent,
        identity=identity,
        duration_seconds=draw.uniform(1.0, 20.0),
        usage=usage,
        cost_usd=cost,
        baseline_cost_usd=cost * draw.uniform(1.0, 3.0),
    )
    if number % SWITCH_EVERY == 0:
        yield replace(samples.switched(request_id), occurred_at=at + 4.6, identity=identity)


def _candidates(draw: random.Random) -> tuple[Candidate, ...]:
    return tuple(
        replace(
            candidate,
            warm_tokens=draw.uniform(0.0, 95_000.0),
            cost_now_usd=draw.uniform(0.001, 0.9),
            cost_to_go_usd=draw.uniform(0.1, 20.0),
            quality=draw.random(),
            score=draw.uniform(-5.0, 15.0),
        )
        for candidate in samples.candidates(CANDIDATES)
    )


def records_of(facts: Iterator[Fact], count: int) -> list[Record]:
    """As many facts, as they lie in a spool."""
    found: list[Record] = []
    end = 0
    for _ in range(count):
        fact = next(facts)
        route = BY_FACT[type(fact)]
        payload = to_pb(fact, route.message).SerializeToString()
        end += len(payload)
        found.append(Record(kind=route.kind, payload=payload, end=end))
    return found


def windows_of(spool: str, records: Sequence[Record]) -> Iterator[Window]:
    """Windows of the size that a publisher takes when much is waiting."""
    taken: list[Record] = []
    start = 0
    for record in records:
        if taken and record.end - start > WINDOW_BYTES:
            yield window_of(spool, taken)
            start, taken = taken[-1].end, []
        taken.append(record)
    if taken:
        yield window_of(spool, taken)


def window_of(spool: str, records: Sequence[Record]) -> Window:
    first = records[0].end - len(records[0].payload)
    return Window(
        spool=spool,
        start=Position(1, first),
        until=Position(1, records[-1].end),
        records=tuple(records),
    )


def rows_of(messages: Sequence[Message]) -> dict[str, int]:
    """Rows that these messages are to become, by table."""
    found: dict[str, int] = {}
    for message in messages:
        table = BY_SUBJECT[message.subject].name
        found[table] = found.get(table, 0) + message.facts
    return found


def filled(mix: Mix, count: int, *, spool: str) -> list[Message]:
    """Messages of `count` facts that a spool had been filled with."""
    records = records_of(facts_of(mix), count)
    return [message for window in windows_of(spool, records) for message in messages_of(window)]
