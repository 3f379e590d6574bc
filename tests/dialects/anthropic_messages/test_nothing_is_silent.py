"""Everything that Anthropic documents of a request arrives elsewhere, is told, or is refused by name.

The tables have a row for each type of block and each field that Anthropic's SDK knows; a new one there
fails here.
"""

import json
from collections.abc import Iterator
from typing import Any, Literal, TypeAlias, get_args, get_type_hints

import pytest
from anthropic.types.beta import (
    BetaContentBlockParam,
    BetaToolParam,
    BetaToolResultBlockParam,
)
from anthropic.types.beta.message_create_params import MessageCreateParamsBase

from tests.dialects.anthropic_messages.requests import attached, call, result, said, text
from tests.dialects.surveyed import Json
from turnout.capabilities import Capabilities, Dialect
from turnout.dialects.fit import fit
from turnout.dialects.registry import DIALECTS
from turnout.errors import Unsupported
from turnout.quirks import DIALECT_QUIRKS

OTHERS: tuple[Dialect, ...] = ("openai_chat", "openai_responses", "gemini_generate")
ABLE = Capabilities(images=True, documents=True, structured_output=True, thinking=True)
MARK = "kingfisher"
"""In every sample, at the place that matters."""

Fate: TypeAlias = Literal["arrives", "told", "refused", "kept back"]
"""`kept back` is what is meant for its maker alone, whatever the client's dialect."""


def fate(body: Json, to: Dialect, name: str) -> set[Fate]:
    """What becomes of the sample; told and refused by `name`."""
    try:
        fitted = fit(
            DIALECTS["anthropic_messages"].decode_request(json.dumps(body).encode()),
            to=to,
            quirks=DIALECT_QUIRKS[to],
            has=ABLE,
        )
        sent = DIALECTS[to].encode_request(fitted.conversation, model="m", has=ABLE)
    except Unsupported as refused:
        return {"refused"} if name in refused.message else set()
    found: set[Fate] = set()
    if MARK.encode() in sent:
        found.add("arrives")
    if any(change.rpartition(":")[2] == name for change in fitted.changes):
        found.add("told")
    return found or {"kept back"}


def request(*messages: Json, **fields: object) -> Json:
    return {"model": "m", "max_tokens": 64, "messages": [*messages]} | fields


# -- blocks ------------------------------------------------------------------------------------


def served(kind: str, **fields: object) -> Json:
    """A block of a tool that Anthropic runs."""
    return {"type": kind, "tool_use_id": "srvtoolu_1", "content": [text(MARK)]} | fields


USED: Json = {"id": "srvtoolu_1", "name": "web_search", "input": {"query": MARK}}
LATER: Json = {"type": "tool_reference", "name": "Later"}

