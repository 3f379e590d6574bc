"""Items of OpenAI's own tools in a history: calls and results to others, the items themselves to OpenAI."""

import json
from typing import Any

import pytest

from turnout.capabilities import Capabilities, Dialect
from turnout.dialects.conversation import (
    Base64Source,
    Image,
    Opaque,
    Part,
    Text,
    ToolCall,
    ToolResult,
    UrlSource,
)
from turnout.dialects.fit import fit
from turnout.dialects.openai_responses import OPENAI_RESPONSES
from turnout.dialects.registry import DIALECTS
from turnout.errors import InvalidRequest
from turnout.quirks import DIALECT_QUIRKS

Json = dict[str, Any]

ABLE = Capabilities(images=True, documents=True)
FOREIGN: list[Dialect] = ["anthropic_messages", "openai_chat", "gemini_generate"]
USER: Json = {"role": "user", "content": "go"}

LOCAL_SHELL: Json = {
    "type": "local_shell_call",
    "id": "lsh_1",
    "call_id": "call_1",
    "action": {"type": "exec", "command": ["ls", "-a"], "env": {}},
    "status": "completed",
}
LISTED: Json = {"type": "local_shell_call_output", "id": "lsh_1", "output": "a.py b.py"}
SHELL: Json = {
    "type": "shell_call",
    "id": "sh_1",
    "call_id": "call_2",
    "action": {"commands": ["make"], "timeout_ms": 1000},
}
RAN: Json = {
    "type": "shell_call_output",
    "call_id": "call_2",
    "output": [{"stdout": "ok", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}],
}
PATCH: Json = {
    "type": "apply_patch_call",
    "id": "apc_1",
    "call_id": "call_3",
    "operation": {"type": "update_file", "path": "a.py", "diff": "@@\n-a\n+b"},
    "status": "completed",
}
PATCHED: Json = {"type": "apply_patch_call_output", "call_id": "call_3", "status": "completed"}
UNPATCHED: Json = PATCHED | {"status": "failed", "output": "no such file"}
COMPUTER: Json = {
    "type": "computer_call",
    "id": "cu_1",
    "call_id": "call_4",
    "action": {"type": "screenshot"},
    "pending_safety_checks": [],
}
SCREEN: Json = {
    "type": "computer_call_output",
    "call_id": "call_4",
    "output": {"type": "computer_screenshot", "image_url": "https://e/a.png"},
}
MCP: Json = {
    "type": "mcp_call",
    "id": "mcp_1",
    "server_label": "docs",
    "name": "search",
    "arguments": '{"q": "x"}',
    "output": "found",
    "error": None,
}
CODE: Json = {
    "type": "code_interpreter_call",
    "id": "ci_1",
    "container_id": "cntr_1",
    "code": "print(1)",
    "outputs": [{"type": "logs", "logs": "1"}, {"type": "image", "url": "https://e/a.png"}],
}
FILES: Json = {
    "type": "file_search_call",
    "id": "fs_1",
    "queries": ["x"],
    "results": [{"filename": "a.md", "text": "found"}],
}
PICTURE: Json = {"type": "image_generation_call", "id": "ig_1", "result": "iVBORw0KGgo="}
SEARCH: Json = {
    "type": "web_search_call",
    "id": "ws_1",
    "action": {"type": "search", "query": "x"},
}


def parts_of(*items: Json) -> list[tuple[str, Part]]:
    body = json.dumps({"model": "m", "input": [USER, *items]}).encode()
    _, *messages = OPENAI_RESPONSES.decode_request(body).messages
    return [(message.role, part) for message in messages for part in message.parts]


