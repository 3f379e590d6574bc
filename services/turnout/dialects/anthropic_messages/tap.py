"""Watches a message answer go by.

Rules: changes nothing and keeps no text; every split of the bytes gives the same reading at the
same position; of a delta only the length of its text is read; an event that it cannot read is not
its to judge, the client will, but it counts as content, so that nobody takes the answer back.
"""

import re
from typing import Final

from turnout.dialects.answer_end import AnswerEnd, end_of
from turnout.dialects.anthropic_messages.errors import decode_stream_error
from turnout.dialects.anthropic_messages.events import (
    WireEvent,
    WireMessage,
    decode_block,
    decode_event,
    decode_message,
)
from turnout.dialects.anthropic_messages.stop import decode_stop
from turnout.dialects.anthropic_messages.usage import UsageTally
from turnout.dialects.dialect import TapReading
from turnout.dialects.sse import SseEvent
from turnout.dialects.taps import JSON_TEXT, plain_pieces
from turnout.dialects.usage import UsageSource
from turnout.errors import TurnoutError, UpstreamFailed

# The quotes of a key inside a string are escaped, so a match is a member of the delta.
_DELTA: Final = re.compile(
    rb'"(text|thinking|partial_json|signature|citation)"\s*:\s*(?:"((?:[^"\\]++|\\.)*+)"|\{)',
    re.DOTALL,
)
_PLAIN: Final = re.compile(
    rb'event: content_block_delta\ndata: \{"type": ?"content_block_delta", ?"index": ?\d+, ?"delta": ?\{'
    rb'"type": ?"\w+", ?"(?:text|thinking|partial_json)": ?"(%b)"\} *\}\n\n' % JSON_TEXT
)
"""A whole event with a piece of text, reasoning or arguments, as Anthropic writes it: spaces pad it."""

_NOT_OUTPUT: Final = frozenset({b"signature", b"citation"})
_SAID: Final = frozenset({b"text", b"partial_json"})
_REASONING: Final = frozenset({"thinking", "redacted_thinking"})
_TYPE: Final = re.compile(rb'^\s*\{\s*"type"\s*:\s*"(\w+)"')


class MessageSeen:
    """What the events so far add up to."""

    __slots__ = (
        "_has_said",
        "_is_reasoning",
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
        self._has_said = False
        # Of the block that began last, which is the one that pieces are of.
        self._is_reasoning = False
        self.is_complete = False
        self.output_bytes = 0
        self.finish_reason = ""
        self.response_id = ""
        self.response_model = ""
        self.error: TurnoutError | None = None
        self.tally = UsageTally()

    @property
    def is_over(self) -> bool:
        return self.is_complete or self.error is not None

    def skim(self, data: bytes) -> int:
        size, last = plain_pieces(_PLAIN, data)
        self.has_content = self.has_content or size > 0
        self._has_said = self._has_said or (size > 0 and not self._is_reasoning)
        self.output_bytes += size
        return 0 if last is None else last.end()

    def reading(self, *, at_boundary: bool) -> TapReading:
        source: UsageSource = "reported" if self.finish_reason else "partial"
        return TapReading(
            has_content=self.has_content,
            usage=self.tally.usage,
            source=source,
            finish_reason=self.finish_reason,
            ended=self._ended(),
            response_model=self.response_model,
            response_id=self.response_id,
            error=self.error,
            is_complete=self.is_complete,
            at_boundary=at_boundary,
            output_bytes=self.output_bytes,
        )

    def _ended(self) -> AnswerEnd:
        if not self.finish_reason:
            return ""
        # Whether it ended for calls makes no difference here.
        return end_of(decode_stop(self.finish_reason, has_calls=False), has_said=self._has_said)

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
        self._is_reasoning = block.type in _REASONING
        if block.type not in {"text", "thinking"} or shown or block.signature:
            self.has_content = True
        if not self._is_reasoning and (block.type != "text" or block.text):
            self._has_said = True

    def delta(self, raw: bytes) -> None:
        found = _DELTA.search(raw)
        if found is None:
            self.has_content = self._has_said = True
            return
        value = found[2]
        if value != b"":
            self.has_content = True
        if value and found[1] in _SAID:
            self._has_said = True
        if value and found[1] not in _NOT_OUTPUT:
            self.output_bytes += len(value)

    def on_event(self, event: SseEvent) -> None:
        kind = event.event
        if not kind:
            found = _TYPE.match(event.data)
            kind = found[1].decode() if found else ""
        if kind == "content_block_delta":
            self.delta(event.data)
            return
        if kind in {"ping", "content_block_stop"} or not event.data:
            return
        if kind == "error":
            self.error = decode_stream_error(event.data)
            return
        try:
            self._read(decode_event(event.data))
        except UpstreamFailed:
            self.has_content = self._has_said = True

    def _read(self, wire: WireEvent) -> None:
        match wire.type:
            case "message_start" if wire.message is not None:
                self.start(wire.message)
            case "content_block_start":
                self.block(bytes(wire.content_block))
            case "message_delta":
                if wire.delta is not None and wire.delta.stop_reason:
                    self.finish_reason = wire.delta.stop_reason
                if wire.usage is not None:
                    self.tally.report(wire.usage)
            case "message_stop":
                self.is_complete = True
            case _:
                return


def read_body(body: bytes) -> MessageSeen | None:
    """An answer in one piece; without what would be the answer in it, it is none and so not complete."""
    seen = MessageSeen()
    try:
        message = decode_message(body)
        for raw in message.content or ():
            seen.block(bytes(raw), is_whole=True)
    except UpstreamFailed:
        return None
    if message.type == "error":
        seen.error = decode_stream_error(body)
    seen.start(message)
    seen.finish_reason = message.stop_reason or ""
    # No block is an answer too: that is how a cache is filled.
    seen.is_complete = message.content is not None
    return seen
