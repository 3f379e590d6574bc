"""A chat stream into neutral events.

Rules: text and reasoning are open until something else begins; a tool call stays open while its
fragments may still interleave with those of others, that is until the end, or until its arguments
are whole and the next call begins; the end is held back until usage has come or the stream has
ended; a stream that ends without a finish reason or `[DONE]` has failed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import msgspec

from turnout.dialects.calls import text_of
from turnout.dialects.conversation import Provenance, ToolKind
from turnout.dialects.openai_chat.logprobs import decode_annotation, decode_logprobs
from turnout.dialects.openai_chat.reasoning_details import Details
from turnout.dialects.openai_chat.stop import decode_stop
from turnout.dialects.openai_chat.usage import decode_usage
from turnout.dialects.openai_chat.wire import (
    CHUNK,
    CalledFunction,
    Choice,
    Chunk,
    Delta,
    WireToolCall,
    WireUsage,
    content_text,
    reasoning_text,
)
from turnout.dialects.openai_errors import decode_stream_error
from turnout.dialects.prefix import digest
from turnout.dialects.reading import MALFORMED
from turnout.dialects.sse import SseDecoder, SseEvent
from turnout.dialects.stream import (
    BROKE_OFF,
    AnnotationAdded,
    Finished,
    LogprobsAdded,
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
from turnout.errors import Overloaded, TurnoutError, UpstreamFailed

DONE: Final = b"[DONE]"

_FAILED_FINISHES: Final[dict[str, type[TurnoutError]]] = {
    "error": UpstreamFailed,
    "network_error": UpstreamFailed,
    "insufficient_system_resource": Overloaded,
}
"""Finish reasons of OpenRouter, Zhipu and DeepSeek that say that there is no answer."""

_Running: TypeAlias = Literal["text", "thinking", "refusal"]


@dataclass(slots=True)
class _Call:
    """A tool call of the stream. It starts when its name is known: without one it is no call."""

    key: int
    call_id: str = ""
    name: str = ""
    kind: ToolKind = "function"
    index: int = -1
    is_open: bool = False
    pieces: list[str] = field(default_factory=list)


class ChatStreamDecoder:
    """One per answer."""

    def __init__(self) -> None:
        self._sse = SseDecoder()
        self._out: list[StreamEvent] = []
        self._started = False
        self._ended = False
        self._response_id = ""
        self._created = ""
        self._model = ""
        self._next_index = 0
        self._running: _Running | None = None
        self._running_index = 0
        self._calls: list[_Call] = []
        self._has_refusal = False
        self._details = Details()
        self._finish: Finished | None = None

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        for event in self._sse.feed(data):
            self._on_event(event)
        return self._take()

    def close(self) -> Sequence[StreamEvent]:
        for event in self._sse.close():
            self._on_event(event)
        if not self._ended:
            if self._finish is not None:
                self._end(self._finish)
            else:
                self._fail(UpstreamFailed(BROKE_OFF))
        return self._take()

    def decode_whole(self, body: bytes) -> Sequence[StreamEvent]:
        """The events of an answer that came in one piece."""
        chunk = _decode_chunk(body)
        if not chunk.has_error and not chunk.choices:
            raise UpstreamFailed("the upstream's answer holds no choices")
        for choice in chunk.choices or ():
            calls = choice.message.tool_calls if choice.message is not None else None
            for number, call in enumerate(calls or ()):
                call.index = number
        self._on_chunk(chunk, body)
        if not self._ended:
            self._end(self._finish or self._finished("stop", None))
        return self._take()

    def _take(self) -> Sequence[StreamEvent]:
        out, self._out = self._out, []
        return out

    def _on_event(self, event: SseEvent) -> None:
        if self._ended:
            return
        if event.data.strip() == DONE:
            self._end(self._finish or self._finished("stop", None))
            return
        if not event.data:
            return
        chunk = _decode_chunk(event.data)
        if event.event == "error" and not chunk.has_error:
            self._fail(decode_stream_error(event.data))
            return
        self._on_chunk(chunk, event.data)

    def _on_chunk(self, chunk: Chunk, raw: bytes) -> None:
        if chunk.has_error:
            self._fail(decode_stream_error(raw))
            return
        if not self._started:
            self._started = True
            self._response_id = chunk.id or ""
            self._created = str(chunk.created or "")
            self._model = chunk.model or ""
            self._out.append(StreamStarted(self._response_id, self._model))
        usage = chunk.usage
        for choice in chunk.choices or ():
            # Only one choice was asked for; a server that sends more is not made to interleave.
            if not choice.index:
                self._on_choice(choice)
                usage = usage or choice.usage
        if usage is not None and not self._ended:
            self._on_usage(usage)

    def _on_choice(self, choice: Choice) -> None:
        if self._finish is not None:
            return
        delta = choice.delta or choice.message
        if delta is not None:
            self._on_delta(delta)
        logprobs = decode_logprobs(choice.logprobs)
        if logprobs:
            self._out.append(LogprobsAdded(self._run("text"), logprobs))
        if not choice.finish_reason:
            return
        failure = _FAILED_FINISHES.get(choice.finish_reason)
        if failure is not None:
            self._fail(failure(f"the upstream ended the answer with {choice.finish_reason!r}"))
            return
        met = choice.stop_reason if isinstance(choice.stop_reason, str) else None
        self._finish = self._finished(choice.finish_reason, met)
        # Not only once usage has come: clients act on a call as soon as it is whole.
        self._end_parts()

    def _on_usage(self, wire: WireUsage) -> None:
        is_final = self._finish is not None
        self._out.append(UsageReported(decode_usage(wire), "reported" if is_final else "partial"))
        if self._finish is not None:
            self._end(self._finish)

    def _on_delta(self, delta: Delta) -> None:
        reasoning = self._reasoning(delta)
        if reasoning:
            index = self._run("thinking")
            self._out.append(ThinkingDelta(index, reasoning))
        text = content_text(delta)
        if text:
            index = self._run("text")
            self._out.append(TextDelta(index, text))
        for annotation in delta.annotations or ():
            index = self._run("text")
            self._out.append(AnnotationAdded(index, decode_annotation(bytes(annotation))))
        if delta.refusal:
            self._has_refusal = True
            index = self._run("refusal")
            self._out.append(RefusalDelta(index, delta.refusal))
        for call in delta.tool_calls or ():
            self._on_call(call)
        if delta.function_call is not None:
            self._on_call(WireToolCall(index=0, function=delta.function_call))

    def _reasoning(self, delta: Delta) -> str:
        if not delta.reasoning_details:
            return reasoning_text(delta)
        # Encrypted entries have no text, and belong to the part that is open or begins with them.
        self._run("thinking")
        try:
            return_text = self._details.add(delta.reasoning_details)
        except MALFORMED as error:
            raise UpstreamFailed(
                f"the upstream sent reasoning_details that cannot be read: {error}"
            ) from None
        return reasoning_text(delta) or return_text

    def _run(self, kind: _Running) -> int:
        """The index of the open text, reasoning or refusal, opened where it is not."""
        if self._running == kind:
            return self._running_index
        self._end_running()
        index = self._running_index = self._take_index()
        self._running = kind
        match kind:
            case "text":
                self._out.append(TextStarted(index))
            case "refusal":
                self._out.append(RefusalStarted(index))
            case "thinking":
                maker = Provenance("openai_chat", self._model)
                self._out.append(ThinkingStarted(index, maker))
        return index

    def _take_index(self) -> int:
        index = self._next_index
        self._next_index += 1
        return index

    def _end_running(self) -> None:
        if self._running == "thinking":
            signature = self._details.signature()
            self._details = Details()
            if signature:
                self._out.append(SignatureDelta(self._running_index, signature))
        if self._running is not None:
            self._out.append(PartEnded(self._running_index))
            self._running = None

    def _on_call(self, wire: WireToolCall) -> None:
        kind: ToolKind = "custom" if wire.type == "custom" or wire.custom else "function"
        called = (wire.custom if kind == "custom" else wire.function) or CalledFunction()
        call = self._find(wire, called.name or "")
        if call is None:
            call = _Call(self._key(wire), kind=kind)
            self._calls.append(call)
        if not call.call_id and wire.id:
            call.call_id = wire.id
        if not call.name and called.name:
            call.name = called.name
        fragment = called.input if kind == "custom" else text_of(called.arguments)
        if call.index < 0:
            if fragment:
                call.pieces.append(fragment)
            if call.name:
                self._start(call)
        elif fragment and call.is_open:
            call.pieces.append(fragment)
            self._out.append(ToolArgumentsDelta(call.index, fragment))

    def _find(self, wire: WireToolCall, name: str) -> _Call | None:
        """The call that a fragment belongs to; None when it begins a new one.

        Servers differ: some leave the index out, some give every parallel call index 0, some
        repeat the id in every fragment. A new id together with a name is a new call.
        """
        if wire.index is None:
            if wire.id:
                return next((c for c in reversed(self._calls) if c.call_id == wire.id), None)
            return self._calls[-1] if self._calls and not name else None
        for call in reversed(self._calls):
            if call.key == wire.index:
                is_another = bool(wire.id and call.call_id and wire.id != call.call_id and name)
                return None if is_another else call
        return None

    def _key(self, wire: WireToolCall) -> int:
        return len(self._calls) if wire.index is None else wire.index

    def _start(self, call: _Call) -> None:
        self._end_running()
        for other in self._calls:
            if other.is_open and _is_whole(other):
                other.is_open = False
                self._out.append(PartEnded(other.index))
        call.index = self._take_index()
        call.is_open = True
        if not call.call_id:
            call.call_id = self._made_id(call)
        self._out.append(ToolCallStarted(call.index, call.call_id, call.name, kind=call.kind))
        if call.pieces:
            self._out.append(ToolArgumentsDelta(call.index, "".join(call.pieces)))

    def _made_id(self, call: _Call) -> str:
        """An id where the server gave none: the same for the same bytes, and not for others."""
        parts = (self._response_id, self._created, call.name, str(call.index))
        return "call_" + digest(*(part.encode() for part in parts))

    def _finished(self, word: str, stop_sequence: str | None) -> Finished:
        has_calls = any(call.index >= 0 for call in self._calls)
        stop = decode_stop(word, has_calls=has_calls, has_refusal=self._has_refusal)
        if stop == "end" and stop_sequence is not None:
            return Finished("stop_sequence", stop_sequence)
        return Finished(stop)

    def _end(self, finish: Finished) -> None:
        if not self._started:
            self._fail(UpstreamFailed("the upstream's stream ended before it began"))
            return
        self._end_parts()
        self._out.append(finish)
        self._ended = True

    def _end_parts(self) -> None:
        self._end_running()
        for call in self._calls:
            if call.is_open:
                call.is_open = False
                self._out.append(PartEnded(call.index))

    def _fail(self, error: TurnoutError) -> None:
        if not self._ended:
            self._out.append(StreamFailed(error))
            self._ended = True


def _decode_chunk(raw: bytes) -> Chunk:
    try:
        return CHUNK.decode(raw)
    except MALFORMED as error:
        raise UpstreamFailed(f"the upstream sent what is no chat answer: {error}") from None


def _is_whole(call: _Call) -> bool:
    """Whether the arguments are a whole JSON value, so that nothing can follow."""
    if call.kind == "custom":
        return False
    try:
        msgspec.json.decode("".join(call.pieces), type=msgspec.Raw)
    except MALFORMED:
        return False
    return True


def decode_response(body: bytes) -> Sequence[StreamEvent]:
    """A whole JSON answer as the events its stream would have had."""
    return ChatStreamDecoder().decode_whole(body)
