"""What the scripted upstream says: one answer per dialect, as JSON and as a stream of events.

Pure. The figures are made up and the same in both forms, so that a gateway that accounts for usage
has some to account for.
"""

import json
from dataclasses import dataclass
from typing import Literal, TypeAlias

from turnout.capabilities import Dialect

LoadDialect: TypeAlias = Literal["openai_chat", "anthropic_messages"]
"""What the load speaks; of the others only streams are measured."""

MODELS: dict[Dialect, str] = {
    "openai_chat": "gpt-5.5",
    "anthropic_messages": "claude-sonnet-5-5",
    "openai_responses": "gpt-5.5",
    "gemini_generate": "gemini-3.5-flash",
}
"""Models of the catalog, so that turnout has prices to compute with."""

PATHS: dict[Dialect, str] = {
    "openai_chat": "/v1/chat/completions",
    "anthropic_messages": "/v1/messages",
    "openai_responses": "/v1/responses",
    "gemini_generate": f"/v1beta/models/{MODELS['gemini_generate']}:streamGenerateContent?alt=sse",
}
"""Of streams; that of Gemini alone says so."""

STREAM_END: dict[LoadDialect, bytes] = {
    "openai_chat": b"[DONE]",
    "anthropic_messages": b"message_stop",
}
"""What a complete stream contains; the load counts an answer without it as an error."""

PROMPT_TOKENS = 1200
CACHED_TOKENS = 1000
"""Part of the prompt, as a provider reports for a thread that goes on."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What an answer says of its usage.

    Attributes:
        cached: part of the prompt.
        output: None where each piece of text counts as one token.

    """

    prompt: int = PROMPT_TOKENS
    cached: int = CACHED_TOKENS
    output: int | None = None


USUAL = Figures()

OBFUSCATION = "kL2pQ8"
"""OpenAI pads its events, so that their sizes do not tell the lengths of words."""


@dataclass(frozen=True, slots=True)
class Script:
    """One dialect's answer.

    Attributes:
        whole: body of an answer that is not streamed.
        events: the stream's content events, each as the bytes of one chunk.
        closing: the events after the last content event.

    """

    whole: bytes
    events: tuple[bytes, ...]
    closing: bytes


def script(dialect: Dialect, *, event_count: int, figures: Figures = USUAL) -> Script:
    """The answer with `event_count` pieces of text."""
    words = [f"piece{number:03d} " for number in range(event_count)]
    match dialect:
        case "openai_chat":
            return _openai(words, figures)
        case "anthropic_messages":
            return _anthropic(words, figures)
        case "openai_responses":
            return _responses(words, figures)
        case "gemini_generate":
            return _gemini(words, figures)


def _openai(words: list[str], figures: Figures) -> Script:
    output = figures.output or len(words)
    usage = {
        "prompt_tokens": figures.prompt,
        "completion_tokens": output,
        "total_tokens": figures.prompt + output,
        "prompt_tokens_details": {"cached_tokens": figures.cached},
    }
    named = {"id": "chatcmpl-bench", "created": 1, "model": MODELS["openai_chat"]}
    tier = {"service_tier": "default", "system_fingerprint": None}

    def event(choices: list[object], told: object = None) -> bytes:
        content = {"object": "chat.completion.chunk", **tier, "choices": choices, "usage": told}
        return _data({**named, **content, "obfuscation": OBFUSCATION})

    def delta(content: dict[str, str], finish: str | None = None) -> list[object]:
        return [{"index": 0, "delta": content, "logprobs": None, "finish_reason": finish}]

    message = {"role": "assistant", "content": "".join(words)}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    first, *others = words
    return Script(
        whole=_json({**named, "object": "chat.completion", "choices": [choice], "usage": usage}),
        events=(
            event(delta({"role": "assistant", "content": first})),
            *(event(delta({"content": word})) for word in others),
        ),
        closing=event(delta({}, "stop")) + event([], usage) + b"data: [DONE]\n\n",
    )


