"""What a survey of this wire tells."""

import json
from dataclasses import replace

import pytest

from tests.dialects.gemini_generate.requests import TOOLS, WIRE, answered, called, user
from tests.dialects.surveyed import Json
from turnout.dialects.conversation import Provenance, Thinking
from turnout.dialects.gemini_generate.thoughts import mark, sealed
from turnout.errors import InvalidRequest

SYSTEM: Json = {"role": "user", "parts": [{"text": "You are an agent."}]}
survey = WIRE.survey


def test_facts_of_an_ordinary_request() -> None:
    found = survey(
        user("fix the bug"),
        called("read_file", "ls"),
        user(answered("read_file", id="r_1"), answered("ls", {"error": "no such folder"})),
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
    assert [(one.tool, one.call_id, one.is_error, one.result_bytes) for one in found.outcomes] == [
        ("read_file", "r_1", False, 16),
        ("ls", "", True, 27),
    ]
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
    found = replace(WIRE, path=path).survey(user("x"), model="models/said")
    assert (found.model, found.stream) == (model, stream)


def test_a_count_may_hold_the_request_one_level_deeper() -> None:
    inner = {"contents": [user("x")], "tools": TOOLS}
    for name in ("generateContentRequest", "generate_content_request"):
        body = json.dumps({name: inner}).encode()
        found = WIRE.read(body)
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


def test_pictures_beside_a_result_are_not_typed() -> None:
    picture = {"inlineData": {"mimeType": "image/png", "data": "AA=="}}
    found = survey(user("look"), called("shot"), user(answered("shot"), picture))
    assert [outcome.tool for outcome in found.outcomes] == ["shot"]
    assert found.needs.images


@pytest.mark.parametrize("text", ["short", "long" * 5_000])
def test_a_role_that_is_left_out_does_not_count(text: str) -> None:
    parts = [{"text": text}]
    same: list[Json] = [
        {"role": "user", "parts": parts},
        {"parts": parts},
        {"parts": parts, "role": "function"},
    ]
    assert len({survey(content).message_digests for content in same}) == 1
    other: Json = {"parts": parts, "role": "model"}
    assert survey(other).message_digests != survey(same[0]).message_digests


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


def blob(media_type: str) -> Json:
    return {"inlineData": {"mimeType": media_type, "data": "AA=="}}


def linked(uri: str, **fields: str) -> Json:
    return {"fileData": {"fileUri": uri} | fields}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"candidateCount": 2}, ("candidateCount",)),
        ({"candidateCount": 1, "responseModalities": ["TEXT"]}, ()),
        ({"responseMimeType": "text/x.enum"}, ("responseMimeType",)),
        ({"responseMimeType": "text/plain"}, ()),
        ({"responseModalities": ["TEXT", "IMAGE"]}, ("responseModalities",)),
        ({"response_modalities": ["AUDIO"]}, ("responseModalities",)),
        ({"responseFormat": [{"text": {}}]}, ("responseFormat",)),
    ],
)
def test_answers_that_no_other_wire_has_are_named(fields: Json, named: tuple[str, ...]) -> None:
    assert survey(user("x"), generationConfig=fields).needs.server_tools == named


@pytest.mark.parametrize(
    ("part", "named"),
    [
        (blob("audio/mp3"), ("audio",)),
        (blob("video/mp4"), ("video",)),
        (linked("https://www.youtube.com/watch?v=x"), ("video",)),
        (linked("https://e/a"), ("fileData",)),
        (linked("gs://b/a.png", mimeType="image/png"), ("fileData",)),
        (blob("application/zip"), ("inlineData",)),
        (blob("application/pdf"), ()),
        (blob("image/png"), ()),
        (
            {"functionResponse": {"name": "f", "response": {}, "parts": [blob("audio/mp3")]}},
            ("audio",),
        ),
    ],
)
def test_what_else_is_attached_is_named(part: Json, named: tuple[str, ...]) -> None:
    content: Json = {"role": "user", "parts": [{"text": "x"}, part, part]}
    assert survey(content).needs.server_tools == named
    assert survey(user("x"), content | {"role": "model"}).needs.server_tools == ()


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
        WIRE.read(json.dumps(body).encode())
