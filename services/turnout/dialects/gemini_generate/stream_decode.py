"""A stream of this wire into neutral events.

Rules: text and thoughts are open until something else begins; a call comes whole; a signature is a
piece of reasoning in front of its part, so the text before it ends; the end is held back until usage
has come with the finish reason or after it, or the bytes have ended; a stream without a finish reason
has failed, and so has one whose model spoilt its own call.
"""

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from turnout.dialects.conversation import Opaque, Provenance, Thinking
from turnout.dialects.gemini_generate.errors import decode_stream_error
from turnout.dialects.gemini_generate.grounding import decode_grounding, decode_logprobs
from turnout.dialects.gemini_generate.stop import FAILED, decode_stop
from turnout.dialects.gemini_generate.thoughts import is_sealed, is_signature, unsealed
from turnout.dialects.gemini_generate.usage import WireUsage, decode_usage
from turnout.dialects.gemini_generate.wire import (
    ABSENT,
    Candidate,
    Chunk,
    FunctionCall,
    WirePart,
    decode_chunk,
    decode_part,
)
from turnout.dialects.prefix import digest
from turnout.dialects.reading import MALFORMED
from turnout.dialects.sse import SseDecoder, SseEvent
from turnout.dialects.stream import (
    BROKE_OFF,
    AnnotationAdded,
    Finished,
    LogprobsAdded,
    OpaqueStarted,
    PartEnded,
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
from turnout.dialects.usage import UsageSource
from turnout.errors import TurnoutError, UpstreamFailed

_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_EMPTY_ARGS: Final = frozenset({b"", b"null", b"{}"})
_OWN_FIELDS: Final = frozenset({"text", "thought", "thoughtSignature"})

_Running: TypeAlias = Literal["text", "thinking"]


class GeminiStreamDecoder:
    """One per answer."""

    def __init__(self) -> None:
        self._sse = SseDecoder(bare_objects=True)
        self._out: list[StreamEvent] = []
        self._started = False
        self._ended = False
        self._response_id = ""
        self._model = ""
        self._next_index = 0
        self._running: _Running | None = None
        self._running_index = 0
        # Reasoning since the last other part, to know again what a seal repeats.
        self._thoughts: list[str] = []
        self._texts: list[str] = []
        self._has_calls = False
        self._finish = ""

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        for event in self._sse.feed(data):
            self._on_event(event)
        return self._take()

    def close(self) -> Sequence[StreamEvent]:
        for event in self._sse.close():
            self._on_event(event)
        if not self._ended:
            if self._finish:
                self._end()
            else:
                self._fail(UpstreamFailed(BROKE_OFF))
        return self._take()

    def decode_whole(self, body: bytes) -> Sequence[StreamEvent]:
        """The events of an answer that came in one piece."""
        chunk = decode_chunk(body)
        if not chunk.has_error and not chunk.is_answer:
            raise UpstreamFailed("the upstream's answer holds no candidates")
        self._on_chunk(chunk, body)
        if not self._ended:
            self._finish = self._finish or "STOP"
            self._end()
        return self._take()

    def _take(self) -> Sequence[StreamEvent]:
        out, self._out = self._out, []
        return out

    def _on_event(self, event: SseEvent) -> None:
        if not self._ended and event.data:
            self._on_chunk(decode_chunk(event.data), event.data)

    def _on_chunk(self, chunk: Chunk, raw: bytes) -> None:
        if chunk.has_error:
            self._fail(decode_stream_error(raw))
            return
        if not self._started:
            self._started = True
            self._response_id = chunk.response_id or ""
            self._model = chunk.model_version or ""
            self._out.append(StreamStarted(self._response_id, self._model))
        candidate = chunk.candidate
        if candidate is not None:
            self._on_candidate(candidate)
        word = chunk.finish_reason
        if word in FAILED:
            # What the spoilt answer cost is told all the same.
            if chunk.usage_metadata is not None:
                self._out.append(UsageReported(decode_usage(chunk.usage_metadata), "reported"))
            self._fail(UpstreamFailed(f"the upstream ended the answer with {word!r}"))
            return
        if chunk.is_blocked and not self._finish:
            # Whatever the reason, it is a filter that kept the model from answering.
            word = "SAFETY"
        self._finish = word or self._finish
        if chunk.usage_metadata is not None:
            self._on_usage(chunk.usage_metadata)

    def _on_usage(self, wire: WireUsage) -> None:
        source: UsageSource = "reported" if self._finish else "partial"
        self._out.append(UsageReported(decode_usage(wire), source))
        if self._finish:
            self._end()

    def _on_candidate(self, candidate: Candidate) -> None:
        content = candidate.content
        for raw in (content.parts if content is not None else None) or ():
            self._on_part(decode_part(raw), raw)
        if candidate.logprobs_result is not None:
            logprobs = decode_logprobs(candidate.logprobs_result)
            if logprobs:
                self._out.append(LogprobsAdded(self._text_index(), logprobs))
        if candidate.grounding_metadata is not ABSENT:
            grounding = bytes(candidate.grounding_metadata)
            for annotation in decode_grounding(grounding, "".join(self._texts)):
                self._out.append(AnnotationAdded(self._text_index(), annotation))

    def _on_part(self, part: WirePart, raw: msgspec.Raw) -> None:
        signature = part.thought_signature or ""
        if part.thought and part.text is not None:
            self._on_thought(part.text, signature)
            return
        if signature:
            self._on_signature(signature)
        if part.text is not None:
            if part.text:
                self._texts.append(part.text)
                self._out.append(TextDelta(self._text_index(), part.text))
        elif part.function_call is not None:
            self._on_call(part.function_call)
        else:
            self._on_opaque(raw)

    def _on_thought(self, text: str, signature: str) -> None:
        if is_sealed(signature):
            # A mark: another piece of another maker's reasoning begins.
            self._end_running()
            made_by = next((one.provenance for one in unsealed(signature)), None)
            self._think(made_by or Provenance("openai_chat"))
        if text:
            if self._running != "thinking":
                self._end_running()
                self._think(Provenance("gemini_generate", self._model))
            self._thoughts[-1] += text
            self._out.append(ThinkingDelta(self._running_index, text))
        if is_signature(signature):
            if self._running == "thinking":
                self._out.append(SignatureDelta(self._running_index, signature))
                self._end_running()
            else:
                self._on_signature(signature)

    def _on_signature(self, signature: str) -> None:
        """What led to the part that follows."""
        if is_signature(signature):
            self._end_running()
            maker = Provenance("gemini_generate", self._model)
            self._whole_thought(Thinking("", maker, signature=signature))
        elif is_sealed(signature):
            pieces = unsealed(signature)
            for piece in pieces:
                if piece.text and piece.text in self._thoughts:
                    is_last = piece is pieces[-1] and self._running == "thinking"
                    if piece.signature and is_last:
                        self._out.append(SignatureDelta(self._running_index, piece.signature))
                    continue
                self._end_running()
                self._whole_thought(piece)
        self._end_running()

    def _whole_thought(self, piece: Thinking) -> None:
        index = self._take_index()
        self._out.append(ThinkingStarted(index, piece.provenance, redacted=piece.redacted))
        if piece.text:
            self._out.append(ThinkingDelta(index, piece.text))
        if piece.signature:
            self._out.append(SignatureDelta(index, piece.signature))
        self._out.append(PartEnded(index))

    def _think(self, made_by: Provenance) -> None:
        self._running_index = self._take_index()
        self._running = "thinking"
        self._thoughts.append("")
        self._out.append(ThinkingStarted(self._running_index, made_by))

    def _text_index(self) -> int:
        """Of the open text, opened where it is not."""
        if self._running != "text":
            self._begin_other()
            self._running_index = self._take_index()
            self._running = "text"
            self._out.append(TextStarted(self._running_index))
        return self._running_index

    def _on_call(self, call: FunctionCall) -> None:
        if not call.name:
            return
        self._begin_other()
        self._has_calls = True
        index = self._take_index()
        self._out.append(ToolCallStarted(index, call.id or self._made_id(call, index), call.name))
        arguments = bytes(call.args)
        if arguments not in _EMPTY_ARGS:
            self._out.append(ToolArgumentsDelta(index, arguments.decode("utf-8", "replace")))
        self._out.append(PartEnded(index))

    def _made_id(self, call: FunctionCall, index: int) -> str:
        """An id where the server gave none: the same for the same bytes, and not for others."""
        parts = (self._response_id, call.name or "", str(index))
        return "call_" + digest(*(part.encode() for part in parts), bytes(call.args))

    def _on_opaque(self, raw: msgspec.Raw) -> None:
        try:
            fields = _FIELDS.decode(raw)
        except MALFORMED:
            raise UpstreamFailed("the upstream's stream has a part that is not UTF-8") from None
        kind = next((name for name in fields if name not in _OWN_FIELDS), "")
        if not kind:
            return
        self._begin_other()
        index = self._take_index()
        part = Opaque("gemini_generate", kind, bytes(raw).decode("utf-8", "replace"))
        self._out += (OpaqueStarted(index, part), PartEnded(index))

    def _take_index(self) -> int:
        index = self._next_index
        self._next_index += 1
        return index

    def _begin_other(self) -> None:
        """Something that is no reasoning begins."""
        self._end_running()
        self._thoughts = []

    def _end_running(self) -> None:
        if self._running is not None:
            self._out.append(PartEnded(self._running_index))
            self._running = None

    def _end(self) -> None:
        if not self._started:
            self._fail(UpstreamFailed("the upstream's stream ended before it began"))
            return
        self._end_running()
        self._out.append(Finished(decode_stop(self._finish, has_calls=self._has_calls)))
        self._ended = True

    def _fail(self, error: TurnoutError) -> None:
        if not self._ended:
            self._out.append(StreamFailed(error))
            self._ended = True


def decode_response(body: bytes) -> Sequence[StreamEvent]:
    """A whole JSON answer as the events its stream would have had."""
    return GeminiStreamDecoder().decode_whole(body)
