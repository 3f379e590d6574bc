"""The neutral stream: one answer as a sequence of events, whatever dialect it comes from.

The contract between every `StreamDecoder` and every `StreamEncoder`:

* `StreamStarted` comes first and once. `Finished` or `StreamFailed` comes last and once; nothing
  follows it. A decoder whose wire format reports usage after the stop reason holds `Finished`
  back until the usage has come or the bytes have ended.
* A part is opened by its `...Started` event, added to by deltas with the same `index`, and closed
  by `PartEnded`; no delta before or after. Every opened part is ended before `Finished`. Indices
  count up from 0 in the order of the starts, without gaps.
* Several parts may be open at once (fragments of parallel tool calls interleave in OpenAI
  streams). Encoders whose format cannot do that order the parts themselves.
* Arguments of one tool call joined together are its arguments; joined to "" they mean "{}".
* `StreamFailed` may come at any point, also first, and leaves open parts open.
* `UsageReported` may come any number of times; each report is cumulative for the whole answer and
  replaces the one before. Usage in `StreamStarted` counts as the first report, source `partial`.
* Empty deltas carry nothing; decoders leave them out, encoders tolerate them.
* Pings and comments are no events.

`accumulate` folds events into an `Answer`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias, assert_never

import msgspec

from turnout.dialects.conversation import (
    Annotation,
    Opaque,
    Provenance,
    Refusal,
    Text,
    Thinking,
    TokenLogprob,
    ToolCall,
    ToolKind,
)
from turnout.dialects.usage import Usage, UsageSource
from turnout.errors import TurnoutError, UpstreamFailed

StopReason: TypeAlias = Literal[
    "end",
    "max_output",
    "tool_use",
    "stop_sequence",
    "refusal",
    "pause",
    "content_filter",
    "context_window",
]
"""Why an answer ended: `pause` means that the provider wants to be called again with it."""

BROKE_OFF: Final = "connection lost: the upstream's stream broke off before its end"
"""Of a stream that has ended without its terminal event. Agents try again on its first two words."""

AnswerPart: TypeAlias = Text | Thinking | Refusal | ToolCall | Opaque


@dataclass(frozen=True, slots=True)
class StreamStarted:
    """Attributes:
    model: as the provider wrote it; encoders write the client's own name instead.
    usage: an early report, where the provider gives one.
    """

    response_id: str
    model: str
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class TextStarted:
    index: int


@dataclass(frozen=True, slots=True)
class TextDelta:
    index: int
    text: str


@dataclass(frozen=True, slots=True)
class AnnotationAdded:
    """A source of an open text part."""

    index: int
    annotation: Annotation


@dataclass(frozen=True, slots=True)
class LogprobsAdded:
    """Log probabilities of tokens of an open text part, in order, each told once."""

    index: int
    logprobs: tuple[TokenLogprob, ...]


@dataclass(frozen=True, slots=True)
class RefusalStarted:
    index: int


@dataclass(frozen=True, slots=True)
class RefusalDelta:
    index: int
    text: str


@dataclass(frozen=True, slots=True)
class ThinkingStarted:
    """Attributes:
    redacted: the sealed form, where the whole part is sealed.
    """

    index: int
    provenance: Provenance
    redacted: str = ""
    is_summary: bool = False


@dataclass(frozen=True, slots=True)
class ThinkingDelta:
    index: int
    text: str


@dataclass(frozen=True, slots=True)
class SignatureDelta:
    """A piece of the maker's seal on an open thinking part."""

    index: int
    signature: str


@dataclass(frozen=True, slots=True)
class ToolCallStarted:
    index: int
    call_id: str
    name: str
    kind: ToolKind = "function"


@dataclass(frozen=True, slots=True)
class ToolArgumentsDelta:
    index: int
    fragment: str


@dataclass(frozen=True, slots=True)
class OpaqueStarted:
    """A whole part that only its own dialect understands; `PartEnded` follows."""

    index: int
    part: Opaque


@dataclass(frozen=True, slots=True)
class PartEnded:
    index: int


@dataclass(frozen=True, slots=True)
class UsageReported:
    usage: Usage
    source: UsageSource


@dataclass(frozen=True, slots=True)
class Finished:
    """Attributes:
    stop_sequence: the sequence that was met, with stop `stop_sequence`.
    """

    stop: StopReason
    stop_sequence: str | None = None


@dataclass(frozen=True, slots=True)
class StreamFailed:
    """The answer broke off after it had begun, or was an error from the first event on."""

    error: TurnoutError


