"""Watches an answer of this wire go by.

Rules: changes nothing and keeps no text; every split of the bytes gives the same reading at the same
position; an event that it cannot read is not its to judge, the client will, but it counts as content,
so that nobody takes the answer back. The wire has no last event: an answer is complete when its usage
has come with the finish reason or after it.
"""

import re
from typing import Final

import msgspec

from turnout.dialects.answer_end import AnswerEnd, end_of
from turnout.dialects.dialect import TapReading
from turnout.dialects.gemini_generate.errors import decode_stream_error
from turnout.dialects.gemini_generate.stop import FAILED, decode_stop
from turnout.dialects.gemini_generate.usage import WireUsage, decode_usage
from turnout.dialects.gemini_generate.wire import Chunk, WirePart, decode_chunk, decode_part
from turnout.dialects.reading import MALFORMED
from turnout.dialects.sse import SseEvent
from turnout.dialects.taps import PLAIN_TEXT
from turnout.dialects.usage import Usage, UsageSource
from turnout.errors import TurnoutError, UpstreamFailed

_USAGE: Final = msgspec.json.Decoder(WireUsage)

_TEXT: Final = re.compile(PLAIN_TEXT)
_PLAIN: Final = re.compile(
    rb'(data: \{"candidates": ?\[\{"content": ?\{"parts": ?\[\{"text": ?")%b'
    rb'("(?:, ?"thought": ?true)?\}\], ?"role": ?"model"\}(?:, ?"index": ?0)?\}\], ?"usageMetadata": ?)\{[^\r\n]*?'
    rb'(, ?"modelVersion": ?"%b", ?"responseId": ?"%b"\}(?:\r\n\r\n|\n\n))'
    % (PLAIN_TEXT, PLAIN_TEXT, PLAIN_TEXT)
)
"""A whole event with a piece of text or thought and the usage so far, as Google writes it. Its groups
are the bytes around them, of which none can stand inside a text: there quotes have a backslash. They
are the same in nearly all events of a stream, and comparing them is cheaper than this pattern."""


class GeminiSeen:
    """What the chunks so far add up to."""

    __slots__ = (
        "_around",
        "_error",
        "_finish_reason",
        "_has_said",
        "_is_blocked",
        "_output_bytes",
        "_response_id",
        "_response_model",
        "_source",
        "_usage",
        "has_content",
        "is_whole",
    )

    def __init__(self) -> None:
        self.has_content = False
        self._has_said = False
        self._is_blocked = False
        self.is_whole = False
        self._output_bytes = 0
        self._finish_reason = ""
        self._response_id = ""
        self._response_model = ""
        # The bytes before, between and behind text and usage of the plain event before, as in `_PLAIN`.
        self._around = b"", b"", b""
        # As it came: it comes with every chunk, and is asked for once.
        self._usage: WireUsage | bytes | None = None
        self._source: UsageSource = "partial"
        self._error: TurnoutError | None = None

    @property
    def is_over(self) -> bool:
        return self._error is not None or self._is_complete

    @property
    def _is_complete(self) -> bool:
        return self.is_whole or (self._source == "reported" and self._finish_reason != "")

    def skim(self, data: bytes) -> int:
        if self._finish_reason or not (self._response_id and self._response_model):
            return 0
        end = 0
        while end < len(data) and (next_end := self._plain(data, end)):
            end = next_end
        return end

    def _plain(self, data: bytes, at: int) -> int:
        """Take in the event that begins there; return where it ends, 0 where it is not plain."""
        end = self._alike(data, at)
        if not end and (found := _PLAIN.match(data, at)):
            self._around = found[1], found[2], found[3]
            end = self._alike(data, at)
        return end

    def _alike(self, data: bytes, at: int) -> int:
        """The same of one that differs from the plain event before in text and figures alone."""
        before, between, behind = self._around
        if not before or not data.startswith(before, at):
            return 0
        text_begins = at + len(before)
        text_ends = data.find(between, text_begins)
        usage_begins = text_ends + len(between)
        usage_ends = data.find(behind, usage_begins)
        if text_ends < 0 or usage_ends < 0:
            return 0
        text, usage = data[text_begins:text_ends], data[usage_begins:usage_ends]
        if _TEXT.fullmatch(text) is None or b"\n" in usage:
            return 0
        self.has_content = self.has_content or text != b""
        self._has_said = self._has_said or (text != b"" and b'"thought"' not in between)
        self._output_bytes += len(text)
        self._usage = usage
        return usage_ends + len(behind)

    def reading(self, *, at_boundary: bool) -> TapReading:
        return TapReading(
            has_content=self.has_content,
            usage=self._decoded_usage(),
            source=self._source,
            finish_reason=self._finish_reason,
            ended=self._ended(),
            response_model=self._response_model,
            response_id=self._response_id,
            error=self._error,
            is_complete=self._error is None and self._is_complete,
            at_boundary=at_boundary,
            output_bytes=self._output_bytes,
        )

    def _ended(self) -> AnswerEnd:
        if not self._finish_reason or self._error is not None:
            return ""
        if self._is_blocked:
            # Whatever the word for it, a filter kept the model from answering.
            return "refused"
        # Whether it ended for calls makes no difference here.
        return end_of(decode_stop(self._finish_reason, has_calls=False), has_said=self._has_said)

    def _decoded_usage(self) -> Usage | None:
        match self._usage:
            case bytes() as raw:
                try:
                    return decode_usage(_USAGE.decode(raw))
                except MALFORMED:
                    # At a glance it was not read, and what stood there before is gone.
                    return None
            case None:
                return None
            case wire:
                return decode_usage(wire)

    def on_event(self, event: SseEvent) -> None:
        raw = event.data
        if not raw:
            return
        try:
            self.take(decode_chunk(raw), raw)
        except UpstreamFailed:
            self.has_content = self._has_said = True

    def take(self, chunk: Chunk, raw: bytes) -> None:
        if chunk.has_error:
            self._error = decode_stream_error(raw)
            return
        self._response_id = self._response_id or chunk.response_id or ""
        self._response_model = self._response_model or chunk.model_version or ""
        candidate = chunk.candidate
        if candidate is not None and candidate.content is not None:
            for part in candidate.content.parts or ():
                self._on_part(decode_part(part))
        self._is_blocked = self._is_blocked or (chunk.is_blocked and not self._finish_reason)
        self._finish_reason = chunk.finish_reason or self._finish_reason
        if self._finish_reason in FAILED and self._error is None:
            word = self._finish_reason
            self._error = UpstreamFailed(f"the upstream ended the answer with {word!r}")
        if chunk.usage_metadata is not None:
            self._usage = chunk.usage_metadata
            self._source = "reported" if self._finish_reason else "partial"

    def _on_part(self, part: WirePart) -> None:
        size = 0
        if part.text is not None:
            size = len(part.text.encode())
        elif part.function_call is not None:
            size = len(bytes(part.function_call.args))
        self._output_bytes += size
        # A part that is no text is content by being there, and so is a signature.
        if size or part.text is None or part.thought_signature:
            self.has_content = True
        if not part.thought and (size or part.text is None):
            self._has_said = True


def read_body(body: bytes) -> GeminiSeen | None:
    """An answer in one piece; without what would be the answer in it, it is none and so not complete."""
    seen = GeminiSeen()
    try:
        chunk = decode_chunk(body)
        seen.take(chunk, body)
    except UpstreamFailed:
        return None
    seen.is_whole = chunk.is_answer
    return seen
