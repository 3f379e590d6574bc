"""Watches a chat answer go by.

Rules: changes nothing and keeps no text; every split of the bytes gives the same reading at the
same position; a chunk that it cannot read is not its to judge, the client will, but it counts as
content, so that nobody takes the answer back after that.
"""

from turnout.dialects.dialect import TapReading
from turnout.dialects.openai_chat.usage import decode_usage
from turnout.dialects.openai_chat.wire import (
    ABSENT,
    CHUNK,
    CalledFunction,
    Choice,
    Chunk,
    Delta,
    WireToolCall,
    content_text,
    reasoning_text,
)
from turnout.dialects.openai_errors import decode_stream_error
from turnout.dialects.reading import MALFORMED
from turnout.dialects.sse import SseEvent
from turnout.dialects.usage import Usage, UsageSource
from turnout.errors import TurnoutError


class ChatSeen:
    """What the chunks so far add up to."""

    __slots__ = (
        "_error",
        "_finish_reason",
        "_output_bytes",
        "_response_id",
        "_response_model",
        "_source",
        "_usage",
        "has_content",
        "is_done",
    )

    def __init__(self) -> None:
        self.is_done = False
        self.has_content = False
        self._output_bytes = 0
        self._finish_reason = ""
        self._response_id = ""
        self._response_model = ""
        self._usage: Usage | None = None
        self._source: UsageSource = "partial"
        self._error: TurnoutError | None = None

    def reading(self, *, at_boundary: bool) -> TapReading:
        is_answered = bool(self._finish_reason) and self._source == "reported"
        return TapReading(
            has_content=self.has_content,
            usage=self._usage,
            source=self._source,
            finish_reason=self._finish_reason,
            response_model=self._response_model,
            response_id=self._response_id,
            error=self._error,
            is_complete=self.is_done or is_answered,
            at_boundary=at_boundary,
            output_bytes=self._output_bytes,
        )

    def on_event(self, event: SseEvent) -> None:
        raw, is_error = event.data, event.event == "error"
        if raw == b"[DONE]":
            self.is_done = True
            return
        if not raw:
            return
        try:
            chunk = CHUNK.decode(raw)
        except MALFORMED:
            self.has_content = True
            return
        if is_error or not self._is_mere_text(chunk):
            self.take(chunk, raw, is_error=is_error)

    def _is_mere_text(self, chunk: Chunk) -> bool:
        """Take a chunk that says nothing but a piece of text, as nearly all do; false for others."""
        choices = chunk.choices
        if (
            choices is None
            or len(choices) != 1
            or chunk.usage is not None
            or chunk.error is not ABSENT
            or not (self._response_id and self._response_model)
        ):
            return False
        choice = choices[0]
        delta = choice.delta
        if delta is None or choice.finish_reason is not None or choice.usage is not None:
            return False
        text = delta.content
        if not (
            isinstance(text, str)
            and delta.tool_calls is None
            and delta.reasoning_content is None
            and delta.reasoning is None
            and delta.refusal is None
            and delta.function_call is None
        ):
            return False
        if text:
            self.has_content = True
            self._output_bytes += len(text) if text.isascii() else len(text.encode())
        return True

    def take(self, chunk: Chunk, raw: bytes, *, is_error: bool) -> None:
        if is_error or chunk.has_error:
            self._error = decode_stream_error(raw)
            return
        for choice in chunk.choices or ():
            self._on_choice(choice)
        self._response_id = self._response_id or chunk.id or ""
        self._response_model = self._response_model or chunk.model or ""
        wire = chunk.usage or next((c.usage for c in chunk.choices or () if c.usage), None)
        if wire is not None:
            self._usage = decode_usage(wire)
            self._source = "reported" if self._finish_reason else "partial"

    def _on_choice(self, choice: Choice) -> None:
        delta = choice.delta or choice.message
        if delta is not None:
            size = _content_bytes(delta)
            self._output_bytes += size
            # A call without arguments is content by its name.
            self.has_content = self.has_content or size > 0 or bool(delta.tool_calls)
        if choice.finish_reason:
            self._finish_reason = self._finish_reason or choice.finish_reason


def _content_bytes(delta: Delta) -> int:
    """Bytes of text, reasoning and arguments."""
    size = len(content_text(delta).encode()) + len(reasoning_text(delta).encode())
    if delta.refusal:
        size += len(delta.refusal.encode())
    for call in delta.tool_calls or ():
        size += _argument_bytes(call)
    if delta.function_call is not None:
        size += _argument_bytes(WireToolCall(function=delta.function_call))
    return size


def _argument_bytes(call: WireToolCall) -> int:
    called = call.function or call.custom or CalledFunction()
    text = called.arguments if isinstance(called.arguments, str) else called.input
    return len(text.encode()) if text else 0


def read_body(body: bytes) -> ChatSeen | None:
    """An answer in one piece."""
    try:
        chunk = CHUNK.decode(body)
    except MALFORMED:
        return None
    seen = ChatSeen()
    seen.take(chunk, body, is_error=False)
    seen.is_done = True
    return seen
