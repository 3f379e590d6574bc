"""Whole answers of each wire, as its provider documents them, around what a row is about."""

from typing import Any

from tests.matrix.declared import Json


def message(content: list[Json], stop: str = "end_turn", sequence: str | None = None) -> Json:
    """docs.claude.com/en/api/messages"""
    return {
        "id": "msg_up",
        "type": "message",
        "role": "assistant",
        "model": "claude-up",
        "content": content,
        "stop_reason": stop,
        "stop_sequence": sequence,
        "usage": {
            "input_tokens": 100,
            "cache_read_input_tokens": 50,
            "cache_creation_input_tokens": 30,
            "cache_creation": {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 40,
            "output_tokens_details": {"thinking_tokens": 10},
        },
    }


def completion(said: Json, reason: str = "stop", logprobs: Any = None) -> Json:
    """platform.openai.com/docs/api-reference/chat/object"""
    whole: Json = {"role": "assistant", "content": None, "refusal": None} | said
    return {
        "id": "chatcmpl-up",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-up",
        "choices": [{"index": 0, "message": whole, "logprobs": logprobs, "finish_reason": reason}],
        "usage": {
            "prompt_tokens": 180,
            "completion_tokens": 40,
            "total_tokens": 220,
            "prompt_tokens_details": {"cached_tokens": 50, "cache_write_tokens": 30},
            "completion_tokens_details": {"reasoning_tokens": 10},
        },
    }


def response(output: list[Json], reason: str | None = None) -> Json:
    """platform.openai.com/docs/api-reference/responses/object"""
    items = [{"id": f"item_{n}", "status": "completed"} | item for n, item in enumerate(output)]
    return {
        "id": "resp_up",
        "object": "response",
        "created_at": 1,
        "status": "completed" if reason is None else "incomplete",
        "error": None,
        "incomplete_details": None if reason is None else {"reason": reason},
        "instructions": None,
        "metadata": {},
        "model": "gpt-up",
        "output": items,
        "parallel_tool_calls": True,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "usage": {
            "input_tokens": 180,
            "input_tokens_details": {"cached_tokens": 50, "cache_write_tokens": 30},
            "output_tokens": 40,
            "output_tokens_details": {"reasoning_tokens": 10},
            "total_tokens": 220,
        },
    }


def said_item(text: str, **more: Any) -> Json:
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []} | more
    return {"type": "message", "role": "assistant", "content": [part]}


def generated(parts: list[Json], reason: str = "STOP", **more: Any) -> Json:
    """ai.google.dev/api/generate-content#v1beta.GenerateContentResponse"""
    return {
        "candidates": [
            {"content": {"role": "model", "parts": parts}, "finishReason": reason, "index": 0}
            | more
        ],
        "usageMetadata": {
            "promptTokenCount": 180,
            "cachedContentTokenCount": 50,
            "candidatesTokenCount": 30,
            "thoughtsTokenCount": 10,
            "totalTokenCount": 220,
        },
        "modelVersion": "gemini-up",
        "responseId": "gen_up",
    }