def said(*items: Json) -> list[tuple[object, ...]]:
    """Calls and results, without what only the way back needs."""
    found: list[tuple[object, ...]] = []
    for role, part in parts_of(*items):
        if isinstance(part, ToolCall):
            assert role == "assistant"
            found.append((part.call_id, part.name, json.loads(part.arguments)))
        else:
            assert isinstance(part, ToolResult)
            assert role == "user"
            texts = [p.text if isinstance(p, Text) else p for p in part.parts]
            found.append((part.call_id, *texts, *(["failed"] if part.is_error else [])))
    return found


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        (
            [LOCAL_SHELL, LISTED],
            [("call_1", "local_shell", LOCAL_SHELL["action"]), ("call_1", "a.py b.py")],
        ),
        (
            [SHELL, RAN],
            [("call_2", "shell", SHELL["action"]), ("call_2", json.dumps(RAN["output"]))],
        ),
        (
            [PATCH, PATCHED],
            [("call_3", "apply_patch", PATCH["operation"]), ("call_3", "completed")],
        ),
        (
            [PATCH, UNPATCHED],
            [("call_3", "apply_patch", PATCH["operation"]), ("call_3", "no such file", "failed")],
        ),
        (
            [COMPUTER, SCREEN],
            [
                ("call_4", "computer", {"type": "screenshot"}),
                ("call_4", Image(UrlSource("https://e/a.png"))),
            ],
        ),
        (
            [
                {key: COMPUTER[key] for key in ("type", "call_id")}
                | {"actions": [{"type": "click", "x": 1, "y": 2}]}
            ],
            [("call_4", "computer", {"actions": [{"type": "click", "x": 1, "y": 2}]})],
        ),
        (
            [
                {"type": "program", "id": "p_1", "call_id": "call_5", "code": "f()"},
                {"type": "program_output", "id": "p_2", "call_id": "call_5", "result": "7"},
            ],
            [("call_5", "program", {"code": "f()"}), ("call_5", "7")],
        ),
        ([MCP], [("mcp_1", "docs--search", {"q": "x"}), ("mcp_1", "found")]),
        (
            [MCP | {"output": None, "error": {"code": 7}}],
            [("mcp_1", "docs--search", {"q": "x"}), ("mcp_1", '{"code": 7}', "failed")],
        ),
        (
            [CODE],
            [
                ("ci_1", "code_interpreter", {"code": "print(1)"}),
                ("ci_1", "1", "(a picture that is not shown)"),
            ],
        ),
        # Results are shown only where they were asked for.
        ([CODE | {"outputs": None}], [("ci_1", "code_interpreter", {"code": "print(1)"})]),
        (
            [FILES],
            [
                ("fs_1", "file_search", {"queries": ["x"]}),
                ("fs_1", json.dumps(FILES["results"])),
            ],
        ),
        (
            [PICTURE],
            [
                ("ig_1", "image_generation", {}),
                ("ig_1", Image(Base64Source("image/png", "iVBORw0KGgo="))),
            ],
        ),
    ],
)
def test_what_was_run_is_a_call_with_its_result(
    items: list[Json], expected: list[tuple[object, ...]]
) -> None:
    assert said(*items) == expected


EVERY = [
    LOCAL_SHELL,
    LISTED,
    SHELL,
    RAN,
    PATCH,
    PATCHED,
    COMPUTER,
    SCREEN,
    MCP,
    CODE,
    FILES,
    PICTURE,
]


def test_the_items_go_back_as_they_came() -> None:
    request = {"model": "m", "input": [USER, *EVERY, SEARCH]}
    conversation = OPENAI_RESPONSES.decode_request(json.dumps(request).encode())
    again = json.loads(OPENAI_RESPONSES.encode_request(conversation, model="m", has=ABLE))
    assert again == request


@pytest.mark.parametrize("to", FOREIGN)
def test_every_dialect_hears_of_them(to: Dialect) -> None:
    body = json.dumps({"model": "m", "input": [USER, *EVERY, SEARCH, USER]}).encode()
    conversation = OPENAI_RESPONSES.decode_request(body)
    fitted = fit(conversation, to=to, quirks=DIALECT_QUIRKS[to], has=ABLE)
    sent = DIALECTS[to].encode_request(fitted.conversation, model="m", has=ABLE).decode()
    for text in ("a.py b.py", "update_file", "print(1)", "a.md", "iVBORw0KGgo=", "https://e/a.png"):
        assert text in sent
    assert "dropped:web_search_call" in fitted.changes
    assert "turnout" not in sent


@pytest.mark.parametrize(
    "item",
    [
        {"type": "shell_call", "id": "sh_1", "action": {}},
        {"type": "shell_call_output", "call_id": "c"},
        {"type": "code_interpreter_call", "code": "1"},
        SEARCH,
    ],
)
def test_what_does_not_say_enough_stays_what_it_is(item: Json) -> None:
    ((_, part),) = parts_of(item)
    assert isinstance(part, Opaque)


def test_a_screenshot_has_to_be_one() -> None:
    with pytest.raises(InvalidRequest, match=r"input\.2\.output\.image_url: required"):
        parts_of(COMPUTER, SCREEN | {"output": {"type": "computer_screenshot"}})


def test_texts_beside_what_is_not_known_arrive() -> None:
    item = {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "look"}, {"type": "hologram"}],
    }
    opaque, text = (part for _, part in parts_of(item))
    assert isinstance(opaque, Opaque)
    assert opaque.kind == "hologram"
    assert isinstance(text, Text)
    assert text.text == "look"
    request = {"model": "m", "input": [USER, item]}
    conversation = OPENAI_RESPONSES.decode_request(json.dumps(request).encode())
    assert json.loads(OPENAI_RESPONSES.encode_request(conversation, model="m", has=ABLE)) == request


def test_the_survey_counts_what_the_client_has_run() -> None:
    body = json.dumps({"model": "m", "input": [USER, LOCAL_SHELL, SHELL, LISTED, RAN]}).encode()
    survey = OPENAI_RESPONSES.survey_request(body)
    assert survey.tool_result_count == 2
    assert survey.last_role == "tool"
    assert [outcome.tool for outcome in survey.outcomes][1:] == ["shell"]


@pytest.mark.parametrize("items", [[COMPUTER, SCREEN], [PICTURE]])
def test_the_survey_counts_pictures(items: list[Json]) -> None:
    body = json.dumps({"model": "m", "input": [USER, *items]}).encode()
    assert OPENAI_RESPONSES.survey_request(body).needs.images
