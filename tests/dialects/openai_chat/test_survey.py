"""What a chat request's survey tells."""

import json

import pytest

from tests.dialects.openai_chat.requests import TOOLS, WIRE, called, result, user
from tests.dialects.surveyed import Json
from turnout.errors import InvalidRequest

SYSTEM: Json = {"role": "system", "content": "You are an agent."}
survey = WIRE.survey


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
    assert [(one.tool, one.call_id, one.is_error, one.result_bytes) for one in found.outcomes] == [
        ("read", "a", False, 4),
        ("read", "b", False, 8),
    ]
    assert found.text == found.first_typed_text == "fix the bug"
    assert len(found.message_digests) == len(found.message_bytes) == 5


def test_image_behind_a_result_is_not_typed() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    shown = user("Attached image(s) from tool result:", image)
    found = survey(user("look"), called("a"), result("a"), shown)
    assert [outcome.call_id for outcome in found.outcomes] == ["a"]
    assert found.needs.images


def test_a_developer_is_of_the_head_too() -> None:
    base = survey(SYSTEM, user("a"))
    other = survey({"role": "developer", "content": "else"}, user("a"))
    assert base.system_digest != other.system_digest
    assert base.head_digest != other.head_digest


def test_markers_and_lone_blocks_do_not_count() -> None:
    marked = {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}
    plain, block = survey(SYSTEM, user("hi")), survey(SYSTEM, user(marked))
    assert plain.message_digests == block.message_digests
    assert plain.breakpoints == (0, 0)
    assert block.breakpoints == (1, 0)
    long = marked | {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    assert survey(SYSTEM, user(long)).breakpoints == (0, 1)


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


SOUND: Json = {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"n": 2}, ("n",)),
        ({"n": 1, "modalities": ["text"], "functions": None}, ()),
        ({"modalities": ["text", "audio"]}, ("modalities",)),
        ({"functions": [{"name": "f"}]}, ("functions",)),
        (
            {"messages": [user("x"), {"role": "user", "content": [SOUND, {"type": "video_url"}]}]},
            ("input_audio", "video_url"),
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}
                ]
            },
            ("file_id",),
        ),
    ],
)
def test_what_no_other_wire_has_is_named(fields: Json, named: tuple[str, ...]) -> None:
    assert survey(user("x"), **fields).needs.server_tools == named


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
        WIRE.read(json.dumps(body).encode())


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
