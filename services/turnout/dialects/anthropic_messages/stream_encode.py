"""Neutral events into a message stream.

Rules, from what strict clients need: `message_start` with a whole usage object whose input is never
0; blocks one after another, their indices counting up from 0, every one opened, added to and
closed; `message_delta` with a known stop reason and cumulative usage; `message_stop`. A block is
opened with its first content, so that no empty text is echoed back and refused. Fragments of
parallel calls may interleave in the neutral stream: the part that is open goes out as it comes, the
others wait for their turn. Reasoning without a word that comes behind a text, as Gemini signs its
answers, waits for another block and is left out when none comes: what Claude Code prints is the last
block. A stream that fails ends in `event: error` and nothing else.
"""

from typing import Final, TypeAlias, assert_never

import msgspec

from turnout.dialects.anthropic_messages.citations import encode_citation
from turnout.dialects.anthropic_messages.errors import encode_stream_error
from turnout.dialects.anthropic_messages.response import made_call_id, opaque_block
from turnout.dialects.anthropic_messages.stop import encode_stop
from turnout.dialects.anthropic_messages.usage import encode_usage
from turnout.dialects.seal import seal
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
_Addition: TypeAlias = (
    TextDelta | RefusalDelta | ThinkingDelta | SignatureDelta | ToolArgumentsDelta | AnnotationAdded
)


class _Part:
    """A part of the answer: what has been said of it, and how far it has gone out."""

    __slots__ = ("additions", "has_arguments", "has_ended", "is_open", "opening", "signature")

    def __init__(self, opening: _Opening) -> None:
        self.opening = opening
        self.additions: list[_Addition] = []
        self.has_ended = False
        self.is_open = False
        self.has_arguments = False
        self.signature = ""


