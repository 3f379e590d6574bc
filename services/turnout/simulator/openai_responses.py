"""The OpenAI Responses wire format, provider side: items, events, usage and errors.

Rules of this module: pure but for what it stores; every item is opened, filled and closed under one
id before the next, events are numbered from 0, and the last event holds the whole response;
`input_tokens` includes what was read from and written to the cache. Event names and fields are those
of openai 3.54.0.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from turnout.catalog import Catalog
from turnout.simulator.answers import Answer, ToolCall
from turnout.simulator.cache import Charge, PromptCache
from turnout.simulator.exchange import Call, Frame, Headers, Refused, split_text
from turnout.simulator.json_types import JsonObject, array_of, object_of
from turnout.simulator.openai import OpenAIWire, error_object
from turnout.simulator.openai_responses_input import SEALED_HEAD
from turnout.simulator.openai_responses_request import count_request, read_request
from turnout.simulator.openai_responses_store import StoredResponses
from turnout.simulator.prefix_charge import charge_prefix
from turnout.simulator.seals import SealKind, seal

TEXT_PIECE = 16
"""Characters in one delta: OpenAI sends about one token, a few at a time when busy."""

FAILURE = "An error occurred while processing your request. Please try again later."

INCOMPLETE = {"length": "max_output_tokens", "blocked": "content_filter"}
"""Why an answer is not complete, by how it stops."""


@dataclass(frozen=True, slots=True)
class ResponsesWire:
    """`turnout.simulator.exchange.Wire` for OpenAI Responses, with what it has been told to store."""

    stored: StoredResponses = field(default_factory=StoredResponses)

    def read(self, body: bytes, headers: Headers, catalog: Catalog) -> Call:
        return read_request(body, headers, catalog, self.stored)

    def count(self, body: bytes, headers: Headers, catalog: Catalog) -> bytes:
        return msgspec.json.encode(
            {
                "object": "response.input_tokens",
                "input_tokens": count_request(body, headers, catalog, self.stored),
            }
        )

    def charge(
        self, call: Call, cache: PromptCache, *, catalog: Catalog, credential: str, now: float
    ) -> Charge:
        return charge_prefix(call, cache, catalog=catalog, credential=credential, now=now)

    def whole(self, call: Call, answer: Answer, charge: Charge, *, created_at: int) -> bytes:
        self._store(call, answer)
        return msgspec.json.encode(_ended(call, answer, charge, created_at=created_at))

    def frames(
        self, call: Call, answer: Answer, charge: Charge, *, created_at: int
    ) -> Sequence[Frame]:
        self._store(call, answer)
        events = Events()
        begun = _response(call, answer, created_at=created_at, status="in_progress")
        start = events.write("response.created", response=begun)
        start += events.write("response.in_progress", response=begun)
        frames = [Frame("start", start)]
        for index, item in enumerate(_items(call, answer)):
            frames.extend(Frame("content", data) for data in _item_events(events, index, item))
        ended = _ended(call, answer, charge, created_at=created_at)
        frames.append(Frame("end", events.write(f"response.{ended['status']}", response=ended)))
        return frames

    def refusal(self, refused: Refused, *, request_id: str) -> bytes:
        del request_id  # OpenAI says it in a header only
        return msgspec.json.encode({"error": error_object(refused)})

    def scripted_refusal(self, status: int, *, retry_after: float | None = None) -> Refused:
        return OpenAIWire().scripted_refusal(status, retry_after=retry_after)

    def stream_error(
        self, call: Call, answer: Answer, *, sent: Sequence[bytes], created_at: int
    ) -> bytes:
        """The error, and then the response that has failed with what it holds so far: nothing."""
        # JSON has no raw line feed, so an event ends at each pair of them.
        events = Events(following=b"".join(sent).count(b"\n\n"))
        failed = _response(call, answer, created_at=created_at, status="failed")
        failed["error"] = {"code": "server_error", "message": FAILURE}
        error = events.write("error", code="server_error", message=FAILURE, param=None)
        return error + events.write("response.failed", response=failed)

    def stream_type(self) -> str:
        return "text/event-stream; charset=utf-8"

    def ping(self) -> bytes:
        return b""

    def request_id_header(self) -> str:
        return "x-request-id"

    def _store(self, call: Call, answer: Answer) -> None:
        if call.kept_items:
            items = [*call.kept_items, *_items(call, answer)]
            self.stored.keep(f"resp_{answer.id}", items)


class Events:
    """Writes the events of one answer, numbered in the order in which they are written."""

    def __init__(self, *, following: int = 0) -> None:
        self._number = following

    def write(self, kind: str, **fields: object) -> bytes:
        data = msgspec.json.encode({"type": kind, "sequence_number": self._number, **fields})
        self._number += 1
        return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"


def _response(call: Call, answer: Answer, *, created_at: int, status: str) -> JsonObject:
    no_output: list[JsonObject] = []
    return {
        "id": f"resp_{answer.id}",
        "object": "response",
        "created_at": created_at,
        "status": status,
        "background": False,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "model": call.model.upstream_name,
        "output": no_output,
        "service_tier": "default",
        "usage": None,
        **call.echo,
    }


def _ended(call: Call, answer: Answer, charge: Charge, *, created_at: int) -> JsonObject:
    reason = INCOMPLETE.get(answer.stop)
    status = "completed" if reason is None else "incomplete"
    response = _response(call, answer, created_at=created_at, status=status)
    response["output"] = _items(call, answer)
    response["usage"] = _usage(call, answer, charge)
    if reason is None:
        response["completed_at"] = created_at
    else:
        response["incomplete_details"] = {"reason": reason}
    return response


def _usage(call: Call, answer: Answer, charge: Charge) -> JsonObject:
    billed = call.model.prices.cache_write_other is not None
    return {
        "input_tokens": charge.total,
        "input_tokens_details": {
            "cached_tokens": charge.read,
            "cache_write_tokens": sum(charge.written.values()) if billed else 0,
        },
        "output_tokens": answer.output_tokens,
        "output_tokens_details": {"reasoning_tokens": answer.thinking_tokens},
        "total_tokens": charge.total + answer.output_tokens,
    }


def _items(call: Call, answer: Answer) -> list[JsonObject]:
    """The output: reasoning, what the provider ran itself, the message, and the calls."""
    if call.compacts:
        sealed = _encrypted("compaction", call, answer.text)
        return [{"id": f"cmp_{answer.id}", "type": "compaction", "encrypted_content": sealed}]
    items: list[JsonObject] = []
    if answer.thinking:
        items.append(_reasoning(call, answer))
    items.extend(_call_item(tool) for tool in answer.calls if tool.kind == "hosted")
    if answer.text:
        items.append(_message(answer))
    items.extend(_call_item(tool) for tool in answer.calls if tool.kind != "hosted")
    return items


def _reasoning(call: Call, answer: Answer) -> JsonObject:
    # The summary has a part for each thing that was thought of: here a sentence, then the rest.
    head, space, rest = answer.thinking.partition(". ")
    parts = [head + space.strip(), rest] if rest else [answer.thinking]
    item: JsonObject = {
        "id": f"rs_{answer.id}",
        "type": "reasoning",
        "summary": []
        if call.omit_thinking
        else [{"type": "summary_text", "text": part} for part in parts],
    }
    if call.seals_thinking:
        item["encrypted_content"] = _encrypted("reasoning", call, answer.thinking)
    return item


def _message(answer: Answer) -> JsonObject:
    part: JsonObject = {
        "type": "output_text",
        "text": answer.text,
        "annotations": [],
        "logprobs": [],
    }
    if answer.stop == "refusal":
        part = {"type": "refusal", "refusal": answer.text}
    calling = any(tool.kind != "hosted" for tool in answer.calls)
    return {
        "id": f"msg_{answer.id}",
        "type": "message",
        "status": "incomplete" if answer.stop == "length" else "completed",
        "role": "assistant",
        "phase": "commentary" if calling else "final_answer",
        "content": [part],
    }


def _call_item(tool: ToolCall) -> JsonObject:
    namespace: JsonObject = {"namespace": tool.namespace} if tool.namespace else {}
    match tool.kind:
        case "function":
            return {
                "id": f"fc_{tool.id}",
                "type": "function_call",
                "status": "completed",
                "call_id": f"call_{tool.id}",
                "name": tool.name,
                "arguments": tool.arguments,
                **namespace,
            }
        case "freeform":
            return {
                "id": f"ctc_{tool.id}",
                "type": "custom_tool_call",
                "status": "completed",
                "call_id": f"call_{tool.id}",
                "name": tool.name,
                "input": tool.arguments,
                **namespace,
            }
        case "search":
            return {
                "id": f"tsc_{tool.id}",
                "type": "tool_search_call",
                "status": "completed",
                "execution": "client",
                "call_id": f"call_{tool.id}",
                "arguments": msgspec.Raw(tool.arguments.encode()),
            }
        case "hosted":
            return {
                "id": f"ws_{tool.id}",
                "type": "web_search_call",
                "status": "completed",
                "action": {"type": "search", "query": "example", "queries": ["example"]},
            }


def _encrypted(kind: SealKind, call: Call, content: str) -> str:
    sealed = seal(kind, model=call.model.id, content=content)
    return base64.urlsafe_b64encode(SEALED_HEAD + sealed).decode()


def _item_events(events: Events, index: int, item: JsonObject) -> list[bytes]:
    """Everything about one item, in pieces that are sent at once."""
    opened = events.write("response.output_item.added", output_index=index, item=_opened(item))
    place = {"item_id": item["id"], "output_index": index}
    match item["type"]:
        case "reasoning":
            pieces = _summary_events(events, index, item)
        case "message":
            pieces = _part_events(events, index, item)
        case "function_call":
            pieces = _text_events(
                events,
                place,
                kind="function_call_arguments",
                whole=("arguments", str(item["arguments"])),
            )
        case "custom_tool_call":
            pieces = _text_events(
                events,
                place,
                kind="custom_tool_call_input",
                whole=("input", str(item["input"])),
            )
        case "web_search_call":
            steps = ("in_progress", "searching", "completed")
            pieces = [events.write(f"response.web_search_call.{step}", **place) for step in steps]
        case _:
            pieces = []
    closed = events.write("response.output_item.done", output_index=index, item=item)
    return [opened, *pieces, closed]


def _opened(item: JsonObject) -> JsonObject:
    """The item as it is announced: known by its id, and empty."""
    empty: JsonObject = {}
    match item["type"]:
        case "message":
            empty = {"status": "in_progress", "content": []}
        case "function_call":
            empty = {"status": "in_progress", "arguments": ""}
        case "custom_tool_call":
            empty = {"status": "in_progress", "input": ""}
        case "web_search_call" | "tool_search_call":
            empty = {"status": "in_progress"}
        case "reasoning":
            empty = {"summary": []}
        case _:
            pass
    return item | empty


def _summary_events(events: Events, index: int, item: JsonObject) -> list[bytes]:
    pieces: list[bytes] = []
    for number, part in enumerate(array_of(item["summary"])):
        place: JsonObject = {
            "item_id": item["id"],
            "output_index": index,
            "summary_index": number,
        }
        empty = {"type": "summary_text", "text": ""}
        pieces.append(events.write("response.reasoning_summary_part.added", **place, part=empty))
        text = str(object_of(part)["text"])
        pieces.extend(
            _text_events(events, place, kind="reasoning_summary_text", whole=("text", text))
        )
        pieces.append(events.write("response.reasoning_summary_part.done", **place, part=part))
    return pieces


def _part_events(events: Events, index: int, item: JsonObject) -> list[bytes]:
    part = object_of(array_of(item["content"])[0])
    place: JsonObject = {"item_id": item["id"], "output_index": index, "content_index": 0}
    if part["type"] == "refusal":
        kind, field, extra = "refusal", "refusal", JsonObject()
    else:
        kind, field, extra = "output_text", "text", JsonObject(logprobs=[])
    opened = events.write("response.content_part.added", **place, part=part | {field: ""})
    filled = _text_events(events, place | extra, kind=kind, whole=(field, str(part[field])))
    return [opened, *filled, events.write("response.content_part.done", **place, part=part)]


def _text_events(
    events: Events, place: JsonObject, *, kind: str, whole: tuple[str, str]
) -> list[bytes]:
    """The deltas of one text, and the event that repeats it whole under its own field."""
    field, text = whole
    pieces = [
        events.write(f"response.{kind}.delta", **place, delta=piece)
        for piece in split_text(text, TEXT_PIECE)
    ]
    return [*pieces, events.write(f"response.{kind}.done", **place, **{field: text})]
