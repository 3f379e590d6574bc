"""Whatever comes in, only errors of ours come out."""

import json
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from turnout.capabilities import Capabilities
from turnout.dialects.openai_chat import OPENAI_CHAT
from turnout.errors import InvalidRequest, Unsupported, UpstreamFailed

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
NAMES = st.sampled_from(
    [
        *("model", "messages", "role", "content", "tool_calls", "function", "name", "arguments"),
        *("tools", "type", "custom", "parameters", "tool_choice", "response_format", "text"),
        *("image_url", "url", "file", "file_data", "tool_call_id", "id", "stream_options", "stop"),
        *("json_schema", "schema", "allowed_tools", "metadata", "cache_control", "ttl", "refusal"),
        *("reasoning_content", "function_call", "safety_identifier", "input", "index"),
        *("choices", "delta", "message", "usage", "prompt_tokens", "error", "finish_reason"),
        *("prompt_tokens_details", "completion_tokens_details", "stop_reason", "created", "code"),
    ]
)
WORDS = st.sampled_from(
    [
        *("user", "system", "assistant", "tool", "function", "custom", "image_url", "file", "text"),
        *("data:image/png;base64,AA", "data:x", "json_schema", "allowed_tools", "\ud800"),
    ]
)
VALUES = st.recursive(
    SCALARS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=20,
)
ROLES = st.sampled_from(["user", "system", "assistant", "tool"])
MESSAGES = st.lists(
    st.builds(
        lambda role, rest: {"role": role} | rest, ROLES, st.dictionaries(NAMES, VALUES, max_size=4)
    ),
    min_size=1,
    max_size=4,
)
REQUESTS = st.builds(
    lambda rest, messages: rest | {"messages": messages},
    st.dictionaries(NAMES, VALUES, max_size=5),
    MESSAGES,
)
CHOICES = st.lists(st.dictionaries(NAMES, VALUES, max_size=4), max_size=2)
CHUNKS = st.builds(
    lambda rest, choices: rest | {"choices": choices},
    st.dictionaries(NAMES, VALUES, max_size=3),
    CHOICES,
)


@given(REQUESTS)
def test_requests(request: dict[str, object]) -> None:
    body = json.dumps(request).encode()
    has = Capabilities(images=True, documents=True)
    with suppress(InvalidRequest):
        OPENAI_CHAT.survey_request(body)
    with suppress(InvalidRequest, Unsupported):
        OPENAI_CHAT.encode_request(OPENAI_CHAT.decode_request(body), model="m", has=has)


@given(st.lists(CHUNKS, max_size=3))
def test_answers(chunks: list[dict[str, object]]) -> None:
    decoder = OPENAI_CHAT.stream_decoder()
    encoder = OPENAI_CHAT.stream_encoder(
        response_id="r", model="m", created_at=1, input_estimate=1, include_usage=True
    )
    tap = OPENAI_CHAT.tap(stream=True)
    for chunk in chunks:
        raw = json.dumps(chunk).encode()
        tap.feed(b"data: " + raw + b"\n\n")
        assert tap.reading.at_boundary
        with suppress(UpstreamFailed):
            for event in decoder.feed(b"data: " + raw + b"\n\n"):
                encoder.encode(event)
        with suppress(UpstreamFailed):
            OPENAI_CHAT.decode_response(raw)
    decoder.close()


@given(VALUES, st.integers(100, 599))
def test_errors(value: object, status: int) -> None:
    error = OPENAI_CHAT.decode_error(status, [], json.dumps(value).encode(), now=0.0)
    OPENAI_CHAT.encode_error(error, request_id="r")


@given(st.binary())
def test_bytes(data: bytes) -> None:
    with suppress(InvalidRequest):
        OPENAI_CHAT.survey_request(data)
    with suppress(InvalidRequest):
        OPENAI_CHAT.decode_request(data)
    OPENAI_CHAT.tap(stream=False).feed(data)
    assert OPENAI_CHAT.decode_error(500, [], data, now=0.0).message
    with suppress(UpstreamFailed):
        OPENAI_CHAT.stream_decoder().feed(b"data: " + data + b"\n\n")


@given(REQUESTS, CHUNKS, st.data())
def test_a_byte_that_is_no_text(
    request: dict[str, object], chunk: dict[str, object], data: st.DataObject
) -> None:
    """Inside a string too, where msgspec raises another error than for broken JSON."""
    body = _spoilt(json.dumps(request).encode(), data)
    with suppress(InvalidRequest):
        OPENAI_CHAT.survey_request(body)
    with suppress(InvalidRequest):
        OPENAI_CHAT.decode_request(body)
    raw = _spoilt(json.dumps(chunk).encode(), data)
    OPENAI_CHAT.tap(stream=True).feed(b"data: " + raw + b"\n\n")
    assert OPENAI_CHAT.decode_error(500, [], raw, now=0.0).message
    with suppress(UpstreamFailed):
        OPENAI_CHAT.stream_decoder().feed(b"data: " + raw + b"\n\n")
    with suppress(UpstreamFailed):
        OPENAI_CHAT.decode_response(raw)


def _spoilt(raw: bytes, data: st.DataObject) -> bytes:
    place = data.draw(st.integers(0, len(raw) - 1))
    return raw[:place] + b"\xff" + raw[place + 1 :]