def _anthropic(words: list[str], figures: Figures) -> Script:
    output = figures.output or len(words)
    read = {
        "input_tokens": figures.prompt - figures.cached,
        "cache_read_input_tokens": figures.cached,
        "cache_creation_input_tokens": 0,
    }
    message = {
        "id": "msg_bench",
        "type": "message",
        "role": "assistant",
        "model": MODELS["anthropic_messages"],
        "stop_sequence": None,
    }

    def event(kind: str, **content: object) -> bytes:
        return _named(kind, {"type": kind, **content})

    def text(word: str) -> bytes:
        return event("content_block_delta", index=0, delta={"type": "text_delta", "text": word})

    begun: dict[str, object] = {
        **message,
        "content": [],
        "stop_reason": None,
        "usage": {**read, "output_tokens": 1},
    }
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    opening = event("message_start", message=begun) + event(
        "content_block_start", index=0, content_block={"type": "text", "text": ""}
    )
    first, *others = words
    return Script(
        whole=_json(
            {
                **message,
                "content": [{"type": "text", "text": "".join(words)}],
                "stop_reason": "end_turn",
                "usage": {**read, "output_tokens": output},
            }
        ),
        events=(opening + text(first), *(text(word) for word in others)),
        closing=event("content_block_stop", index=0)
        + event("message_delta", delta=ended, usage={"output_tokens": output})
        + event("message_stop"),
    )


def _responses(words: list[str], figures: Figures) -> Script:
    text = "".join(words)
    output = figures.output or len(words)
    usage = {
        "input_tokens": figures.prompt,
        "input_tokens_details": {"cached_tokens": figures.cached},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": figures.prompt + output,
    }
    response = {"id": "resp_bench", "object": "response", "created_at": 1, "error": None}
    response["model"] = MODELS["openai_responses"]
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    place = {"item_id": "msg_bench", "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "annotations": [], "logprobs": [], "text": text}
    item = {"id": "msg_bench", "type": "message", "role": "assistant"}
    whole = {**item, "status": "completed", "content": [part]}
    ended = {**response, "status": "completed", "output": [whole], "usage": usage}
    told: list[bytes] = []

    def event(kind: str, **content: object) -> bytes:
        told.append(_named(kind, {"type": kind, "sequence_number": len(told), **content}))
        return told[-1]

    def delta(word: str) -> bytes:
        content = {**place, "delta": word, "logprobs": [], "obfuscation": OBFUSCATION}
        return event("response.output_text.delta", **content)

    opening = (
        event("response.created", response=begun)
        + event("response.in_progress", response=begun)
        + event("response.output_item.added", output_index=0, item={**item, "content": []})
        + event("response.content_part.added", **place, part={**part, "text": ""})
    )
    first, *others = words
    return Script(
        whole=_json(ended),
        events=(opening + delta(first), *(delta(word) for word in others)),
        closing=event("response.output_text.done", **place, text=text)
        + event("response.content_part.done", **place, part=part)
        + event("response.output_item.done", output_index=0, item=whole)
        + event("response.completed", response=ended),
    )


def _gemini(words: list[str], figures: Figures) -> Script:
    output = figures.output or len(words)
    named = {"modelVersion": MODELS["gemini_generate"], "responseId": "bench"}

    def chunk(text: str, count: int, **finish: str) -> dict[str, object]:
        content = {"parts": [{"text": text}], "role": "model"}
        usage = {
            "promptTokenCount": figures.prompt,
            "cachedContentTokenCount": figures.cached,
            "candidatesTokenCount": count,
            "totalTokenCount": figures.prompt + count,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": figures.prompt}],
        }
        candidate = {"content": content, **finish, "index": 0}
        return {"candidates": [candidate], "usageMetadata": usage, **named}

    def event(content: object) -> bytes:
        return b"data: " + _json(content) + b"\r\n\r\n"

    return Script(
        whole=_json(chunk("".join(words), output, finishReason="STOP")),
        events=tuple(event(chunk(word, number)) for number, word in enumerate(words, 1)),
        closing=event(chunk("", output, finishReason="STOP")),
    )


def _json(content: object) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def _data(content: object) -> bytes:
    return b"data: " + _json(content) + b"\n\n"


def _named(kind: str, content: object) -> bytes:
    return f"event: {kind}\n".encode() + _data(content)
