"""A response stream into neutral events.

Rules: the type in the data counts, the SSE event name where there is none; an item is found by its
id, else by its place in the output, because some servers give every event another id and some every
item the same place; items, and what is missing of them, are taken from whatever event has them whole,
last of all from the final response; a stream that ends without a final response has failed.
"""

from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec

from turnout.dialects.calls import text_of
from turnout.dialects.openai_errors import decode_stream_error
from turnout.dialects.openai_responses.items_read import (
    CallReader,
    MessageReader,
    ReadItem,
    ReasoningReader,
    Told,
    reader_of,
)
from turnout.dialects.openai_responses.stop import decode_stop
from turnout.dialects.openai_responses.usage import decode_usage
from turnout.dialects.openai_responses.wire import (
    WireEvent,
    WireItem,
    WireResponse,
    decode_event,
    decode_item,
    decode_part,
    decode_response_object,
    is_there,
)
from turnout.dialects.sse import SseDecoder, SseEvent
from turnout.dialects.stream import (
    BROKE_OFF,
    Finished,
    StreamEvent,
    StreamFailed,
    StreamStarted,
    UsageReported,
)
from turnout.errors import TurnoutError, UpstreamFailed

_DONE: Final = b"[DONE]"

_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.done"})
_BEGINS: Final = frozenset({"response.created", "response.in_progress", "response.queued"})
KNOWN: Final = (
    _ENDS
    | _BEGINS
    | {
        "error",
        "response.failed",
        "response.error",
        "response.output_item.added",
        "response.output_item.done",
        "response.content_part.done",
        "response.output_text.delta",
        "response.output_text.annotation.added",
        "response.refusal.delta",
        "response.reasoning_summary_text.delta",
        "response.reasoning_text.delta",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.custom_tool_call_input.delta",
        "response.custom_tool_call_input.done",
    }
)

_R = TypeVar("_R", MessageReader, ReasoningReader, CallReader)


