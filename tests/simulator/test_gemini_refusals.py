"""What the simulated Gemini API refuses, in Google's words and shape."""

import contextlib

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulator.mutation import anything, mutated
from turnout.catalog import parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.simulator.exchange import Refused
from turnout.simulator.gemini_request import read_request

MODEL = "gemini-3.5-flash"
OLD = "gemini-2.5-flash"
NEWEST = "gemini-3.8-flash"
KEY = {"x-goog-api-key": "k"}
HELLO: dict[str, object] = {"role": "user", "parts": [{"text": "hello"}]}
STAND_IN = "skip_thought_signature_validator"
CALL: dict[str, object] = {
    "role": "model",
    "parts": [{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": STAND_IN}],
}
RESPONSE: dict[str, object] = {
    "functionResponse": {"name": "f", "response": {"output": "x"}},
}
RESULT: dict[str, object] = {"role": "user", "parts": [RESPONSE]}
STRING: dict[str, object] = {"type": "STRING"}


def contents(*given: object) -> dict[str, object]:
    return {"contents": list(given)}


def part(**fields: object) -> dict[str, object]:
    return contents({"role": "user", "parts": [fields]})


def schema(**fields: object) -> dict[str, object]:
    told = {"type": "OBJECT", "properties": {"a": STRING}, **fields}
    return {"tools": [{"functionDeclarations": [{"name": "f", "parameters": told}]}]}


def inner(**fields: object) -> dict[str, object]:
    return schema(properties={"a": STRING, "b": fields})


def generation(**fields: object) -> dict[str, object]:
    return {"generationConfig": fields}


def thinking(**fields: object) -> dict[str, object]:
    return generation(thinkingConfig=fields)


def post(base: str, body: object, *, model: str = MODEL) -> httpx.Response:
    url = f"{base}/v1beta/models/{model}:generateContent"
    return httpx.post(url, json=body, headers=KEY)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"contents": []}, "GenerateContentRequest.contents: contents is not specified"),
        (contents({"role": "assistant", "parts": [{"text": "x"}]}), "valid role: user, model"),
        (contents({"role": "user", "parts": []}), "contents.parts must not be empty"),
        (part(thought=True), "required oneof field 'data' must have one initialized field"),
        (part(text="x", functionResponse={"name": "f"}), "oneof field 'data' is already set"),
        (part(inlineData={"mimeType": "image/tiff;x", "data": "!"}), "Base64 decoding failed"),
        (part(inlineData={"mimeType": "font/woff", "data": "AAAA"}), "Unsupported MIME type"),
        ({"messages": []}, 'Unknown name "messages": Cannot find field.'),
        (
            part(text="x", cacheControl={}),
            "Unknown name \"cacheControl\" at 'contents[0].parts[0]'",
        ),
        (part(text=["x"]), "Proto field is not repeating, cannot start list."),
        (part(text=5), "Invalid value at 'contents[0].parts[0].text' (TYPE_STRING), 5"),
        ({"cachedContent": "cachedContents/x"}, "CachedContent not found"),
        # Turns
        (contents(HELLO, CALL), "number of function response parts is equal"),
        (contents(HELLO, CALL, HELLO), "number of function response parts is equal"),
        (
            contents(HELLO, CALL, {"role": "user", "parts": [RESPONSE, RESPONSE]}),
            "number of function response parts is equal",
        ),
        (contents(HELLO, RESULT), "function response turn comes immediately after a function call"),
        (contents(CALL, RESULT), "function call turn comes immediately after a user turn"),
        (
            contents(HELLO, {"role": "model", "parts": [{"text": "x"}]}, CALL, RESULT),
            "function call turn comes immediately after a user turn",
        ),
        (
            contents(HELLO, {"role": "model", "parts": [{"functionCall": {"name": "f"}}]}, RESULT),
            "missing a thought_signature in functionCall parts",
        ),
        (
            contents(
                HELLO, {"role": "model", "parts": [{"text": "x", "thoughtSignature": "QUFB"}]}
            ),
            "Corrupted thought signature.",
        ),
        (
            contents(HELLO, {"role": "model", "parts": [{"text": "x", "thoughtSignature": "?"}]}),
            "(TYPE_BYTES), Base64 decoding failed",
        ),
        (part(functionCall={"name": "f"}), "come from the role 'model'"),
        (
            contents(HELLO, CALL, {"role": "user", "parts": [{"functionResponse": {"name": "f"}}]}),
            "google.protobuf.Struct",
        ),
        (
            contents(HELLO, CALL, {"role": "user", "parts": [{"functionResponse": {}}]}),
            "function_response.name: Name cannot be empty.",
        ),
        # Schemas: what JSON schema has and Gemini's `Schema` has not
        *(
            (
                schema(**{keyword: value}),
                f"Unknown name \"{keyword}\" at 'tools[0].function_declarations[0].parameters':"
                " Cannot find field.",
            )
            for keyword, value in (
                ("$schema", "https://json-schema.org/draft/2020-12/schema"),
                ("additionalProperties", False),
                ("const", "x"),
                ("oneOf", []),
                ("allOf", []),
                ("not", {}),
                ("$ref", "#"),
                ("$defs", {}),
                ("exclusiveMinimum", 0),
                ("propertyNames", {}),
                ("patternProperties", {}),
                ("uniqueItems", True),
                ("multipleOf", 2),
                ("examples", []),
                ("$comment", "x"),
            )
        ),
        (
            inner(type="OBJECT", properties={"c": STRING}, additionalProperties=False),
            "at 'tools[0].function_declarations[0].parameters.properties[1].value'",
        ),
        (inner(type=["STRING", "NULL"]), "Proto field is not repeating, cannot start list."),
        (inner(type="STRING", enum=[1]), "(TYPE_STRING), 1"),
        (inner(type="INTEGER", enum=["1"]), "properties[b].enum: only allowed for STRING type"),
        (inner(type="STRING", enum=[""]), "properties[b].enum[0]: cannot be empty"),
        (inner(type="STRING", format="uri"), "only 'enum' and 'date-time' are supported"),
        (inner(type="ARRAY"), "properties[b].items: missing field."),
        (inner(type="OBJECT"), "properties[b].properties: should be non-empty for OBJECT type"),
        (inner(type="TUPLE"), 'properties[b].type: invalid value "TUPLE"'),
        (inner(description="x"), "properties[b].type: must be specified"),
        (schema(required=["z"]), "parameters.required[0]: property is not defined"),
        (schema(properties={}), "parameters.properties: should be non-empty for OBJECT type"),
        # Tools
        (
            {"tools": [{"functionDeclarations": [{"name": "1f"}]}]},
            "function_declarations[0].name: Invalid function name.",
        ),
        (
            {"tools": [{"functionDeclarations": [{"name": "f"}, {"name": "f"}]}]},
            "Duplicate function declaration found: f",
        ),
        (
            {
                "tools": [
                    {
                        "functionDeclarations": [
                            {
                                "name": "f",
                                "parameters": {"type": "OBJECT", "properties": {"a": STRING}},
                                "parametersJsonSchema": {"type": "object"},
                            }
                        ]
                    }
                ]
            },
            "mutually exclusive",
        ),
        (
            {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}},
            "no function declarations are provided",
        ),
        (
            {"toolConfig": {"functionCallingConfig": {"mode": "REQUIRED"}}},
            "Invalid value at 'tool_config.function_calling_config.mode'",
        ),
        (
            schema()
            | {
                "toolConfig": {
                    "functionCallingConfig": {"mode": "AUTO", "allowedFunctionNames": ["f"]}
                }
            },
            "without function_calling_config.mode being ANY",
        ),
        (
            schema()
            | {
                "toolConfig": {
                    "functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["g"]}
                }
            },
            "Function name g in allowed_function_names",
        ),
        # Output and thinking
        (generation(responseSchema=STRING), "only allowed when response_mime_type is"),
        (
            generation(
                responseMimeType="application/json",
                responseSchema=STRING,
                responseJsonSchema={"type": "string"},
            ),
            "Only one of generation_config.response_schema",
        ),
        (
            generation(responseMimeType="application/json", responseSchema={"oneOf": []}),
            "Unknown name \"oneOf\" at 'generation_config.response_schema'",
        ),
        (generation(maxTokens=5), "Unknown name \"maxTokens\" at 'generation_config'"),
        (generation(maxOutputTokens=70_000), "maxOutputTokens value of 70000"),
        (generation(temperature=3), "temperature must be in the range [0.0, 2.0]."),
        (generation(candidateCount=2), "Multiple candidates is not enabled"),
        (thinking(thinkingBudget=5, thinkingLevel="LOW"), "only one of thinking budget and"),
        (thinking(thinkingLevel="MAX"), 'ThinkingLevel), "MAX"'),
        (part(text="x" * 3_900_000), "exceeds the maximum number of tokens allowed (1048576)"),
    ],
)
def test_a_bad_request_gets_googles_error(base: str, change: dict[str, object], what: str) -> None:
    answer = post(base, contents(HELLO) | change)
    error = answer.json()["error"]
    denied = "CachedContent" in what
    assert answer.status_code == error["code"] == (403 if denied else 400)
    assert error["status"] == ("PERMISSION_DENIED" if denied else "INVALID_ARGUMENT")
    assert what in error["message"]


