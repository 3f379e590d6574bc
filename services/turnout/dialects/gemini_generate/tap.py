"""Watches an answer of this wire go by.

Rules: changes nothing and keeps no text; every split of the bytes gives the same reading at the same
position; an event that it cannot read is not its to judge, the client will, but it counts as content,
so that nobody takes the answer back. The wire has no last event: an answer is complete when its usage
has come with the finish reason or after it.
"""

import re
from typing import Final

import msgspec

from turnout.dialects.dialect import TapReading
from turnout.dialects.gemini_generate.errors import decode_stream_error
from turnout.dialects.gemini_generate.stop import FAILED
from turnout.dialects.gemini_generate.usage import WireUsage, decode_usage
from turnout.dialects.gemini_generate.wire import Chunk, WirePart, decode_chunk, decode_part
from turnout.dialects.sse import SseEvent
from turnout.dialects.taps import PLAIN_TEXT, plain_pieces
from turnout.dialects.usage import Usage, UsageSource
from turnout.errors import TurnoutError, UpstreamFailed

_USAGE: Final = msgspec.json.Decoder(WireUsage)

_COUNT: Final = rb"(?:0|[1-9]\d{0,14}+)"
_DETAIL: Final = rb'\{"modality": ?"\w++", ?"tokenCount": ?%b\}' % _COUNT
_FIGURE: Final = (
    rb'"(?:\w{1,40}TokenCount": ?%b|\w{1,40}TokensDetails": ?\[(?:%b(?:, ?%b)*+)?\]|trafficType": ?"\w*+")'
    % (_COUNT, _DETAIL, _DETAIL)
)
_PLAIN: Final = re.compile(
    rb'data: \{"candidates": ?\[\{"content": ?\{"parts": ?\[\{"text": ?"(%b)"(?:, ?"thought": ?true)?\}\]'
    rb', ?"role": ?"model"\}(?:, ?"index": ?0)?\}\], ?"usageMetadata": ?(\{%b(?:, ?%b)*+\})'
    rb', ?"modelVersion": ?"%b", ?"responseId": ?"%b"\}(?:\r\n\r\n|\n\n)'
    % (PLAIN_TEXT, _FIGURE, _FIGURE, PLAIN_TEXT, PLAIN_TEXT)
)
"""A whole event with a piece of text or thought and the usage so far, as Google writes it."""


class GeminiSeen:
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
        "is_whole",
    )

    def __init__(self) -> None:
        self.has_content = False
        self.is_whole = False
        self._output_bytes = 0
        self._finish_reason = ""
        self._response_id = ""
        self._response_model = ""
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
        size, last = plain_pieces(_PLAIN, data)
        if last is None:
            return 0
        self.has_content = self.has_content or size > 0
        self._output_bytes += size
        self._usage = last[2]
        return last.end()

    def reading(self, *, at_boundary: bool) -> TapReading:
        return TapReading(
            has_content=self.has_content,
            usage=self._decoded_usage(),
            source=self._source,
            finish_reason=self._finish_reason,
            response_model=self._response_model,
            response_id=self._response_id,
            error=self._error,
            is_complete=self._error is None and self._is_complete,
            at_boundary=at_boundary,
            output_bytes=self._output_bytes,
        )

    def _decoded_usage(self) -> Usage | None:
        match self._usage:
            case bytes() as raw:
                return decode_usage(_USAGE.decode(raw))
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
            self.has_content = True

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


def read_body(body: bytes) -> GeminiSeen | None:
    """An answer in one piece."""
    seen = GeminiSeen()
    try:
        seen.take(decode_chunk(body), body)
    except UpstreamFailed:
        return None
    seen.is_whole = True
    return seen
