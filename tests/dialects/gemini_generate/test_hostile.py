"""Whatever comes in, only errors of ours come out."""

import json
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from turnout.capabilities import Capabilities
from turnout.dialects.conversation import Provenance, Thinking
from turnout.dialects.gemini_generate import GEMINI_GENERATE
from turnout.dialects.gemini_generate.schema import json_schema, narrow_schema
from turnout.dialects.gemini_generate.thoughts import mark, sealed
from turnout.errors import InvalidRequest, UpstreamFailed

PATH = "/v1beta/models/gemini-3.8-flash:streamGenerateContent"

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
NAMES = st.sampled_from(
    [
        *("contents", "role", "parts", "text", "thought", "thoughtSignature", "functionCall"),
        *("functionResponse", "name", "id", "args", "response", "output", "error", "inlineData"),
        *("mimeType", "data", "fileData", "fileUri", "systemInstruction", "tools", "parameters"),
        *("functionDeclarations", "parametersJsonSchema", "type", "properties", "nullable"),
        *("toolConfig", "functionCallingConfig", "mode", "allowedFunctionNames", "thinkingConfig"),
        *("generationConfig", "thinkingBudget", "thinkingLevel", "responseSchema", "topK"),
        *("responseMimeType", "candidates", "content", "finishReason", "usageMetadata", "index"),
        *("promptTokenCount", "cachedContentTokenCount", "groundingMetadata", "groundingChunks"),
        *("groundingSupports", "segment", "web", "uri", "logprobsResult", "chosenCandidates"),
        *("promptFeedback", "blockReason", "details", "code", "message", "status", "labels"),
        *("generateContentRequest", "thought_signature", "executableCode", "displayName"),
    ]
)
WORDS = st.sampled_from(
    [
        *("user", "model", "function", "image/png", "application/pdf", "files/x", "https://e/a"),
        *("STOP", "MAX_TOKENS", "SAFETY", "MALFORMED_FUNCTION_CALL", "ANY", "OBJECT", "\ud800"),
        mark(Provenance("openai_chat")),
        sealed([Thinking("a", Provenance("openai_chat"))]),
        "dHVybm91dDEu",
        "dHVybm91dDEuW10",
    ]
)
VALUES = st.recursive(
    SCALARS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=20,
)
PARTS = st.dictionaries(NAMES, VALUES, max_size=4)
CONTENTS = st.lists(
    st.fixed_dictionaries(
        {"parts": st.lists(PARTS, max_size=3)},
        optional={"role": st.sampled_from(["user", "model", "function"]), "x": VALUES},
    ),
    min_size=1,
    max_size=4,
)
REQUESTS = st.builds(
    lambda rest, contents: rest | {"contents": contents},
    st.dictionaries(NAMES, VALUES, max_size=5),
    CONTENTS,
)
CANDIDATES = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "content": st.fixed_dictionaries({"parts": st.lists(PARTS, max_size=3)}),
            "finishReason": WORDS | VALUES,
            "groundingMetadata": VALUES,
            "logprobsResult": VALUES,
        },
    ),
    max_size=2,
)
CHUNKS = st.builds(
    lambda rest, candidates: rest | {"candidates": candidates},
    st.dictionaries(NAMES, VALUES, max_size=3),
    CANDIDATES,
)


@given(REQUESTS)
def test_requests(request: dict[str, object]) -> None:
    body = json.dumps(request).encode()
    has = Capabilities(images=True, documents=True, structured_output=True, thinking=True)
    with suppress(InvalidRequest):
        GEMINI_GENERATE.survey_request(body, path=PATH)
    with suppress(InvalidRequest):
        GEMINI_GENERATE.without_foreign_reasoning(body)
    with suppress(InvalidRequest):
        conversation = GEMINI_GENERATE.decode_request(body, path=PATH)
        GEMINI_GENERATE.encode_request(conversation, model="m", has=has)


@given(st.lists(CHUNKS, max_size=3))
def test_answers(chunks: list[dict[str, object]]) -> None:
    decoder = GEMINI_GENERATE.stream_decoder()
    encoder = GEMINI_GENERATE.stream_encoder(
        response_id="r", model="m", created_at=1, input_estimate=1, include_usage=True
    )
    tap = GEMINI_GENERATE.tap(stream=True)
    for chunk in chunks:
        raw = json.dumps(chunk).encode()
        tap.feed(b"data: " + raw + b"\n\n")
        assert tap.reading.at_boundary
        with suppress(UpstreamFailed):
            for event in decoder.feed(b"data: " + raw + b"\n\n"):
                encoder.encode(event)
        with suppress(UpstreamFailed):
            GEMINI_GENERATE.decode_response(raw)
    for event in decoder.close():
        encoder.encode(event)


@given(VALUES, st.integers(100, 599))
def test_errors(value: object, status: int) -> None:
    error = GEMINI_GENERATE.decode_error(status, [], json.dumps(value).encode(), now=0.0)
    GEMINI_GENERATE.encode_error(error, request_id="r")


@given(VALUES)
def test_schemas(value: object) -> None:
    text = json.dumps(value)
    narrow_schema(json_schema(text))


@given(st.binary())
def test_bytes(data: bytes) -> None:
    with suppress(InvalidRequest):
        GEMINI_GENERATE.survey_request(data, path=PATH)
    with suppress(InvalidRequest):
        GEMINI_GENERATE.decode_request(data, path=PATH)
    with suppress(InvalidRequest):
        GEMINI_GENERATE.without_foreign_reasoning(data)
    GEMINI_GENERATE.tap(stream=False).feed(data)
    assert GEMINI_GENERATE.decode_error(500, [], data, now=0.0).message
    with suppress(UpstreamFailed):
        GEMINI_GENERATE.stream_decoder().feed(b"data: " + data + b"\n\n")


@given(REQUESTS, CHUNKS, st.data())
def test_a_byte_that_is_no_text(
    request: dict[str, object], chunk: dict[str, object], data: st.DataObject
) -> None:
    """Inside a string too, where msgspec raises another error than for broken JSON."""
    body = _spoilt(json.dumps(request).encode(), data)
    has = Capabilities(images=True, documents=True, structured_output=True)
    with suppress(InvalidRequest):
        GEMINI_GENERATE.survey_request(body, path=PATH)
    with suppress(InvalidRequest):
        conversation = GEMINI_GENERATE.decode_request(body, path=PATH)
        GEMINI_GENERATE.encode_request(conversation, model="m", has=has)
    with suppress(InvalidRequest):
        GEMINI_GENERATE.without_foreign_reasoning(body)
    raw = _spoilt(json.dumps(chunk).encode(), data)
    GEMINI_GENERATE.tap(stream=True).feed(b"data: " + raw + b"\n\n")
    assert GEMINI_GENERATE.decode_error(500, [], raw, now=0.0).message
    with suppress(UpstreamFailed):
        GEMINI_GENERATE.stream_decoder().feed(b"data: " + raw + b"\n\n")
    with suppress(UpstreamFailed):
        GEMINI_GENERATE.decode_response(raw)


def _spoilt(raw: bytes, data: st.DataObject) -> bytes:
    place = data.draw(st.integers(0, len(raw) - 1))
    return raw[:place] + b"\xff" + raw[place + 1 :]
