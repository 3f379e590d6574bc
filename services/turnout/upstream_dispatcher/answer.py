"""An answer on its way from the upstream's bytes to the client's, without any clock or socket.

Rules: every course gives out whole events only, so that a keep-alive or a terminal error event can
be put behind whatever has gone out; within a dialect the bytes that go out are the bytes that came
in, but for named edits and what no dialect has behind an end; nothing is given out twice. `reading` says what has been seen, in the same words
for both.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol, assert_never

from turnout.capabilities import Dialect
from turnout.dialects.answer_end import AnswerEnd, end_of
from turnout.dialects.dialect import (
    StreamDecoder,
    StreamEncoder,
    StreamTap,
    TapReading,
    WireDialect,
)
from turnout.dialects.fit import AnswerFitter
from turnout.dialects.openai_chat.usage_filter import UsageHidden
from turnout.dialects.prefix import digest
from turnout.dialects.sse import MAX_EVENT_BYTES
from turnout.dialects.stream import (
    AnnotationAdded,
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
    made_by,
)
from turnout.dialects.usage import Usage, UsageSource
from turnout.errors import TurnoutError, UpstreamFailed
from turnout.upstream_dispatcher.tail import Tail, start_of_last

_ID_PREFIX: Mapping[Dialect, str] = MappingProxyType(
    {
        "anthropic_messages": "msg_",
        "openai_chat": "chatcmpl-",
        "openai_responses": "resp_",
        "gemini_generate": "",
    }
)


def answer_id(dialect: Dialect, request_id: str) -> str:
    """The id of an answer that we wrote, as its dialect spells ids.

    The same for the same request, and not our own request id: that is told in a header only.
    """
    named = digest(b"answer", request_id.encode()) + digest(b"again", request_id.encode())
    return f"{_ID_PREFIX[dialect]}{named[:24]}"


NOTHING_SEEN = TapReading(
    has_content=False,
    usage=None,
    source="estimated",
    finish_reason="",
    ended="",
    response_model="",
    response_id="",
    error=None,
    is_complete=False,
    at_boundary=True,
    output_bytes=0,
)


class Course(Protocol):
    """One streamed answer.

    `feed` and `close` may raise `UpstreamFailed` when the bytes are no stream of the target's
    dialect; an error that the stream itself tells is in `reading`.
    """

    def feed(self, data: bytes) -> bytes: ...

    def close(self) -> bytes:
        """The upstream's bytes have ended: what is left to go out."""
        ...

    def broken(self, error: TurnoutError) -> bytes:
        """The terminal event for a stream that `error` has cut short."""
        ...

    @property
    def is_over(self) -> bool:
        """The terminal event or an error has passed."""
        ...

    @property
    def reading(self) -> TapReading: ...

    @property
    def dropped_bytes(self) -> int:
        """What came behind the end, and was not to be passed on."""
        ...


class EventsEdit(Protocol):
    """Changes values in whole events of one stream."""

    def feed(self, events: bytes) -> bytes: ...


def _edited(events: bytes, edits: Sequence[EventsEdit]) -> bytes:
    for edit in edits:
        events = edit.feed(events)
    return events


class RelayedCourse:
    """Within one dialect: the bytes as they come, but for `edits`, with a tap beside them."""

    __slots__ = ("_dialect", "_edits", "_has_ended", "_held", "_tail", "_tap")

    def __init__(
        self, dialect: WireDialect, *, hides_usage: bool, edits: Sequence[EventsEdit] = ()
    ) -> None:
        self._dialect = dialect
        self._edits = (UsageHidden(), *edits) if hides_usage else edits
        self._tap: StreamTap = dialect.tap(stream=True)
        # The beginning of an event whose end has not come.
        self._held = bytearray()
        self._has_ended = False
        self._tail = Tail(dialect.may_follow_end)

    def feed(self, data: bytes) -> bytes:
        if self._has_ended:
            return _edited(self._tail.feed(data), self._edits)
        self._tap.feed(data)
        whole = self._whole_events(data)
        if self._tap.is_over and self._tap.reading.error is None:
            whole = self._up_to_end(whole)
        return _edited(whole, self._edits)

    def _up_to_end(self, whole: bytes) -> bytes:
        """Of the events in which the end is, those up to it, and of the rest what may follow."""
        self._has_ended = True
        came = whole + self._held
        self._held.clear()
        end = start_of_last(came, self._tap.behind)
        return came[:end] + self._tail.feed(came[end:])

    def _whole_events(self, data: bytes) -> bytes:
        held = self._held
        if not held and data.endswith((b"\n\n", b"\r\n\r\n")):
            return data
        scan_from = max(0, len(held) - 3)
        held += data
        end = _last_event_end(held, scan_from)
        if end < len(held) and self._tap.reading.at_boundary:
            # Line ends of a kind that is not looked for above, or an error that no blank line ends.
            end = len(held)
        if not end:
            if len(held) > MAX_EVENT_BYTES:
                raise UpstreamFailed(
                    f"an event of the upstream's stream exceeds {MAX_EVENT_BYTES} bytes"
                )
            return b""
        whole = bytes(held[:end])
        del held[:end]
        return whole

    def close(self) -> bytes:
        rest = self._tail.close() if self._has_ended else bytes(self._held)
        self._held.clear()
        # Where the stream ends without a blank line, its last event is in it.
        return _edited(rest, self._edits)

    def broken(self, error: TurnoutError) -> bytes:
        return self._dialect.encode_stream_error(error)

    @property
    def is_over(self) -> bool:
        return self._tap.is_over

    @property
    def reading(self) -> TapReading:
        return self._tap.reading

    @property
    def dropped_bytes(self) -> int:
        return self._tail.dropped_bytes


