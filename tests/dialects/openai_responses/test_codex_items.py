"""What Codex sends for its newer models: tools in an item of the input, and words between agents.

The items are those of Codex 0.169.0 with gpt-6-sol, shortened. Where gateways lose them is told in
SaladDay/cc-switch-cli#466 and openai/codex#39532 (tools), openai/codex#33551 (words between agents).
"""

import json
from typing import Any

import pytest

from turnout.capabilities import Capabilities, Dialect
from turnout.dialects.conversation import Opaque, Text
from turnout.dialects.fit import fit
from turnout.dialects.openai_responses import OPENAI_RESPONSES
from turnout.dialects.registry import DIALECTS
from turnout.errors import InvalidRequest
from turnout.quirks import DIALECT_QUIRKS

Json = dict[str, Any]

ABLE = Capabilities()
OTHERS: list[Dialect] = ["anthropic_messages", "openai_chat", "gemini_generate"]

EXEC: Json = {
    "type": "custom",
    "name": "exec",
    "description": "Run JavaScript",
    "format": {"type": "grammar", "syntax": "lark", "definition": "start: /x/"},
}
SPAWN: Json = {
    "type": "function",
    "name": "spawn_agent",
    "strict": False,
    "parameters": {
        "type": "object",
        "properties": {"message": {"type": "string", "encrypted": True}},
    },
}
TOOLS: Json = {
    "type": "additional_tools",
    "id": "at_1",
    "role": "developer",
    "tools": [
        {"type": "namespace", "name": "functions", "description": "", "tools": [EXEC]},
        {"type": "namespace", "name": "collaboration", "description": "d", "tools": [SPAWN]},
    ],
}
BASE: Json = {"type": "message", "role": "developer", "content": "You are Codex."}
HEAD: Json = {"type": "input_text", "text": "Message Type: NEW_TASK\nPayload:\n"}
TASK = "Say what this directory holds."
CIPHERTEXT = "gAAAAABqKx0Zc2Vj"
FIRST_AGENT = "/root"
"""Codex's name for it; those that it starts are named below it."""


def words(text: str) -> Json:
    sealed = {"type": "encrypted_content", "encrypted_content": text}
    return {
        "type": "agent_message",
        "id": "amsg_1",
        "author": FIRST_AGENT,
        "recipient": f"{FIRST_AGENT}/look",
        "content": [HEAD, sealed],
    }


def body_of(*items: Json, **fields: object) -> bytes:
    return json.dumps({"model": "gpt-6-sol", "input": list(items)} | fields).encode()


def told(body: bytes, to: Dialect) -> Json:
    """The request as a target of another dialect is sent it."""
    fitted = fit(OPENAI_RESPONSES.decode_request(body), to=to, quirks=DIALECT_QUIRKS[to], has=ABLE)
    encoded = DIALECTS[to].encode_request(fitted.conversation, model="m", has=ABLE)
    found: Json = json.loads(encoded)
    return found


def tool_names(request: Json) -> list[str]:
    tools = request["tools"]
    if "functionDeclarations" in tools[0]:
        tools = tools[0]["functionDeclarations"]
    return [tool.get("name") or tool[tool["type"]]["name"] for tool in tools]


@pytest.mark.parametrize("to", OTHERS)
def test_tools_in_an_item_are_tools_everywhere(to: Dialect) -> None:
    request = told(body_of(TOOLS, BASE, {"role": "user", "content": "x"}), to)
    assert tool_names(request) == ["functions--exec", "collaboration--spawn_agent"]
    assert "You are Codex." in json.dumps(request)
    assert "additional_tools" not in json.dumps(request)


def test_a_request_with_tools_in_an_item_needs_no_server_of_openais() -> None:
    found = OPENAI_RESPONSES.survey_request(body_of(TOOLS, BASE, {"role": "user", "content": "x"}))
    assert found.needs.server_tools == ()
    assert found.needs.tools
    assert found.tool_count == 2
    assert found.system_digest


def test_tools_in_an_item_that_openai_runs_are_named() -> None:
    item = TOOLS | {"tools": [{"type": "code_interpreter"}, {"type": "web_search"}]}
    found = OPENAI_RESPONSES.survey_request(body_of(item, {"role": "user", "content": "x"}))
    assert found.needs.server_tools == ("code_interpreter", "web_search")


@pytest.mark.parametrize("to", OTHERS)
def test_a_search_tool_in_an_item_is_left_out_and_told(to: Dialect) -> None:
    item = TOOLS | {"tools": [*TOOLS["tools"], {"type": "web_search"}]}
    conversation = OPENAI_RESPONSES.decode_request(body_of(item, BASE))
    fitted = fit(conversation, to=to, quirks=DIALECT_QUIRKS[to], has=ABLE)
    assert "dropped:web_search" in fitted.changes


def test_a_tool_that_comes_again_is_offered_once() -> None:
    again = TOOLS | {"tools": [TOOLS["tools"][0]]}
    request = told(body_of(TOOLS, {"role": "user", "content": "x"}, again), "openai_chat")
    assert tool_names(request) == ["functions--exec", "collaboration--spawn_agent"]


@pytest.mark.parametrize("to", OTHERS)
def test_what_another_model_told_an_agent_arrives(to: Dialect) -> None:
    """Else the subagent starts, and has no task."""
    request = json.dumps(told(body_of(BASE, words(TASK)), to))
    assert "Message Type: NEW_TASK" in request
    assert TASK in request


def test_what_openai_has_sealed_is_for_its_models_alone() -> None:
    found = OPENAI_RESPONSES.survey_request(body_of(words(CIPHERTEXT)))
    assert found.needs.server_tools == ("agent_message",)
    assert not found.has_foreign_thinking
    (message,) = OPENAI_RESPONSES.decode_request(body_of(words(CIPHERTEXT))).messages
    assert [type(part) for part in message.parts] == [Text, Opaque]


def test_words_between_agents_are_text_to_embed() -> None:
    found = OPENAI_RESPONSES.survey_request(body_of(BASE, words(TASK)))
    assert found.needs.server_tools == ()
    assert found.text.endswith(TASK)
    assert found.last_role == "user"


def test_openai_is_shown_as_text_what_it_has_not_sealed() -> None:
    """It refuses a seal that it cannot open; a report, too, is an item of plain texts."""
    body = body_of(words(TASK), words(CIPHERTEXT), BASE)
    assert OPENAI_RESPONSES.survey_request(body).has_foreign_thinking
    plain = words(TASK) | {"content": [HEAD, {"type": "input_text", "text": TASK}]}
    cleaned = json.loads(OPENAI_RESPONSES.without_foreign_reasoning(body))
    assert cleaned["input"] == [plain, words(CIPHERTEXT), BASE]
    own = OPENAI_RESPONSES.decode_request(body)
    encoded = OPENAI_RESPONSES.encode_request(own, model="gpt-6-sol", has=ABLE)
    assert json.loads(encoded)["input"] == [plain, words(CIPHERTEXT), BASE]


def test_sealed_words_go_to_openai_as_they_came() -> None:
    body = body_of(words(CIPHERTEXT), BASE)
    assert OPENAI_RESPONSES.without_foreign_reasoning(body) is body


@pytest.mark.parametrize("content", ["x", [7], [{"type": 7}], [{"type": "input_text", "text": 7}]])
def test_words_that_cannot_be_read_are_named(content: object) -> None:
    body = body_of(words(TASK) | {"content": content})
    with pytest.raises(InvalidRequest, match=r"input\.0\.content"):
        OPENAI_RESPONSES.survey_request(body)
