"""What others are told of the tools that Anthropic ran."""

import json

import pytest

from tests.dialects.anthropic_messages.requests import said, text
from tests.dialects.surveyed import Json
from turnout.capabilities import Capabilities, Dialect
from turnout.dialects.fit import Fitted, fit
from turnout.dialects.registry import DIALECTS
from turnout.quirks import DIALECT_QUIRKS

ANTHROPIC = DIALECTS["anthropic_messages"]
ABLE = Capabilities(images=True, documents=True)
OTHERS: tuple[Dialect, ...] = ("openai_chat", "openai_responses", "gemini_generate")
SEALED = "c2VhbGVk"


def given(kind: str, content: object, **fields: object) -> Json:
    return {"type": kind, "tool_use_id": "srvtoolu_1", "content": content} | fields


def used(name: str, asked: Json) -> Json:
    return {"type": "server_tool_use", "id": "srvtoolu_1", "name": name, "input": asked}


def fetched(source: Json) -> Json:
    page = {"type": "document", "title": "Trams", "source": source}
    return given(
        "web_fetch_tool_result", {"type": "web_fetch_result", "url": "https://x", "content": page}
    )


def edited(kind: str, **fields: object) -> Json:
    name = "text_editor_code_execution"
    return given(f"{name}_tool_result", {"type": f"{name}_{kind}"} | fields)


SEARCHED = used("web_search", {"query": "trams", "n": [1]})
FOUND = given(
    "web_search_tool_result",
    [
        {
            "type": "web_search_result",
            "title": title,
            "url": f"https://x/{title}",
            "encrypted_content": SEALED,
        }
        for title in ("Line 1", "Line 2")
    ],
)
NO_SEARCH = {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"}
PRINTED: Json = {"stdout": "a\nb\n", "stderr": "oh", "return_code": 1, "content": []}
MCP: Json = {"type": "mcp_tool_use", "id": "m", "name": "look", "server_name": "plans", "input": {}}
REFERENCE: Json = {"type": "tool_reference", "tool_name": "Later"}

TOLD: list[tuple[Json, str]] = [
    (SEARCHED, 'Called web_search with {"query":"trams","n":[1]}'),
    (MCP, "Called look of plans with {}"),
    (FOUND, "web_search returned:\nLine 1\nhttps://x/Line 1\nLine 2\nhttps://x/Line 2"),
    (
        given("web_search_tool_result", NO_SEARCH),
        "web_search returned:\nerror: max_uses_exceeded",
    ),
    (
        fetched({"type": "text", "media_type": "text/plain", "data": "Line 1 runs."}),
        "web_fetch returned:\nhttps://x\nTrams\nLine 1 runs.",
    ),
    (
        fetched({"type": "base64", "media_type": "application/pdf", "data": SEALED}),
        "web_fetch returned:\nhttps://x\nTrams\n(a document that is not shown)",
    ),
    (
        given("code_execution_tool_result", {"type": "code_execution_result"} | PRINTED),
        "code_execution returned:\na\nb\nstderr:\noh\nreturn code: 1",
    ),
    (
        given("bash_code_execution_tool_result", {"type": "bash_code_execution_result"} | PRINTED),
        "bash_code_execution returned:\na\nb\nstderr:\noh\nreturn code: 1",
    ),
    (
        given(
            "code_execution_tool_result",
            {
                "type": "encrypted_code_execution_result",
                "encrypted_stdout": SEALED,
                "stderr": "",
                "return_code": 0,
                "content": [],
            },
        ),
        "code_execution returned:\nreturn code: 0",
    ),
    (
        edited("view_result", content="import os\n", file_type="text"),
        "text_editor_code_execution returned:\nimport os",
    ),
    (
        edited("create_result", is_file_update=False),
        "text_editor_code_execution returned:\nfile created",
    ),
    (
        edited("str_replace_result", lines=["-a", "+b"]),
        "text_editor_code_execution returned:\n-a\n+b",
    ),
    (
        edited("tool_result_error", error_code="file_not_found", error_message="No such file"),
        "text_editor_code_execution returned:\nerror: file_not_found\nNo such file",
    ),
    (given("mcp_tool_result", [text("one"), text("two")]), "mcp returned:\none\ntwo"),
    (given("mcp_tool_result", "no plan", is_error=True), "mcp failed:\nno plan"),
    (
        given("advisor_tool_result", {"type": "advisor_result", "text": "Take line 1."}),
        "advisor returned:\nTake line 1.",
    ),
    (
        given(
            "tool_search_tool_result",
            {"type": "tool_search_tool_search_result", "tool_references": [REFERENCE]},
        ),
        "tool_search returned:\nLater",
    ),
]

UNREADABLE: list[Json] = [
    given("web_search_tool_result", []),
    given("mcp_tool_result", ""),
    given("mcp_tool_result", None),
    given("advisor_tool_result", {"type": "advisor_redacted_result", "encrypted_content": SEALED}),
    given("code_execution_tool_result", {"type": "hologram"}),
    edited("str_replace_result", lines=None),
]


def thread(*blocks: Json) -> bytes:
    messages = [
        said("go"),
        said([text("before"), *blocks, text("after")], "assistant"),
        said("go on"),
    ]
    return json.dumps({"model": "m", "max_tokens": 64, "messages": messages}).encode()


def fitted(body: bytes, to: Dialect, *, is_original: bool = True) -> Fitted:
    return fit(
        ANTHROPIC.decode_request(body),
        to=to,
        quirks=DIALECT_QUIRKS[to],
        has=ABLE,
        is_original=is_original,
    )


@pytest.mark.parametrize("to", OTHERS)
@pytest.mark.parametrize(("block", "words"), TOLD)
def test_what_is_readable_arrives_at_its_place(block: Json, words: str, to: Dialect) -> None:
    told = fitted(thread(block), to)
    sent = json.loads(DIALECTS[to].encode_request(told.conversation, model="m", has=ABLE))
    written = json.dumps(sent)
    places = [written.find(json.dumps(one)[1:-1]) for one in ("before", words, "after")]
    assert -1 not in places
    assert places == sorted(places)
    assert SEALED not in written
    assert told.changes == ("as_text",)


@pytest.mark.parametrize("to", OTHERS)
@pytest.mark.parametrize("block", UNREADABLE)
def test_what_nobody_else_can_read_is_told(block: Json, to: Dialect) -> None:
    assert fitted(thread(block), to).changes == (f"dropped:{block['type']}",)


@pytest.mark.parametrize("block", [block for block, _ in TOLD] + UNREADABLE)
def test_anthropic_gets_them_as_they_came(block: Json) -> None:
    body = thread(block)
    own = fitted(body, "anthropic_messages")
    sent = ANTHROPIC.encode_request(own.conversation, model="m", has=ABLE)
    assert json.loads(sent)["messages"] == json.loads(body)["messages"]
    assert own.changes == ()


def test_an_imitation_is_told_them_with_the_last_ones_marker() -> None:
    marker: Json = {"cache_control": {"type": "ephemeral"}}
    own = fitted(thread(SEARCHED, FOUND | marker), "anthropic_messages", is_original=False)
    sent = json.loads(ANTHROPIC.encode_request(own.conversation, model="m", has=ABLE))
    blocks = sent["messages"][1]["content"]
    assert [block["type"] for block in blocks] == ["text"] * 4
    assert blocks[2]["cache_control"] == marker["cache_control"]
    assert own.changes == ("as_text",)