def _last_event_end(held: bytearray, scan_from: int) -> int:
    """Where the last whole event ends; 0 when none does."""
    ends = (
        at + len(blank)
        for blank in (b"\n\n", b"\r\n\r\n")
        if (at := held.rfind(blank, scan_from)) >= 0
    )
    return max(ends, default=0)


class EventReader:
    """Keeps a `TapReading` of neutral events, as a tap keeps one of bytes."""

    __slots__ = (
        "_ended",
        "_finish_reason",
        "_has_said",
        "_output_bytes",
        "_response_id",
        "_response_model",
        "_source",
        "_usage",
        "error",
        "has_content",
        "is_complete",
    )

    def __init__(self) -> None:
        self.error: TurnoutError | None = None
        self.has_content = False
        self.is_complete = False
        self._ended: AnswerEnd = ""
        self._finish_reason = ""
        self._has_said = False
        self._output_bytes = 0
        self._response_id = ""
        self._response_model = ""
        self._source: UsageSource = "estimated"
        self._usage: Usage | None = None

    def see(self, event: StreamEvent) -> None:
        match event:
            case StreamStarted():
                self._response_id, self._response_model = event.response_id, event.model
                if event.usage is not None:
                    self._usage, self._source = event.usage, "partial"
            case TextDelta() | RefusalDelta():
                self._add_content(event.text)
                self._has_said = self._has_said or bool(event.text)
            case ThinkingDelta():
                self._add_content(event.text)
            case ToolArgumentsDelta():
                self._add_content(event.fragment)
            case ToolCallStarted():
                self._add_content(event.name)
                self._has_said = True
            case OpaqueStarted():
                self.has_content = self._has_said = True
            case SignatureDelta() | AnnotationAdded() | LogprobsAdded():
                self.has_content = True
            case ThinkingStarted(redacted=redacted):
                self.has_content = self.has_content or bool(redacted)
            case UsageReported():
                self._usage, self._source = event.usage, event.source
            case Finished():
                self._finish_reason = event.stop
                self._ended = end_of(event.stop, has_said=self._has_said)
                self.is_complete = True
            case StreamFailed():
                self.error = event.error
            case TextStarted() | RefusalStarted() | PartEnded():
                pass
            case _:
                assert_never(event)

    def _add_content(self, text: str) -> None:
        if text:
            self.has_content = True
            self._output_bytes += len(text.encode())

    @property
    def reading(self) -> TapReading:
        return TapReading(
            has_content=self.has_content,
            usage=self._usage,
            source=self._source,
            finish_reason=self._finish_reason,
            ended=self._ended,
            response_model=self._response_model,
            response_id=self._response_id,
            error=self.error,
            is_complete=self.is_complete,
            at_boundary=True,
            output_bytes=self._output_bytes,
        )


def reading_of(events: Iterable[StreamEvent]) -> TapReading:
    """The figures of a whole answer."""
    reader = EventReader()
    for event in events:
        reader.see(event)
    return reader.reading


class TranslatedCourse:
    """Between dialects: decoded to neutral events and encoded for the client."""

    __slots__ = ("_decoder", "_edits", "_encoder", "_fitter", "_reader", "_target")

    def __init__(
        self,
        decoder: StreamDecoder,
        encoder: StreamEncoder,
        *,
        target: str,
        fitter: AnswerFitter | None = None,
        edits: Sequence[EventsEdit] = (),
    ) -> None:
        """`fitter` undoes what the request was changed in for the target, `edits` are of what goes out."""
        self._decoder = decoder
        self._edits = edits
        self._encoder = encoder
        self._fitter = fitter
        self._target = target
        self._reader = EventReader()

    def feed(self, data: bytes) -> bytes:
        return self.pass_on(self._decoder.feed(data))

    def close(self) -> bytes:
        return self.pass_on(self._decoder.close())

    def broken(self, error: TurnoutError) -> bytes:
        return self._encoder.encode(StreamFailed(error))

    def pass_on(self, events: Iterable[StreamEvent]) -> bytes:
        parts: list[bytes] = []
        fitted = events if self._fitter is None else self._fitter.back(events)
        for event in made_by(fitted, self._target):
            self._reader.see(event)
            # Before content a failure is not the client's to know: another target may answer.
            if not isinstance(event, StreamFailed) or self._reader.has_content:
                parts.append(self._encoder.encode(event))
        return _edited(b"".join(parts), self._edits)

    @property
    def is_over(self) -> bool:
        return self._reader.is_complete or self._reader.error is not None

    @property
    def reading(self) -> TapReading:
        return self._reader.reading

    @property
    def dropped_bytes(self) -> int:
        # Behind the end a decoder takes nothing in.
        return 0


def translated_course(
    dialects: Mapping[Dialect, WireDialect],
    *,
    target: str,
    from_dialect: Dialect,
    to_dialect: Dialect,
    response_id: str,
    model: str,
    created_at: int,
    input_estimate: int,
    include_usage: bool,
    asked: bytes = b"",
    clock: Callable[[], float] | None = None,
    fitter: AnswerFitter | None = None,
    edits: Sequence[EventsEdit] = (),
) -> TranslatedCourse:
    """A course from the target's dialect to the client's."""
    return TranslatedCourse(
        dialects[from_dialect].stream_decoder(),
        dialects[to_dialect].stream_encoder(
            response_id=response_id,
            model=model,
            created_at=created_at,
            input_estimate=input_estimate,
            include_usage=include_usage,
            asked=asked,
            clock=clock,
        ),
        target=target,
        fitter=fitter,
        edits=edits,
    )
