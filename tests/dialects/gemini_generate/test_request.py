"""Requests to the neutral form and back; BUGS classes by name."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.capabilities import Capabilities
from turnout.dialects.conversation import (
    Base64Source,
    Conversation,
    Document,
    FileSource,
    Image,
    Message,
    Opaque,
    OutputFormat,
    Part,
    Provenance,
    Role,
    Sampling,
    ServerTool,
    Text,
    Thinking,
    ThinkingControl,
    Tool,
    ToolCall,
    ToolChoice,
    ToolReference,
    ToolResult,
    UrlSource,
)
from turnout.dialects.fit import fit
from turnout.dialects.fit.elsewhere import as_elsewhere
from turnout.dialects.gemini_generate import GEMINI_GENERATE
from turnout.dialects.gemini_generate.fields import snake
from turnout.dialects.gemini_generate.thoughts import STAND_IN, mark, sealed
from turnout.errors import InvalidRequest, Unsupported
from turnout.quirks import DIALECT_QUIRKS

Json = dict[str, Any]

PATH = "/v1beta/models/gemini-2.5-pro:streamGenerateContent"
OLD = "gemini-2.5-pro"
NEW = "gemini-3.8-flash"
ABLE = Capabilities(images=True, documents=True, structured_output=True, thinking=True)
DEEPSEEK = Provenance("openai_chat", "deepseek-r9")
GEMINI = Provenance("gemini_generate")

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NAME = st.text(alphabet="abcdefg_", min_size=1, max_size=6)
SIGNATURE = st.sampled_from(["EqsBCqgB", "EmYKZAHR7Yo="])


def decode(body: Json, *, path: str = PATH) -> Conversation:
    return GEMINI_GENERATE.decode_request(json.dumps(body).encode(), path=path)


def encode(conversation: Conversation, *, model: str = NEW, has: Capabilities = ABLE) -> Json:
    quirks = DIALECT_QUIRKS["gemini_generate"]
    fitted = fit(conversation, to="gemini_generate", quirks=quirks, has=has).conversation
    found: Json = json.loads(GEMINI_GENERATE.encode_request(fitted, model=model, has=has))
    return found


def contents(*parts: Json, role: str = "user") -> Json:
    return {"contents": [{"role": role, "parts": list(parts)}]}


def told(*messages: tuple[Role, Part | list[Part]], **fields: Any) -> Conversation:
    found = tuple(
        Message(role, tuple(parts) if isinstance(parts, list) else (parts,))
        for role, parts in messages
    )
    return Conversation("anthropic_messages", "m", found, **fields)


PNG = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}
PDF = {"inlineData": {"mimeType": "application/pdf", "data": "JVBERg=="}}
LINK = {"fileData": {"mimeType": "image/png", "fileUri": "https://example.com/a.png"}}
FILE = {
    "fileData": {
        "mimeType": "image/jpeg",
        "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/x1",
    }
}
SOUND = {"inlineData": {"mimeType": "audio/wav", "data": "AA=="}}
VIDEO = {
    "fileData": {"fileUri": "https://www.youtube.com/watch?v=x"},
    "videoMetadata": {"fps": 2, "endOffset": "9s"},
}
USER_PARTS = st.one_of(
    st.builds(lambda text: {"text": "t" + text}, TEXT),
    st.sampled_from(
        [PNG, PDF, LINK, FILE, SOUND, VIDEO, PNG | {"mediaResolution": {"level": "X"}}]
    ),
)


@st.composite
def turns(draw: st.DrawFn, number: int) -> list[Json]:
    """A content of the model and one with the results of its calls."""
    said: list[Json] = []
    if draw(st.booleans()):
        said.append({"text": "hm" + draw(TEXT), "thought": True})
    if draw(st.booleans()):
        said.append({"text": "s" + draw(TEXT), "thoughtSignature": draw(SIGNATURE)})
    if draw(st.booleans()):
        said.append({"executableCode": {"language": "PYTHON", "code": draw(TEXT)}})
    calls: list[Json] = []
    for n in range(draw(st.integers(0, 3))):
        call: Json = {"name": draw(NAME), "args": draw(st.sampled_from([{}, {"a": [1, 2.5]}]))}
        if draw(st.booleans()):
            call["id"] = f"c{number}_{n}"
        calls.append(call)
        part: Json = {"functionCall": call}
        if n == 0:
            part["thoughtSignature"] = draw(SIGNATURE)
        said.append(part)
    said = said or [{"text": "."}]
    results: list[Json] = []
    for call in calls:
        answer: Json = {
            "name": call["name"],
            "response": draw(
                st.sampled_from(
                    [{"output": "ok"}, {"result": "ok"}, {"error": "no"}, {"a": 1, "b": [2]}, {}]
                )
            ),
        }
        if "id" in call:
            answer["id"] = call["id"]
        if draw(st.booleans()):
            answer["parts"] = [PNG]
        results.append({"functionResponse": answer})
    found: list[Json] = [{"role": "model", "parts": said}]
    if results:
        found.append({"role": "user", "parts": results})
    return found


GENERATION: st.SearchStrategy[Json] = st.fixed_dictionaries(
    {},
    optional={
        "maxOutputTokens": st.just(100),
        "temperature": st.just(0.5),
        "topP": st.just(0.9),
        "topK": st.just(40),
        "seed": st.just(3),
        "presencePenalty": st.just(0.1),
        "frequencyPenalty": st.just(0.2),
        "stopSequences": st.just(["</block>"]),
        "responseLogprobs": st.just(True),
        "thinkingConfig": st.sampled_from(
            [
                {"thinkingBudget": -1, "includeThoughts": True},
                {"thinkingBudget": 0},
                {"thinkingBudget": 2048, "includeThoughts": False},
                {"thinkingLevel": "LOW"},
            ]
        ),
        "responseModalities": st.just(["TEXT"]),
        "mediaResolution": st.just("MEDIA_RESOLUTION_LOW"),
    },
)
FORMATS: st.SearchStrategy[Json] = st.sampled_from(
    [
        {},
        {"responseMimeType": "application/json"},
        {"responseMimeType": "application/json", "responseJsonSchema": {"type": ["string"]}},
        {"responseMimeType": "application/json", "responseSchema": {"type": "STRING"}},
        {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["a"]}},
    ]
)
FUNCTIONS = st.lists(
    st.fixed_dictionaries(
        {"name": NAME},
        optional={
            "description": st.just("d"),
            "parameters": st.just({"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}),
            "response": st.just({"type": "STRING"}),
        },
    )
    | st.fixed_dictionaries({"name": NAME, "parametersJsonSchema": st.just({"type": "object"})}),
    min_size=1,
    max_size=3,
)
CALLING = st.sampled_from(
    [
        {"mode": "AUTO"},
        {"mode": "NONE"},
        {"mode": "ANY"},
        {"mode": "ANY", "allowedFunctionNames": ["a", "b"]},
        {"mode": "VALIDATED"},
    ]
)


@st.composite
def requests(draw: st.DrawFn) -> Json:
    found: list[Json] = [
        {"role": "user", "parts": draw(st.lists(USER_PARTS, min_size=1, max_size=3))}
    ]
    for number in range(draw(st.integers(0, 3))):
        found += draw(turns(number))
        found.append({"role": "user", "parts": draw(st.lists(USER_PARTS, min_size=1, max_size=2))})
    request: Json = {"contents": found}
    config: Json = {**draw(GENERATION), **draw(FORMATS)}
    if config:
        request["generationConfig"] = config
    if draw(st.booleans()):
        request["tools"] = [
            {"functionDeclarations": draw(FUNCTIONS)},
            *draw(
                st.lists(st.sampled_from([{"googleSearch": {}}, {"urlContext": {}}]), max_size=1)
            ),
        ]
        if draw(st.booleans()):
            request["toolConfig"] = {"functionCallingConfig": draw(CALLING)}
    optional: Json = {
        "systemInstruction": {"role": "user", "parts": [{"text": "You are an agent."}]},
        "safetySettings": [{"category": "X", "threshold": "BLOCK_NONE"}],
        "labels": {"team": "a"},
        "serviceTier": "flex",
    }
    for name, value in optional.items():
        if draw(st.booleans()):
            request[name] = value
    return request


@given(requests())
def test_encode_after_decode_is_the_request(request: Json) -> None:
    assert encode(decode(request), model=OLD) == request


@given(requests())
def test_survey_and_decoder_agree(request: Json) -> None:
    body = json.dumps(request).encode()
    survey = GEMINI_GENERATE.survey_request(body, path=PATH)
    conversation = decode(request)
    assert (survey.model, survey.stream) == (conversation.model, conversation.stream)
    assert survey.needs.max_output_tokens == conversation.max_output_tokens
    assert survey.stop_sequences == conversation.stop_sequences
    parts = [part for message in conversation.messages for part in message.parts]
    results = [part for part in parts if isinstance(part, ToolResult)]
    assert survey.tool_result_count == len(results)
    inner = [part for result in results for part in result.parts]
    assert survey.needs.images == any(isinstance(part, Image) for part in [*parts, *inner])
    assert survey.tool_count == sum(isinstance(tool, Tool) for tool in conversation.tools)
    server = [tool.name for tool in conversation.tools if isinstance(tool, ServerTool)]
    assert [name for name in survey.needs.server_tools if name in server] == server
    assert set(conversation.bound) <= set(survey.needs.server_tools)
    assert (survey.needs.structured_output, survey.has_output_format) == (
        conversation.output_format is not None or "responseSchema" in str(request),
        any(name in str(request) for name in ("responseSchema", "responseJsonSchema")),
    )


CAMEL: Json = {
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
    "contents": [
        {"role": "user", "parts": [{"text": "x"}, PNG, FILE]},
        {
            "role": "model",
            "parts": [
                {"functionCall": {"name": "f", "args": {"aB": 1}}, "thoughtSignature": "EqsBCqgB"}
            ],
        },
        {"parts": [{"functionResponse": {"name": "f", "response": {"output": "o"}}}]},
    ],
    "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"maxItems": 1}}]}],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
    "generationConfig": {
        "maxOutputTokens": 9,
        "stopSequences": ["s"],
        "responseMimeType": "application/json",
        "responseJsonSchema": {"maxItems": 1},
        "thinkingConfig": {"thinkingBudget": 5, "includeThoughts": True},
        "responseLogprobs": True,
    },
    "serviceTier": "flex",
}


def spelled(value: object) -> object:
    """With names in snake_case, but for what is JSON of somebody else's."""
    if isinstance(value, dict):
        raw = {"args", "parametersJsonSchema", "responseJsonSchema"}
        return {snake(k): v if k in raw else spelled(v) for k, v in value.items()}
    return [spelled(one) for one in value] if isinstance(value, list) else value


