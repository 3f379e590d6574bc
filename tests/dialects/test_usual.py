"""What is read in one step is what is read field by field.

A field that nobody knows, beside the others of every object, makes a request one that is read field by
field; without that field both must be the same.
"""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.capabilities import Dialect
from turnout.dialects.anthropic_messages import usual as anthropic
from turnout.dialects.conversation import Conversation
from turnout.dialects.gemini_generate import usual as gemini
from turnout.dialects.openai_chat import usual as chat
from turnout.dialects.openai_responses import usual as responses
from turnout.dialects.registry import DIALECTS

BESIDE: Final = "beside"
PATH: Final = "/v1beta/models/gemini:generateContent"
MARKED: Final = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
SCHEMA: Final = {"type": "object", "properties": {"path": {"type": "string"}}}
AS_WRITTEN: Final = frozenset(
    {
        *("cache_control", "input", "input_schema", "parameters", "parametersJsonSchema"),
        *("args", "response"),
    }
)
"""Values that are read as they are, or that stand for more than their fields."""

MESSAGES: Final[Mapping[Dialect, list[object]]] = MappingProxyType(
    {
        "anthropic_messages": [
            {"role": "user", "content": "plain"},
            {"role": "system", "content": [{"type": "text", "text": "mid", **MARKED}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "so", "signature": "c2ln"},
                    {"type": "thinking", "thinking": "so", "signature": "turnout1.broken"},
                    {"type": "text", "text": ""},
                    {"type": "tool_use", "id": "c", "name": "f", "input": {"a": [1, "\u00e9"]}},
                    {"type": "tool_use", "id": "d", "name": "f", "input": None, **MARKED},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c", "content": "x", "is_error": True},
                    {"type": "tool_result", "tool_use_id": "d", **MARKED},
                    {"type": "tool_result", "tool_use_id": "d", "content": []},
                    {
                        "type": "tool_result",
                        "tool_use_id": "e",
                        "content": [
                            {"type": "text", "text": "y"},
                            {"type": "tool_reference", "tool_name": "f"},
                        ],
                    },
                ],
            },
        ],
        "openai_chat": [
            {"role": "system", "content": "plain"},
            {"role": "developer", "content": [{"type": "text", "text": "t", **MARKED}]},
            {"role": "user", "content": ""},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "c", "type": "function", "function": {"name": "f", "arguments": " "}},
                    {"id": "d", "function": {"name": "f", "arguments": '{"a":1}'}},
                ],
            },
            {"role": "assistant", "content": "said"},
            {"role": "tool", "tool_call_id": "c", "content": "x", **MARKED},
            {"role": "tool", "tool_call_id": "d", "content": [{"type": "text", "text": "y"}]},
        ],
        "openai_responses": [
            {"type": "message", "role": "developer", "content": "plain"},
            {"type": "message", "role": "system", "content": [], "id": "msg_1"},
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "t"}],
            },
            {
                "type": "function_call",
                "call_id": "c",
                "name": "f--g",
                "arguments": " ",
                "id": "f_1",
            },
            {
                "type": "function_call",
                "call_id": "d",
                "name": "f",
                "namespace": "n",
                "arguments": "{}",
            },
            {"type": "function_call_output", "call_id": "c", "output": "x", "id": "o_1"},
            {
                "type": "function_call_output",
                "call_id": "d",
                "output": [{"type": "input_text", "text": "y"}],
            },
        ],
        "gemini_generate": [
            {"role": "user", "parts": [{"text": "go"}]},
            {"parts": []},
            {
                "role": "model",
                "parts": [
                    {"text": "said", "thoughtSignature": "c2ln"},
                    {"functionCall": {"name": "f", "args": {"a": "\u00e9"}, "id": "c"}},
                    {"functionCall": {"name": "f"}, "thoughtSignature": "c2lnbmVk"},
                    {"functionCall": {"name": "g", "args": None}},
                ],
            },
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"name": "f", "response": {"output": "x"}, "id": "c"}},
                    {"functionResponse": {"name": "f", "response": {"result": "y"}, "id": "z"}},
                    {"functionResponse": {"name": "h", "response": {"error": "y"}}},
                ],
            },
        ],
    }
)
"""All of them usual."""

TOOLS: Final[Mapping[Dialect, object]] = MappingProxyType(
    {
        "anthropic_messages": {
            "name": "f",
            "description": "d",
            "input_schema": SCHEMA,
            "strict": True,
            "defer_loading": True,
            **MARKED,
        },
        "openai_chat": {
            "type": "function",
            "function": {"name": "f", "description": "d", "parameters": SCHEMA, "strict": False},
            **MARKED,
        },
        "openai_responses": {
            "type": "function",
            "name": "f",
            "description": None,
            "parameters": SCHEMA,
            "strict": True,
            "defer_loading": False,
        },
        "gemini_generate": {"name": "f", "description": "d", "parametersJsonSchema": SCHEMA},
    }
)