class ResponsesStreamDecoder:
    """One per answer."""

    def __init__(self) -> None:
        self._sse = SseDecoder()
        self._told = Told()
        self._started = False
        self._ended = False
        self._items: list[ReadItem] = []
        self._by_id: dict[str, ReadItem] = {}
        self._by_place: dict[int, ReadItem] = {}

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        for event in self._sse.feed(data):
            self._on_event(event)
        return self._take()

    def close(self) -> Sequence[StreamEvent]:
        for event in self._sse.close():
            self._on_event(event)
        if not self._ended:
            self._fail(UpstreamFailed(BROKE_OFF))
        return self._take()

    def decode_whole(self, body: bytes) -> Sequence[StreamEvent]:
        """The events of an answer that came in one piece."""
        response = decode_response_object(body)
        if response.has_error:
            self._fail(decode_stream_error(body))
        elif response.output is None:
            raise UpstreamFailed("the upstream's answer holds no output")
        else:
            self._end(response)
        return self._take()

    def _take(self) -> Sequence[StreamEvent]:
        out, self._told.events = self._told.events, []
        return out

    def _on_event(self, sse: SseEvent) -> None:
        if self._ended or not sse.data or sse.data.strip() == _DONE:
            return
        event = decode_event(sse.data, known=KNOWN, named=sse.event)
        if event is None:
            return
        kind = event.type or ""
        if kind in {"error", "response.error"}:
            self._fail(decode_stream_error(sse.data))
        elif kind == "response.failed":
            response = decode_response_object(event.response)
            self._fail(decode_stream_error(bytes(response.error) or b"{}"))
        elif kind in _ENDS:
            response = decode_response_object(event.response)
            if kind == "response.incomplete":
                response.status = "incomplete"
            self._end(response)
        elif kind in _BEGINS:
            self._start(decode_response_object(event.response))
        else:
            self._start(WireResponse())
            self._on_item_event(kind, event)

    def _start(self, response: WireResponse) -> None:
        if self._started:
            return
        self._started = True
        self._told.response_id = response.id or ""
        self._told.model = response.model or ""
        self._told.events.append(StreamStarted(self._told.response_id, self._told.model))

    def _on_item_event(self, kind: str, event: WireEvent) -> None:
        number = event.content_index or 0
        match kind:
            case "response.output_text.delta":
                text = text_of(event.delta)
                self._open(event, MessageReader).text(number, text, event.logprobs or ())
            case "response.function_call_arguments.delta":
                self._open(event, CallReader).arguments(text_of(event.delta))
            case "response.custom_tool_call_input.delta":
                self._open(event, CallReader, "custom_tool_call").arguments(text_of(event.delta))
            case "response.reasoning_summary_text.delta":
                part = event.summary_index or 0
                reader = self._open(event, ReasoningReader)
                reader.text(part, text_of(event.delta), is_summary=True)
            case "response.reasoning_text.delta":
                reader = self._open(event, ReasoningReader)
                reader.text(number, text_of(event.delta), is_summary=False)
            case "response.refusal.delta":
                self._open(event, MessageReader).refusal(number, text_of(event.delta))
            case "response.output_text.annotation.added" if is_there(event.annotation):
                self._open(event, MessageReader).annotate(number, event.annotation)
            case "response.content_part.done" if is_there(event.part):
                found = self._found(event.item_id, event.output_index)
                if isinstance(found, MessageReader):
                    found.part_done(number, decode_part(event.part))
            case "response.function_call_arguments.done":
                self._open(event, CallReader).whole(text_of(event.arguments))
            case "response.custom_tool_call_input.done":
                self._open(event, CallReader, "custom_tool_call").whole(text_of(event.input))
            case "response.output_item.added" if is_there(event.item):
                item = decode_item(event.item)
                self._add(reader_of(item, self._told), item.id, event.output_index)
            case "response.output_item.done" if is_there(event.item):
                self._item_done(event.item, event.output_index)
            case _:
                return

    def _found(self, item_id: str | None, place: int | None) -> ReadItem | None:
        found = self._by_id.get(item_id or "")
        return self._by_place.get(place or 0) if found is None else found

    def _open(self, event: WireEvent, reader: type[_R], kind: str = "function_call") -> _R:
        """The item that an event adds to; a new one where the server has not said that it begins."""
        found = self._found(event.item_id, event.output_index)
        if isinstance(found, reader) and not found.is_done:
            return found
        made = reader_of(WireItem(type=_KINDS.get(reader, kind)), self._told)
        assert isinstance(made, reader)
        self._add(made, event.item_id, event.output_index)
        return made

    def _add(self, reader: ReadItem, item_id: str | None, place: int | None) -> None:
        self._items.append(reader)
        self._by_place[place or 0] = reader
        if item_id:
            self._by_id[item_id] = reader

    def _item_done(self, raw: msgspec.Raw, place: int | None) -> None:
        item = decode_item(raw)
        reader = self._by_id.get(item.id or "") or self._called(item)
        if reader is None:
            reader = self._by_place.get(place or 0)
            if reader is None or reader.is_done or reader.kind != item.type:
                reader = reader_of(item, self._told)
                self._add(reader, item.id, place)
        reader.done(item, bytes(raw))

    def _called(self, item: WireItem) -> ReadItem | None:
        """A call is also known by the id that its result will name."""
        if not item.call_id:
            return None
        return next(
            (
                reader
                for reader in self._items
                if reader.call_id == item.call_id and reader.kind == item.type
            ),
            None,
        )

    def _end(self, response: WireResponse) -> None:
        self._start(response)
        if response.has_error and response.status == "failed":
            self._fail(decode_stream_error(bytes(response.error)))
            return
        for place, raw in enumerate(response.output or ()):
            item = decode_item(raw)
            known = self._by_id.get(item.id or "") or self._called(item)
            if known is None:
                known = self._by_place.get(place)
                if known is not None and known.kind != item.type:
                    known = None
            if known is None:
                known = reader_of(item, self._told)
                self._add(known, item.id, place)
            if not known.is_done:
                known.done(item, bytes(raw))
        for reader in self._items:
            if not reader.is_done:
                reader.end()
        if response.usage is not None:
            self._told.events.append(UsageReported(decode_usage(response.usage), "reported"))
        stop = decode_stop(
            "incomplete" if response.reason else response.status or "",
            response.reason,
            has_calls=self._told.has_calls,
            has_refusal=self._told.has_refusal,
        )
        self._told.events.append(Finished(stop))
        self._ended = True

    def _fail(self, error: TurnoutError) -> None:
        self._told.events.append(StreamFailed(error))
        self._ended = True


_KINDS: Final[dict[type, str]] = {MessageReader: "message", ReasoningReader: "reasoning"}


def decode_response(body: bytes) -> Sequence[StreamEvent]:
    """A whole JSON answer as the events its stream would have had."""
    return ResponsesStreamDecoder().decode_whole(body)