def test_the_spelling_of_names_does_not_matter() -> None:
    again = spelled(CAMEL)
    assert isinstance(again, dict)
    assert "contents" in again
    assert "system_instruction" in again
    assert decode(again) == decode(CAMEL)
    mixed = CAMEL | {"tools": again["tools"], "generation_config": again["generation_config"]}
    del mixed["generationConfig"]
    assert decode(mixed) == decode(CAMEL)


@pytest.mark.parametrize(
    ("path", "model", "stream"),
    [
        ("/v1beta/models/gemini-3.8-flash:generateContent", "gemini-3.8-flash", False),
        ("/v1/models/gemini-3.8-flash:streamGenerateContent", "gemini-3.8-flash", True),
        ("/v1beta/models/tunedModels/x:countTokens", "tunedModels/x", False),
        ("", "", False),
    ],
)
def test_the_path_says_model_and_stream(path: str, model: str, stream: bool) -> None:
    conversation = decode(contents({"text": "x"}), path=path)
    assert (conversation.model, conversation.stream) == (model, stream)


def test_a_count_may_hold_the_request_one_level_deeper() -> None:
    inner = contents({"text": "x"}) | {"model": "models/gemini-2.5-pro", "tools": []}
    conversation = decode({"generateContentRequest": inner}, path="")
    assert conversation.model == "gemini-2.5-pro"
    assert conversation.messages == (Message("user", (Text("x"),)),)


