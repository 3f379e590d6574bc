"""Where fuzzing starts: golden streams, and requests that say everything each dialect can say."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.dialects.anthropic_messages.test_request import NATIVE
from tests.dialects.golden import Golden
from tests.fuzz.harness import ABLE, PATHS
from turnout.capabilities import Dialect
from turnout.dialects.fit import fit
from turnout.dialects.registry import DIALECTS
from turnout.dialects.sse import SseDecoder
from turnout.dialects.stream import Finished
from turnout.quirks import DIALECT_QUIRKS

CASES: Final = Path(__file__).parent / "cases"
"""What fuzzing has found: a folder a target, a file a finding."""


def cases_of(target: str) -> list[Path]:
    return sorted(path for path in (CASES / target).glob("*") if path.is_file())


def of(target: str) -> list[bytes]:
    """Seeds of a target by its name, the cases found before among them."""
    return [*_fresh(target), *(path.read_bytes() for path in cases_of(target))]


def _fresh(target: str) -> Iterator[bytes]:
    kind, _, name = target.partition("-")
    dialect = next((one for one in DIALECTS if one == name), None)
    if dialect is not None:
        match kind:
            case "request" | "survey":
                yield from requests(dialect)
            case "answer" | "tap":
                yield from streams(dialect)
                yield from whole_answers(dialect)
            case "error":
                yield from errors()
            case _:
                raise ValueError(f"no seeds for {target}")
    elif kind == "sse":
        for one in DIALECTS:
            yield from streams(one)
    elif kind == "frame":
        yield from frames()
    else:
        yield from exchanges()


def streams(dialect: Dialect) -> Iterator[bytes]:
    golden = Golden(dialect)
    for case in golden.cases:
        yield golden.stream_of(case)


def whole_answers(dialect: Dialect) -> Iterator[bytes]:
    golden = Golden(dialect)
    for case in golden.cases:
        events = golden.decode([golden.stream_of(case)])
        if not isinstance(events[-1], Finished):
            continue
        yield DIALECTS[dialect].encode_response(events, response_id="r", model="m", created_at=1)


def requests(dialect: Dialect) -> Iterator[bytes]:
    """An agent's request with a bit of everything, and what this dialect alone can say."""
    if dialect == "anthropic_messages":
        yield json.dumps(NATIVE).encode()
    for body in (NATIVE | {"tools": PICTURES["tools"]}, PICTURES):
        conversation = DIALECTS["anthropic_messages"].decode_request(json.dumps(body).encode())
        fitted = fit(conversation, to=dialect, quirks=DIALECT_QUIRKS[dialect], has=ABLE)
        yield DIALECTS[dialect].encode_request(fitted.conversation, model="m", has=ABLE)
    yield from (json.dumps(body).encode() for body in OWN[dialect])


def errors() -> Iterator[bytes]:
    for body in (
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        {"error": {"message": "no", "type": "invalid_request_error", "code": None, "param": "x"}},
        {"error": {"code": 429, "message": "quota", "status": "RESOURCE_EXHAUSTED", "details": []}},
        [{"error": {"code": 400, "details": [{"@type": "RetryInfo", "retryDelay": "3.5s"}]}}],
        {"detail": "not found"},
    ):
        for status in (0, 1, 29, 103, 129):
            yield bytes([status]) + json.dumps(body).encode()


def frames() -> Iterator[bytes]:
    for body in requests("openai_responses"):
        created = b'{"type":"response.create",' + body[1:]
        for case in ("openai_parallel_tools", "openai_reasoning", "openai_web_search"):
            sent = SseDecoder().feed(Golden("openai_responses").stream_of(case))
            lines = [created, *(event.data for event in sent)]
            previous = json.loads(sent[-1].data).get("response", {}).get("id", "")
            again = {"type": "response.create", "previous_response_id": previous, "input": "more"}
            yield b"\n".join([*lines, json.dumps(again).encode()])
    steer = {"type": "response.steer", "previous_response_id": "r", "input": "stop"}
    for frame in (steer, {"type": "response.create", "stream_id": "main", "input": "hi"}):
        yield json.dumps(frame).encode()


