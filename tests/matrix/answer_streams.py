"""Streams of each wire as its provider sends them, made of a whole answer, and folded into one again.

Written from the providers' documentation of their streams. Texts, arguments and reasoning come in
pieces that cut words and JSON escapes in the middle; parallel calls of chat interleave. Folding is
strict: a delta to nothing, an event out of order or a missing end is an error.
"""

import json
from collections.abc import Iterator
from typing import Any

from tests.matrix.declared import Json

PIECE = 7
"""Characters of a fragment: shorter than a word with an escape in it."""


def pieces(text: str) -> list[str]:
    return [text[n : n + PIECE] for n in range(0, len(text), PIECE)]


def named(event: Json) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n".encode()


def unnamed(event: Json) -> bytes:
    return f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()


def events_of(stream: bytes) -> Iterator[Json]:
    """The JSON of every event; `[DONE]`, pings and comments left out."""
    for block in stream.decode().split("\n\n"):
        data = "".join(
            line.removeprefix("data:").strip()
            for line in block.split("\n")
            if line.startswith("data:")
        )
        # Google's word of a failure stands without `data:`.
        data = data or (block if block.startswith("{") else "")
        if data and data != "[DONE]":
            event: Json = json.loads(data)
            if event.get("type") != "ping":
                yield event


# messages: docs.claude.com/en/docs/build-with-claude/streaming


def stream_messages(whole: Json) -> bytes:
    usage = whole["usage"]
    head = whole | {"content": [], "stop_reason": None, "stop_sequence": None}
    head["usage"] = usage | {"output_tokens": 1}
    out = [named({"type": "message_start", "message": head})]
    for index, block in enumerate(whole["content"]):
        out += [named(event | {"index": index}) for event in _block_events(block)]
    delta = {"stop_reason": whole["stop_reason"], "stop_sequence": whole["stop_sequence"]}
    out.append(named({"type": "message_delta", "delta": delta, "usage": usage}))
    out.append(named({"type": "message_stop"}))
    return b"".join(out)


def _block_events(block: Json) -> Iterator[Json]:
    opening, deltas = dict(block), list[Json]()
    match block["type"]:
        case "text":
            opening["text"] = ""
            opening.pop("citations", None)
            deltas = [{"type": "text_delta", "text": one} for one in pieces(block["text"])]
            deltas += [
                {"type": "citations_delta", "citation": one} for one in block.get("citations", ())
            ]
        case "thinking":
            opening |= {"thinking": "", "signature": ""}
            deltas = [
                {"type": "thinking_delta", "thinking": one} for one in pieces(block["thinking"])
            ]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        case "tool_use":
            opening["input"] = {}
            written = json.dumps(block["input"], ensure_ascii=False) if block["input"] else ""
            deltas = [
                {"type": "input_json_delta", "partial_json": one} for one in ("", *pieces(written))
            ]
        case _:
            pass
    yield {"type": "content_block_start", "content_block": opening}
    for delta in deltas:
        yield {"type": "content_block_delta", "delta": delta}
    yield {"type": "content_block_stop"}


def fold_messages(stream: bytes) -> Json:
    events = list(events_of(stream))
    assert events[0]["type"] == "message_start"
    assert events[-1]["type"] == "message_stop"
    assert events[-2]["type"] == "message_delta"
    whole: Json = dict(events[0]["message"])
    first_usage = whole["usage"]
    content: list[Json] = []
    arguments = ""
    for event in events[1:-2]:
        match event["type"]:
            case "content_block_start":
                assert event["index"] == len(content)
                content.append(dict(event["content_block"]))
                arguments = ""
            case "content_block_delta":
                assert event["index"] == len(content) - 1
                arguments += _messages_delta(content[-1], event["delta"])
            case "content_block_stop":
                assert event["index"] == len(content) - 1
                if content[-1]["type"] == "tool_use":
                    assert content[-1]["input"] == {}
                    content[-1]["input"] = json.loads(arguments or "{}")
            case kind:
                raise AssertionError(kind)
    whole |= {"content": content} | events[-2]["delta"]
    pieces = sum("partial_json" in event.get("delta", {}) for event in events)
    usage = first_usage | events[-2]["usage"]
    return whole | {"usage": usage, "first_usage": first_usage, "fragments": pieces}


def _messages_delta(block: Json, delta: Json) -> str:
    match delta["type"]:
        case "text_delta":
            block["text"] += delta["text"]
        case "thinking_delta":
            block["thinking"] += delta["thinking"]
        case "signature_delta":
            block["signature"] += delta["signature"]
        case "citations_delta":
            block.setdefault("citations", []).append(delta["citation"])
        case "input_json_delta":
            return str(delta["partial_json"])
        case kind:
            raise AssertionError(kind)
    return ""


# chat: platform.openai.com/docs/api-reference/chat-streaming


