"""Bytes that nobody meant to send: a named error, or nothing."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialects.anthropic_messages.test_request import FULL, NATIVE
from tests.dialects.golden import Golden, comparable
from turnout.dialects.anthropic_messages import ANTHROPIC_MESSAGES
from turnout.dialects.anthropic_messages.foreign_thinking import without_foreign_thinking
from turnout.errors import InvalidRequest, UpstreamFailed

GOLDEN = Golden("anthropic_messages")

BODY = json.dumps(NATIVE, ensure_ascii=False).encode()
DEEP = b"[" * 100_000


@st.composite
def spoilt(draw: st.DrawFn, source: st.SearchStrategy[bytes]) -> bytes:
    """Some bytes of `source` replaced, left out or doubled."""
    spoilt = bytearray(draw(source))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(spoilt)))
        length = draw(st.integers(0, 12))
        spoilt[at : at + length] = draw(
            st.one_of(
                st.binary(max_size=4),
                st.sampled_from([b"null", b"{}", b"[]", b'""', b"1", b"\xff", b'\\ud800"']),
            )
        )
    return bytes(spoilt)


@given(spoilt(st.just(BODY)))
def test_spoilt_requests_are_served_or_refused(body: bytes) -> None:
    for read in (ANTHROPIC_MESSAGES.survey_request, without_foreign_thinking):
        with suppress(InvalidRequest):
            read(body)
    with suppress(InvalidRequest):
        conversation = ANTHROPIC_MESSAGES.decode_request(body)
        json.loads(ANTHROPIC_MESSAGES.encode_request(conversation, model="m", has=FULL))


@given(spoilt(st.sampled_from(GOLDEN.cases).map(GOLDEN.stream_of)))
def test_spoilt_streams_are_read_or_failed(stream: bytes) -> None:
    tap = ANTHROPIC_MESSAGES.tap(stream=True)
    for at in range(len(stream)):
        tap.feed(stream[at : at + 1])
    assert comparable(tap.reading) == comparable(GOLDEN.read([stream]))
    decoder = ANTHROPIC_MESSAGES.stream_decoder()
    with suppress(UpstreamFailed):
        decoder.feed(stream)
        decoder.close()


@given(st.one_of(st.binary(max_size=40), spoilt(st.just(b'{"content":[{"type":"text"}]}'))))
def test_spoilt_answers_are_read_or_failed(body: bytes) -> None:
    tap = ANTHROPIC_MESSAGES.tap(stream=False)
    tap.feed(body)
    reading = tap.reading
    with suppress(UpstreamFailed):
        ANTHROPIC_MESSAGES.decode_response(body)
        assert reading.is_complete


@pytest.mark.parametrize(
    "body",
    [
        DEEP,
        b'{"model":"m","x":%b' % DEEP,
        b'{"model":"m","messages":[{"role":"user","content":%b' % DEEP,
        b'{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"name":"t","input_schema":%b'
        % DEEP,
    ],
)
def test_deep_nesting_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        ANTHROPIC_MESSAGES.survey_request(body)
    with pytest.raises(InvalidRequest):
        ANTHROPIC_MESSAGES.decode_request(body)