@pytest.mark.parametrize(
    "instruction",
    [
        "Be brief.",
        {"parts": [{"text": "Be brief."}]},
        [{"text": "Be brief."}],
        {"text": "Be brief."},
    ],
)
def test_system_instructions_come_in_many_forms(instruction: object) -> None:
    system, _ = decode(contents({"text": "x"}) | {"systemInstruction": instruction}).messages
    assert (system.role, system.parts) == ("system", (Text("Be brief."),))


def test_a_content_may_stand_alone_and_have_no_role() -> None:
    (message,) = decode({"contents": {"parts": [{"text": "x"}]}}).messages
    assert (message.role, message.parts) == ("user", (Text("x"),))


@pytest.mark.parametrize(
    ("part", "neutral"),
    [
        (PNG, Image(Base64Source("image/png", "iVBORw0KGgo="))),
        (PDF, Document(Base64Source("application/pdf", "JVBERg=="))),
        (
            LINK,
            Image(UrlSource("https://example.com/a.png"), extras=(("mimeType", '"image/png"'),)),
        ),
        (
            {"fileData": {"mimeType": "application/pdf", "fileUri": "gs://b/a.pdf"}},
            Document(FileSource("gs://b/a.pdf"), extras=(("mimeType", '"application/pdf"'),)),
        ),
        ({"thought": True, "text": "hm"}, Thinking("hm", GEMINI)),
        (SOUND, Opaque("gemini_generate", "audio", json.dumps(SOUND), "contents.0.parts.0")),
        (VIDEO, Opaque("gemini_generate", "video", json.dumps(VIDEO), "contents.0.parts.0")),
    ],
)
def test_parts(part: Json, neutral: Part) -> None:
    (message,) = decode(contents(part)).messages
    assert message.parts == (neutral,)


@pytest.mark.parametrize(
    ("written", "usual"),
    [("-_-_", "+/+/"), ("-_8", "+/8="), ("_w", "/w=="), ("+/8=", "+/8=")],
)
def test_base64_of_either_alphabet_is_the_one_that_all_vendors_take(
    written: str, usual: str
) -> None:
    """google-genai writes bytes in the alphabet for URLs."""
    picture = {"inlineData": {"mimeType": "image/png", "data": written}}
    result = {"functionResponse": {"name": "f", "response": {}, "parts": [picture]}}
    seen = Image(Base64Source("image/png", usual))
    assert decode(contents(picture)).messages[0].parts == (seen,)
    (answered,) = decode(contents(result)).messages[0].parts
    assert isinstance(answered, ToolResult)
    assert answered.parts[-1] == seen


