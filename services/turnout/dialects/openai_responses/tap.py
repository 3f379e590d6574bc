"""Watches a response go by.

Rules: changes nothing and keeps no text; every split of the bytes gives the same reading at the same
position; an event that it cannot read is not its to judge, the client will, but it counts as content,
so that nobody takes the answer back after that; of most events only the kind is looked at.
"""

import re
from typing import Final

import msgspec

from turnout.dialects.answer_end import AnswerEnd, end_of
from turnout.dialects.dialect import TapReading
from turnout.dialects.openai_errors import decode_stream_error
from turnout.dialects.openai_responses.stop import decode_stop
from turnout.dialects.openai_responses.usage import decode_usage
from turnout.dialects.openai_responses.wire import WireItem, WireResponse, decode_item, decode_parts
from turnout.dialects.reading import MALFORMED
from turnout.dialects.sse import SseEvent
from turnout.dialects.taps import PLAIN_TEXT, PLAIN_VALUE, plain_pieces
from turnout.dialects.usage import Usage, UsageSource
from turnout.errors import TurnoutError, UpstreamFailed

_ABSENT: Final = msgspec.Raw()
_DELTAS: Final = frozenset(
    {
        "response.output_text.delta",
        "response.refusal.delta",
        "response.reasoning_summary_text.delta",
        "response.reasoning_text.delta",
        "response.function_call_arguments.delta",
        "response.custom_tool_call_input.delta",
    }
)
# Groups with a choice in them are not possessive: before Python 3.11.5 such do not match (gh-106052).
_PLAIN: Final = re.compile(
    rb'event: [\w.]++\ndata: \{"type": ?"(?:%b)"'
    rb'(?:, ?"(?:sequence_number|item_id|output_index|content_index|summary_index)": ?%b)*'
    rb', ?"delta": ?"(%b)"(?:, ?"(?:logprobs": ?\[\]|obfuscation": ?%b))*\}\n\n'
    % (
        b"|".join(re.escape(name).encode() for name in sorted(_DELTAS)),
        PLAIN_VALUE,
        PLAIN_TEXT,
        PLAIN_VALUE,
    )
)
"""A whole event with a piece of text, reasoning or arguments, as OpenAI writes it."""

_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.done"})
_BEGINS: Final = frozenset({"response.created", "response.in_progress", "response.queued"})
_SILENT: Final = frozenset({"message", "reasoning"})
"""Items that say nothing by beginning."""


class _Event(msgspec.Struct):
    """What of an event is looked at."""

    type: str | None = None
    delta: object = None
    item: msgspec.Raw = _ABSENT
    response: msgspec.Raw = _ABSENT


_EVENT: Final = msgspec.json.Decoder(_Event)
_RESPONSE: Final = msgspec.json.Decoder(WireResponse)