StreamEvent: TypeAlias = (
    StreamStarted
    | TextStarted
    | TextDelta
    | AnnotationAdded
    | LogprobsAdded
    | RefusalStarted
    | RefusalDelta
    | ThinkingStarted
    | ThinkingDelta
    | SignatureDelta
    | ToolCallStarted
    | ToolArgumentsDelta
    | OpaqueStarted
    | PartEnded
    | UsageReported
    | Finished
    | StreamFailed
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One whole answer.

    Attributes:
        usage: the last report; None without any.
        stop: None when the answer did not finish; `error` then says why, where that is known.
    """

    response_id: str = ""
    model: str = ""
    parts: tuple[AnswerPart, ...] = ()
    usage: Usage | None = None
    source: UsageSource = "estimated"
    stop: StopReason | None = None
    stop_sequence: str | None = None
    error: TurnoutError | None = None

    @property
    def has_tool_calls(self) -> bool:
        return any(isinstance(part, ToolCall) for part in self.parts)

    @property
    def said_bytes(self) -> int:
        """Bytes of texts, reasoning and arguments."""
        size = 0
        for part in self.parts:
            match part:
                case Text(text=said) | Thinking(text=said) | Refusal(text=said):
                    size += len(said.encode("utf-8", "surrogatepass"))
                case ToolCall(arguments=said):
                    size += len(said.encode("utf-8", "surrogatepass"))
                case Opaque():
                    pass
        return size


_Opening: TypeAlias = (
    TextStarted | RefusalStarted | ThinkingStarted | ToolCallStarted | OpaqueStarted
)


@dataclass(slots=True)
class _OpenPart:
    opening: _Opening
    pieces: list[str] = field(default_factory=list)
    signature: list[str] = field(default_factory=list)
    annotations: list[Annotation] = field(default_factory=list)
    logprobs: list[TokenLogprob] = field(default_factory=list)

    def part(self) -> AnswerPart:
        text = "".join(self.pieces)
        signature = "".join(self.signature)
        match self.opening:
            case TextStarted():
                return Text(
                    text, annotations=tuple(self.annotations), logprobs=tuple(self.logprobs)
                )
            case RefusalStarted():
                return Refusal(text)
            case ThinkingStarted(provenance=maker, redacted=redacted, is_summary=is_summary):
                return Thinking(
                    text,
                    maker,
                    signature=signature,
                    redacted=redacted,
                    is_summary=is_summary,
                )
            case ToolCallStarted(call_id=call_id, name=name, kind=kind):
                arguments = text if text.strip() or kind == "custom" else "{}"
                return ToolCall(call_id, name, arguments, kind=kind)
            case OpaqueStarted(part=part):
                return part


def accumulate(events: Iterable[StreamEvent]) -> Answer:
    """Fold events into the answer they tell. Raises `UpstreamFailed` on a delta to no part."""
    started: StreamStarted | None = None
    parts: dict[int, _OpenPart] = {}
    usage: Usage | None = None
    source: UsageSource = "estimated"
    finished: Finished | None = None
    error: TurnoutError | None = None
    for event in events:
        match event:
            case StreamStarted():
                started = event
                if event.usage is not None:
                    usage, source = event.usage, "partial"
            case (
                TextStarted()
                | RefusalStarted()
                | ThinkingStarted()
                | ToolCallStarted()
                | OpaqueStarted()
            ):
                parts[event.index] = _OpenPart(event)
            case TextDelta() | RefusalDelta() | ThinkingDelta():
                _open(parts, event.index).pieces.append(event.text)
            case ToolArgumentsDelta():
                _open(parts, event.index).pieces.append(event.fragment)
            case SignatureDelta():
                _open(parts, event.index).signature.append(event.signature)
            case AnnotationAdded():
                _open(parts, event.index).annotations.append(event.annotation)
            case LogprobsAdded():
                _open(parts, event.index).logprobs.extend(event.logprobs)
            case PartEnded():
                _open(parts, event.index)
            case UsageReported():
                usage, source = event.usage, event.source
            case Finished():
                finished = event
            case StreamFailed():
                error = event.error
            case _:
                assert_never(event)
    return Answer(
        response_id=started.response_id if started else "",
        model=started.model if started else "",
        parts=tuple(parts[index].part() for index in sorted(parts)),
        usage=usage,
        source=source,
        stop=finished.stop if finished else None,
        stop_sequence=finished.stop_sequence if finished else None,
        error=error,
    )


def accumulate_whole(events: Iterable[StreamEvent]) -> tuple[Answer, StopReason]:
    """An answer that has been finished, and how.

    Raises the error that the events end in, `UpstreamFailed` when they do not end.
    """
    answer = accumulate(events)
    if answer.error is not None:
        raise answer.error
    if answer.stop is None:
        raise UpstreamFailed("the upstream's answer broke off before its end")
    return answer, answer.stop


def _open(parts: dict[int, _OpenPart], index: int) -> _OpenPart:
    part = parts.get(index)
    if part is None:
        raise UpstreamFailed(f"the answer adds to part {index}, which it never opened")
    return part


def made_by(events: Iterable[StreamEvent], target: str) -> Iterator[StreamEvent]:
    """The events with the target they come from on all reasoning that was made there.

    Reasoning that another router in between had sealed keeps its maker.
    """
    for event in events:
        if isinstance(event, ThinkingStarted) and not event.provenance.target:
            made = msgspec.structs.replace(event.provenance, target=target)
            yield replace(event, provenance=made)
        else:
            yield event