def test_ids_that_nobody_wrote_are_the_same_on_every_replay() -> None:
    call = {"functionCall": {"name": "ls", "args": {}}}
    result = {"functionResponse": {"name": "ls", "response": {"output": "a"}}}
    turn = [{"role": "model", "parts": [call, call]}, {"role": "user", "parts": [result, result]}]
    first = {"role": "user", "parts": [{"text": "x"}]}
    short = decode({"contents": [first, *turn]})
    longer = decode({"contents": [first, *turn, *turn]})
    assert longer.messages[: len(short.messages)] == short.messages
    calls = [p.call_id for m in longer.messages for p in m.parts if isinstance(p, ToolCall)]
    results = [p.call_id for m in longer.messages for p in m.parts if isinstance(p, ToolResult)]
    assert calls == results
    assert len(set(calls)) == 4


def test_bug_31_results_find_their_calls_by_id_then_by_name_and_order() -> None:
    def call(name: str, **more: str) -> Json:
        return {"functionCall": {"name": name, "args": {}} | more}

    def result(name: str, text: str, **more: str) -> Json:
        return {"functionResponse": {"name": name, "response": {"output": text}} | more}

    said = [call("read", id="r1"), call("read", id="r2"), call("ls"), call("ls")]
    answers = [
        result("read", "two", id="r2"),
        # gemini-cli makes up ids that no call has.
        result("ls", "first", id="ls_1790000000000_0"),
        result("ls", "second"),
        result("read", "one"),
    ]
    _, calls, results = decode(
        {
            "contents": [
                {"parts": [{"text": "x"}]},
                {"role": "model", "parts": said},
                {"role": "user", "parts": answers},
            ]
        }
    ).messages
    ids = [part.call_id for part in calls.parts if isinstance(part, ToolCall)]
    found = [
        (part.call_id, part.parts[0]) for part in results.parts if isinstance(part, ToolResult)
    ]
    assert found == [
        ("r2", Text("two")),
        (ids[2], Text("first")),
        (ids[3], Text("second")),
        ("r1", Text("one")),
    ]


@pytest.mark.parametrize(
    ("response", "text", "is_error"),
    [
        ({"output": "a\nb"}, "a\nb", False),
        ({"result": "a"}, "a", False),
        ({"error": "no such file"}, "no such file", True),
        ({"error": {"code": 1}}, '{"error": {"code": 1}}', True),
        ({"stdout": "a", "code": 0}, '{"stdout": "a", "code": 0}', False),
        ({}, "{}", False),
    ],
)
def test_results_are_texts(response: Json, text: str, is_error: bool) -> None:
    part = {"functionResponse": {"name": "f", "response": response}}
    (message,) = decode(contents(part)).messages
    (result,) = message.parts
    assert isinstance(result, ToolResult)
    assert result.parts == (Text(text),)
    assert result.is_error == is_error


def test_bug_32_pictures_in_and_beside_results() -> None:
    nested = {"functionResponse": {"name": "f", "response": {"output": "a"}, "parts": [PNG]}}
    (message,) = decode(contents(nested, PNG)).messages
    result, beside = message.parts
    assert isinstance(result, ToolResult)
    assert result.parts[1] == beside == Image(Base64Source("image/png", "iVBORw0KGgo="))


def test_bug_32_pictures_of_others_results_go_where_the_model_takes_them() -> None:
    picture = Image(Base64Source("image/png", "AA=="))
    result = ToolResult("c", (Text("shot"), picture))
    conversation = told(
        ("user", Text("x")), ("assistant", ToolCall("c", "look", "{}")), ("user", result)
    )
    inline = {"inlineData": {"mimeType": "image/png", "data": "AA=="}}
    (new,) = encode(conversation, model=NEW)["contents"][2]["parts"]
    assert new["functionResponse"]["parts"] == [inline]
    old = encode(conversation, model=OLD)["contents"][2]["parts"]
    assert "parts" not in old[0]["functionResponse"]
    assert old[1] == inline


def test_signatures_stand_in_front_of_the_parts_they_were_on() -> None:
    (message,) = decode(
        contents(
            {"text": "a", "thoughtSignature": "EqsBCqgB"},
            {"functionCall": {"name": "f", "args": {}, "id": "c"}, "thoughtSignature": "EmYK"},
            {"text": "", "thoughtSignature": "EmYL"},
            {"functionCall": {"name": "f", "args": {}, "id": "d"}, "thoughtSignature": STAND_IN},
            role="model",
        )
    ).messages
    assert message.parts == (
        Thinking("", GEMINI, signature="EqsBCqgB"),
        Text("a"),
        Thinking("", GEMINI, signature="EmYK"),
        ToolCall("c", "f", "{}"),
        Thinking("", GEMINI, signature="EmYL"),
        ToolCall("d", "f", "{}"),
    )


