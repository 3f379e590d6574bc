"""What OpenAI's documentation and strict clients hold a response stream to, as a checker.

Sources: the streaming events of the API reference, and WIRE measurements of clients: items one after
another, both `.added` and `.done` under one id, every piece repeated by its `.done`, a final response
that holds what was streamed. The one departure is said in `stream_encode`: an answer that was cut ends
in `response.completed` with status `incomplete`.
"""

import json
from contextlib import suppress
from typing import Any

from turnout.dialects.sse import SseDecoder

Json = dict[str, Any]

RESPONSE_FIELDS = {
    *("id", "object", "created_at", "status", "error", "incomplete_details", "instructions"),
    *("metadata", "model", "output", "parallel_tool_calls", "temperature", "tool_choice"),
    *("tools", "top_p", "background", "max_output_tokens", "max_tool_calls"),
    *("previous_response_id", "prompt_cache_key", "reasoning", "safety_identifier"),
    *("service_tier", "store", "text", "top_logprobs", "truncation", "usage", "user"),
    *("completed_at", "prompt_cache_retention"),
}
OF_THE_ANSWER = {"status", "completed_at", "error", "incomplete_details", "output", "usage"}
ITEM_PREFIXES = {
    "message": "msg_",
    "reasoning": "rs_",
    "function_call": "fc_",
    "custom_tool_call": "ctc_",
    "tool_search_call": "tsc_",
}


def events_of_stream(stream: bytes) -> list[Json]:
    decoder = SseDecoder()
    found = decoder.feed(stream)
    assert decoder.at_boundary
    events = []
    for number, event in enumerate(found):
        data = json.loads(event.data)
        assert event.event == data["type"]
        assert data["sequence_number"] == number
        events.append(data)
    return events


def check(stream: bytes) -> Json:
    """Assert the grammar of a stream that ends well; return the final response."""
    events = events_of_stream(stream)
    created, in_progress, *middle, completed = events
    assert created["type"] == "response.created"
    assert in_progress["type"] == "response.in_progress"
    assert completed["type"] == "response.completed"
    final: Json = completed["response"]
    for event in (created, in_progress):
        _check_response(event["response"], final)
        assert event["response"]["status"] == "in_progress"
        assert event["response"]["output"] == []
        assert event["response"]["usage"] is None
    _check_response(final, final)
    _check_end(final)
    items: list[Json] = []
    while middle:
        items.append(_take_item(middle, len(items)))
    assert items == final["output"]
    assert items
    return final


def check_cut(stream: bytes) -> None:
    """Assert the grammar of a stream that broke off: a beginning of one, then the failure."""
    created, in_progress, *middle, error, failed = events_of_stream(stream)
    assert created["type"] == "response.created"
    assert in_progress["type"] == "response.in_progress"
    assert (error["type"], failed["type"]) == ("error", "response.failed")
    assert error["message"]
    final: Json = failed["response"]
    for event in (created, in_progress, failed):
        _check_response(event["response"], final)
    assert final["status"] == "failed"
    assert final["error"]["message"]
    number = 0
    with suppress(_Cut):
        while middle:
            _take_item(middle, number)
            number += 1


class _Cut(AssertionError):
    """The events have ended in the middle of an item: a defect, but of a stream that broke off."""


def _next(events: list[Json]) -> str:
    if not events:
        raise _Cut
    return str(events[0]["type"])


def _check_response(response: Json, final: Json) -> None:
    assert set(response) == RESPONSE_FIELDS
    assert response["object"] == "response"
    for name in RESPONSE_FIELDS - OF_THE_ANSWER:
        assert response[name] == final[name]
    assert (response["completed_at"] is None) == (response["status"] != "completed")


def _check_end(final: Json) -> None:
    reasons = {"completed": None, "incomplete": final["incomplete_details"]}
    assert final["incomplete_details"] == reasons[final["status"]]
    if final["status"] == "incomplete":
        assert final["incomplete_details"]["reason"] in {"max_output_tokens", "content_filter"}
    usage = final["usage"]
    assert usage is not None
    assert set(usage) == {
        *("input_tokens", "input_tokens_details", "output_tokens"),
        *("output_tokens_details", "total_tokens"),
    }
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["input_tokens_details"]["cached_tokens"] <= usage["input_tokens"]
    assert usage["output_tokens_details"]["reasoning_tokens"] <= usage["output_tokens"]