def stream_chat(whole: Json) -> bytes:
    head = {"id": whole["id"], "object": "chat.completion.chunk", "created": 1}
    head |= {"model": whole["model"]}
    choice = whole["choices"][0]
    message = choice["message"]
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    for name in ("reasoning_content", "content", "refusal"):
        deltas += [{name: one} for one in pieces(message.get(name) or "")]
    if "reasoning_details" in message:
        deltas.append({"reasoning_details": message["reasoning_details"]})
    if message.get("annotations"):
        deltas.append({"annotations": message["annotations"]})
    deltas += _call_deltas(message.get("tool_calls", ()))

    def chunk(delta: Json, reason: str | None = None, logprobs: object = None) -> bytes:
        said = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
        return unnamed(head | {"choices": [said], "usage": None})

    out = [chunk(delta) for delta in deltas]
    if choice.get("logprobs"):
        out.append(chunk({"content": ""}, logprobs=choice["logprobs"]))
    out.append(chunk({}, choice["finish_reason"]))
    out.append(unnamed(head | {"choices": [], "usage": whole["usage"]}))
    return b"".join((*out, b"data: [DONE]\n\n"))


def _call_deltas(calls: Any) -> list[Json]:
    """All calls are begun first, their arguments interleave."""
    begun: list[Json] = []
    rest: list[tuple[int, Json]] = []
    for index, call in enumerate(calls):
        kind = call["type"]
        text = "input" if kind == "custom" else "arguments"
        inner = call[kind] | {text: ""}
        begun.append({"tool_calls": [{"index": index, **call, kind: inner}]})
        for number, one in enumerate(pieces(call[kind][text])):
            rest.append((number, {"tool_calls": [{"index": index, kind: {text: one}}]}))
    return begun + [delta for _, delta in sorted(rest, key=lambda one: one[0])]


def fold_chat(stream: bytes) -> Json:
    assert stream.endswith(b"data: [DONE]\n\n")
    chunks = list(events_of(stream))
    message: Json = {"role": "assistant", "content": None, "refusal": None}
    calls: list[Json] = []
    reason, logprobs, usage = None, None, None
    for chunk in chunks:
        usage = chunk.get("usage") or usage
        for choice in chunk["choices"]:
            assert reason is None
            reason = choice["finish_reason"]
            logprobs = choice.get("logprobs") or logprobs
            for name, value in choice["delta"].items():
                match name:
                    case "role":
                        assert value == "assistant"
                    case "tool_calls":
                        _fold_calls(calls, value)
                    case "reasoning_details" | "annotations":
                        message[name] = message.get(name, []) + value
                    case _:
                        message[name] = (message.get(name) or "") + value
    if calls:
        message["tool_calls"] = calls
    message["content"] = message["content"] or None
    assert reason is not None
    assert len({chunk["id"] for chunk in chunks}) == 1
    choice = {"index": 0, "message": message, "finish_reason": reason, "logprobs": logprobs}
    pieces = sum("tool_calls" in one["delta"] for chunk in chunks for one in chunk["choices"])
    told = {"model": chunks[0]["model"], "choices": [choice], "usage": usage}
    return told | {"fragments": pieces - len(calls)}


def _fold_calls(calls: list[Json], deltas: list[Json]) -> None:
    for delta in deltas:
        if delta["index"] == len(calls):
            kind = delta["type"]
            calls.append({"id": delta["id"], "type": kind, kind: dict(delta[kind])})
        else:
            call = calls[delta["index"]]
            text = "input" if call["type"] == "custom" else "arguments"
            call[call["type"]][text] += delta[call["type"]][text]


# gemini: ai.google.dev/api/generate-content#method:-models.streamgeneratecontent


def stream_gemini(whole: Json) -> bytes:
    candidate = whole["candidates"][0]
    head = {"modelVersion": whole["modelVersion"], "responseId": whole["responseId"]}
    parts: list[Json] = []
    for part in candidate.get("content", {}).get("parts", ()):
        if part.get("text"):
            parts += [part | {"text": one} for one in pieces(part["text"])]
        else:
            parts.append(part)
    early = {"promptTokenCount": whole["usageMetadata"]["promptTokenCount"]}
    out = [
        unnamed(
            head
            | {"candidates": [{"content": {"role": "model", "parts": [part]}, "index": 0}]}
            | {"usageMetadata": early}
        )
        for part in parts
    ]
    last = {name: value for name, value in candidate.items() if name != "content"}
    last["content"] = {"role": "model", "parts": [{"text": ""}]}
    end = head | {"candidates": [last], "usageMetadata": whole["usageMetadata"]}
    return b"".join((*out, unnamed(end)))


def fold_gemini(stream: bytes) -> Json:
    chunks = list(events_of(stream))
    parts: list[Json] = []
    candidate: Json = {}
    usage: Json = {}
    first_usage = next(chunk["usageMetadata"] for chunk in chunks if "usageMetadata" in chunk)
    for chunk in chunks:
        assert "finishReason" not in candidate
        usage |= chunk.get("usageMetadata", {})
        for one in chunk.get("candidates", ()):
            candidate |= {name: value for name, value in one.items() if name != "content"}
            for part in one.get("content", {}).get("parts", ()):
                _fold_part(parts, part)
    assert "finishReason" in candidate
    candidate["content"] = {"role": "model", "parts": parts}
    whole = {"candidates": [candidate], "usageMetadata": usage, "first_usage": first_usage}
    return whole | {"modelVersion": chunks[-1]["modelVersion"]}


def _fold_part(parts: list[Json], part: Json) -> None:
    last = parts[-1] if parts else {}
    if "text" in part and "text" in last and part.get("thought") == last.get("thought"):
        signatures = (
            {"thoughtSignature": part["thoughtSignature"]} if "thoughtSignature" in part else {}
        )
        parts[-1] = last | signatures | {"text": last["text"] + part["text"]}
    else:
        parts.append(part)
