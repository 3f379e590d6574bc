"""What stands for reasoning that a target insists on and that nobody has."""

import json

import pytest

from turnout.capabilities import Dialect
from turnout.dialects.call_reasoning import with_stand_ins
from turnout.quirks import NOTHING, Quirks

EMPTY = Quirks(call_reasoning="empty")
BLANK = Quirks(call_reasoning="blank")

CALL = {"id": "c", "type": "function", "function": {"name": "t", "arguments": "{}"}}


def chat(**assistant: object) -> bytes:
    messages = [{"role": "user", "content": "go"}, {"role": "assistant", **assistant}]
    return json.dumps({"messages": messages, "model": "m"}).encode()


def anthropic(*blocks: object, **fields: object) -> bytes:
    messages = [{"role": "user", "content": "go"}, {"role": "assistant", "content": blocks}]
    return json.dumps({"messages": messages, "model": "m"} | fields).encode()


USE = {"type": "tool_use", "id": "c", "name": "t", "input": {}}
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "s"}


@pytest.mark.parametrize(
    ("quirks", "assistant", "told"),
    [
        (EMPTY, {"tool_calls": [CALL]}, ""),
        (BLANK, {"tool_calls": [CALL]}, " "),
        (EMPTY, {"tool_calls": [CALL], "reasoning_content": None}, ""),
        (BLANK, {"reasoning_content": "", "tool_calls": [CALL]}, " "),
    ],
)
def test_bug_29_a_message_with_calls_gets_a_stand_in(
    quirks: Quirks, assistant: dict[str, object], told: str
) -> None:
    body = with_stand_ins(chat(**assistant), quirks, dialect="openai_chat")
    message = json.loads(body)["messages"][1]
    assert message == {"role": "assistant"} | assistant | {"reasoning_content": told}
    assert body.count(b"reasoning_content") == 1


@pytest.mark.parametrize(("quirks", "told"), [(EMPTY, ""), (BLANK, " ")])
def test_bug_29_an_imitation_of_anthropic_gets_a_block(quirks: Quirks, told: str) -> None:
    body = with_stand_ins(anthropic(USE), quirks, dialect="anthropic_messages")
    stand_in = {"type": "thinking", "thinking": told, "signature": ""}
    assert json.loads(body)["messages"][1]["content"] == [stand_in, USE]


@pytest.mark.parametrize(
    ("quirks", "dialect", "body"),
    [
        (NOTHING, "openai_chat", chat(tool_calls=[CALL])),
        (EMPTY, "openai_responses", chat(tool_calls=[CALL])),
        (EMPTY, "openai_chat", chat(content='no "tool_calls"')),
        (EMPTY, "openai_chat", chat(tool_calls=[], content="x")),
        (EMPTY, "openai_chat", chat(tool_calls=[CALL], reasoning_content="")),
        (BLANK, "openai_chat", chat(tool_calls=[CALL], reasoning_content="hm")),
        (BLANK, "openai_chat", chat(tool_calls=[CALL], reasoning="hm")),
        (EMPTY, "openai_chat", b"{"),
        (EMPTY, "anthropic_messages", anthropic(THOUGHT, USE)),
        (EMPTY, "anthropic_messages", anthropic({"type": "text", "text": '"tool_use"'})),
        (EMPTY, "anthropic_messages", anthropic(USE, thinking={"type": "disabled"})),
    ],
)
def test_what_misses_nothing_is_the_very_object_that_came_in(
    quirks: Quirks, dialect: Dialect, body: bytes
) -> None:
    assert with_stand_ins(body, quirks, dialect=dialect) is body
