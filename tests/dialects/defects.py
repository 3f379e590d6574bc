"""Defects of streams that break clients, one by one, as changes to a sound stream.

Each takes the events of an answer with reasoning, text and two tool calls and returns them spoilt.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from turnout.capabilities import Dialect
from turnout.dialects.sse import SseDecoder, encode_event

Chunk: TypeAlias = tuple[str, Any]
"""The name of an event and its JSON."""
Defect: TypeAlias = Callable[[list[Chunk]], list[Chunk]]


def chunks_of(stream: bytes) -> list[Chunk]:
    return [
        (event.event, event.data.decode() if event.data == b"[DONE]" else json.loads(event.data))
        for event in SseDecoder().feed(stream)
    ]


def stream_of(chunks: Sequence[Chunk]) -> bytes:
    return b"".join(
        encode_event(name, data.encode() if isinstance(data, str) else json.dumps(data).encode())
        for name, data in chunks
    )


def without(name: str) -> Defect:
    return lambda chunks: [chunk for chunk in chunks if chunk[0] != name]


def edited(change: Callable[[Any], object]) -> Defect:
    """`change` alters the JSON of every event, where it has what it looks for."""

    def apply(chunks: list[Chunk]) -> list[Chunk]:
        for _, data in chunks:
            if not isinstance(data, str):
                change(data)
        return chunks

    return apply


def with_unknown_event(chunks: list[Chunk]) -> list[Chunk]:
    return [chunks[0], ("router_info", {"type": "router_info", "model": "m"}), *chunks[1:]]


def without_start_usage(data: Any) -> None:
    if data["type"] == "message_start":
        del data["message"]["usage"]


def with_zero_input(data: Any) -> None:
    if data["type"] == "message_start":
        data["message"]["usage"].update(input_tokens=0, cache_read_input_tokens=0)


def without_delta_usage(data: Any) -> None:
    if data["type"] == "message_delta":
        del data["usage"]


def stopping(word: str | None) -> Defect:
    def change(data: Any) -> None:
        if data["type"] == "message_delta":
            data["delta"]["stop_reason"] = word

    return edited(change)


def with_input_in_start(chunks: list[Chunk]) -> list[Chunk]:
    for _, data in chunks:
        if data["type"] == "content_block_start" and "input" in data["content_block"]:
            data["content_block"]["input"] = {"path": "a"}
    return [chunk for chunk in chunks if "partial_json" not in json.dumps(chunk[1])]


def with_index_zero(data: Any) -> None:
    if "index" in data:
        data["index"] = 0


MESSAGES_DEFECTS: dict[str, Defect] = {
    "an event of a type of its own": with_unknown_event,
    "no usage in message_start": edited(without_start_usage),
    "no input in the first usage": edited(with_zero_input),
    "no event lines": lambda chunks: [("", data) for _, data in chunks],
    "no message_delta": without("message_delta"),
    "no usage in message_delta": edited(without_delta_usage),
    "OpenAI's stop": stopping("stop"),
    "OpenAI's tool_calls": stopping("tool_calls"),
    "no stop reason": stopping(None),
    "the end of a turn that calls tools": stopping("end_turn"),
    "no message_stop": without("message_stop"),
    "no content_block_stop": without("content_block_stop"),
    "input in content_block_start": with_input_in_start,
    "every block at index 0": edited(with_index_zero),
    "the end twice": lambda chunks: [*chunks, chunks[-1]],
}


def finishing(word: str | None) -> Defect:
    def change(data: Any) -> None:
        for choice in data["choices"]:
            if choice["finish_reason"]:
                choice["finish_reason"] = word

    return edited(change)


def on_calls(change: Callable[[Any], object]) -> Defect:
    def apply(data: Any) -> None:
        for choice in data["choices"]:
            for call in choice["delta"].get("tool_calls", ()):
                change(call)

    return edited(apply)


def with_empty_id(call: Any) -> None:
    if "id" in call:
        call["id"] = ""


def without_id(call: Any) -> None:
    call.pop("id", None)


def without_role(data: Any) -> None:
    for choice in data["choices"]:
        choice["delta"].pop("role", None)


CHAT_DEFECTS: dict[str, Defect] = {
    "no finish reason": finishing(None),
    "Anthropic's tool_use": finishing("tool_use"),
    "an empty call id": on_calls(with_empty_id),
    "no call id": on_calls(without_id),
    "calls without an index": on_calls(lambda call: call.pop("index")),
    "calls that share an index": on_calls(lambda call: call.update(index=0)),
    "no role": edited(without_role),
    "no usage for whoever asked": lambda chunks: [*chunks[:-2], chunks[-1]],
    "no [DONE]": lambda chunks: chunks[:-1],
    "named events": lambda chunks: [("chunk", data) for _, data in chunks],
    "a field of a router's": edited(lambda data: data.update(provider="p")),
}


def on_event(kind: str, change: Callable[[Any], object]) -> Defect:
    """`change` alters the JSON of every event of that type."""
    return edited(lambda data: change(data) if data["type"] == kind else None)


def without_last(event: str) -> Defect:
    """Without the last event of that name; the numbers run on."""

    def apply(chunks: list[Chunk]) -> list[Chunk]:
        last = max(at for at, (name, _) in enumerate(chunks) if name == event)
        kept = [chunk for at, chunk in enumerate(chunks) if at != last]
        for number, (_, data) in enumerate(kept):
            data["sequence_number"] = number
        return kept

    return apply


def ending_incomplete(chunks: list[Chunk]) -> list[Chunk]:
    """As OpenAI ends what was cut, which Codex and pi ask for again."""
    *before, (_, last) = chunks
    last["type"] = "response.incomplete"
    last["response"]["status"] = "incomplete"
    return [*before, ("response.incomplete", last)]


RESPONSES_DEFECTS: dict[str, Defect] = {
    "no response.created": lambda chunks: chunks[1:],
    "no end": lambda chunks: chunks[:-1],
    "Chat's end": lambda chunks: [*chunks, ("", "[DONE]")],
    "no event lines": lambda chunks: [("", data) for _, data in chunks],
    "an event of a type of its own": with_unknown_event,
    "numbers that stand still": edited(lambda data: data.update(sequence_number=0)),
    "an item without its added": without_last("response.output_item.added"),
    "an item without its done": without_last("response.output_item.done"),
    "an incomplete end": ending_incomplete,
    "another id in done": on_event(
        "response.output_item.done", lambda data: data["item"].update(id="msg_other")
    ),
    "deltas without an item id": on_event(
        "response.output_text.delta", lambda data: data.pop("item_id")
    ),
    "arguments that are not the pieces": on_event(
        "response.function_call_arguments.done", lambda data: data.update(arguments="{}{}")
    ),
    "an empty call id": on_event(
        "response.output_item.done",
        lambda data: data["item"].update(call_id="") if "call_id" in data["item"] else None,
    ),
    "an empty final output": on_event(
        "response.completed", lambda data: data["response"].update(output=[])
    ),
    "no usage at the end": on_event(
        "response.completed", lambda data: data["response"].update(usage=None)
    ),
    "a total that is no sum": on_event(
        "response.completed", lambda data: data["response"]["usage"].update(total_tokens=1)
    ),
    "a status of a router's": on_event(
        "response.completed", lambda data: data["response"].update(status="done")
    ),
    "a field of a router's": on_event(
        "response.completed", lambda data: data["response"].update(provider="p")
    ),
    "another model in the end": on_event(
        "response.completed", lambda data: data["response"].update(model="upstream")
    ),
}


def on_candidates(change: Callable[[Any], object]) -> Defect:
    return edited(lambda data: [change(candidate) for candidate in data["candidates"]])


def on_parts(change: Callable[[Any], object]) -> Defect:
    return on_candidates(lambda candidate: [change(part) for part in candidate["content"]["parts"]])


def on_functions(change: Callable[[Any], object]) -> Defect:
    return on_parts(lambda part: change(part["functionCall"]) if "functionCall" in part else None)


def without_first_usage(chunks: list[Chunk]) -> list[Chunk]:
    del chunks[0][1]["usageMetadata"]
    return chunks


def on_usage(change: Callable[[Any], object]) -> Defect:
    return edited(lambda data: change(data["usageMetadata"]) if "usageMetadata" in data else None)


GEMINI_DEFECTS: dict[str, Defect] = {
    "no finish reason": on_candidates(lambda candidate: candidate.pop("finishReason", None)),
    "a finish reason on every event": on_candidates(
        lambda candidate: candidate.update(finishReason="STOP")
    ),
    "OpenAI's tool_calls": on_candidates(
        lambda candidate: (
            candidate.update(finishReason="tool_calls") if "finishReason" in candidate else None
        )
    ),
    "named events": lambda chunks: [("message", data) for _, data in chunks],
    "Chat's end": lambda chunks: [*chunks, ("", "[DONE]")],
    "a field of a router's": edited(lambda data: data.update(provider="p")),
    "another response id": lambda chunks: [
        (name, data | {"responseId": f"r{number}"}) for number, (name, data) in enumerate(chunks)
    ],
    "a call without an id": on_functions(lambda call: call.pop("id")),
    "an empty call id": on_functions(lambda call: call.update(id="")),
    "arguments as text": on_functions(lambda call: call.update(args=json.dumps(call["args"]))),
    "no signature on the first call": on_parts(
        lambda part: part.pop("thoughtSignature", None) if "functionCall" in part else None
    ),
    "a signature that is not base64": on_parts(
        lambda part: part.update(thoughtSignature="?") if "thoughtSignature" in part else None
    ),
    "two fields in a part": on_parts(lambda part: part.update(text="", inlineData={})),
    "another role": on_candidates(lambda candidate: candidate["content"].update(role="assistant")),
    "no parts": on_candidates(lambda candidate: candidate["content"].update(parts=[])),
    "no usage in the first event": without_first_usage,
    "a zero prompt": on_usage(
        lambda usage: usage.update(
            totalTokenCount=usage["totalTokenCount"] - usage["promptTokenCount"],
            promptTokenCount=0,
            cachedContentTokenCount=0,
        )
    ),
    "a total that is no sum": on_usage(lambda usage: usage.update(totalTokenCount=1)),
}

DEFECTS: dict[Dialect, dict[str, Defect]] = {
    "anthropic_messages": MESSAGES_DEFECTS,
    "openai_chat": CHAT_DEFECTS,
    "openai_responses": RESPONSES_DEFECTS,
    "gemini_generate": GEMINI_DEFECTS,
}