class ResponsesSeen:
    """What the events so far add up to."""

    __slots__ = (
        "_ended",
        "_error",
        "_finish_reason",
        "_has_calls",
        "_has_refusal",
        "_has_said",
        "_is_done",
        "_is_reasoning",
        "_response_id",
        "_response_model",
        "_source",
        "_streamed_bytes",
        "_usage",
        "_whole_bytes",
        "has_content",
    )

    def __init__(self) -> None:
        self.has_content = False
        self._has_said = False
        self._has_calls = False
        self._has_refusal = False
        # Of the item that began last, which is mostly the one that pieces are of.
        self._is_reasoning = False
        self._ended: AnswerEnd = ""
        self._is_done = False
        self._streamed_bytes = 0
        self._whole_bytes = 0
        self._finish_reason = ""
        self._response_id = ""
        self._response_model = ""
        self._usage: Usage | None = None
        self._source: UsageSource = "partial"
        self._error: TurnoutError | None = None

    @property
    def is_over(self) -> bool:
        return self._is_done or self._error is not None

    def skim(self, data: bytes) -> int:
        size, last = plain_pieces(_PLAIN, data)
        self.has_content = self.has_content or size > 0
        self._has_said = self._has_said or (size > 0 and not self._is_reasoning)
        self._streamed_bytes += size
        return 0 if last is None else last.end()

    def reading(self, *, at_boundary: bool) -> TapReading:
        return TapReading(
            has_content=self.has_content,
            usage=self._usage,
            source=self._source,
            finish_reason=self._finish_reason,
            ended=self._ended,
            response_model=self._response_model,
            response_id=self._response_id,
            error=self._error,
            is_complete=self._is_done,
            at_boundary=at_boundary,
            # Some servers stream, some send whole items, most do both.
            output_bytes=max(self._streamed_bytes, self._whole_bytes),
        )

    def on_event(self, event: SseEvent) -> None:
        raw = event.data
        if not raw or raw == b"[DONE]":
            return
        try:
            told = _EVENT.decode(raw)
            self._take(told, told.type or event.event, raw)
        except (UpstreamFailed, *MALFORMED):
            self.has_content = self._has_said = True

    def _take(self, event: _Event, kind: str, raw: bytes) -> None:
        if kind in _DELTAS:
            text = event.delta
            if isinstance(text, str) and text:
                self.has_content = True
                self._has_said = self._has_said or not self._is_reasoning
                self._streamed_bytes += len(text) if text.isascii() else len(text.encode())
        elif kind == "response.output_item.added":
            # A call without arguments is content by its name.
            begun = decode_item(event.item).type
            self._is_reasoning = begun == "reasoning"
            self._began(begun)
        elif kind == "response.output_item.done":
            self._item_done(decode_item(event.item))
        elif kind in {"error", "response.error"}:
            self._error = self._error or decode_stream_error(raw)
        elif kind == "response.failed":
            response = _RESPONSE.decode(event.response)
            self._begin(response)
            self._error = self._error or decode_stream_error(bytes(response.error) or b"{}")
        elif kind in _BEGINS:
            if not self._response_id:
                self._begin(_RESPONSE.decode(event.response))
        elif kind in _ENDS:
            self._end(_RESPONSE.decode(event.response), is_cut=kind == "response.incomplete")

    def _begin(self, response: WireResponse) -> None:
        self._response_id = self._response_id or response.id or ""
        self._response_model = self._response_model or response.model or ""

    def _end(self, response: WireResponse, *, is_cut: bool) -> None:
        self._begin(response)
        if not self._whole_bytes:
            for item in response.output or ():
                self._item_done(decode_item(item))
        status = "incomplete" if is_cut else response.status or "completed"
        self._finish_reason = response.reason or status
        stop = decode_stop(
            "incomplete" if response.reason else status,
            response.reason,
            has_calls=self._has_calls,
            has_refusal=self._has_refusal,
        )
        self._ended = end_of(stop, has_said=self._has_said)
        if response.usage is not None:
            self._usage = decode_usage(response.usage)
            self._source = "reported"
        self._is_done = True

    def take_whole(self, response: WireResponse, raw: bytes) -> None:
        if response.has_error:
            self._error = decode_stream_error(raw)
        self._end(response, is_cut=False)
        self._is_done = response.output is not None

    def _began(self, kind: str | None) -> None:
        if kind not in _SILENT:
            self.has_content = self._has_said = self._has_calls = True

    def _item_done(self, item: WireItem) -> None:
        self._began(item.type)
        size = 0
        match item.type:
            case "message":
                for part in decode_parts(item.content):
                    self._has_refusal = self._has_refusal or bool(part.refusal)
                    size += len((part.text or part.refusal or "").encode())
            case "reasoning":
                for part in (*decode_parts(item.summary), *decode_parts(item.content)):
                    size += len((part.text or "").encode())
            case "function_call" | "custom_tool_call":
                text = item.input if item.type == "custom_tool_call" else item.arguments
                size += len(text.encode()) if isinstance(text, str) else 0
            case _:
                pass
        self._whole_bytes += size
        self.has_content = self.has_content or size > 0
        self._has_said = self._has_said or (size > 0 and item.type != "reasoning")


def read_body(body: bytes) -> ResponsesSeen | None:
    """An answer in one piece; without what would be the answer in it, it is none and so not complete."""
    try:
        whole = _RESPONSE.decode(body)
    except MALFORMED:
        return None
    seen = ResponsesSeen()
    try:
        seen.take_whole(whole, body)
    except (UpstreamFailed, *MALFORMED):
        # An item that cannot be read is content, as an event of a stream is.
        seen.has_content = True
    return seen
