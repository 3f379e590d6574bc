"""Watches a message answer go by.

Rules: changes nothing and keeps no text; every split of the bytes gives the same reading at the
same position; of a delta only the length of its text is read; an event that it cannot read is not
its to judge, the client will, but it counts as content, so that nobody takes the answer back.
"""

import re
from typing import Final

from turnout.dialects.anthropic_messages.errors import decode_stream_error
from turnout.dialects.anthropic_messages.events import (
    WireEvent,
    WireMessage,
    decode_block,
    decode_event,
    decode_message,
)
from turnout.dialects.anthropic_messages.usage import UsageTally
from turnout.dialects.dialect import TapReading
from turnout.dialects.sse import SseDecoder, SseEvent
from turnout.dialects.usage import UsageSource
from turnout.errors import TurnoutError, UpstreamFailed

MAX_BODY_BYTES: Final = 32 * 1024 * 1024
"""Of an answer in one piece; what is larger passes unread."""

# The quotes of a key inside a string are escaped, so a match is a member of the delta.
_DELTA: Final = re.compile(
    rb'"(text|thinking|partial_json|signature|citation)"\s*:\s*(?:"((?:[^"\\]++|\\.)*+)"|\{)',
    re.DOTALL,
)
_NOT_OUTPUT: Final = frozenset({b"signature", b"citation"})
_TYPE: Final = re.compile(rb'^\s*\{\s*"type"\s*:\s*"(\w+)"')


class _Seen:
    """What the events so far add up to."""

    __slots__ = (
        "error",
        "finish_reason",
        "has_content",
        "is_complete",
        "output_bytes",
        "response_id",
        "response_model",
        "tally",
    )

    def __init__(self) -> None:
        self.has_content = False
        self.is_complete = False
        self.output_bytes = 0
        self.finish_reason = ""
        self.response_id = ""
        self.response_model = ""
        self.error: TurnoutError | None = None
        self.tally = UsageTally()

    def reading(self, *, at_boundary: bool) -> TapReading:
        source: UsageSource = "reported" if self.finish_reason else "partial"
        return TapReading(
            has_content=self.has_content,
            usage=self.tally.usage,
            source=source,
            finish_reason=self.finish_reason,
            response_model=self.response_model,
            response_id=self.response_id,
            error=self.error,
            is_complete=self.is_complete,
            at_boundary=at_boundary,
            output_bytes=self.output_bytes,
        )

    def start(self, message: WireMessage) -> None:
        self.response_id = self.response_id or message.id or ""
        self.response_model = self.response_model or message.model or ""
        if message.usage is not None:
            self.tally.report(message.usage)

    def block(self, raw: bytes, *, is_whole: bool = False) -> None:
        """A block as it begins, or whole in a body. Empty text and thinking are no content yet."""
        block = decode_block(raw)
        shown = len(block.text.encode()) + len(block.thinking.encode())
        if is_whole:
            shown += len(bytes(block.input))
        self.output_bytes += shown
        if block.type not in {"text", "thinking"} or shown or block.signature:
            self.has_content = True

    def delta(self, raw: bytes) -> None:
        found = _DELTA.search(raw)
        if found is None:
            self.has_content = True
            return
        value = found[2]
        if value != b"":
            self.has_content = True
        if value and found[1] not in _NOT_OUTPUT:
            self.output_bytes += len(value)


class MessageStreamTap:
    """Of a stream."""

    __slots__ = ("_is_blind", "_seen", "_sse")

    def __init__(self) -> None:
        self._sse = SseDecoder()
        self._seen = _Seen()
        self._is_blind = False

    def feed(self, data: bytes) -> None:
        if self._is_blind:
            return
        try:
            events = self._sse.feed(data)
        except UpstreamFailed:
            # An event beyond the bound: it is relayed all the same, but not held to be read.
            self._is_blind = True
            self._seen.has_content = True
            return
        for event in events:
            self._on_event(event)

    @property
    def reading(self) -> TapReading:
        return self._seen.reading(at_boundary=self._sse.at_boundary and not self._is_blind)

    def _on_event(self, event: SseEvent) -> None:
        kind = event.event
        if not kind:
            found = _TYPE.match(event.data)
            kind = found[1].decode() if found else ""
        if kind == "content_block_delta":
            self._seen.delta(event.data)
            return
        if kind in {"ping", "content_block_stop"} or not event.data:
            return
        if kind == "error":
            self._seen.error = decode_stream_error(event.data)
            return
        try:
            self._read(decode_event(event.data))
        except UpstreamFailed:
            self._seen.has_content = True

    def _read(self, wire: WireEvent) -> None:
        seen = self._seen
        match wire.type:
            case "message_start" if wire.message is not None:
                seen.start(wire.message)
            case "content_block_start":
                seen.block(bytes(wire.content_block))
            case "message_delta":
                if wire.delta is not None and wire.delta.stop_reason:
                    seen.finish_reason = wire.delta.stop_reason
                if wire.usage is not None:
                    seen.tally.report(wire.usage)
            case "message_stop":
                seen.is_complete = True
            case _:
                return


class MessageBodyTap:
    """Of an answer in one piece, read when it is whole."""

    __slots__ = ("_held", "_read_length", "_seen")

    def __init__(self) -> None:
        self._held = bytearray()
        self._read_length = 0
        self._seen = _Seen()

    def feed(self, data: bytes) -> None:
        if len(self._held) <= MAX_BODY_BYTES:
            self._held += data

    @property
    def reading(self) -> TapReading:
        length = len(self._held)
        if length != self._read_length and length <= MAX_BODY_BYTES:
            self._read_length = length
            # Cheaper than keeping count of brackets: a body mostly comes in a few pieces.
            if self._held.rstrip().endswith(b"}"):
                self._read()
        return self._seen.reading(at_boundary=False)

    def _read(self) -> None:
        seen = _Seen()
        try:
            message = decode_message(self._held)
            for raw in message.content or ():
                seen.block(bytes(raw), is_whole=True)
        except UpstreamFailed:
            return
        if message.type == "error":
            seen.error = decode_stream_error(bytes(self._held))
        seen.start(message)
        seen.finish_reason = message.stop_reason or ""
        seen.is_complete = True
        self._seen = seen
