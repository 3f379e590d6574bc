"""An answer as the events that a stream of it would have had, and events as that stream."""

from collections.abc import Iterable, Iterator
from typing import assert_never

from turnout.capabilities import Dialect
from turnout.dialects.conversation import Opaque, Refusal, Text, Thinking, ToolCall
from turnout.dialects.registry import DIALECTS
from turnout.dialects.stream import (
    AnnotationAdded,
    Answer,
    AnswerPart,
    Finished,
    LogprobsAdded,
    OpaqueStarted,
    PartEnded,
    RefusalDelta,
    RefusalStarted,
    SignatureDelta,
    StreamEvent,
    StreamFailed,
    StreamStarted,
    TextDelta,
    TextStarted,
    ThinkingDelta,
    ThinkingStarted,
    ToolArgumentsDelta,
    ToolCallStarted,
    UsageReported,
)

ESTIMATE = 77
"""Tokens of the prompt, where no usage was reported."""


def encoded(
    dialect: Dialect, events: Iterable[StreamEvent], *, include_usage: bool = True
) -> bytes:
    """The stream that a client gets who asked for the model `alias`, in an answer `id_1`."""
    encoder = DIALECTS[dialect].stream_encoder(
        response_id="id_1",
        model="alias",
        created_at=1_790_000_000,
        input_estimate=ESTIMATE,
        include_usage=include_usage,
    )
    return b"".join(encoder.encode(event) for event in events)


def events_of(answer: Answer) -> tuple[StreamEvent, ...]:
    """The events a stream of `answer` would have had, each part in one piece."""
    return tuple(_events_of(answer))


def _events_of(answer: Answer) -> Iterator[StreamEvent]:
    yield StreamStarted(answer.response_id, answer.model)
    for index, part in enumerate(answer.parts):
        yield from _part_events(index, part)
        yield PartEnded(index)
    if answer.usage is not None:
        yield UsageReported(answer.usage, answer.source)
    if answer.error is not None:
        yield StreamFailed(answer.error)
    elif answer.stop is not None:
        yield Finished(answer.stop, answer.stop_sequence)


def _part_events(index: int, part: AnswerPart) -> Iterator[StreamEvent]:
    match part:
        case Text():
            yield TextStarted(index)
            if part.text:
                yield TextDelta(index, part.text)
            for annotation in part.annotations:
                yield AnnotationAdded(index, annotation)
            if part.logprobs:
                yield LogprobsAdded(index, part.logprobs)
        case Refusal():
            yield RefusalStarted(index)
            if part.text:
                yield RefusalDelta(index, part.text)
        case Thinking():
            yield ThinkingStarted(
                index, part.provenance, redacted=part.redacted, is_summary=part.is_summary
            )
            if part.text:
                yield ThinkingDelta(index, part.text)
            if part.signature:
                yield SignatureDelta(index, part.signature)
        case ToolCall():
            yield ToolCallStarted(index, part.call_id, part.name, kind=part.kind)
            if part.arguments:
                yield ToolArgumentsDelta(index, part.arguments)
        case Opaque():
            yield OpaqueStarted(index, part)
        case _:
            assert_never(part)
