"""Chat requests in Responses' shape, as Cursor sends them."""

import json
from pathlib import Path
from typing import Final

import pytest

from tests.ingress.edge import ask, edge, error_of
from turnout.dialects.registry import DIALECTS
from turnout.ingress.responses_shaped import as_chat

GOLDEN: Final = Path(__file__).parents[1] / "golden" / "openai_chat" / "requests"
READ: Final = {
    "type": "object",
    "properties": {"path": {"type": "string"}},
    "required": ["path"],
}


def golden(name: str) -> bytes:
    return (GOLDEN / f"{name}.json").read_bytes()


def chat_of(body: bytes) -> dict[str, object]:
    reshaped = as_chat(body)
    assert reshaped is not None
    assert as_chat(reshaped) is None
    DIALECTS["openai_chat"].decode_request(reshaped)
    told: dict[str, object] = json.loads(reshaped)
    return told


def test_an_agents_body_is_the_chat_request_that_it_means() -> None:
    told = chat_of(golden("cursor_agent"))
    assert told["model"] == "gpt-5.5"
    assert told["stream"] is True
    assert told["reasoning_effort"] == "medium"
    assert told["messages"] == [
        {"role": "system", "content": "You are an AI coding assistant."},
        {"role": "user", "content": "Rename the helper."},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "Read", "arguments": '{"path":"a.py"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "def helper(): ..."},
    ]
    read, patch = told["tools"] if isinstance(told["tools"], list) else []
    assert read["function"]["name"] == "Read"
    assert read["function"]["parameters"] == READ
    assert patch["custom"]["name"] == "ApplyPatch"
    assert patch["custom"]["format"]["grammar"]["syntax"] == "lark"


def test_flat_tools_among_nested_ones_are_nested_and_nothing_else_changes() -> None:
    before, told = json.loads(golden("cursor_ask")), chat_of(golden("cursor_ask"))
    assert {k: v for k, v in told.items() if k != "tools"} == {
        k: v for k, v in before.items() if k != "tools"
    }
    grep, read = told["tools"] if isinstance(told["tools"], list) else []
    assert grep == before["tools"][0]
    assert read["function"]["name"] == "Read"
    assert read["function"]["parameters"] == READ


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"model":"m"}',
        b'{"input":7}',
        b'{"messages":[],"tools":[]}',
        b'{"messages":[],"tools":[{"type":"function","function":{"name":"t"}}]}',
        b'{"messages":[],"tools":7}',
        b'{"messages":[],"tools":[7]}',
    ],
)
def test_anything_else_stays_as_it_is(body: bytes) -> None:
    assert as_chat(body) is None


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["cursor_agent", "cursor_ask"])
async def test_both_shapes_are_served_as_chat(name: str) -> None:
    on = edge()
    answer = await ask(on, "/v1/chat/completions", body=golden(name))
    assert answer.status == 200
    (asked,) = on.dispatcher.asked
    assert asked.dialect == "openai_chat"
    assert asked.body == as_chat(golden(name))
    assert asked.features.needs.tools
    assert asked.features.body_bytes == len(asked.body)


@pytest.mark.anyio
async def test_what_is_neither_is_told_as_a_chat_request() -> None:
    answer = await ask(edge(), "/v1/chat/completions", body=b'{"model":"m","input":7}')
    assert answer.status == 400
    assert "messages" in error_of(answer)[1]