UNUSUAL: Final[Mapping[Dialect, list[object]]] = MappingProxyType(
    {
        "anthropic_messages": [
            {"role": "tool", "content": "x"},
            {"role": "user", "content": [{"text": "no type"}]},
            {"role": "user", "content": [{"type": "image", "source": {}}]},
        ],
        "openai_chat": [
            {"role": "tool", "tool_call_id": "", "content": "x"},
            {
                "role": "assistant",
                "tool_calls": [{"id": "", "function": {"name": "f", "arguments": ""}}],
            },
            {
                "role": "assistant",
                "tool_calls": [{"id": "c", "function": {"name": "", "arguments": ""}}],
            },
            {"role": "assistant", "content": "x", "reasoning_content": "so"},
            {"role": "user", "content": [{"text": "no type"}]},
        ],
        "openai_responses": [
            {"role": "user", "content": "no type"},
            {"type": "message", "role": "assistant", "content": "x"},
            {"type": "message", "role": "user", "content": [{"text": "no type"}]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": {}},
        ],
        "gemini_generate": [
            {"role": "function", "parts": []},
            {"parts": [{"text": "a", "functionCall": {"name": "f"}}]},
            {"parts": [{"thoughtSignature": "c2ln"}]},
            {"parts": [{"functionResponse": {"name": "f", "response": {"output": 1}}}]},
            {"parts": [{"functionResponse": {"name": "f", "response": {"other": "x"}}}]},
            {
                "parts": [
                    {"functionResponse": {"name": "f", "response": {"output": "a", "error": "b"}}}
                ]
            },
        ],
    }
)

READERS: Final = MappingProxyType(
    {
        "anthropic_messages": anthropic.usual_message,
        "openai_chat": chat.usual_message,
        "openai_responses": responses.usual_item,
        "gemini_generate": gemini.usual_content,
    }
)
TOOL_READERS: Final = MappingProxyType(
    {
        "anthropic_messages": anthropic.usual_tool,
        "openai_chat": chat.usual_tool,
        "openai_responses": responses.usual_tool,
        "gemini_generate": gemini.usual_tool,
    }
)


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value).encode())


def decoded(dialect: Dialect, messages: list[Any], tools: list[Any]) -> Conversation:
    match dialect:
        case "anthropic_messages" | "openai_chat":
            body = {"model": "m", "messages": messages, "tools": tools}
        case "openai_responses":
            body = {"model": "m", "input": messages, "tools": tools}
        case "gemini_generate":
            body = {"contents": messages, "tools": [{"functionDeclarations": tools}]}
    return DIALECTS[dialect].decode_request(json.dumps(body).encode(), path=PATH)


def with_a_field_beside(value: Any, name: str = "") -> Any:
    if isinstance(value, list):
        return [with_a_field_beside(one) for one in value]
    if not isinstance(value, dict) or name in AS_WRITTEN:
        return value
    return {key: with_a_field_beside(one, key) for key, one in value.items()} | {BESIDE: 1}


def without_it(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        fields = {name: without_it(getattr(value, name)) for name in value.__struct_fields__}
        return type(value)(**fields)
    if isinstance(value, tuple):
        return tuple(without_it(one) for one in value if not is_it(one))
    return value


def is_it(field: object) -> bool:
    return isinstance(field, tuple) and len(field) == 2 and str(field[0]).endswith(BESIDE)


@pytest.mark.parametrize("dialect", DIALECTS)
@given(data=st.data())
def test_a_history_read_in_steps_is_the_one_read_field_by_field(
    dialect: Dialect, data: st.DataObject
) -> None:
    history = data.draw(st.lists(st.sampled_from(MESSAGES[dialect]), min_size=1, max_size=8))
    beside = data.draw(st.sets(st.integers(0, 7)))
    some = [
        with_a_field_beside(one) if number in beside else one for number, one in enumerate(history)
    ]
    tools = [TOOLS[dialect]]
    every = decoded(dialect, with_a_field_beside(history), with_a_field_beside(tools))
    usual = decoded(dialect, history, tools)
    assert without_it(every) == usual
    assert without_it(decoded(dialect, some, tools)) == usual


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_agents_mostly_write_is_read_in_one_step(dialect: Dialect) -> None:
    assert all(READERS[dialect](raw(one)) is not None for one in MESSAGES[dialect])
    assert TOOL_READERS[dialect](raw(TOOLS[dialect])) is not None


@pytest.mark.parametrize("dialect", DIALECTS)
def test_anything_else_is_left_to_those_who_read_field_by_field(dialect: Dialect) -> None:
    assert all(READERS[dialect](raw(one)) is None for one in UNUSUAL[dialect])
    beside = with_a_field_beside(MESSAGES[dialect])
    assert all(READERS[dialect](raw(one)) is None for one in beside)
    assert TOOL_READERS[dialect](raw(with_a_field_beside(TOOLS[dialect]))) is None


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_no_utf8_is_left_to_those_who_say_so(dialect: Dialect) -> None:
    told = json.dumps(MESSAGES[dialect], ensure_ascii=False).encode()
    for one in msgspec.json.decode(told, type=list[msgspec.Raw]):
        broken = bytes(one).replace("\u00e9".encode(), b"\xe9").replace(b"f_1", b"\xff")
        assert (READERS[dialect](msgspec.Raw(broken)) is None) == (broken != bytes(one))