@pytest.mark.parametrize(
    ("model", "change", "what"),
    [
        (OLD, thinking(thinkingLevel="LOW"), "Thinking level is not supported"),
        (NEWEST, thinking(thinkingLevel="MINIMAL"), "Thinking level MINIMAL is not supported"),
        (OLD, thinking(thinkingBudget=30_000), "choose a value between 1 and 24576"),
        ("gemini-2.5-pro", thinking(thinkingBudget=0), "Budget 0 is invalid"),
        (
            OLD,
            {"tools": [{"googleSearch": {}, "functionDeclarations": [{"name": "f"}]}]},
            "Built-in tools",
        ),
        (
            OLD,
            schema() | generation(responseMimeType="application/json"),
            "Function calling with a response mime type",
        ),
    ],
)
def test_what_another_model_does_not_do(
    base: str, model: str, change: dict[str, object], what: str
) -> None:
    assert what in post(base, contents(HELLO) | change, model=model).json()["error"]["message"]
    newer = contents(HELLO) | change
    if "thinkingBudget" not in str(change):
        assert post(base, newer).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        contents({"parts": {"text": "hello"}}),
        contents(HELLO, CALL, RESULT),
        contents(
            HELLO,
            CALL,
            {
                "role": "user",
                "parts": [
                    RESPONSE,
                    {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                ],
            },
        ),
        contents(HELLO, {"role": "model", "parts": [{"text": "x"}]}),
        {"system_instruction": {"parts": [{"text": "x"}]}, "generation_config": {"top_k": 5}},
        {"generationConfig": {"maxOutputTokens": "500", "stopSequences": ["x"]}},
        inner(type="string", nullable=True, format="date-time", min_length="2"),
        inner(anyOf=[STRING, {"type": "INTEGER"}], propertyOrdering=["a"]),
        {
            "tools": [
                {
                    "function_declarations": [
                        {
                            "name": "f",
                            "parameters_json_schema": {
                                "$schema": "x",
                                "type": "object",
                                "properties": {"a": {"const": 1}},
                                "additionalProperties": False,
                            },
                        },
                        {"name": "g:h.i-j"},
                    ]
                }
            ]
        },
    ],
)
def test_what_google_takes_is_taken(base: str, change: dict[str, object]) -> None:
    answer = post(base, contents(HELLO) | change)
    assert answer.status_code == 200, answer.text