class MessageStreamEncoder:
    """One per answer."""

    def __init__(self, *, response_id: str, model: str, input_estimate: int) -> None:
        self._response_id = response_id
        self._model = model
        self._input_estimate = max(1, input_estimate)
        self._parts: dict[int, _Part] = {}
        self._wire_index = 0
        self._begun = False
        self._has_calls = False
        self._has_text = False
        self._silent: list[_Part] = []
        self._output_bytes = 0
        self._usage: Usage | None = None

    def encode(self, event: StreamEvent) -> bytes:
        match event:
            case (
                TextDelta()
                | ToolArgumentsDelta()
                | ThinkingDelta()
                | RefusalDelta()
                | SignatureDelta()
                | AnnotationAdded()
            ):
                return self._add(event)
            case (
                TextStarted()
                | ThinkingStarted()
                | ToolCallStarted()
                | RefusalStarted()
                | OpaqueStarted()
            ):
                self._parts[event.index] = _Part(event)
                return self._begin() + self._advance()
            case PartEnded(index=index):
                part = self._parts.get(index)
                if part is not None:
                    part.has_ended = True
                return self._advance()
            case StreamStarted(usage=usage):
                self._usage = usage
                return self._begin()
            case UsageReported(usage=usage):
                self._usage = usage
                return b""
            case LogprobsAdded():
                # This wire has none.
                return b""
            case Finished():
                return self._finish(event)
            case StreamFailed(error=error):
                return encode_stream_error(error)
            case _:
                assert_never(event)

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        said = self._usage
        usage = said if said is not None and said.input_total else None
        message: dict[str, object] = {
            "id": self._response_id,
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": encode_usage(usage or Usage(fresh_input=self._input_estimate)),
        }
        return _event("message_start", {"message": message})

    def _add(self, event: _Addition) -> bytes:
        part = self._parts[event.index]
        if self._is_current(event.index):
            return self._addition(part, event)
        part.additions.append(event)
        return b""

    def _is_current(self, index: int) -> bool:
        return next(iter(self._parts), None) == index

    def _advance(self) -> bytes:
        """Let out whatever has its turn now: parts go in the order in which they began."""
        out: list[bytes] = []
        while self._parts:
            index, part = next(iter(self._parts.items()))
            if isinstance(part.opening, ToolCallStarted | OpaqueStarted) and not part.is_open:
                out.append(self._open(part))
            waiting, part.additions = part.additions, []
            out.extend(self._addition(part, event) for event in waiting)
            if not part.has_ended:
                break
            if self._has_text and isinstance(part.opening, ThinkingStarted) and not part.is_open:
                self._silent.append(part)
            else:
                out.append(self._close(part))
            del self._parts[index]
        return b"".join(out)

    def _open(self, part: _Part) -> bytes:
        if part.is_open:
            return b""
        block = self._block(part.opening)
        if block is None:
            return b""
        silent, self._silent = self._silent, []
        before = b"".join([self._close(one) for one in silent])
        part.is_open = True
        # Clients build the input of a server's tool from deltas too.
        streamed = (
            block["input"] if isinstance(part.opening, OpaqueStarted) and "input" in block else None
        )
        if streamed is not None:
            block["input"] = {}
        start = before + _event(
            "content_block_start", {"index": self._wire_index, "content_block": block}
        )
        if isinstance(part.opening, ToolCallStarted) and part.opening.kind == "custom":
            # A freeform tool goes as a function with one text argument.
            return start + self._fragment(b'"{\\"input\\":\\""')
        if streamed is not None:
            return start + self._fragment(_JSON.encode(_JSON.encode(streamed).decode()))
        return start

    def _block(self, opening: _Opening) -> dict[str, object] | None:
        match opening:
            case TextStarted() | RefusalStarted():
                self._has_text = True
                return {"type": "text", "text": ""}
            case ThinkingStarted(redacted=redacted, provenance=made_by):
                if redacted and made_by.dialect == "anthropic_messages":
                    return {"type": "redacted_thinking", "data": redacted}
                return {"type": "thinking", "thinking": "", "signature": ""}
            case ToolCallStarted(call_id=call_id, name=name):
                self._has_calls = True
                call_id = call_id or made_call_id(self._response_id, self._wire_index)
                return {"type": "tool_use", "id": call_id, "name": name, "input": {}}
            case OpaqueStarted(part=part):
                return opaque_block(part)

    def _addition(self, part: _Part, event: _Addition) -> bytes:
        match event:
            case TextDelta(text=text) | RefusalDelta(text=text):
                return self._text(part, b"text_delta", b"text", text)
            case ThinkingDelta(text=text):
                return self._text(part, b"thinking_delta", b"thinking", text)
            case ToolArgumentsDelta(fragment=fragment):
                return self._arguments(part, fragment)
            case SignatureDelta(signature=signature):
                # Only reasoning carries a signature here, and it goes out whole, at its end.
                part.signature += signature
                return b""
            case AnnotationAdded(annotation=annotation):
                json = encode_citation(annotation)
                if not json:
                    return b""
                delta = b'{"type":"citations_delta","citation":%b}' % json.encode()
                return self._open(part) + self._delta(delta)
            case _:
                assert_never(event)

    def _text(self, part: _Part, kind: bytes, name: bytes, text: str) -> bytes:
        if not text:
            return b""
        encoded = _JSON.encode(text)
        self._output_bytes += len(encoded) - 2
        return self._open(part) + self._delta(b'{"type":"%b","%b":%b}' % (kind, name, encoded))

    def _arguments(self, part: _Part, fragment: str) -> bytes:
        if not fragment:
            return b""
        part.has_arguments = part.has_arguments or bool(fragment.strip())
        is_custom = isinstance(part.opening, ToolCallStarted) and part.opening.kind == "custom"
        if is_custom:
            fragment = _JSON.encode(fragment)[1:-1].decode()
        encoded = _JSON.encode(fragment)
        self._output_bytes += len(encoded) - 2
        return self._fragment(encoded)

    def _fragment(self, encoded: bytes) -> bytes:
        return self._delta(b'{"type":"input_json_delta","partial_json":%b}' % encoded)

    def _delta(self, delta: bytes) -> bytes:
        return encode_event(
            "content_block_delta",
            b'{"type":"content_block_delta","index":%d,"delta":%b}' % (self._wire_index, delta),
        )

    def _close(self, part: _Part) -> bytes:
        out = b""
        match part.opening:
            case ThinkingStarted() as opening:
                out = self._end_thinking(part, opening)
            case ToolCallStarted(kind="custom"):
                out = self._fragment(b'"\\"}"')
            case ToolCallStarted() if not part.has_arguments:
                # Clients join the fragments and parse what they get.
                out = self._fragment(b'"{}"')
            case _:
                pass
        if not part.is_open:
            return b""
        out += _event("content_block_stop", {"index": self._wire_index})
        self._wire_index += 1
        return out

    def _end_thinking(self, part: _Part, opening: ThinkingStarted) -> bytes:
        made_by, redacted = opening.provenance, opening.redacted
        signature = part.signature
        if made_by.dialect == "anthropic_messages":
            if redacted:
                return self._open(part)
        elif part.is_open or signature or redacted:
            signature = seal(made_by, signature=signature, redacted=redacted)
        if not signature:
            return b""
        encoded = _JSON.encode(signature)
        delta = b'{"type":"signature_delta","signature":%b}' % encoded
        return self._open(part) + self._delta(delta)

    def _finish(self, event: Finished) -> bytes:
        out = self._begin()
        for part in self._parts.values():
            part.has_ended = True
        out += self._advance()
        word = encode_stop(event.stop, has_calls=self._has_calls)
        stop_sequence = event.stop_sequence if word == "stop_sequence" else None
        delta = {"stop_reason": word, "stop_sequence": stop_sequence}
        usage = encode_usage(
            final_usage(
                self._usage, input_estimate=self._input_estimate, output_bytes=self._output_bytes
            )
        )
        out += _event("message_delta", {"delta": delta, "usage": usage})
        return out + _event("message_stop", {})


def _event(kind: str, fields: dict[str, object]) -> bytes:
    return encode_event(kind, _JSON.encode({"type": kind} | fields))
