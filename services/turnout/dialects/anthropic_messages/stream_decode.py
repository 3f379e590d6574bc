"""A message stream into neutral events.

Rules: neutral indices are our own, because some servers give every block index 0; arguments come
from the deltas, and from the block's start only where no delta came; the end is held back until
`message_stop` or the end of the bytes; a block that only Anthropic understands is passed whole, at
its end; a delta to a block that was never opened opens it, except where its name is missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from turnout.dialects.anthropic_messages.citations import decode_citation
from turnout.dialects.anthropic_messages.errors import decode_stream_error
from turnout.dialects.anthropic_messages.events import (
    WireBlock,
    WireDelta,
    WireEvent,
    WireMessage,
    decode_block,
    decode_event,
    decode_message,
)
from turnout.dialects.anthropic_messages.stop import decode_stop
from turnout.dialects.anthropic_messages.usage import UsageTally
from turnout.dialects.conversation import Opaque, Provenance
from turnout.dialects.reading import MALFORMED
from turnout.dialects.seal import unseal
from turnout.dialects.sse import SseDecoder, SseEvent
from turnout.dialects.stream import (
    BROKE_OFF,
    AnnotationAdded,
    Finished,
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
from turnout.errors import TurnoutError, UpstreamFailed

_EMPTY_INPUTS: Final = frozenset({b"", b"{}", b"null", b'""'})
_IMPLIED: Final = {"text_delta": "text", "thinking_delta": "thinking"}
_NOWHERE: Final = -1
"""The index of a block that is no part of the answer."""


@dataclass(slots=True)
class _Open:
    """An open block.

    Attributes:
        kind: the wire's type name.
        start_input: input that came with the start of the block; used when no delta brings any.
        opaque: the raw block, when only Anthropic understands it; its input is in `pieces`.

    """

    index: int
    kind: str
    start_input: bytes = b""
    opaque: bytes = b""
    has_arguments: bool = False
    pieces: list[str] = field(default_factory=list)


class MessageStreamDecoder:
    """One per answer."""

    def __init__(self) -> None:
        self._sse = SseDecoder()
        self._out: list[StreamEvent] = []
        self._open: dict[int, _Open] = {}
        self._next_index = 0
        self._started = False
        self._ended = False
        self._has_calls = False
        self._model = ""
        self._stop_reason: str | None = None
        self._stop_sequence: str | None = None
        self._tally = UsageTally()

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        for event in self._sse.feed(data):
            self._on_sse(event)
        return self._take()

    def close(self) -> Sequence[StreamEvent]:
        for event in self._sse.close():
            self._on_sse(event)
        if not self._ended:
            if self._started and self._stop_reason is not None:
                self._end()
            else:
                self._fail(UpstreamFailed(BROKE_OFF))
        return self._take()

    def decode_whole(self, body: bytes) -> Sequence[StreamEvent]:
        """The events of an answer that came in one piece."""
        message = decode_message(body)
        if message.type == "error":
            self._fail(decode_stream_error(body))
            return self._take()
        if message.content is None:
            raise UpstreamFailed("the upstream's answer holds no content")
        self._start(message)
        for number, raw in enumerate(message.content):
            self._block_start(number, bytes(raw))
            self._block_stop(number)
        self._stop_reason = message.stop_reason or ""
        self._stop_sequence = message.stop_sequence
        self._report()
        self._end()
        return self._take()

    def _take(self) -> Sequence[StreamEvent]:
        out, self._out = self._out, []
        return out

    def _on_sse(self, event: SseEvent) -> None:
        if self._ended or not event.data or event.event == "ping":
            return
        if event.event == "error":
            self._fail(decode_stream_error(event.data))
            return
        if event.data.strip() == b"[DONE]":
            return
        wire = decode_event(event.data)
        if wire.type == "error":
            self._fail(decode_stream_error(event.data))
            return
        self._on_event(wire, wire.type or event.event)

    def _on_event(self, wire: WireEvent, kind: str) -> None:
        match kind:
            case "message_start":
                self._start(wire.message or WireMessage())
            case "content_block_start":
                self._block_start(wire.index, bytes(wire.content_block))
            case "content_block_delta" if wire.delta is not None:
                self._delta(self._block(wire.index, wire.delta), wire.delta)
            case "content_block_stop":
                self._block_stop(wire.index)
            case "message_delta":
                if wire.delta is not None and wire.delta.stop_reason is not None:
                    self._stop_reason = wire.delta.stop_reason
                    self._stop_sequence = wire.delta.stop_sequence
                if wire.usage is not None:
                    self._tally.report(wire.usage)
                    self._report()
            case "message_stop":
                self._end()
            case _:
                return

    def _start(self, message: WireMessage) -> None:
        if self._started:
            return
        self._started = True
        self._model = message.model or ""
        if message.usage is not None:
            self._tally.report(message.usage)
        self._out.append(StreamStarted(message.id or "", self._model, self._tally.usage))

    def _report(self) -> None:
        usage = self._tally.usage
        if usage is not None:
            is_final = self._stop_reason is not None
            self._out.append(UsageReported(usage, "reported" if is_final else "partial"))

    def _block_start(self, wire_index: int, raw: bytes) -> None:
        block = decode_block(raw)
        self._block_stop(wire_index)
        self._start(WireMessage())
        if block.type == "tool_use" and not block.name:
            # Without a name it is no call, as in every dialect; what is added to it goes nowhere.
            self._open[wire_index] = _Open(_NOWHERE, "")
            return
        opened = self._open[wire_index] = _Open(self._next_index, block.type)
        self._next_index += 1
        match block.type:
            case "text":
                self._text_start(opened.index, block)
            case "thinking" | "redacted_thinking":
                self._thinking_start(opened.index, block)
            case "tool_use":
                self._has_calls = True
                opened.start_input = bytes(block.input)
                self._out.append(ToolCallStarted(opened.index, block.id, block.name))
            case _:
                opened.opaque = raw

    def _text_start(self, index: int, block: WireBlock) -> None:
        self._out.append(TextStarted(index))
        if block.text:
            self._out.append(TextDelta(index, block.text))
        for citation in block.citations or ():
            self._annotate(index, bytes(citation))

    def _thinking_start(self, index: int, block: WireBlock) -> None:
        foreign = unseal(block.thinking, block.signature)
        if foreign is not None:
            # Another Turnout upstream of us: whose thinking it is survives.
            self._out.append(ThinkingStarted(index, foreign.provenance, redacted=foreign.redacted))
            signature = foreign.signature
        else:
            made_by = Provenance("anthropic_messages", self._model)
            self._out.append(ThinkingStarted(index, made_by, redacted=block.data))
            signature = block.signature
        if block.thinking:
            self._out.append(ThinkingDelta(index, block.thinking))
        if signature:
            self._out.append(SignatureDelta(index, signature))

    def _block(self, wire_index: int, delta: WireDelta) -> _Open:
        opened = self._open.get(wire_index)
        if opened is None:
            implied = _IMPLIED.get(delta.type or "")
            if implied is None:
                raise UpstreamFailed(
                    f"the upstream's stream adds to block {wire_index}, which it never opened"
                )
            self._block_start(wire_index, b'{"type":"%b"}' % implied.encode())
            opened = self._open[wire_index]
        return opened

    def _delta(self, opened: _Open, delta: WireDelta) -> None:
        if opened.opaque:
            opened.pieces.append(delta.partial_json or "")
            return
        if delta.text and opened.kind == "text":
            self._out.append(TextDelta(opened.index, delta.text))
        elif delta.thinking and opened.kind == "thinking":
            self._out.append(ThinkingDelta(opened.index, delta.thinking))
        elif delta.partial_json and opened.kind == "tool_use":
            opened.has_arguments = opened.has_arguments or bool(delta.partial_json.strip())
            self._out.append(ToolArgumentsDelta(opened.index, delta.partial_json))
        elif delta.signature and opened.kind == "thinking":
            self._out.append(SignatureDelta(opened.index, delta.signature))
        elif bytes(delta.citation) and opened.kind == "text":
            self._annotate(opened.index, bytes(delta.citation))

    def _annotate(self, index: int, citation: bytes) -> None:
        self._out.append(AnnotationAdded(index, decode_citation(citation)))

    def _block_stop(self, wire_index: int) -> None:
        opened = self._open.pop(wire_index, None)
        if opened is None or opened.index == _NOWHERE:
            return
        if opened.opaque:
            json = _with_input(opened.opaque, "".join(opened.pieces))
            part = Opaque("anthropic_messages", opened.kind, json)
            self._out.append(OpaqueStarted(opened.index, part))
        elif not opened.has_arguments and opened.start_input not in _EMPTY_INPUTS:
            text = opened.start_input.decode("utf-8", "replace")
            self._out.append(ToolArgumentsDelta(opened.index, text))
        self._out.append(PartEnded(opened.index))

    def _end(self) -> None:
        if not self._started:
            self._fail(UpstreamFailed("the upstream's stream ended before it began"))
            return
        for wire_index in list(self._open):
            self._block_stop(wire_index)
        stop = decode_stop(self._stop_reason or "", has_calls=self._has_calls)
        self._out.append(Finished(stop, self._stop_sequence if stop == "stop_sequence" else None))
        self._ended = True

    def _fail(self, error: TurnoutError) -> None:
        self._out.append(StreamFailed(error))
        self._ended = True


def _with_input(raw: bytes, streamed: str) -> str:
    """The raw block, with the input that its deltas brought in the place of the empty one.

    Input that was cut or is no JSON stands in it as a text, so that the block is JSON whatever came.
    """
    text = raw.decode("utf-8", "replace")
    if not streamed.strip():
        return text
    fields = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    try:
        msgspec.json.decode(streamed)
    except MALFORMED:
        streamed = msgspec.json.encode({"arguments": streamed}).decode()
    fields["input"] = msgspec.Raw(streamed.encode())
    return msgspec.json.encode(fields).decode()


def decode_response(body: bytes) -> Sequence[StreamEvent]:
    """A whole JSON answer as the events its stream would have had."""
    return MessageStreamDecoder().decode_whole(body)