def test_bug_28_signatures_return_to_the_parts_behind_them() -> None:
    conversation = told(
        ("user", Text("x")),
        (
            "assistant",
            [
                Thinking("summary", GEMINI),
                Thinking("", GEMINI, signature="EqsB"),
                ToolCall("c", "f", "{}"),
                ToolCall("d", "f", "{}"),
                Thinking("", GEMINI, signature="EmYK"),
            ],
        ),
    )
    _, answer, _ = encode(conversation)["contents"]
    assert answer["parts"] == [
        {"text": "summary", "thought": True},
        {"functionCall": {"name": "f", "id": "c", "args": {}}, "thoughtSignature": "EqsB"},
        {"functionCall": {"name": "f", "id": "d", "args": {}}},
        {"text": "", "thoughtSignature": "EmYK"},
    ]
    plain = encode(conversation, has=Capabilities())
    assert "EqsB" not in json.dumps(plain)


def test_bug_27_reasoning_of_others_is_not_sent_and_calls_get_the_stand_in() -> None:
    thought = Thinking("secret", Provenance("anthropic_messages", "claude"), signature="EqQB")
    conversation = told(
        ("user", Text("x")),
        ("assistant", [thought, Text("ok"), ToolCall("c", "f", "{}"), ToolCall("d", "f", "{}")]),
        ("user", [ToolResult("c", (Text("1"),)), ToolResult("d", (Text("2"),))]),
        ("assistant", ToolCall("e", "f", "{}")),
    )
    sent = encode(conversation)
    assert "secret" not in json.dumps(sent)
    assert "EqQB" not in json.dumps(sent)
    calls = [
        part.get("thoughtSignature")
        for content in sent["contents"]
        for part in content["parts"]
        if "functionCall" in part
    ]
    assert calls == [STAND_IN, None, STAND_IN]
    assert STAND_IN not in json.dumps(encode(conversation, model=OLD))


def test_sealed_reasoning_comes_back_whole_from_the_call_alone() -> None:
    """gemini-cli drops thought parts and keeps the signature of a call."""
    thought = Thinking("why", DEEPSEEK)
    call = {
        "functionCall": {"name": "f", "args": {}, "id": "c"},
        "thoughtSignature": sealed([thought]),
    }
    (message,) = decode(contents(call, role="model")).messages
    assert message.parts == (thought, ToolCall("c", "f", "{}"))


def test_sealed_reasoning_comes_back_once_from_clients_that_keep_thoughts() -> None:
    thought = Thinking("why not", DEEPSEEK)
    parts: list[Json] = [
        {"text": "why", "thought": True, "thoughtSignature": mark(DEEPSEEK)},
        {"text": " not", "thought": True},
        {
            "functionCall": {"name": "f", "args": {}, "id": "c"},
            "thoughtSignature": sealed([thought]),
        },
    ]
    (message,) = decode(contents(*parts, role="model")).messages
    assert message.parts == (thought, ToolCall("c", "f", "{}"))
    (message,) = decode(contents(*parts[:2], role="model")).messages
    assert message.parts == (thought,)


def test_a_broken_seal_is_still_nobody_of_googles() -> None:
    call = {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": mark(DEEPSEEK)[:-9]}
    (message,) = decode(contents(call, role="model")).messages
    thought = message.parts[0]
    assert isinstance(thought, Thinking)
    assert thought.provenance.dialect == "openai_chat"


def test_bug_33_types_in_capitals_become_json_schema_for_others() -> None:
    schema = {
        "type": "OBJECT",
        "properties": {"n": {"type": "INTEGER", "nullable": True, "minimum": 1}},
        "required": ["n"],
    }
    request = contents({"text": "x"}) | {
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": schema}]}]
    }
    (tool,) = decode(request).tools
    assert isinstance(tool, Tool)
    assert json.loads(tool.schema) == {
        "type": "object",
        "properties": {"n": {"type": ["integer", "null"], "minimum": 1}},
        "required": ["n"],
    }


def test_bug_33_schemas_of_others_go_out_as_json_schema_that_google_takes() -> None:
    schema = (
        '{"$schema":"x","type":"object","properties":{"a":{"type":"string","const":"b"}},'
        '"additionalProperties":false}'
    )
    sent = encode(told(("user", Text("x")), tools=(Tool("f", "d", schema),)))
    (declared,) = sent["tools"][0]["functionDeclarations"]
    assert declared == {
        "name": "f",
        "description": "d",
        "parametersJsonSchema": {
            "$schema": "x",
            "type": "object",
            "properties": {"a": {"type": "string", "enum": ["b"]}},
            "additionalProperties": False,
        },
    }


def test_freeform_tools_become_functions_with_one_text() -> None:
    sent = encode(told(("user", Text("x")), tools=(Tool("apply_patch", kind="custom"),)))
    (declared,) = sent["tools"][0]["functionDeclarations"]
    assert declared["parametersJsonSchema"]["required"] == ["input"]


def test_deferred_tools_stand_behind_the_others_once_they_are_named() -> None:
    tools = (Tool("late", is_deferred=True), Tool("unused", is_deferred=True), Tool("first"))
    reference = ToolResult("c", (ToolReference("late"),))
    conversation = told(
        ("user", Text("x")),
        ("assistant", ToolCall("c", "ToolSearch", "{}")),
        ("user", reference),
        tools=tools,
    )
    sent = encode(conversation)
    names = [one["name"] for one in sent["tools"][0]["functionDeclarations"]]
    assert names == ["first", "late"]
    (result,) = sent["contents"][2]["parts"]
    assert '"name":"late"' in result["functionResponse"]["response"]["output"]


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        (ToolChoice("auto"), {"mode": "AUTO"}),
        (ToolChoice("none"), {"mode": "NONE"}),
        (ToolChoice("required"), {"mode": "ANY"}),
        (ToolChoice("named", ("f",)), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        (ToolChoice("auto", ("f",)), {"mode": "VALIDATED", "allowedFunctionNames": ["f"]}),
    ],
)
def test_choices_of_tools(choice: ToolChoice, config: Json) -> None:
    conversation = told(("user", Text("x")), tools=(Tool("f"),), tool_choice=choice)
    assert encode(conversation)["toolConfig"] == {"functionCallingConfig": config}


