"""Streams of the Responses API: made of a whole response, and folded into one again.

Source: platform.openai.com/docs/api-reference/responses-streaming.
"""

import itertools
from collections.abc import Iterator

from tests.matrix.answer_streams import events_of, named, pieces
from tests.matrix.declared import Json

_TEXTS = {"output_text": "output_text", "refusal": "refusal"}


def stream_responses(whole: Json) -> bytes:
    numbers = itertools.count()
    begun = whole | {"status": "in_progress", "output": [], "usage": None}
    begun["incomplete_details"] = None
    events: list[Json] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
    ]
    for place, item in enumerate(whole["output"]):
        events += [event | {"output_index": place} for event in _item_events(item)]
    last = "response.incomplete" if whole["status"] == "incomplete" else "response.completed"
    events.append({"type": last, "response": whole})
    return b"".join(named(event | {"sequence_number": next(numbers)}) for event in events)


def _item_events(item: Json) -> Iterator[Json]:
    on: Json = {"item_id": item["id"]}
    opened = item | {"status": "in_progress"}
    match item["type"]:
        case "message":
            yield {"type": "response.output_item.added", "item": opened | {"content": []}}
            for index, part in enumerate(item["content"]):
                yield from (event | on | {"content_index": index} for event in _part_events(part))
        case "function_call":
            yield {"type": "response.output_item.added", "item": opened | {"arguments": ""}}
            kind = "response.function_call_arguments"
            for one in pieces(item["arguments"]):
                yield {"type": f"{kind}.delta", "delta": one} | on
            yield {
                "type": f"{kind}.done",
                "arguments": item["arguments"],
                "name": item["name"],
            } | on
        case "custom_tool_call":
            yield {"type": "response.output_item.added", "item": opened | {"input": ""}}
            kind = "response.custom_tool_call_input"
            for one in pieces(item["input"]):
                yield {"type": f"{kind}.delta", "delta": one} | on
            yield {"type": f"{kind}.done", "input": item["input"]} | on
        case "reasoning":
            added = {"id": item["id"], "type": "reasoning", "summary": [], "status": "in_progress"}
            yield {"type": "response.output_item.added", "item": added}
            for index, part in enumerate(item["summary"]):
                yield from (
                    event | on | {"summary_index": index} for event in _summary_events(part)
                )
        case kind:
            raise AssertionError(kind)
    yield {"type": "response.output_item.done", "item": item}


def _summary_events(part: Json) -> Iterator[Json]:
    yield {"type": "response.reasoning_summary_part.added", "part": part | {"text": ""}}
    for one in pieces(part["text"]):
        yield {"type": "response.reasoning_summary_text.delta", "delta": one}
    yield {"type": "response.reasoning_summary_text.done", "text": part["text"]}
    yield {"type": "response.reasoning_summary_part.done", "part": part}


def _part_events(part: Json) -> Iterator[Json]:
    kind = part["type"]
    text = part["text" if kind == "output_text" else "refusal"]
    empty = (
        {"text": "", "annotations": [], "logprobs": []}
        if kind == "output_text"
        else {"refusal": ""}
    )
    yield {"type": "response.content_part.added", "part": part | empty}
    told = part.get("logprobs") or []
    for number, one in enumerate(pieces(text)):
        delta: Json = {"type": f"response.{kind}.delta", "delta": one}
        if kind == "output_text":
            # Each delta tells the tokens that it holds.
            delta["logprobs"] = told if number == 0 else []
        yield delta
    for number, one in enumerate(part.get("annotations") or ()):
        yield {
            "type": "response.output_text.annotation.added",
            "annotation_index": number,
            "annotation": one,
        }
    if kind == "output_text":
        yield {"type": "response.output_text.done", "text": text, "logprobs": told}
    else:
        yield {"type": "response.refusal.done", "refusal": text}
    yield {"type": "response.content_part.done", "part": part}


def fold_responses(stream: bytes) -> Json:
    """The last response, after what came before it has been held against it."""
    events = list(events_of(stream))
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert events[0]["type"] == "response.created"
    assert events[-1]["type"] in {"response.completed", "response.incomplete"}
    whole: Json = events[-1]["response"]
    done = [e["item"] for e in events if e["type"] == "response.output_item.done"]
    added = [e["item"] for e in events if e["type"] == "response.output_item.added"]
    assert done == whole["output"]
    assert [item["id"] for item in added] == [item["id"] for item in done]
    said: dict[str, str] = {}
    for event in events:
        if event["type"].endswith(".delta"):
            said[event["item_id"]] = said.get(event["item_id"], "") + event["delta"]
    for item in done:
        assert said.get(item["id"], "") == _said(item)
    pieces = sum(e["type"] == "response.function_call_arguments.delta" for e in events)
    return whole | {"fragments": pieces}


def _said(item: Json) -> str:
    match item["type"]:
        case "message":
            return "".join(part.get("text", part.get("refusal")) for part in item["content"])
        case "reasoning":
            return "".join(part["text"] for part in item["summary"])
        case "custom_tool_call":
            return str(item["input"])
        case _:
            return str(item["arguments"])
