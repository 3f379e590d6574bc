"""What a survey of this wire tells."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.dialects.conversation import Provenance, Thinking
from turnout.dialects.gemini_generate import GEMINI_GENERATE
from turnout.dialects.gemini_generate.thoughts import mark, sealed
from turnout.dialects.survey import Survey, ToolOutcome
from turnout.errors import InvalidRequest

Json = dict[str, Any]

PATH = "/v1beta/models/gemini-3.8-flash:streamGenerateContent"
SYSTEM: Json = {"role": "user", "parts": [{"text": "You are an agent."}]}
TOOLS: list[Json] = [
    {"functionDeclarations": [{"name": "read_file"}, {"name": "ls", "parametersJsonSchema": {}}]}
]


def user(*parts: object) -> Json:
    return {"role": "user", "parts": [{"text": p} if isinstance(p, str) else p for p in parts]}


def called(*names: str) -> Json:
    parts = [{"functionCall": {"name": name, "args": {}}} for name in names]
    return {"role": "model", "parts": parts}


def result(name: str, response: Json | None = None, **more: object) -> Json:
    return {"functionResponse": {"name": name, "response": response or {"output": "ok"}} | more}


def survey(*contents: Json, path: str = PATH, **fields: object) -> Survey:
    body = {"contents": list(contents)} | fields
    return GEMINI_GENERATE.survey_request(json.dumps(body).encode(), path=path)


def test_facts_of_an_ordinary_request() -> None:
    found = survey(
        user("fix the bug"),
        called("read_file", "ls"),
        user(result("read_file", id="r_1"), result("ls", {"error": "no such folder"})),
        systemInstruction=SYSTEM,
        tools=TOOLS,
        generationConfig={
            "maxOutputTokens": 9,
            "stopSequences": ["</block>"],
            "thinkingConfig": {"thinkingLevel": "HIGH"},
        },
    )
    assert (found.model, found.stream) == ("gemini-3.8-flash", True)
    assert (found.message_count, found.last_role) == (3, "user")
    assert (found.tool_count, found.tool_result_count) == (2, 2)
    assert found.needs.tools
    assert found.needs.thinking
    assert found.needs.max_output_tokens == 9
    assert found.stop_sequences == ("</block>",)
    assert found.outcomes == (
        ToolOutcome("read_file", "r_1", is_error=False, result_bytes=16),
        ToolOutcome("ls", "", is_error=True, result_bytes=27),
    )
    assert found.text == found.first_typed_text == "fix the bug"
    assert len(found.message_digests) == len(found.message_bytes) == 3
    assert found.needs.server_tools == ()
    assert not found.has_foreign_thinking


@pytest.mark.parametrize(
    ("path", "model", "stream"),
    [
        ("/v1/models/gemini-x:generateContent", "gemini-x", False),
        ("/v1beta/models/gemini-x:countTokens", "gemini-x", False),
        ("/v1/route", "said", False),
    ],
)
def test_the_path_says_model_and_stream(path: str, model: str, stream: bool) -> None:
    found = survey(user("x"), path=path, model="models/said")
    assert (found.model, found.stream) == (model, stream)


def test_a_count_may_hold_the_request_one_level_deeper() -> None:
    inner = {"contents": [user("x")], "tools": TOOLS}
    for name in ("generateContentRequest", "generate_content_request"):
        body = json.dumps({name: inner}).encode()
        found = GEMINI_GENERATE.survey_request(body, path=PATH)
        assert (found.tool_count, found.text) == (2, "x")


def test_either_spelling_is_read() -> None:
    camel = survey(
        user("x"),
        systemInstruction=SYSTEM,
        tools=TOOLS,
        generationConfig={"maxOutputTokens": 3, "responseSchema": {}},
    )
    snake = survey(
        user("x"),
        system_instruction=SYSTEM,
        tools=[{"function_declarations": TOOLS[0]["functionDeclarations"]}],
        generation_config={"max_output_tokens": 3.0, "response_schema": {}},
    )
    assert snake.system_digest == camel.system_digest
    assert snake.tools_digest == camel.tools_digest
    assert snake.needs.max_output_tokens == camel.needs.max_output_tokens == 3
    assert snake.has_output_format
    assert camel.has_output_format


def test_typed_text_ends_a_step() -> None:
    found = survey(user("one"), called("ls"), user(result("ls")), user("no, do it so"))
    assert found.outcomes == ()
    assert found.text == "no, do it so"
    assert found.first_typed_text == "one"


def test_pictures_beside_a_result_are_not_typed() -> None:
    picture = {"inlineData": {"mimeType": "image/png", "data": "AA=="}}
    found = survey(user("look"), called("shot"), user(result("shot"), picture))
    assert [outcome.tool for outcome in found.outcomes] == ["shot"]
    assert found.needs.images


def test_context_blocks_are_not_typed() -> None:
    found = survey(user("<session_context>linux</session_context>"), user("real"))
    assert found.first_typed_text == "real"


@given(st.lists(st.text(max_size=5), min_size=1, max_size=5), st.integers(1, 5))
def test_equal_prefixes_have_equal_digests(texts: list[str], upto: int) -> None:
    contents = [user(text) for text in texts]
    whole = survey(*contents, systemInstruction=SYSTEM, tools=TOOLS)
    part = survey(*contents[:upto], systemInstruction=SYSTEM, tools=TOOLS)
    assert whole.message_digests[: len(part.message_digests)] == part.message_digests
    assert whole.head_digest == part.head_digest


@pytest.mark.parametrize("text", ["short", "long" * 5_000])
def test_a_role_that_is_left_out_and_the_order_of_fields_do_not_count(text: str) -> None:
    parts = [{"text": text}]
    same: list[Json] = [
        {"role": "user", "parts": parts},
        {"parts": parts, "role": "user"},
        {"parts": parts},
        {"parts": parts, "role": "function"},
    ]
    assert len({survey(content).message_digests for content in same}) == 1
    other: Json = {"parts": parts, "role": "model"}
    assert survey(other).message_digests != survey(same[0]).message_digests


def test_head_is_system_and_tools() -> None:
    base = survey(user("a"), systemInstruction=SYSTEM, tools=TOOLS)
    again = survey(user("b"), systemInstruction=SYSTEM, tools=TOOLS)
    assert base.head_digest == again.head_digest
    assert base.head_digest != survey(user("a"), systemInstruction=SYSTEM).head_digest
    assert survey(user("a")).tools_digest == survey(user("a")).system_digest == ""


def test_pictures_and_documents_do_not_count_by_their_base64() -> None:
    def attached(media_type: str, size: int) -> Json:
        return {"inline_data": {"mime_type": media_type, "data": "A" * size}}

    assert (
        1_100 <= survey(user(attached("image/png", 900_000))).needs.prompt_tokens_estimate < 1_300
    )
    nested = result("shot", parts=[attached("image/png", 900_000)])
    assert survey(user(nested)).needs.prompt_tokens_estimate < 1_300
    document = survey(user(attached("application/pdf", 330_000)))
    assert document.needs.documents
    assert 10_000 <= document.needs.prompt_tokens_estimate < 10_300
    assert 10_000 <= survey(user("A" * 36_000)).needs.prompt_tokens_estimate < 10_100


def test_mention_of_a_picture_is_no_picture() -> None:
    found = survey(user('{"inlineData": {"mimeType": "image/png"}, "functionResponse": {}}'))
    assert not found.needs.images
    assert not found.needs.documents
    assert found.tool_result_count == 0


@pytest.mark.parametrize(
    ("config", "structured", "schema"),
    [
        ({"responseMimeType": "application/json"}, True, False),
        ({"responseJsonSchema": {"type": "object"}}, True, True),
        ({"responseSchema": None}, False, False),
        ({}, False, False),
    ],
)
def test_format_of_the_answer(config: Json, structured: bool, schema: bool) -> None:
    found = survey(user("x"), generationConfig=config)
    assert found.needs.structured_output == structured
    assert found.has_output_format == schema


def test_what_google_runs_or_keeps_is_named() -> None:
    found = survey(
        user("x"), tools=[*TOOLS, {"googleSearch": {}}, {"urlContext": {}}], cachedContent="c/1"
    )
    assert found.needs.server_tools == ("googleSearch", "urlContext", "cachedContent")
    assert found.tool_count == 2


@pytest.mark.parametrize(
    "signature",
    [
        mark(Provenance("openai_chat")),
        sealed([Thinking("why", Provenance("anthropic_messages"), signature="s")]),
    ],
)
def test_sealed_reasoning_is_seen(signature: str) -> None:
    call = {"functionCall": {"name": "ls"}, "thoughtSignature": signature}
    assert survey(user("x"), {"role": "model", "parts": [call]}).has_foreign_thinking
    quoted = user(json.dumps(call))
    assert not survey(quoted).has_foreign_thinking
    own = call | {"thoughtSignature": "EqsBCqgB"}
    assert not survey({"role": "model", "parts": [own]}).has_foreign_thinking


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"contents": None}, "contents"),
        ({"contents": []}, "contents"),
        ({"contents": ["x"]}, r"contents\.0"),
        ({"contents": [{"role": "me"}]}, r"contents\.0\.role"),
        ({"contents": [{"role": 7}]}, r"contents\.0\.role"),
        ({"contents": [{"parts": 7}]}, r"contents\.0\.parts"),
        ({"contents": [{"parts": [{"text": "x"}, 7]}]}, r"contents\.0\.parts\.1"),
        ({"generationConfig": 7}, "generationConfig"),
        ({"generationConfig": {"maxOutputTokens": "x"}}, r"generationConfig\.maxOutputTokens"),
        ({"tools": [7]}, r"tools\.0"),
        ({"tools": [{"functionDeclarations": 7}]}, r"tools\.functionDeclarations"),
    ],
)
def test_complaints_name_the_field(fields: Json, named: str) -> None:
    body = {"contents": [user("x")]} | fields
    with pytest.raises(InvalidRequest, match=named):
        GEMINI_GENERATE.survey_request(json.dumps(body).encode(), path=PATH)


def test_a_role_may_be_written_with_escapes() -> None:
    body = rb'{"contents":[{"role":"mod\u0065l","parts":[]}]}'
    assert GEMINI_GENERATE.survey_request(body, path=PATH).last_role == "assistant"
