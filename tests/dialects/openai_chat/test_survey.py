"""What a chat request's survey tells."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.dialects.openai_chat import OPENAI_CHAT
from turnout.dialects.survey import Survey, ToolOutcome
from turnout.errors import InvalidRequest

Json = dict[str, Any]

SYSTEM: Json = {"role": "system", "content": "You are an agent."}
TOOLS: list[Json] = [
    {"type": "function", "function": {"name": "read", "parameters": {"type": "object"}}},
    {"type": "custom", "custom": {"name": "patch"}},
]


def user(content: object) -> Json:
    return {"role": "user", "content": content}


def called(*ids: str) -> Json:
    calls = [
        {"id": i, "type": "function", "function": {"name": "read", "arguments": "{}"}} for i in ids
    ]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def result(call_id: str, content: object = "ok") -> Json:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def survey(*messages: Json, **fields: object) -> Survey:
    body = {"model": "m", "messages": list(messages)} | fields
    return OPENAI_CHAT.survey_request(json.dumps(body).encode())


def test_facts_of_an_ordinary_request() -> None:
    found = survey(
        SYSTEM,
        user("fix the bug"),
        called("a", "b"),
        result("a"),
        result("b", "longer"),
        tools=TOOLS,
        stream=True,
        max_completion_tokens=9,
        stop="</block>",
        reasoning_effort="high",
        user="u",
        prompt_cache_key="k",
    )
    assert (found.model, found.stream, found.message_count, found.last_role) == (
        "m",
        True,
        5,
        "tool",
    )
    assert (found.tool_count, found.tool_result_count) == (2, 2)
    assert found.needs.tools
    assert found.needs.thinking
    assert found.needs.max_output_tokens == 9
    assert found.stop_sequences == ("</block>",)
    assert (found.user_field, found.prompt_cache_key) == ("u", "k")
    assert found.outcomes == (
        ToolOutcome("read", "a", is_error=False, result_bytes=4),
        ToolOutcome("read", "b", is_error=False, result_bytes=8),
    )
    assert found.text == found.first_typed_text == "fix the bug"
    assert len(found.message_digests) == len(found.message_bytes) == 5


def test_typed_text_ends_a_step() -> None:
    found = survey(user("one"), called("a"), result("a"), user("no, do it so"))
    assert found.outcomes == ()
    assert found.text == "no, do it so"
    assert found.first_typed_text == "one"


def test_image_behind_a_result_is_not_typed() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    shown = user([{"type": "text", "text": "Attached image(s) from tool result:"}, image])
    found = survey(user("look"), called("a"), result("a"), shown)
    assert [outcome.call_id for outcome in found.outcomes] == ["a"]
    assert found.needs.images


def test_context_blocks_are_not_typed() -> None:
    found = survey(
        user("<environment_context>linux</environment_context>"),
        user([{"type": "text", "text": "<system-reminder>x</system-reminder>"},
              {"type": "text", "text": "real"}]),
    )  # fmt: skip
    assert found.first_typed_text == "real"


@given(st.lists(st.text(max_size=5), min_size=1, max_size=5), st.integers(1, 5))
def test_equal_prefixes_have_equal_digests(texts: list[str], upto: int) -> None:
    messages = [SYSTEM, *(user(text) for text in texts)]
    whole = survey(*messages, tools=TOOLS)
    part = survey(*messages[: upto + 1], tools=TOOLS)
    assert whole.message_digests[: len(part.message_digests)] == part.message_digests
    assert whole.head_digest == part.head_digest


def test_markers_and_lone_blocks_do_not_count() -> None:
    marked = {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}
    plain, block = survey(SYSTEM, user("hi")), survey(SYSTEM, user([marked]))
    assert plain.message_digests == block.message_digests
    assert plain.breakpoints == (0, 0)
    assert block.breakpoints == (1, 0)
    long = marked | {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    assert survey(SYSTEM, user([long])).breakpoints == (0, 1)


def test_head_is_system_and_tools() -> None:
    base = survey(SYSTEM, user("a"), tools=TOOLS)
    assert base.head_digest == survey(SYSTEM, user("b"), tools=TOOLS).head_digest
    assert base.head_digest != survey(SYSTEM, user("a")).head_digest
    assert base.system_digest == survey(SYSTEM, user("a")).system_digest
    other = survey({"role": "developer", "content": "else"}, user("a"), tools=TOOLS)
    assert base.head_digest != other.head_digest
    assert base.tools_digest == other.tools_digest
    assert survey(user("a")).tools_digest == ""


def test_sessions_with_one_system_prompt_do_not_collapse() -> None:
    """A rival keys bodies that begin with a system message on it alone."""
    assert survey(SYSTEM, user("a")).message_digests != survey(SYSTEM, user("b")).message_digests


def test_images_and_files_do_not_count_by_their_base64() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 900_000}}
    file = {"type": "file", "file": {"file_data": "data:application/pdf;base64," + "A" * 330_000}}
    assert 1_100 <= survey(user([image])).needs.prompt_tokens_estimate < 1_300
    with_file = survey(user([file]))
    assert with_file.needs.documents
    assert 10_000 <= with_file.needs.prompt_tokens_estimate < 10_300
    text = "A" * 36_000
    assert 10_000 <= survey(user(text)).needs.prompt_tokens_estimate < 10_100


def test_mention_of_an_image_is_no_image() -> None:
    found = survey(user([{"type": "text", "text": '{"type":"image_url"} "file"'}]))
    assert not found.needs.images
    assert not found.needs.documents


@pytest.mark.parametrize(
    ("wanted", "structured", "schema"),
    [
        ({"type": "json_schema", "json_schema": {"name": "t"}}, True, True),
        ({"type": "json_object"}, True, False),
        ({"type": "text"}, False, False),
    ],
)
def test_format_of_the_answer(wanted: Json, structured: bool, schema: bool) -> None:
    found = survey(user("x"), response_format=wanted)
    assert found.needs.structured_output == structured
    assert found.has_output_format == schema


def test_tools_of_the_provider_are_named() -> None:
    assert survey(user("x"), web_search_options={}).needs.server_tools == ("web_search_options",)
    assert survey(user("x"), tools=[{"type": "magic"}]).needs.server_tools == ("magic",)


def test_long_texts_are_cut() -> None:
    found = survey(user("a" * 9_000 + "z" * 9_000))
    assert len(found.text) == len(found.first_typed_text) == 4_000
    assert found.text.startswith("a")
    assert found.text.endswith("z")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": ["x"]}, r"messages\.0"),
        ({"messages": [{"role": "me"}]}, r"messages\.0\.role"),
        ({"messages": [{"content": "x"}]}, r"messages\.0\.role"),
        ({"messages": [{"role": "user", "content": 7}]}, r"messages\.0\.content"),
        ({"model": 7}, "model: expected str"),
        ({"stream": "yes"}, "stream"),
        ({"tools": [7]}, r"tools\.0"),
    ],
)
def test_complaints_name_the_field(fields: Json, named: str) -> None:
    body = {"model": "m", "messages": [user("x")]} | fields
    with pytest.raises(InvalidRequest, match=named):
        OPENAI_CHAT.survey_request(json.dumps(body).encode())


def test_a_role_may_be_written_with_escapes() -> None:
    body = rb'{"model":"gpt","messages":[{"role":"us\u0065r","content":"hi"}]}'
    assert OPENAI_CHAT.survey_request(body).last_role == "user"
    with pytest.raises(InvalidRequest, match="role"):
        OPENAI_CHAT.survey_request(body.replace(b"us", b"xs"))


@pytest.mark.parametrize(
    ("options", "asks"),
    [
        ({"include_usage": True}, True),
        ({"include_usage": False}, False),
        ({}, False),
        (None, False),
    ],
)
def test_a_stream_may_be_asked_to_end_with_its_usage(options: Json | None, asks: bool) -> None:
    assert survey(user("hi"), stream=True, stream_options=options).asks_usage is asks
