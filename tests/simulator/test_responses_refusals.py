"""What the simulated Responses API refuses, in OpenAI's words and with the parameter at fault."""

import contextlib

import httpx
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulator.mutation import anything, mutated
from turnout.catalog import parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.simulator.exchange import Refused
from turnout.simulator.openai_responses_request import read_request
from turnout.simulator.openai_responses_store import StoredResponses

MODEL = "gpt-5.5"
CALL = {"type": "function_call", "call_id": "call_1", "name": "Bash", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "a.py"}
CUSTOM = {"type": "custom_tool_call", "call_id": "call_2", "name": "apply_patch", "input": "x"}
CUSTOM_OUTPUT = {"type": "custom_tool_call_output", "call_id": "call_2", "output": "done"}
HELLO = {"role": "user", "content": "hello"}
FUNCTION = {"type": "function", "name": "Bash", "parameters": {"type": "object"}}
OPEN_OBJECT = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "null"}}}


def said(kind: str, role: str = "user") -> dict[str, object]:
    return {"input": [{"role": role, "content": [{"type": kind, "text": "x"}]}]}


def items(*given: object) -> dict[str, object]:
    return {"input": [HELLO, *given]}


def tools(*given: object) -> dict[str, object]:
    return {"tools": list(given)}


def strict(**schema: object) -> dict[str, object]:
    return tools({**FUNCTION, "strict": True, "parameters": {**OPEN_OBJECT, **schema}})


def form(**fields: object) -> dict[str, object]:
    return {"text": {"format": fields}}