@pytest.mark.parametrize(
    ("config", "choice"),
    [
        ({"mode": "any"}, ToolChoice("required")),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ToolChoice("named", ("f",))),
        ({"mode": "VALIDATED"}, ToolChoice("auto")),
        ({}, ToolChoice("auto")),
    ],
)
def test_modes_of_calling(config: Json, choice: ToolChoice) -> None:
    request = contents({"text": "x"}) | {"toolConfig": {"functionCallingConfig": config}}
    assert decode(request).tool_choice == choice


@pytest.mark.parametrize(
    ("wanted", "control"),
    [
        ({"thinkingBudget": -1}, ThinkingControl("adaptive")),
        ({"thinkingBudget": 0}, ThinkingControl("off")),
        ({"thinkingBudget": 99}, ThinkingControl("on", 99)),
        ({"thinkingLevel": "high"}, ThinkingControl(effort="high")),
        ({"includeThoughts": True}, ThinkingControl(display="included")),
    ],
)
def test_thinking_is_read(wanted: Json, control: ThinkingControl) -> None:
    request = contents({"text": "x"}) | {"generationConfig": {"thinkingConfig": wanted}}
    assert decode(request).thinking == control


@pytest.mark.parametrize(
    ("control", "new", "old"),
    [
        (ThinkingControl(), None, None),
        (ThinkingControl("off"), {"thinkingLevel": "MINIMAL"}, {"thinkingBudget": 0}),
        (
            ThinkingControl("on", 31_999),
            {"thinkingLevel": "HIGH", "includeThoughts": True},
            {"thinkingBudget": 24_576, "includeThoughts": True},
        ),
        (
            ThinkingControl("on", 4_096),
            {"thinkingLevel": "MEDIUM", "includeThoughts": True},
            {"thinkingBudget": 4_096, "includeThoughts": True},
        ),
        (
            ThinkingControl("adaptive", display="omitted"),
            None,
            {"thinkingBudget": -1},
        ),
        (
            ThinkingControl(effort="xhigh"),
            {"thinkingLevel": "HIGH", "includeThoughts": True},
            {"thinkingBudget": 24_576, "includeThoughts": True},
        ),
        (ThinkingControl(effort="none"), {"thinkingLevel": "MINIMAL"}, {"thinkingBudget": 0}),
    ],
)
def test_wishes_for_thinking_in_the_words_of_the_model(
    control: ThinkingControl, new: Json | None, old: Json | None
) -> None:
    conversation = told(("user", Text("x")), thinking=control)
    for model, expected in ((NEW, new), (OLD, old)):
        config = encode(conversation, model=model).get("generationConfig", {})
        assert config.get("thinkingConfig") == expected
    assert "generationConfig" not in encode(conversation, has=Capabilities())


def test_sampling_and_limits() -> None:
    sampling = Sampling(0.5, 0.9, 40, 0.1, 0.2, 7, top_logprobs=3)
    conversation = told(
        ("user", Text("x")), sampling=sampling, max_output_tokens=9_000, stop_sequences=("a",)
    )
    sent = encode(conversation, has=Capabilities(max_output_tokens=100))["generationConfig"]
    assert sent == {
        "maxOutputTokens": 100,
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 40,
        "presencePenalty": 0.1,
        "frequencyPenalty": 0.2,
        "seed": 7,
        "responseLogprobs": True,
        "logprobs": 3,
        "stopSequences": ["a"],
    }


