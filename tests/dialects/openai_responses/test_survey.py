"""What a responses request's survey tells."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.dialects.conversation import Provenance
from turnout.dialects.openai_responses import OPENAI_RESPONSES
from turnout.dialects.seal import seal
from turnout.dialects.survey import Survey, ToolOutcome
from turnout.errors import InvalidRequest

Json = dict[str, Any]

BASE: Json = {"type": "message", "role": "developer", "content": "You are an agent."}
TOOLS: list[Json] = [
    {"type": "function", "name": "read", "parameters": {"type": "object"}},
    {"type": "custom", "name": "patch"},
    {"type": "namespace", "name": "agents", "description": "d", "tools": []},
    {"type": "tool_search", "execution": "client"},
]


def user(content: object) -> Json:
    return {"type": "message", "role": "user", "content": content}


def called(call_id: str, name: str = "read", **fields: object) -> Json:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": "{}"} | fields


def result(call_id: str, output: object = "ok") -> Json:
    return {"type": "function_call_output", "call_id": call_id, "output": output}


def survey(*items: Json, **fields: object) -> Survey:
    body = {"model": "m", "input": list(items)} | fields
    return OPENAI_RESPONSES.survey_request(json.dumps(body).encode())


def test_facts_of_an_ordinary_request() -> None:
    found = survey(
        BASE,
        user("fix the bug"),
        {"type": "reasoning", "summary": [], "encrypted_content": "gA"},
        called("a"),
        called("b", "spawn", namespace="agents"),
        result("a"),
        result("b", "longer"),
        tools=TOOLS,
        stream=True,
        max_output_tokens=9,
        reasoning={"effort": "high"},
        user="u",
        prompt_cache_key="k",
    )
    assert (found.model, found.stream, found.message_count) == ("m", True, 7)
    assert found.last_role == "tool"
    assert (found.tool_count, found.tool_result_count) == (4, 2)
    assert found.needs.tools
    assert found.needs.thinking
    assert found.needs.server_tools == ()
    assert found.needs.max_output_tokens == 9
    assert (found.user_field, found.prompt_cache_key) == ("u", "k")
    assert found.outcomes == (
        ToolOutcome("read", "a", is_error=False, result_bytes=4),
        ToolOutcome("agents--spawn", "b", is_error=False, result_bytes=8),
    )
    assert found.text == found.first_typed_text == "fix the bug"
    assert len(found.message_digests) == len(found.message_bytes) == 7
    assert found.stop_sequences == ()


def test_a_string_is_what_the_user_typed() -> None:
    found = OPENAI_RESPONSES.survey_request(b'{"model":"m","input":"fix it"}')
    assert (found.text, found.message_count, found.last_role) == ("fix it", 1, "user")


def test_typed_text_ends_a_step() -> None:
    found = survey(user("one"), called("a"), result("a"), user("no, do it so"))
    assert found.outcomes == ()
    assert found.text == "no, do it so"
    assert found.first_typed_text == "one"


def test_context_blocks_are_not_typed() -> None:
    found = survey(
        user("<environment_context>linux</environment_context>"),
        user(
            [
                {"type": "input_text", "text": "<user_instructions>x</user_instructions>"},
                {"type": "input_text", "text": "real"},
            ]
        ),
    )
    assert found.first_typed_text == "real"


@given(st.lists(st.text(max_size=5), min_size=1, max_size=5), st.integers(1, 5))
def test_equal_prefixes_have_equal_digests(texts: list[str], upto: int) -> None:
    items = [BASE, *(user(text) for text in texts)]
    whole = survey(*items, tools=TOOLS)
    part = survey(*items[: upto + 1], tools=TOOLS)
    assert whole.message_digests[: len(part.message_digests)] == part.message_digests
    assert whole.head_digest == part.head_digest


def test_order_of_the_keys_does_not_count() -> None:
    turned = dict(reversed(BASE.items()))
    assert survey(turned).message_digests == survey(BASE).message_digests


def test_head_is_instructions_leading_items_and_tools() -> None:
    base = survey(BASE, user("a"), tools=TOOLS)
    assert base.head_digest == survey(BASE, user("b"), tools=TOOLS).head_digest
    assert base.head_digest != survey(BASE, user("a")).head_digest
    assert base.system_digest == survey(BASE, user("a")).system_digest
    told = survey(BASE, user("a"), tools=TOOLS, instructions="be brief")
    assert told.system_digest != base.system_digest
    assert told.tools_digest == base.tools_digest
    assert survey(user("a")).tools_digest == survey(user("a")).system_digest == ""


def test_images_and_files_do_not_count_by_their_base64() -> None:
    image = {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 900_000}
    file = {"type": "input_file", "file_data": "data:application/pdf;base64," + "A" * 330_000}
    for holder in (user([image]), result("a", [image])):
        found = survey(holder)
        assert found.needs.images
        assert 1_100 <= found.needs.prompt_tokens_estimate < 1_300
    with_file = survey(user([file]))
    assert with_file.needs.documents
    assert 10_000 <= with_file.needs.prompt_tokens_estimate < 10_300
    assert 10_000 <= survey(user("A" * 36_000)).needs.prompt_tokens_estimate < 10_100


def test_mention_of_an_image_is_no_image() -> None:
    found = survey(user([{"type": "input_text", "text": '{"type":"input_image"} "input_file"'}]))
    assert not found.needs.images
    assert not found.needs.documents


@pytest.mark.parametrize(
    ("wanted", "structured", "schema"),
    [
        ({"type": "json_schema", "name": "t"}, True, True),
        ({"type": "json_object"}, True, False),
        ({"type": "text"}, False, False),
    ],
)
def test_format_of_the_answer(wanted: Json, structured: bool, schema: bool) -> None:
    found = survey(user("x"), text={"format": wanted})
    assert found.needs.structured_output == structured
    assert found.has_output_format == schema


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"tools": [{"type": "web_search"}]}, "web_search"),
        ({"tools": [{"type": "tool_search"}]}, "tool_search"),
        ({"tools": [{"type": "mcp", "server_label": "m"}]}, "mcp"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": {"id": "conv_1"}}, "conversation"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"background": True}, "background"),
    ],
)
def test_what_only_openai_has_is_named(fields: Json, named: str) -> None:
    assert survey(user("x"), **fields).needs.server_tools == (named,)


@pytest.mark.parametrize(
    "item",
    [
        {"type": "compaction", "encrypted_content": "gA"},
        {"type": "compaction_trigger"},
        {
            "type": "agent_message",
            "content": [{"type": "encrypted_content", "encrypted_content": "gAAAAABq"}],
        },
        {"type": "item_reference", "id": "m"},
        {"id": "m"},
    ],
)
def test_items_that_only_openai_can_read_are_named(item: Json) -> None:
    kind = item.get("type", "item_reference")
    assert survey(user("x"), item, item).needs.server_tools == (kind,)


def test_null_is_absent() -> None:
    fields = dict.fromkeys(
        ["previous_response_id", "conversation", "prompt", "background", "instructions", "tools"]
    )
    found = survey(user("x"), **fields)
    assert found.needs.server_tools == ()
    assert found.system_digest == ""


def test_bug_26_reasoning_under_our_seal_is_told() -> None:
    sealed = seal(Provenance("anthropic_messages", "claude"), signature="s")
    ours = {"type": "reasoning", "summary": [], "encrypted_content": sealed}
    theirs = ours | {"encrypted_content": "gAAAA"}
    assert survey(user("x"), ours).has_foreign_thinking
    assert not survey(user(sealed), theirs).has_foreign_thinking


def test_long_texts_are_cut() -> None:
    found = survey(user("a" * 9_000 + "z" * 9_000))
    assert len(found.text) == len(found.first_typed_text) == 4_000
    assert found.text.startswith("a")
    assert found.text.endswith("z")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"input": None}, "input: required"),
        ({"input": []}, "input: must hold"),
        ({"input": ["x"]}, r"input\.0"),
        ({"input": [{"role": "me", "content": "x"}]}, r"input\.0\.role"),
        ({"input": [{"type": 7}]}, r"input\.0\.type"),
        ({"input": [{"role": "user", "content": 7}]}, r"input\.0\.content"),
        ({"model": 7}, "model: expected str"),
        ({"stream": "yes"}, "stream"),
        ({"tools": [7]}, r"tools\.0"),
    ],
)
def test_complaints_name_the_field(fields: Json, named: str) -> None:
    body = {"model": "m", "input": [user("x")]} | fields
    with pytest.raises(InvalidRequest, match=named):
        OPENAI_RESPONSES.survey_request(json.dumps(body).encode())
