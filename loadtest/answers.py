"""What the scripted upstream says: one answer per dialect, as JSON and as a stream of events.

Pure. The figures are made up and the same in both forms, so that a gateway that accounts for usage
has some to account for.
"""

import json
from dataclasses import dataclass
from typing import Literal, TypeAlias

Dialect: TypeAlias = Literal["openai_chat", "anthropic_messages"]

PATHS: dict[Dialect, str] = {
    "openai_chat": "/v1/chat/completions",
    "anthropic_messages": "/v1/messages",
}

MODELS: dict[Dialect, str] = {
    "openai_chat": "gpt-5.5",
    "anthropic_messages": "claude-sonnet-5-5",
}
"""Models of the catalog, so that turnout has prices to compute with."""

STREAM_END: dict[Dialect, bytes] = {
    "openai_chat": b"[DONE]",
    "anthropic_messages": b"message_stop",
}
"""What a complete stream contains; the load counts an answer without it as an error."""

PROMPT_TOKENS = 1200
CACHED_TOKENS = 1000
"""Part of the prompt, as a provider reports for a thread that goes on."""


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


def script(dialect: Dialect, *, event_count: int) -> Script:
    """The answer with `event_count` pieces of text."""
    words = [f"piece{number:03d} " for number in range(event_count)]
    return _openai(words) if dialect == "openai_chat" else _anthropic(words)


def _openai(words: list[str]) -> Script:
    model = MODELS["openai_chat"]
    usage = {
        "prompt_tokens": PROMPT_TOKENS,
        "completion_tokens": len(words),
        "total_tokens": PROMPT_TOKENS + len(words),
        "prompt_tokens_details": {"cached_tokens": CACHED_TOKENS},
    }
    named = {"id": "chatcmpl-bench", "created": 1, "model": model}

    def event(choices: list[object], **more: object) -> bytes:
        return _data({**named, "object": "chat.completion.chunk", "choices": choices, **more})

    def delta(content: dict[str, str], finish: str | None = None) -> list[object]:
        return [{"index": 0, "delta": content, "finish_reason": finish}]

    message = {"role": "assistant", "content": "".join(words)}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    first, *others = words
    return Script(
        whole=_json({**named, "object": "chat.completion", "choices": [choice], "usage": usage}),
        events=(
            event(delta({"role": "assistant", "content": first})),
            *(event(delta({"content": word})) for word in others),
        ),
        closing=event(delta({}, "stop")) + event([], usage=usage) + b"data: [DONE]\n\n",
    )


def _anthropic(words: list[str]) -> Script:
    read = {
        "input_tokens": PROMPT_TOKENS - CACHED_TOKENS,
        "cache_read_input_tokens": CACHED_TOKENS,
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
        return f"event: {kind}\n".encode() + _data({"type": kind, **content})

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
                "usage": {**read, "output_tokens": len(words)},
            }
        ),
        events=(opening + text(first), *(text(word) for word in others)),
        closing=event("content_block_stop", index=0)
        + event("message_delta", delta=ended, usage={"output_tokens": len(words)})
        + event("message_stop"),
    )


def _json(content: object) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def _data(content: object) -> bytes:
    return b"data: " + _json(content) + b"\n\n"