def test_numbers_without_a_fraction_are_integers() -> None:
    """google-genai sends topK as 40.0."""
    request = contents({"text": "x"}) | {"generationConfig": {"topK": 40.0}}
    assert decode(request).sampling.top_k == 40
    with pytest.raises(InvalidRequest, match=r"generationConfig\.topK"):
        decode(contents({"text": "x"}) | {"generationConfig": {"topK": 40.5}})


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        ({"responseMimeType": "application/json"}, OutputFormat("json")),
        (
            {"responseMimeType": "application/json", "responseJsonSchema": {"type": "null"}},
            OutputFormat("json_schema", schema='{"type": "null"}'),
        ),
        (
            {"responseMimeType": "application/json", "responseSchema": {"type": "STRING"}},
            OutputFormat("json_schema", schema='{"type":"string"}'),
        ),
        ({"responseMimeType": "text/plain"}, None),
        ({}, None),
    ],
)
def test_formats_of_the_answer(config: Json, wanted: OutputFormat | None) -> None:
    assert decode(contents({"text": "x"}) | {"generationConfig": config}).output_format == wanted


def test_a_schema_of_the_answer_goes_out_narrowed() -> None:
    wanted = OutputFormat("json_schema", schema='{"type":"string","$comment":"x"}', name="t")
    conversation = told(("user", Text("x")), output_format=wanted)
    assert encode(conversation)["generationConfig"] == {
        "responseMimeType": "application/json",
        "responseJsonSchema": {"type": "string"},
    }
    with pytest.raises(Unsupported, match="schema"):
        encode(conversation, has=Capabilities())


RAN: list[Json] = [
    {"text": "I compute it."},
    {"executableCode": {"language": "PYTHON", "code": "print(6*7)\n"}, "thoughtSignature": "Eq4="},
    {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "42\n"}},
    {"executable_code": {"code": "print('```')"}},
    {"codeExecutionResult": {"outcome": "OUTCOME_FAILED", "output": "NameError"}},
    {"text": "It is 42."},
]


def test_code_that_ran_at_googles_is_text_in_its_place() -> None:
    request = contents({"text": "6*7?"})
    request["contents"].append({"role": "model", "parts": RAN})
    conversation = decode(request)
    parts = as_elsewhere(conversation).messages[1].parts
    assert [part.text for part in parts if isinstance(part, Text)] == [
        "I compute it.",
        "```python\nprint(6*7)\n```",
        "It printed:\n```\n42\n```",
        "````\nprint('```')\n````",
        "It failed and printed:\n```\nNameError\n```",
        "It is 42.",
    ]
    assert encode(conversation)["contents"] == request["contents"]


def test_labels_are_metadata() -> None:
    conversation = decode(contents({"text": "x"}) | {"labels": {"team": "a"}})
    assert conversation.metadata == (("team", '"a"'),)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"cachedContent": "cachedContents/x"}, "cachedContent"),
        ({"generationConfig": {"candidateCount": 2}}, "candidateCount"),
    ],
)
def test_what_no_answer_can_hold_is_refused_by_name(fields: Json, named: str) -> None:
    with pytest.raises(Unsupported, match=named):
        decode(contents({"text": "x"}) | fields)


def test_googles_own_tools_are_server_tools() -> None:
    request = contents({"text": "x"}) | {"tools": [{"googleSearch": {}, "urlContext": {"a": 1}}]}
    assert decode(request).tools == (
        ServerTool("gemini_generate", "googleSearch", "googleSearch", "{}"),
        ServerTool("gemini_generate", "urlContext", "urlContext", '{"a": 1}'),
    )


@pytest.mark.parametrize(
    ("conversation", "named"),
    [
        (told(("user", Image(UrlSource("https://e/a.png")))), "images"),
        (told(("user", Document(Base64Source("application/pdf", "A")))), "documents"),
        (told(("user", Text("x")), tools=(Tool("f"),)), "tools"),
    ],
)
def test_what_the_target_lacks_is_refused_by_name(conversation: Conversation, named: str) -> None:
    with pytest.raises(Unsupported, match=named):
        encode(conversation, has=Capabilities(tools=False))


@pytest.mark.parametrize("kind", [Image, Document])
def test_files_of_others_are_refused(kind: type[Image] | type[Document]) -> None:
    with pytest.raises(Unsupported, match="messages: an uploaded file"):
        encode(told(("user", kind(FileSource("file-1")))))


def test_tools_that_others_run_are_refused() -> None:
    tool = ServerTool("anthropic_messages", "web_search", "web_search_20250305", "{}")
    with pytest.raises(Unsupported, match="web_search_20250305"):
        encode(told(("user", Text("x")), tools=(tool,)))