def test_every_unknown_field_is_named_at_once_with_its_place(base: str) -> None:
    body = contents(HELLO) | inner(type="STRING", const="x") | {"top_k": 5}
    error = post(base, body).json()["error"]
    assert error["message"].count("\n") == 1
    (details,) = error["details"]
    assert details["@type"] == "type.googleapis.com/google.rpc.BadRequest"
    assert [violation["field"] for violation in details["fieldViolations"]] == [
        "tools[0].function_declarations[0].parameters.properties[1].value",
        "",
    ]


@pytest.mark.parametrize("name", ["gemini-9", "gpt-5.5", "claude-opus-5-5"])
def test_a_model_that_is_not_googles_is_not_found(base: str, name: str) -> None:
    error = post(base, contents(HELLO), model=name).json()["error"]
    assert (error["code"], error["status"]) == (404, "NOT_FOUND")
    assert f"models/{name} is not found for API version v1beta" in error["message"]


def test_a_key_is_wanted(base: str) -> None:
    url = f"{base}/v1/models/{MODEL}:generateContent"
    answer = httpx.post(url, json=contents(HELLO))
    assert answer.status_code == 403
    assert answer.json()["error"]["status"] == "PERMISSION_DENIED"


FULL: dict[str, object] = {
    "systemInstruction": {"parts": [{"text": "x"}]},
    "contents": [HELLO, CALL, RESULT],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
    "generationConfig": {
        "maxOutputTokens": 500,
        "temperature": 1,
        "responseMimeType": "application/json",
        "responseSchema": {"type": "ARRAY", "items": STRING},
        "thinkingConfig": {"thinkingLevel": "LOW"},
    },
    **inner(anyOf=[STRING], enum=["x"], required=["y"]),
}
CATALOG = parse_catalog(snapshot_bytes())


@given(st.data())
def test_whatever_is_sent_is_read_or_refused(data: st.DataObject) -> None:
    body = mutated(FULL, data, anything())
    with contextlib.suppress(Refused):
        read_request(body, KEY, CATALOG, name=MODEL, method="generateContent", version="v1beta")