def _take(events: list[Json], kind: str, place: Json) -> Json:
    assert _next(events) == f"response.{kind}"
    event = events.pop(0)
    assert {name: event[name] for name in place} == place
    return event


def _take_item(events: list[Json], number: int) -> Json:
    added = _take(events, "output_item.added", {"output_index": number})["item"]
    kind = added["type"]
    place = {"output_index": number, "item_id": added["id"]}
    expected: Json
    match kind:
        case "message":
            assert added["content"] == []
            expected = {"content": [_take_content(events, place | {"content_index": 0})]}
        case "reasoning":
            assert added["summary"] == []
            expected = {"summary": _take_summary(events, place | {"summary_index": 0})}
        case "function_call":
            assert added["arguments"] == ""
            text = _take_pieces(events, "function_call_arguments", place, "arguments")
            expected = {"arguments": text}
        case "custom_tool_call":
            assert added["input"] == ""
            expected = {"input": _take_pieces(events, "custom_tool_call_input", place, "input")}
        case _:
            expected = {}
    done: Json = _take(events, "output_item.done", {"output_index": number})["item"]
    assert (done["id"], done["type"]) == (added["id"], kind)
    assert {name: done[name] for name in expected} == expected
    if kind in ITEM_PREFIXES:
        assert done["id"].startswith(ITEM_PREFIXES[kind])
    if kind != "reasoning":
        assert done["status"] in {"completed", "incomplete"}
    if "call_id" in done:
        assert done["call_id"]
    if kind == "message":
        assert (added["role"], added["status"]) == ("assistant", "in_progress")
    return done


def _take_content(events: list[Json], place: Json) -> Json:
    part = _take(events, "content_part.added", place)["part"]
    if part["type"] == "refusal":
        text = _take_pieces(events, "refusal", place, "refusal")
        whole = {"type": "refusal", "refusal": text}
    else:
        assert part == {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        whole = _take_text(events, place)
    done: Json = _take(events, "content_part.done", place)["part"]
    assert done == whole
    return done


def _take_text(events: list[Json], place: Json) -> Json:
    pieces: list[str] = []
    annotations: list[Json] = []
    streamed: list[Json] = []
    while _next(events) != "response.output_text.done":
        if _next(events) == "response.output_text.annotation.added":
            number = {"annotation_index": len(annotations)}
            event = _take(events, "output_text.annotation.added", place | number)
            annotations.append(event["annotation"])
            continue
        delta = _take(events, "output_text.delta", place)
        pieces.append(delta["delta"])
        streamed += delta["logprobs"]
    done = _take(events, "output_text.done", place)
    text = "".join(pieces)
    assert done["text"] == text
    # What came behind the last piece is in the whole list alone.
    assert done["logprobs"][: len(streamed)] == streamed
    for one in done["logprobs"]:
        assert {"token", "logprob", "bytes", "top_logprobs"} == set(one)
    return {
        "type": "output_text",
        "text": text,
        "annotations": annotations,
        "logprobs": done["logprobs"],
    }


def _take_summary(events: list[Json], place: Json) -> list[Json]:
    if _next(events) == "response.output_item.done":
        return []
    part = _take(events, "reasoning_summary_part.added", place)["part"]
    assert part == {"type": "summary_text", "text": ""}
    text = _take_pieces(events, "reasoning_summary_text", place, "text")
    whole = {"type": "summary_text", "text": text}
    assert _take(events, "reasoning_summary_part.done", place)["part"] == whole
    return [whole]


def _take_pieces(events: list[Json], kind: str, place: Json, name: str) -> str:
    pieces: list[str] = []
    while _next(events) == f"response.{kind}.delta":
        pieces.append(_take(events, f"{kind}.delta", place)["delta"])
    whole: str = _take(events, f"{kind}.done", place)[name]
    assert whole == "".join(pieces)
    return whole
