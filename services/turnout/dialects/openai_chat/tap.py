"""Watches a chat answer go by.

Rules: changes nothing and keeps no text; every split of the bytes gives the same reading at the
same position; a chunk that it cannot read is not its to judge, the client will, but it counts as
content, so that nobody takes the answer back after that.
"""

import re
from typing import Final

from turnout.dialects.answer_end import AnswerEnd, end_of
from turnout.dialects.dialect import TapReading
from turnout.dialects.openai_chat.stop import decode_stop
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
from turnout.dialects.taps import PLAIN_TEXT, PLAIN_VALUE
from turnout.dialects.usage import Usage, UsageSource
from turnout.errors import TurnoutError

_DATA: Final = b"data: "
# Groups with a choice in them are not possessive: before Python 3.11.5 such do not match (gh-106052).
_HEAD: Final = re.compile(
    rb'\{(?:"(?:id|object|created|model|service_tier|system_fingerprint|provider)": ?%b, ?)*'
    rb'"choices": ?\[\{"index": ?0, ?"delta": ?\{(?:"role": ?"assistant", ?)?"content": ?"'
    % PLAIN_VALUE
)
"""A chunk up to its text, as providers write it. Within an answer it stays the same, so it is compared
and not read."""

MAX_HEAD_BYTES: Final = 4096
"""It is kept as long as the answer; honest ones are a few hundred bytes."""

_REST: Final = re.compile(
    rb'(%b)"\}(?:, ?"(?:logprobs|finish_reason)": ?null)*\}\]'
    rb'(?:, ?"(?:usage": ?null|(?:obfuscation|service_tier|system_fingerprint)": ?%b))*\}\n\n'
    % (PLAIN_TEXT, PLAIN_VALUE)
)
"""What follows: the text, and fields that say nothing."""


class ChatSeen:
    """What the chunks so far add up to."""

    __slots__ = (
        "_error",
        "_finish_reason",
        "_has_calls",
        "_has_refusal",
        "_has_said",
        "_head",
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
        self._has_said = False
        self._has_calls = False
        self._has_refusal = False
        # Of a chunk with a piece of text, all in front of the text; b"" before one has been read.
        self._head = b""
        self._output_bytes = 0
        self._finish_reason = ""
        self._response_id = ""
        self._response_model = ""
        self._usage: Usage | None = None
        self._source: UsageSource = "partial"
        self._error: TurnoutError | None = None

    @property
    def is_complete(self) -> bool:
        return self.is_done or (self._source == "reported" and self._finish_reason != "")

    @property
    def is_over(self) -> bool:
        return self.is_complete or self._error is not None

    def skim(self, data: bytes) -> int:
        head = self._head
        end = 0
        while head and data.startswith(head, end):
            found = _REST.match(data, end + len(head))
            if found is None:
                break
            size = found.end(1) - found.start(1)
            if size:
                self.has_content = self._has_said = True
                self._output_bytes += size
            end = found.end()
        return end

    def reading(self, *, at_boundary: bool) -> TapReading:
        return TapReading(
            has_content=self.has_content,
            usage=self._usage,
            source=self._source,
            finish_reason=self._finish_reason,
            ended=self._ended(),
            response_model=self._response_model,
            response_id=self._response_id,
            error=self._error,
            is_complete=self.is_complete,
            at_boundary=at_boundary,
            output_bytes=self._output_bytes,
        )

    def _ended(self) -> AnswerEnd:
        if not self._finish_reason:
            return ""
        stop = decode_stop(
            self._finish_reason, has_calls=self._has_calls, has_refusal=self._has_refusal
        )
        return end_of(stop, has_said=self._has_said)

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
            self.has_content = self._has_said = True
            return
        if is_error or not self._is_mere_text(chunk):
            self.take(chunk, raw, is_error=is_error)
        elif not event.event:
            self._learn(raw)

    def _learn(self, raw: bytes) -> None:
        """How an event with a piece of text begins in this answer."""
        if not self._head or not raw.startswith(self._head[len(_DATA) :]):
            found = _HEAD.match(raw, 0, MAX_HEAD_BYTES)
            self._head = _DATA + found[0] if found else b""

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
            self.has_content = self._has_said = True
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
            has_calls = bool(delta.tool_calls) or delta.function_call is not None
            self.has_content = self.has_content or size > 0 or bool(delta.tool_calls)
            self._has_calls = self._has_calls or has_calls
            self._has_refusal = self._has_refusal or bool(delta.refusal)
            self._has_said = (
                self._has_said or has_calls or bool(delta.refusal or content_text(delta))
            )
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
    """An answer in one piece; without what would be the answer in it, it is none and so not complete."""
    try:
        chunk = CHUNK.decode(body)
    except MALFORMED:
        return None
    seen = ChatSeen()
    seen.take(chunk, body, is_error=False)
    seen.is_done = bool(chunk.choices)
    return seen
