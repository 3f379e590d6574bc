"""What strict clients hold a chat stream to (WIRE measurements, section 4 there), as a checker."""

import json
from typing import Any

from turnout.dialects.sse import SseDecoder

FINISHES = {"stop", "length", "tool_calls", "content_filter"}
CHUNK_KEYS = {"id", "object", "created", "model", "choices", "usage"}


def check(stream: bytes, *, include_usage: bool, has_sound_calls: bool = True) -> dict[str, object]:
    """Assert the grammar; return the message that a client puts together.

    Arguments are what the model wrote, which "may not always generate valid JSON" (API reference):
    `has_sound_calls` says that this one did.
    """
    *told, last_event = _events(stream)
    assert last_event == b"[DONE]"
    chunks = [json.loads(data) for data in told]
    _check_heads(chunks)
    usage = None
    if include_usage:
        last = chunks.pop()
        assert last["choices"] == []
        usage = last["usage"]
        total = usage["prompt_tokens"] + usage["completion_tokens"]
        assert usage["total_tokens"] == total
        assert usage["prompt_tokens"] > 0
        assert usage["prompt_tokens_details"]["cached_tokens"] <= usage["prompt_tokens"]
        assert all(chunk["usage"] is None for chunk in chunks)
    else:
        assert all("usage" not in chunk for chunk in chunks)
    return _message(chunks, has_sound_calls=has_sound_calls) | {"usage": usage}


def check_cut(stream: bytes) -> None:
    """Assert the grammar of a stream that broke off: a beginning of one, then the error."""
    *told, last = (json.loads(data) for data in _events(stream))
    _check_heads(told)
    assert told[0]["choices"][0]["delta"]["role"] == "assistant"
    calls: list[dict[str, str]] = []
    for chunk in told:
        (choice,) = chunk["choices"]
        assert choice["finish_reason"] is None
        for call in choice["delta"].get("tool_calls", ()):
            _take_call(calls, call)
    assert set(last) == {"error"}
    assert last["error"]["message"]
    assert last["error"]["type"]


def _events(stream: bytes) -> list[bytes]:
    decoder = SseDecoder()
    events = decoder.feed(stream)
    assert decoder.at_boundary
    assert all(not event.event for event in events)
    return [event.data for event in events]


def _check_heads(chunks: list[dict[str, Any]]) -> None:
    assert chunks[0]["id"]
    for chunk in chunks:
        assert set(chunk) <= CHUNK_KEYS
        assert chunk["object"] == "chat.completion.chunk"
        assert (chunk["id"], chunk["created"], chunk["model"]) == (
            chunks[0]["id"],
            chunks[0]["created"],
            chunks[0]["model"],
        )


def _message(
    chunks: list[dict[str, list[dict[str, object]]]], *, has_sound_calls: bool
) -> dict[str, object]:
    choices = []
    for chunk in chunks:
        (choice,) = chunk["choices"]
        assert choice["index"] == 0
        choices.append(choice)
    assert [choice["finish_reason"] for choice in choices[:-1]] == [None] * (len(choices) - 1)
    finish = choices[-1]["finish_reason"]
    assert finish in FINISHES
    texts: dict[str, list[str]] = {"content": [], "reasoning_content": [], "refusal": []}
    calls: list[dict[str, str]] = []
    for number, choice in enumerate(choices):
        delta = choice["delta"]
        assert isinstance(delta, dict)
        assert ("role" in delta) == (number == 0)
        for name, pieces in texts.items():
            if delta.get(name):
                pieces.append(delta[name])
        for call in delta.get("tool_calls", ()):
            _take_call(calls, call)
    for call in calls:
        if call["type"] == "function" and finish != "length" and has_sound_calls:
            json.loads(call["text"])
    assert (finish == "tool_calls") <= bool(calls)
    joined = {name: "".join(pieces) for name, pieces in texts.items()}
    return joined | {"calls": calls, "finish": finish}


def _take_call(calls: list[dict[str, str]], call: dict[str, object]) -> None:
    index = call["index"]
    assert isinstance(index, int)
    if index == len(calls):
        kind = call["type"]
        assert kind in {"function", "custom"}
        inner = call[kind]
        assert isinstance(inner, dict)
        assert call["id"]
        assert inner["name"]
        text = inner["arguments" if kind == "function" else "input"]
        calls.append({"id": str(call["id"]), "name": inner["name"], "text": text, "type": kind})
        return
    known = calls[index]
    inner = call[known["type"]]
    assert set(call) == {"index", known["type"]}
    assert isinstance(inner, dict)
    known["text"] += inner["arguments" if known["type"] == "function" else "input"]