def exchanges() -> Iterator[bytes]:
    for dialect, path in PATHS.items():
        for body in requests(dialect):
            yield b"POST %b\ncontent-type: application/json\n\n%b" % (path.encode(), body)
    for line in (
        b"POST /v1/messages/count_tokens?beta=true\nanthropic-version: 2023-06-01",
        b"POST /v1beta/models/gemini-3.8-flash:countTokens?key=k",
        b"POST /v1/models/tunedModels/x:generateContent\nx-goog-api-key: k",
        b"POST /v1/responses/input_tokens\nauthorization: Bearer sk-x",
        b"GET /v1/models?limit=1000\nanthropic-version: 2023-06-01",
        b"GET /v1/models?client_version=0.169.0",
        b"GET /v1beta/models?pageSize=3",
        b"HEAD /api/hello",
        b"POST /v1/outcomes",
        b"POST /v1/nowhere",
        b"GET /v1/messages",
        b"GET /docs",
    ):
        yield line + b'\nx-stainless-retry-count: 0\n\n{"model":"claude-opus-5-5","messages":[]}'


PICTURES: Final[dict[str, object]] = {
    "model": "claude-opus-5-5",
    "max_tokens": 100,
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "what is on it?"},
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
                },
                {
                    "type": "document",
                    "title": "a.txt",
                    "source": {"type": "text", "media_type": "text/plain", "data": "words"},
                },
            ],
        },
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "t1", "name": "R", "input": {}}],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t1",
                    "is_error": True,
                    "content": [
                        {"type": "text", "text": "a"},
                        {"type": "image", "source": {"type": "url", "url": "https://e/a.png"}},
                    ],
                }
            ],
        },
    ],
    "tools": [{"name": "R", "input_schema": {"type": "object"}}],
    "tool_choice": {"type": "tool", "name": "R"},
    "stop_sequences": ["</block>"],
    "temperature": 0.5,
}

OWN: Final[dict[Dialect, tuple[dict[str, object], ...]]] = {
    "anthropic_messages": (),
    "openai_chat": (
        {
            "model": "gpt-5.5",
            "stream": True,
            "stream_options": {"include_usage": True},
            "logprobs": True,
            "top_logprobs": 2,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "s", "schema": {"type": "object"}, "strict": True},
            },
            "tools": [
                {"type": "custom", "custom": {"name": "p", "format": {"type": "text"}}},
                {"type": "function", "function": {"name": "f", "parameters": {}}},
            ],
            "tool_choice": {"type": "function", "function": {"name": "f"}},
            "messages": [
                {"role": "developer", "content": "be brief"},
                {"role": "user", "content": [{"type": "text", "text": "hi"}]},
                {
                    "role": "assistant",
                    "content": None,
                    "reasoning_content": "hm",
                    "tool_calls": [
                        {"id": "c", "type": "custom", "custom": {"name": "p", "input": "x"}}
                    ],
                },
                {"role": "tool", "tool_call_id": "c", "content": "done"},
            ],
        },
    ),
    "openai_responses": (
        {
            "model": "gpt-5.5",
            "instructions": "be brief",
            "store": False,
            "include": ["reasoning.encrypted_content"],
            "reasoning": {"effort": "high", "summary": "auto"},
            "text": {"verbosity": "low", "format": {"type": "json_object"}},
            "tools": [
                {"type": "custom", "name": "p", "format": {"type": "grammar", "syntax": "lark"}},
                {"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "f"}]},
                {"type": "tool_search", "execution": "client"},
            ],
            "input": [
                {"type": "message", "role": "developer", "content": "x"},
                {
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": "h"}],
                },
                {
                    "type": "reasoning",
                    "id": "rs_1",
                    "summary": [],
                    "encrypted_content": "turnout1.W10",
                },
                {"type": "custom_tool_call", "call_id": "c", "name": "p", "input": "x"},
                {"type": "custom_tool_call_output", "call_id": "c", "output": "y"},
                {
                    "type": "function_call",
                    "call_id": "d",
                    "name": "f",
                    "namespace": "n",
                    "arguments": "",
                },
                {"type": "function_call_output", "call_id": "d", "output": []},
                {"type": "compaction", "encrypted_content": "z"},
            ],
        },
    ),
    "gemini_generate": (
        {
            "systemInstruction": {"parts": [{"text": "be brief"}]},
            "contents": [
                {"role": "user", "parts": [{"text": "hi"}]},
                {
                    "role": "model",
                    "parts": [
                        {"text": "hm", "thought": True},
                        {
                            "functionCall": {"name": "f", "args": {"a": 1}},
                            "thoughtSignature": "dHVybm91dDEu",
                        },
                    ],
                },
                {
                    "role": "user",
                    "parts": [{"functionResponse": {"name": "f", "response": {"x": 1}}}],
                },
            ],
            "tools": [{"function_declarations": [{"name": "f", "parameters_json_schema": {}}]}],
            "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
            "generationConfig": {
                "responseMimeType": "application/json",
                "responseSchema": {"type": "OBJECT", "nullable": True},
                "thinkingConfig": {"thinkingLevel": "low"},
            },
        },
    ),
}
