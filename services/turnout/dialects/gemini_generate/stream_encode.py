"""Neutral events into a stream of this wire.

Rules, from what strict clients need: every event is one whole chunk with the id of the answer and the
name that the client asked for; a call goes out whole, when its last fragment has come; parts go in the
order in which they began, the one whose turn it is as it comes, the others when it has ended; usage
is whole wherever it stands, in the first chunk and in the last; the last chunk has a documented finish
reason, because opencode asks for ever without one. A stream that fails ends in an error chunk.
"""

from typing import Final, TypeAlias, assert_never

import msgspec

from turnout.dialects.conversation import Annotation, Thinking, TokenLogprob
from turnout.dialects.gemini_generate.answer import PartWriter, content
from turnout.dialects.gemini_generate.errors import encode_stream_error
from turnout.dialects.gemini_generate.grounding import GroundingEncoder, encode_logprobs
from turnout.dialects.gemini_generate.stop import encode_stop
from turnout.dialects.gemini_generate.usage import encode_usage
from turnout.dialects.sse import encode_event
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
)
from turnout.dialects.usage import Usage, final_usage

_JSON: Final = msgspec.json.Encoder()

_Opening: TypeAlias = (
    TextStarted | RefusalStarted | ThinkingStarted | ToolCallStarted | OpaqueStarted
)


class _Part:
    """A part of the answer: what has been said of it, and how far it has gone out."""

    __slots__ = ("annotations", "has_ended", "opening", "pieces", "signature", "waiting")

    def __init__(self, opening: _Opening) -> None:
        self.opening = opening
        self.waiting: list[str] = []
        self.pieces: list[str] = []
        self.signature = ""
        self.annotations: list[Annotation] = []
        self.has_ended = False


class GeminiStreamEncoder:
    """One per answer."""

    def __init__(self, *, response_id: str, model: str, input_estimate: int) -> None:
        head = _JSON.encode({"modelVersion": model, "responseId": response_id})
        self._tail = b"," + head[1:-1]
        self._input_estimate = max(1, input_estimate)
        self._writer = PartWriter(response_id)
        self._grounding = GroundingEncoder()
        self._parts: dict[int, _Part] = {}
        self._texts: list[str] = []
        self._logprobs: list[TokenLogprob] = []
        self._usage: Usage | None = None
        self._output_bytes = 0
        self._begun = False
        self._has_refusal = False

    def encode(self, event: StreamEvent) -> bytes:
        match event:
            case TextDelta(text=text) | RefusalDelta(text=text) | ThinkingDelta(text=text):
                return self._add(event.index, text)
            case ToolArgumentsDelta(index=index, fragment=fragment):
                self._parts[index].pieces.append(fragment)
                return b""
            case SignatureDelta(index=index, signature=signature):
                self._parts[index].signature += signature
                return b""
            case (
                TextStarted()
                | ThinkingStarted()
                | ToolCallStarted()
                | RefusalStarted()
                | OpaqueStarted()
            ):
                self._parts[event.index] = _Part(event)
                self._has_refusal = self._has_refusal or isinstance(event, RefusalStarted)
                return b""
            case PartEnded(index=index):
                part = self._parts.get(index)
                if part is not None:
                    part.has_ended = True
                return self._advance()
            case StreamStarted(usage=usage):
                self._usage = usage or self._usage
                return b""
            case UsageReported(usage=usage):
                self._usage = usage
                return b""
            case AnnotationAdded(index=index, annotation=annotation):
                self._parts[index].annotations.append(annotation)
                return b""
            case LogprobsAdded(logprobs=logprobs):
                self._logprobs += logprobs
                return b""
            case Finished():
                return self._finish(event)
            case StreamFailed(error=error):
                return encode_stream_error(error)
            case _:
                assert_never(event)

    def _add(self, index: int, text: str) -> bytes:
        if not text:
            return b""
        part = self._parts[index]
        if next(iter(self._parts)) == index:
            return self._piece(part, text)
        part.waiting.append(text)
        return b""

    def _advance(self) -> bytes:
        """Let out whatever has its turn now."""
        out: list[bytes] = []
        while self._parts:
            index, part = next(iter(self._parts.items()))
            if part.waiting:
                text, part.waiting = "".join(part.waiting), []
                out.append(self._piece(part, text))
            if not part.has_ended:
                break
            out.append(self._close(part))
            del self._parts[index]
        return b"".join(out)

    def _piece(self, part: _Part, text: str) -> bytes:
        is_first = not part.pieces
        part.pieces.append(text)
        if isinstance(part.opening, ThinkingStarted):
            thinking = Thinking("", part.opening.provenance)
            written = self._writer.thought(text, thinking, is_first=is_first)
        else:
            written = self._writer.text(text)
        self._output_bytes += len(written) - len(b'{"text":""}')
        return self._chunk([written])

    def _close(self, part: _Part) -> bytes:
        text = "".join(part.pieces)
        match part.opening:
            case ThinkingStarted(provenance=made_by, redacted=redacted):
                if text or part.signature or redacted:
                    signature = part.signature
                    whole = Thinking(text, made_by, signature=signature, redacted=redacted)
                    self._writer.think(whole)
                return b""
            case ToolCallStarted(call_id=call_id, name=name, kind=kind):
                self._output_bytes += len(text)
                written = self._writer.call(call_id, name, text, is_custom=kind == "custom")
                return self._chunk([written])
            case OpaqueStarted(part=opaque):
                is_own = opaque.dialect == "gemini_generate"
                return self._chunk([opaque.json.encode()]) if is_own else b""
            case TextStarted() | RefusalStarted():
                if part.annotations:
                    self._grounding.add(part.annotations, text, before="".join(self._texts))
                self._texts.append(text)
                return b""

    def _finish(self, event: Finished) -> bytes:
        for part in self._parts.values():
            part.has_ended = True
        out = self._advance()
        word = encode_stop(event.stop, has_refusal=self._has_refusal)
        # A text without a character, as Google ends its streams: there always is a content.
        parts = self._writer.rest() or [b'{"text":""}']
        report = final_usage(
            self._usage, input_estimate=self._input_estimate, output_bytes=self._output_bytes
        )
        fields = b',"finishReason":"%b"' % word.encode()
        for name, value in self._grounding.fields().items():
            fields += b',"%b":%b' % (name.encode(), _JSON.encode(value))
        return out + self._chunk(parts, fields=fields, usage=report)

    def _chunk(
        self, parts: list[bytes], *, fields: bytes = b"", usage: Usage | None = None
    ) -> bytes:
        if usage is None and not self._begun:
            said = self._usage
            usage = said if said is not None and said.input_total else None
            usage = usage or Usage(fresh_input=self._input_estimate)
        self._begun = True
        if self._logprobs:
            for name, value in encode_logprobs(self._logprobs).items():
                fields += b',"%b":%b' % (name.encode(), _JSON.encode(value))
            self._logprobs = []
        report = b"" if usage is None else b',"usageMetadata":' + _JSON.encode(encode_usage(usage))
        return encode_event(
            None,
            b'{"candidates":[{"content":%b%b,"index":0}]%b%b}'
            % (content(parts), fields, report, self._tail),
        )