BLOCKS: dict[str, tuple[Json, Fate]] = {
    "text": (text(MARK), "arrives"),
    "image": ({"type": "image", "source": {"type": "url", "url": f"https://x/{MARK}"}}, "arrives"),
    "document": (attached("document", "application/pdf", 8) | {"context": MARK}, "arrives"),
    "search_result": (
        {"type": "search_result", "source": "s", "title": "t", "content": [text(MARK)]},
        "arrives",
    ),
    "thinking": ({"type": "thinking", "thinking": MARK, "signature": "EqQB"}, "kept back"),
    "redacted_thinking": ({"type": "redacted_thinking", "data": MARK}, "kept back"),
    "tool_use": ({"type": "tool_use", "id": "c", "name": MARK, "input": {}}, "arrives"),
    "tool_result": (result("c", MARK), "arrives"),
    "server_tool_use": ({"type": "server_tool_use"} | USED, "arrives"),
    "web_search_tool_result": (served("web_search_tool_result"), "arrives"),
    "web_fetch_tool_result": (served("web_fetch_tool_result"), "arrives"),
    "advisor_tool_result": (served("advisor_tool_result"), "arrives"),
    "code_execution_tool_result": (served("code_execution_tool_result"), "arrives"),
    "bash_code_execution_tool_result": (served("bash_code_execution_tool_result"), "arrives"),
    "text_editor_code_execution_tool_result": (
        served("text_editor_code_execution_tool_result"),
        "arrives",
    ),
    "tool_search_tool_result": (served("tool_search_tool_result"), "arrives"),
    "mcp_tool_use": ({"type": "mcp_tool_use", "server_name": "s"} | USED, "arrives"),
    "mcp_tool_result": (served("mcp_tool_result"), "arrives"),
    "mcp_tool_listing": (
        {"type": "mcp_tool_listing", "mcp_server_name": MARK, "tools": []},
        "told",
    ),
    "container_upload": ({"type": "container_upload", "file_id": MARK}, "refused"),
    "compaction": ({"type": "compaction", "content": MARK}, "arrives"),
    "tool_addition": (
        {
            "type": "tool_addition",
            "tool": {
                "type": "tool_definition",
                "definition": {"name": MARK, "input_schema": {"type": "object"}},
            },
        },
        "arrives",
    ),
    "tool_removal": ({"type": "tool_removal", "tool": LATER | {"name": MARK}}, "arrives"),
    "fallback": ({"type": "fallback", "from": {"model": MARK}, "to": {"model": "m"}}, "told"),
}

MADE = {"compaction", "server_tool_use", "mcp_tool_use"} | {
    kind for kind in BLOCKS if kind.endswith("_tool_result")
}
"""What stands in an answer and arrives."""

IN_RESULTS: dict[str, tuple[Json, Fate]] = {
    "text": BLOCKS["text"],
    "image": BLOCKS["image"],
    "search_result": BLOCKS["search_result"],
    "document": BLOCKS["document"],
    "tool_reference": ({"type": "tool_reference", "tool_name": MARK}, "arrives"),
    "browser_state": (
        {"type": "browser_state", "tabs": [{"id": 1, "title": MARK}]},
        "arrives",
    ),
}

SOURCES: dict[str, tuple[Json, Fate]] = {
    "base64": ({"type": "base64", "media_type": "application/pdf", "data": MARK}, "arrives"),
    "text": ({"type": "text", "media_type": "text/plain", "data": MARK}, "arrives"),
    "content": ({"type": "content", "content": [text(MARK)]}, "arrives"),
    "file": ({"type": "file", "file_id": MARK}, "refused"),
    "of tomorrow": ({"type": "hologram", "data": MARK}, "refused"),
}


def types_of(union: object) -> Iterator[str]:
    """The words of `type` in a union of what the SDK's clients write."""
    if hasattr(union, "__required_keys__"):
        yield from get_args(get_type_hints(union)["type"])
    for member in get_args(union):
        yield from types_of(member)


def test_the_tables_have_every_block_of_the_sdk() -> None:
    assert set(BLOCKS) == set(types_of(BetaContentBlockParam))
    content = get_type_hints(BetaToolResultBlockParam)["content"]
    assert set(IN_RESULTS) == set(types_of(content))


@pytest.mark.parametrize("to", OTHERS)
@pytest.mark.parametrize("kind", BLOCKS)
def test_no_block_is_silent(kind: str, to: Dialect) -> None:
    block, expected = BLOCKS[kind]
    role = "user"
    if kind in {"tool_addition", "tool_removal"}:
        role = "system"
    elif expected in {"told", "kept back"} or kind in MADE:
        role = "assistant"
    messages = [said("go"), said([block], role), said("go on")]
    if kind == "tool_use":
        messages = [said("go"), said([block], "assistant"), said([result("c")])]
    elif kind == "tool_result":
        messages = [said("go"), said([call("c")], "assistant"), said([block])]
    assert fate(request(*messages), to, kind) == {expected}


@pytest.mark.parametrize("to", OTHERS)
@pytest.mark.parametrize("kind", IN_RESULTS)
def test_no_block_in_a_result_is_silent(kind: str, to: Dialect) -> None:
    block, expected = IN_RESULTS[kind]
    told = request(said("go"), said([call("c")], "assistant"), said([result("c", [block])]))
    assert fate(told, to, kind) == {expected}


