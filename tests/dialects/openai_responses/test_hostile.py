"""Whatever comes in, only errors of ours come out."""

import json
from contextlib import suppress

from hypothesis import example, given
from hypothesis import strategies as st

from turnout.capabilities import Capabilities
from turnout.dialects.openai_responses import OPENAI_RESPONSES
from turnout.dialects.openai_responses.stream_decode import KNOWN
from turnout.errors import InvalidRequest, Unsupported, UpstreamFailed

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
NAMES = st.sampled_from(
    [
        *("model", "input", "role", "content", "type", "id", "call_id", "name", "arguments"),
        *("tools", "parameters", "tool_choice", "text", "format", "namespace", "execution"),
        *("image_url", "file_id", "file_data", "file_url", "output", "summary", "refusal"),
        *("encrypted_content", "instructions", "reasoning", "include", "metadata", "effort"),
        *("turnout_item", "turnout_plain", "turnout_namespace", "turnout_form", "field"),
        *("item", "part", "response", "delta", "item_id", "output_index", "content_index"),
        *("annotation", "annotations", "logprobs", "usage", "input_tokens", "error", "code"),
        *("status", "incomplete_details", "reason", "message", "input_tokens_details", "token"),
    ]
)
KINDS = st.sampled_from(
    [
        *("message", "reasoning", "function_call", "custom_tool_call", "function_call_output"),
        *("custom_tool_call_output", "tool_search_call", "tool_search_output", "namespace"),
        *("function", "custom", "web_search_call", "compaction", "client", "tool_search"),
        *("input_text", "output_text", "input_image", "input_file", "refusal", "json_schema"),
    ]
)
WORDS = KINDS | st.sampled_from(
    ["user", "assistant", "developer", "data:image/png;base64,AA", "data:x", "turnout1.x", "\ud800"]
)
VALUES = st.recursive(
    SCALARS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=20,
)
ITEMS = st.lists(
    st.builds(
        lambda kind, rest: rest | {"type": kind}, KINDS, st.dictionaries(NAMES, VALUES, max_size=5)
    ),
    min_size=1,
    max_size=4,
)
REQUESTS = st.builds(
    lambda rest, items: rest | {"input": items},
    st.dictionaries(NAMES, VALUES, max_size=5),
    ITEMS,
)
EVENTS = st.builds(
    lambda kind, item, rest: rest | {"type": kind, "item": item},
    st.sampled_from(sorted(KNOWN)) | st.text(),
    st.builds(
        lambda kind, rest: rest | {"type": kind}, KINDS, st.dictionaries(NAMES, VALUES, max_size=5)
    )
    | VALUES,
    st.dictionaries(NAMES, VALUES, max_size=4),
)


@given(REQUESTS)
def test_requests(request: dict[str, object]) -> None:
    body = json.dumps(request).encode()
    has = Capabilities(images=True, documents=True, structured_output=True)
    with suppress(InvalidRequest):
        OPENAI_RESPONSES.survey_request(body)
    with suppress(InvalidRequest):
        OPENAI_RESPONSES.without_foreign_reasoning(body)
    with suppress(InvalidRequest, Unsupported):
        OPENAI_RESPONSES.encode_request(OPENAI_RESPONSES.decode_request(body), model="m", has=has)


@given(st.lists(EVENTS, max_size=4))
@example([{"type": "response.output_text.annotation.added", "annotation": []}])
def test_answers(events: list[dict[str, object]]) -> None:
    decoder = OPENAI_RESPONSES.stream_decoder()
    encoder = OPENAI_RESPONSES.stream_encoder(
        response_id="r", model="m", created_at=1, input_estimate=1, include_usage=True
    )
    tap = OPENAI_RESPONSES.tap(stream=True)
    for event in events:
        raw = json.dumps(event).encode()
        tap.feed(b"data: " + raw + b"\n\n")
        assert tap.reading.at_boundary
        with suppress(UpstreamFailed):
            for told in decoder.feed(b"data: " + raw + b"\n\n"):
                encoder.encode(told)
        with suppress(UpstreamFailed):
            OPENAI_RESPONSES.decode_response(raw)
    decoder.close()


@given(VALUES, st.integers(100, 599))
def test_errors(value: object, status: int) -> None:
    error = OPENAI_RESPONSES.decode_error(status, [], json.dumps(value).encode(), now=0.0)
    OPENAI_RESPONSES.encode_error(error, request_id="r")
    OPENAI_RESPONSES.encode_stream_error(error)


@given(st.binary())
def test_bytes(data: bytes) -> None:
    with suppress(InvalidRequest):
        OPENAI_RESPONSES.survey_request(data)
    with suppress(InvalidRequest):
        OPENAI_RESPONSES.decode_request(data)
    with suppress(InvalidRequest):
        OPENAI_RESPONSES.without_foreign_reasoning(b'{"encrypted_content":"turnout1.' + data)
    OPENAI_RESPONSES.tap(stream=False).feed(data)
    assert OPENAI_RESPONSES.decode_error(500, [], data, now=0.0).message
    with suppress(UpstreamFailed):
        OPENAI_RESPONSES.stream_decoder().feed(b"data: " + data + b"\n\n")


@given(REQUESTS, EVENTS, st.data())
def test_a_byte_that_is_no_text(
    request: dict[str, object], event: dict[str, object], data: st.DataObject
) -> None:
    """Inside a string too, where msgspec raises another error than for broken JSON."""
    body = _spoilt(json.dumps(request).encode(), data)
    with suppress(InvalidRequest):
        OPENAI_RESPONSES.survey_request(body)
    with suppress(InvalidRequest):
        OPENAI_RESPONSES.decode_request(body)
    raw = _spoilt(json.dumps(event).encode(), data)
    OPENAI_RESPONSES.tap(stream=True).feed(b"data: " + raw + b"\n\n")
    assert OPENAI_RESPONSES.decode_error(500, [], raw, now=0.0).message
    with suppress(UpstreamFailed):
        OPENAI_RESPONSES.stream_decoder().feed(b"data: " + raw + b"\n\n")
    with suppress(UpstreamFailed):
        OPENAI_RESPONSES.decode_response(raw)


def _spoilt(raw: bytes, data: st.DataObject) -> bytes:
    place = data.draw(st.integers(0, len(raw) - 1))
    return raw[:place] + b"\xff" + raw[place + 1 :]
