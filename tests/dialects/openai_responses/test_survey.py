"""What a responses request's survey tells."""

import json

import pytest

from tests.dialects.openai_responses.requests import TOOLS, WIRE, called, result, user
from tests.dialects.surveyed import Json
from turnout.dialects.conversation import Provenance
from turnout.dialects.seal import seal
from turnout.dialects.survey import Survey
from turnout.errors import InvalidRequest

BASE: Json = {"type": "message", "role": "developer", "content": "You are an agent."}
survey = WIRE.survey


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
    assert [(one.tool, one.call_id, one.is_error, one.result_bytes) for one in found.outcomes] == [
        ("read", "a", False, 4),
        ("agents--spawn", "b", False, 8),
    ]
    assert found.text == found.first_typed_text == "fix the bug"
    assert len(found.message_digests) == len(found.message_bytes) == 7
    assert found.stop_sequences == ()


def test_a_string_is_what_the_user_typed() -> None:
    found = WIRE.read(b'{"model":"m","input":"fix it"}')
    assert (found.text, found.message_count, found.last_role) == ("fix it", 1, "user")


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
        {"type": "mcp_approval_response", "approval_request_id": "m", "approve": True},
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


def test_sound_is_named() -> None:
    sound = {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}
    item = {"role": "user", "content": [{"type": "input_text", "text": "hi"}, sound, sound]}
    assert survey(item, item).needs.server_tools == ("input_audio",)
    assert survey(user(str(sound))).needs.server_tools == ()


@pytest.mark.parametrize(
    "of_text", ["text/plain", "text/plain;charset=utf-8", "application/json; charset=utf-8"]
)
def test_a_file_of_text_needs_no_model_that_takes_documents(of_text: str) -> None:
    def holding(media_type: str) -> Survey:
        data = f"data:{media_type};base64,{'QUFB' * 3_000}"
        part = {"type": "input_file", "file_data": data, "filename": "a"}
        return survey({"role": "user", "content": [part]})

    paper, text = holding("application/pdf"), holding(of_text)
    assert (paper.needs.documents, text.needs.documents) == (True, False)
    assert text.needs.prompt_tokens_estimate > 5 * paper.needs.prompt_tokens_estimate


def test_uploaded_files_are_named_and_cited_ones_are_not() -> None:
    uploaded = {"role": "user", "content": [{"type": "input_image", "file_id": "file_1"}]}
    assert survey(uploaded).needs.server_tools == ("file_id",)
    cited = {"type": "output_text", "text": "x", "annotations": [{"file_id": "file_1"}]}
    assert survey({"role": "assistant", "content": [cited]}).needs.server_tools == ()


def test_instructions_and_leading_items_are_the_head() -> None:
    base = survey(BASE, user("a"), tools=TOOLS)
    told = survey(BASE, user("a"), tools=TOOLS, instructions="be brief")
    assert told.system_digest != base.system_digest
    assert told.tools_digest == base.tools_digest
    assert told.system_digest != survey(user("a"), instructions="be brief").system_digest


def test_ids_and_states_of_items_are_no_part_of_the_prompt() -> None:
    """Codex makes new ids for the same head in every session, also for its tools."""
    tools = {"type": "additional_tools", "role": "developer", "tools": TOOLS}
    first, second = (
        survey(tools | {"id": f"at_{n}"}, BASE | {"id": f"msg_{n}"}, user("x") | {"status": n})
        for n in ("a", "b")
    )
    assert first.head_digest == second.head_digest
    assert first.message_digests == second.message_digests
    references = [survey({"type": "item_reference", "id": name}) for name in ("m", "n")]
    assert references[0].message_digests != references[1].message_digests


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
        WIRE.read(json.dumps(body).encode())