@pytest.mark.parametrize(
    ("part", "sent"),
    [
        (
            Image(UrlSource("https://e/a.webp?x=1")),
            {"fileData": {"mimeType": "image/webp", "fileUri": "https://e/a.webp?x=1"}},
        ),
        (
            Image(UrlSource("https://e/a")),
            {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://e/a"}},
        ),
        (
            Document(UrlSource("https://e/a.pdf")),
            {"fileData": {"mimeType": "application/pdf", "fileUri": "https://e/a.pdf"}},
        ),
        (
            Document(Base64Source("application/pdf", "AA")),
            {"inlineData": {"mimeType": "application/pdf", "data": "AA"}},
        ),
        (ToolReference("t"), {"text": "t"}),
    ],
)
def test_attachments_of_others(part: Part, sent: Json) -> None:
    assert encode(told(("user", part)))["contents"][0]["parts"] == [sent]


def test_system_messages_lead_or_stay_where_they_are() -> None:
    conversation = told(
        ("system", Text("Be brief.")),
        ("user", Text("x")),
        ("system", Text("It rains.")),
        ("assistant", Text("ok")),
    )
    sent = encode(conversation)
    assert sent["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert sent["contents"] == [
        {
            "role": "user",
            "parts": [
                {"text": "x"},
                {"text": "<system-reminder>\nIt rains.\n</system-reminder>"},
            ],
        },
        {"role": "model", "parts": [{"text": "ok"}]},
    ]


def test_a_system_message_in_front_of_nothing_is_what_the_user_says() -> None:
    sent = encode(told(("system", Text("hi"))))
    assert "systemInstruction" not in sent
    assert sent["contents"][0]["role"] == "user"


def test_bug_31_every_call_has_one_result_right_behind_it() -> None:
    conversation = told(
        ("user", Text("go")),
        ("assistant", [ToolCall("a", "f", "{}"), ToolCall("b", "g", "{}")]),
        ("user", [Text("by the way"), ToolResult("b", (Text("2"),))]),
        ("user", [ToolResult("a", (Text("1"),), is_error=True)]),
        ("assistant", ToolCall("c", "f", "{}")),
        ("assistant", Text("never mind")),
        ("user", [ToolResult("z", (Text("lost"),)), Text("next")]),
    )
    _, calls, results, text, again, missing, last = encode(conversation, model=OLD)["contents"]
    assert [p["functionCall"]["id"] for p in calls["parts"]] == ["a", "b"]
    assert results["parts"] == [
        {"functionResponse": {"id": "a", "name": "f", "response": {"error": "1"}}},
        {"functionResponse": {"id": "b", "name": "g", "response": {"output": "2"}}},
    ]
    assert text == {"role": "user", "parts": [{"text": "by the way"}]}
    assert [list(part) for part in again["parts"]] == [["functionCall"], ["text"]]
    assert missing["parts"][0]["functionResponse"]["response"] == {"output": "(no result)"}
    assert last == {"role": "user", "parts": [{"text": "[result of z] lost"}, {"text": "next"}]}


def test_same_roles_are_joined() -> None:
    sent = encode(
        told(
            ("user", Text("a")), ("user", Text("b")), ("assistant", Text("c")),
            ("assistant", [ToolCall("x", "f", "{}")]), ("user", ToolResult("x", (Text("1"),))),
        )
    )  # fmt: skip
    assert [content["role"] for content in sent["contents"]] == ["user", "model", "user"]


def test_calls_that_are_no_json_are_told_as_they_are() -> None:
    conversation = told(("user", Text("x")), ("assistant", ToolCall("a", "f", '{"cut')))
    part = encode(conversation)["contents"][1]["parts"][0]
    assert part["functionCall"]["args"] == {"arguments": '{"cut'}


@given(requests())
def test_bug_24_the_same_request_gives_the_same_bytes(request: Json) -> None:
    conversation = decode(request)
    first, second = (
        GEMINI_GENERATE.encode_request(conversation, model=NEW, has=ABLE) for _ in range(2)
    )
    assert first == second


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "contents"),
        ({"contents": []}, "contents"),
        ({"contents": [7]}, r"contents\.0"),
        ({"contents": [{"role": "me", "parts": []}]}, r"contents\.0\.role"),
        ({"contents": [{"parts": [7]}]}, r"contents\.0\.parts\.0"),
        ({"contents": [{"parts": [{"text": 7}]}]}, r"contents\.0\.parts\.0\.text"),
        (contents({"functionCall": {}}), r"functionCall\.name"),
        (contents({"functionResponse": {}}), r"functionResponse\.name"),
        (contents({"functionResponse": {"name": "f", "response": []}}), "response"),
        (contents({"fileData": {}}), r"fileData\.fileUri"),
        (contents({"text": "x"}) | {"tools": [{"functionDeclarations": [{}]}]}, r"tools\.0\."),
        (
            contents({"text": "x"}) | {"toolConfig": {"functionCallingConfig": {"mode": "MAYBE"}}},
            "mode",
        ),
    ],
)
def test_complaints_name_the_field(body: Json, named: str) -> None:
    with pytest.raises(InvalidRequest, match=named):
        decode(body)