@pytest.mark.parametrize("to", OTHERS)
@pytest.mark.parametrize("kind", SOURCES)
def test_no_source_of_a_document_is_silent(kind: str, to: Dialect) -> None:
    source, expected = SOURCES[kind]
    told = request(said([{"type": "document", "source": source}, text("go")]))
    assert fate(told, to, "file" if kind == "file" else "document") == {expected}


@pytest.mark.parametrize("to", OTHERS)
def test_a_block_of_tomorrow_is_told_by_no_name_of_the_clients(to: Dialect) -> None:
    told = request(said("go"), said([{"type": MARK}, text("a")], "assistant"), said("on"))
    assert fate(told, to, "unknown_part") == {"told"}


@pytest.mark.parametrize("to", OTHERS)
def test_a_block_of_tomorrow_that_the_user_says_is_refused(to: Dialect) -> None:
    body = request(said([{"type": MARK}, text("go")]))
    assert fate(body, to, "messages.0.content.0") == {"refused"}
    surveyed = DIALECTS["anthropic_messages"].survey_request(json.dumps(body).encode())
    assert surveyed.needs.server_tools == ("unknown_part",)


# -- fields ------------------------------------------------------------------------------------

SCHEMA: Json = {"type": "object", "properties": {MARK: {"type": "string"}}}
EDITS: Json = {"edits": [{"type": "clear_tool_uses_20250919"}]}

FIELDS: dict[str, tuple[object, Fate]] = {
    "billing_policy": ({"type": "billing_policy", "bill_to": "user_profile"}, "refused"),
    "cache_control": ({"type": "ephemeral"}, "told"),
    "compaction": ({"type": "enabled"}, "refused"),
    "container": ({"id": "c"}, "refused"),
    "context_management": (EDITS, "told"),
    "diagnostics": ({"previous_message_id": "m"}, "told"),
    "fallback_credit_token": ("t", "told"),
    "fallbacks": ([{"model": "m"}], "told"),
    "inference_geo": ("us", "refused"),
    "mcp_servers": ([{"type": "url", "url": "https://x", "name": "x"}], "refused"),
    "output_config": ({"task_budget": {"type": "tokens", "total": 20_000}}, "told"),
    "output_format": ({"type": "json_schema", "schema": SCHEMA}, "arrives"),
    "speed": ("fast", "told"),
    "service_tier": ("auto", "told"),
    "stop_sequences": ([MARK], "arrives"),
    "system": (MARK, "arrives"),
    "thread": ({"type": "create"}, "refused"),
    "tools": ([{"name": MARK, "input_schema": {"type": "object"}}], "arrives"),
}
NEUTRAL = {
    *("max_tokens", "messages", "model", "metadata", "stream", "temperature", "thinking"),
    *("tool_choice", "top_k", "top_p"),
}
"""Fields whose translation has tests of its own, some of which the SDK no longer has."""
HEADERS = {"betas", "user_profile_id", "workspace_id"}
"""What the SDK sends as headers."""


def test_the_tables_have_every_field_of_the_sdk() -> None:
    known = set(get_type_hints(MessageCreateParamsBase))
    assert known <= {*FIELDS, *NEUTRAL, *HEADERS}
    assert {*TOOL_FIELDS, "name", "input_schema"} == set(get_type_hints(BetaToolParam))


@pytest.mark.parametrize("to", OTHERS)
@pytest.mark.parametrize("name", FIELDS)
def test_no_field_is_silent(name: str, to: Dialect) -> None:
    value, expected = FIELDS[name]
    if name == "stop_sequences" and to == "openai_responses":
        # It has none: they are looked for in the answer.
        expected = "told"
    assert fate(request(said("go"), **{name: value}), to, name) == {expected}