@pytest.mark.parametrize(
    ("change", "code", "param", "what"),
    [
        ({"model": "gpt-9"}, "model_not_found", "model", "'gpt-9' does not exist"),
        ({"model": "claude-opus-5-5"}, "model_not_found", "model", "does not exist"),
        ({"model": "gemini-3.5-flash"}, "model_not_found", "model", "does not exist"),
        ({"model": ""}, "missing_required_parameter", "model", "'model'"),
        ({"cache_control": {}}, "unknown_parameter", "cache_control", "Unknown parameter"),
        ({"input": None}, "missing_required_parameter", "input", "must be provided"),
        ({"input": 5}, "invalid_type", "input", "expected one of a string or array"),
        ({"instructions": 5}, "invalid_type", "instructions", "expected a string"),
        ({"max_output_tokens": 5}, "integer_below_min_value", "max_output_tokens", ">= 16"),
        ({"temperature": 0.5}, None, "temperature", "not supported with this model"),
        ({"include": ["all"]}, "invalid_value", "include[0]", "'all'"),
        ({"reasoning": {"effort": "huge"}}, "invalid_value", "reasoning.effort", "'huge'"),
        (
            {"previous_response_id": "resp_1"},
            "previous_response_not_found",
            "previous_response_id",
            "'resp_1' not found",
        ),
        (
            {"previous_response_id": "chatcmpl-1"},
            "invalid_value",
            "previous_response_id",
            "begins with 'resp'",
        ),
        ({"background": True, "store": False}, None, "background", "'store' to be true"),
        (
            {"input": "x" * 4_200_000},
            "context_length_exceeded",
            "input",
            "exceeds the context window",
        ),
        # Items
        (
            items({"type": "tool_use"}),
            "invalid_value",
            "input[1].type",
            "Invalid value: 'tool_use'",
        ),
        (items({"role": "tool", "content": "x"}), "invalid_value", "input[1]", "'tool'"),
        (items({"role": "user"}), "missing_required_parameter", "input[1].content", "content"),
        (
            items(CALL | {"arguments": {}}, OUTPUT),
            "invalid_type",
            "input[1].arguments",
            "expected a string",
        ),
        (items(CALL, OUTPUT | {"output": 5}), "invalid_type", "input[2].output", "an array"),
        (
            items(HELLO | {"cache_control": {}}),
            "unknown_parameter",
            "input[1].cache_control",
            "Unknown parameter",
        ),
        (said("text"), "invalid_value", "input[0].content[0]", "'input_text'"),
        (said("input_text", "assistant"), "invalid_value", "input[0].content[0]", "'output_text'"),
        (said("output_text"), "invalid_value", "input[0].content[0]", "'input_text'"),
        (
            items({"role": "user", "content": [{"type": "input_image", "image_url": "a.png"}]}),
            "invalid_value",
            "input[1].content[0].image_url",
            "Expected a valid URL",
        ),
        (
            items({"role": "assistant", "content": "x", "id": "chatcmpl-1"}),
            "invalid_value",
            "input[1].id",
            "begins with 'msg'",
        ),
        (
            items(CALL | {"id": "toolu_1"}, OUTPUT),
            "invalid_value",
            "input[1].id",
            "begins with 'fc'",
        ),
        (
            items(CUSTOM, CUSTOM_OUTPUT | {"id": "fc_1"}),
            "invalid_value",
            "input[2].id",
            "begins with 'ctc'",
        ),
        (
            items({"type": "web_search_call", "id": "call_1", "status": "completed"}),
            "invalid_value",
            "input[1].id",
            "begins with 'ws'",
        ),
        (items(HELLO | {"id": ""}), "invalid_value", "input[1].id", "letters, numbers"),
        (
            items(CALL | {"call_id": "c" * 65}, OUTPUT),
            "string_above_max_length",
            "input[1].call_id",
            "maximum length 64, but got a string with length 65",
        ),
        (items(CALL | {"call_id": ""}, OUTPUT), "empty_string", "input[1].call_id", "empty"),
        # Pairs
        (items(CALL), None, "input", "No tool output found for function call call_1."),
        (items(CUSTOM), None, "input", "No tool output found for custom tool call call_2."),
        (
            items(OUTPUT),
            None,
            "input",
            "No tool call found for function call output with call_id call_1.",
        ),
        (
            items(OUTPUT, CALL),
            None,
            "input",
            "No tool call found for function call output with call_id call_1.",
        ),
        (
            items(CALL, CUSTOM_OUTPUT | {"call_id": "call_1"}),
            None,
            "input",
            "No tool call found for custom tool call output with call_id call_1.",
        ),
        (
            items({"type": "compaction_trigger"}, HELLO),
            "invalid_value",
            "input[1]",
            "must be the final input item",
        ),
        # Encrypted contents
        (
            items({"type": "reasoning", "summary": [], "encrypted_content": "gAAAAnotours"}),
            "invalid_encrypted_content",
            None,
            "The encrypted content gAAA...ours could not be verified.",
        ),
        (
            items({"type": "compaction", "encrypted_content": "gAAAAnotours"}),
            "invalid_encrypted_content",
            None,
            "could not be verified",
        ),
        # Tools
        (
            tools({"type": "function", "function": {"name": "Bash"}}),
            "missing_required_parameter",
            "tools[0].name",
            "'tools[0].name'",
        ),
        (tools({"type": "retrieval"}), "invalid_value", "tools[0].type", "'retrieval'"),
        (tools({**FUNCTION, "name": "a b"}), "invalid_value", "tools[0].name", "pattern"),
        (
            tools({**FUNCTION, "name": "a" * 65}),
            "string_above_max_length",
            "tools[0].name",
            "length 65",
        ),
        (
            tools({**FUNCTION, "cache_control": {}}),
            "unknown_parameter",
            "tools[0].cache_control",
            "Unknown parameter",
        ),
        (
            tools({**FUNCTION, "parameters": {"type": "string"}}),
            "invalid_function_parameters",
            "tools[0].parameters",
            "got 'type: \"string\"'",
        ),
        (
            strict(required=["a", "b"]),
            "invalid_function_parameters",
            "tools[0].parameters",
            "'additionalProperties' is required",
        ),
        (
            strict(required=["a"], additionalProperties=False),
            "invalid_function_parameters",
            "tools[0].parameters",
            "Missing 'b'",
        ),
        (
            tools({"type": "custom", "name": "x", "format": {"type": "grammar", "syntax": "ebnf"}}),
            "invalid_value",
            "tools[0].format.syntax",
            "'ebnf'",
        ),
        (
            tools({"type": "namespace", "name": "x", "tools": []}),
            "missing_required_parameter",
            "tools[0].description",
            "description",
        ),
        (
            tools({"type": "namespace", "name": "x", "description": "x", "tools": [{}]}),
            "missing_required_parameter",
            "tools[0].tools[0].type",
            "type",
        ),
        (
            {"tool_choice": {"type": "function", "name": "Write"}, **tools(FUNCTION)},
            None,
            "tool_choice",
            "not found in 'tools'",
        ),
        ({"tool_choice": "required"}, None, "tool_choice", "must be specified with 'tools'"),
        ({"tool_choice": "any", **tools(FUNCTION)}, "invalid_value", "tool_choice", "'any'"),
        (
            form(type="json_schema", schema={"type": "object"}),
            "missing_required_parameter",
            "text.format.name",
            "text.format.name",
        ),
        (
            form(type="json_schema", name="x", strict=True, schema={"type": "object"}),
            "invalid_json_schema",
            "text.format.schema",
            "Invalid schema for response_format 'x'",
        ),
        (form(type="xml"), "invalid_value", "text.format.type", "'xml'"),
    ],
)
def test_a_bad_request_gets_openais_error(
    client: openai.OpenAI,
    change: dict[str, object],
    code: str | None,
    param: str | None,
    what: str,
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.post("/responses", body={"model": MODEL, "input": "hello"} | change, cast_to=object)
    assert (caught.value.code, caught.value.param) == (code, param)
    assert what in caught.value.message
    assert caught.value.type == "invalid_request_error"


@pytest.mark.parametrize(
    "change",
    [
        items(CALL, CUSTOM, OUTPUT, CUSTOM_OUTPUT),
        items(CALL, {"role": "assistant", "content": "first a call"}, OUTPUT),
        items(CALL, OUTPUT | {"output": [{"type": "input_text", "text": "x"}]}),
        items({"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}),
        items({"type": "web_search_call", "id": "ws_1", "status": "completed"}),
        items({"type": "reasoning", "id": "rs_1", "summary": []}),
        {"temperature": 0.5, "top_p": 0.5, "reasoning": {"effort": "none"}},
        {"temperature": 1, "top_p": 1.0, "tool_choice": {"type": "web_search"}},
        strict(required=["a", "b"], additionalProperties=False),
        {"previous_response_id": None, "conversation": None},
    ],
)
def test_what_openai_takes_is_taken(client: openai.OpenAI, change: dict[str, object]) -> None:
    client.post("/responses", body={"model": MODEL, "input": "hello"} | change, cast_to=object)


@pytest.mark.parametrize(
    "item",
    [
        {"type": "item_reference", "id": "msg_1"},
        {"type": "reasoning", "id": "rs_1", "summary": []},
    ],
)
def test_what_is_not_stored_is_not_found(client: openai.OpenAI, item: dict[str, object]) -> None:
    with pytest.raises(openai.NotFoundError, match="Items are not persisted"):
        client.post(
            "/responses",
            body={"model": MODEL, "store": False, **items(item)},
            cast_to=object,
        )


def test_a_model_that_does_not_reason_has_no_encrypted_content(client: openai.OpenAI) -> None:
    for change, param in (
        ({"include": ["reasoning.encrypted_content"]}, "include"),
        ({"reasoning": {"effort": "low"}}, "reasoning.effort"),
    ):
        with pytest.raises(openai.BadRequestError) as caught:
            client.post(
                "/responses",
                body={"model": "gpt-4.1", "input": "hello"} | change,
                cast_to=object,
            )
        assert caught.value.param == param


def test_a_key_is_wanted(base: str) -> None:
    answer = httpx.post(f"{base}/v1/responses", json={"model": MODEL, "input": "hello"})
    assert answer.status_code == 401
    assert "API key" in answer.json()["error"]["message"]


FULL: dict[str, object] = {
    "model": MODEL,
    "input": [
        HELLO,
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "x"}]},
        CALL,
        OUTPUT,
        CUSTOM,
        CUSTOM_OUTPUT,
        {"role": "user", "content": [{"type": "input_image", "image_url": "https://x/a.png"}]},
    ],
    "tools": [
        FUNCTION,
        {"type": "custom", "name": "x", "format": {"type": "text"}},
        {"type": "namespace", "name": "n", "description": "d", "tools": [FUNCTION]},
    ],
    "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [FUNCTION]},
    "text": {"format": {"type": "json_schema", "name": "x", "schema": {"type": "object"}}},
    "reasoning": {"effort": "low", "summary": "auto"},
    "include": ["reasoning.encrypted_content"],
}
CATALOG = parse_catalog(snapshot_bytes())


@given(st.data())
def test_whatever_is_sent_is_read_or_refused(data: st.DataObject) -> None:
    body = mutated(FULL, data, anything())
    with contextlib.suppress(Refused):
        read_request(body, {"authorization": "Bearer k"}, CATALOG, StoredResponses())