@pytest.mark.parametrize("to", OTHERS)
def test_what_every_agent_says_is_all_told(to: Dialect) -> None:
    said_all = {
        "stream": True,
        "temperature": 1,
        "stop_sequences": [],
        "tool_choice": {"type": "auto"},
        "tools": [{"name": "f", "input_schema": {"type": "object"}}],
    }
    conversation = DIALECTS["anthropic_messages"].decode_request(
        json.dumps(request(said("go"), **said_all)).encode()
    )
    fitted = fit(conversation, to=to, quirks=DIALECT_QUIRKS[to], has=ABLE)
    assert (conversation.extras, fitted.changes) == ((), ())


@pytest.mark.parametrize("to", OTHERS)
def test_a_field_of_tomorrow_is_told_by_no_name_of_the_clients(to: Dialect) -> None:
    assert fate(request(said("go"), **{MARK: 1}), to, "unknown_field") == {"told"}


@pytest.mark.parametrize("to", OTHERS)
@pytest.mark.parametrize("nothing", [None, [], {}])
def test_a_field_that_asks_for_nothing_is_not_told(nothing: object, to: Dialect) -> None:
    told = request(said("go"), context_management=nothing, container=nothing)
    assert fate(told, to, "context_management") == {"kept back"}


TOOL_FIELDS: dict[str, tuple[Any, Fate]] = {
    "allowed_callers": (["direct"], "told"),
    "cache_control": ({"type": "ephemeral"}, "kept back"),
    "defer_loading": (False, "kept back"),
    "description": (MARK, "arrives"),
    "eager_input_streaming": (True, "told"),
    "input_examples": ([{"a": 1}], "told"),
    "strict": (True, "told"),
    "type": ("custom", "kept back"),
}


@pytest.mark.parametrize("to", OTHERS)
@pytest.mark.parametrize("name", TOOL_FIELDS)
def test_no_field_of_a_tool_is_silent(name: str, to: Dialect) -> None:
    value, expected = TOOL_FIELDS[name]
    tool = {"name": "f", "input_schema": {"type": "object"}, name: value}
    assert fate(request(said("go"), tools=[tool]), to, name) == {expected}


@pytest.mark.parametrize("to", OTHERS)
@pytest.mark.parametrize(
    ("block", "name", "expected"),
    [
        (text("a", citations=[{"type": "char_location"}]), "citations", "told"),
        (text("a", citations=None), "citations", "kept back"),
        (text("a", cache_control={"type": "ephemeral"}), "cache_control", "kept back"),
        (
            {
                "type": "search_result",
                "source": "s",
                "title": "t",
                "content": [text("a")],
                "cache_control": {"type": "ephemeral"},
            },
            "cache_control",
            "kept back",
        ),
        (
            {
                "type": "search_result",
                "source": "s",
                "title": "t",
                "content": [text("a")],
                "citations": {"enabled": True},
            },
            "citations",
            "told",
        ),
        (
            attached("document", "application/pdf", 8) | {"citations": {"enabled": True}},
            "citations",
            "told",
        ),
        (
            attached("document", "application/pdf", 8) | {"citations": {"enabled": False}},
            "citations",
            "kept back",
        ),
        (
            attached("image", "image/png", 8) | {"transformations": {"oversized_image": "error"}},
            "transformations",
            "told",
        ),
    ],
)
def test_no_field_of_a_block_is_silent(block: Json, name: str, expected: Fate, to: Dialect) -> None:
    assert fate(request(said([block])), to, name) == {expected}


@pytest.mark.parametrize("to", OTHERS)
@pytest.mark.parametrize(
    ("field", "expected"),
    [({"output_config": {"effort": "low"}}, "told"), ({"clear_at": "never"}, "arrives")],
)
def test_no_field_of_a_system_message_is_silent(field: Json, expected: Fate, to: Dialect) -> None:
    note = said(MARK if expected == "arrives" else "note", "system") | field
    (name,) = field
    assert fate(request(said("go"), note), to, name) == {expected}
