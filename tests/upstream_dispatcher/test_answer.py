"""Whole events only, every byte once, whatever the split."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.upstream_dispatcher.samples import (
    CHAT_DONE,
    CHAT_MORE,
    CHAT_STREAM,
    CHAT_TEXT,
    CHAT_USAGE,
    MESSAGE_START,
)
from turnout.capabilities import Dialect
from turnout.dialects.answer_model import EventsNamed
from turnout.dialects.registry import DIALECTS
from turnout.errors import Overloaded
from turnout.upstream_dispatcher.answer import RelayedCourse, answer_id

CHAT = DIALECTS["openai_chat"]
STREAM = b"".join(CHAT_STREAM)


@given(
    cuts=st.lists(st.integers(0, len(STREAM)), max_size=12),
    line_end=st.sampled_from([b"\n", b"\r\n"]),
)
def test_any_split_gives_whole_events_and_every_byte(cuts: list[int], line_end: bytes) -> None:
    stream = STREAM.replace(b"\n", line_end)
    course = RelayedCourse(CHAT, hides_usage=False)
    edges = [0, *sorted(cuts), len(stream)]
    out: list[bytes] = []
    for start, end in pairwise(edges):
        piece = course.feed(stream[start:end])
        # Behind the end no sign of life is put between.
        assert piece == b"" or piece.endswith(line_end * 2) or course.is_over
        out.append(piece)
    out.append(course.close())
    assert b"".join(out) == stream
    assert course.reading.is_complete


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_any_split_hides_the_usage_and_nothing_else(cuts: list[int]) -> None:
    course = RelayedCourse(CHAT, hides_usage=True)
    edges = [0, *sorted(cuts), len(STREAM)]
    out = [course.feed(STREAM[start:end]) for start, end in pairwise(edges)]
    out.append(course.close())
    assert b"".join(out) == STREAM.replace(CHAT_USAGE, b"")


@pytest.mark.parametrize("line_end", [b"\r", b"\n", b"\r\n"])
def test_an_event_goes_out_as_soon_as_it_is_whole(line_end: bytes) -> None:
    course = RelayedCourse(CHAT, hides_usage=False)
    event = CHAT_TEXT.replace(b"\n", line_end)
    assert course.feed(event[:10]) == b""
    rest = course.feed(event[10:] + event[:5])
    if line_end != b"\r":
        assert rest == event


OTHER_USAGE = CHAT_USAGE.replace(b"1010", b"1011")
BEHIND_ENDS: dict[Dialect, tuple[bytes, bytes, bytes]] = {
    "openai_chat": (STREAM, OTHER_USAGE + CHAT_DONE, CHAT_MORE),
    "anthropic_messages": (
        MESSAGE_START + b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
        b"data: [DONE]\n\n",
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        b'"delta":{"type":"text_delta","text":"more"}}\n\n',
    ),
    "openai_responses": (
        b'data: {"type":"response.completed","response":{"id":"r","status":"completed",'
        b'"output":[],"usage":{"input_tokens":1,"output_tokens":1}}}\n\n',
        b"data: [DONE]\n\n",
        b'data: {"type":"response.output_text.delta","delta":"more"}\n\n',
    ),
    "gemini_generate": (
        b'data: {"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"STOP"}],'
        b'"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":1}}\n\n',
        b'data: {"candidates":[{"content":{"parts":[{"text":"!"}]},"finishReason":"STOP"}],'
        b'"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":2}}\n\n'
        b'data: {"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":2}}\n\n',
        b'data: {"candidates":[{"content":{"parts":[{"text":"more"}]}}]}\n\n',
    ),
}
"""A whole answer, what may follow its end, and what may not."""


@pytest.mark.parametrize("dialect", DIALECTS)
@given(data=st.data(), line_end=st.sampled_from([b"\n", b"\r\n"]))
def test_any_split_drops_behind_the_end_what_no_server_of_the_dialect_has_there(
    dialect: Dialect, data: st.DataObject, line_end: bytes
) -> None:
    answer, may_follow, more = (part.replace(b"\n", line_end) for part in BEHIND_ENDS[dialect])
    sign = b": sign of life" + line_end * 2
    stream = answer + more + sign + may_follow + more
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=12))
    course = RelayedCourse(DIALECTS[dialect], hides_usage=False)
    out = [course.feed(stream[a:b]) for a, b in pairwise([0, *sorted(cuts), len(stream)])]
    assert b"".join((*out, course.close())) == answer + sign + may_follow
    assert course.dropped_bytes == 2 * len(more)


def test_a_missing_last_line_end_behind_the_end_loses_nothing_either() -> None:
    course = RelayedCourse(CHAT, hides_usage=False)
    whole = STREAM.removesuffix(CHAT_DONE)
    assert course.feed(whole + b"data: [DO") == whole
    assert course.feed(b"NE]") == b""
    assert course.close() == b"data: [DONE]"


def test_a_missing_last_line_end_loses_nothing() -> None:
    course = RelayedCourse(CHAT, hides_usage=False)
    assert course.feed(CHAT_TEXT + b"data: [DONE]") == CHAT_TEXT
    assert course.close() == b"data: [DONE]"


def test_an_event_without_its_last_line_end_is_edited_like_the_others() -> None:
    edit = EventsNamed("openai_chat", "asked-for")
    course = RelayedCourse(CHAT, hides_usage=False, edits=(edit,))
    assert course.feed(b'data: {"model":"served"}') == b""
    assert course.close() == b'data: {"model":"asked-for"}'


GOOGLES = (
    b'data: {"candidates":[{"content":{"parts":[{"text":"Half"}],"role":"model"},"index":0}]}\r\n\r\n'
    b'{\n  "error": {\n    "code": 503,\n    "message": "busy"\n  }\n}'
)


@given(cuts=st.lists(st.integers(0, len(GOOGLES)), max_size=6))
def test_googles_error_goes_out_as_soon_as_it_is_whole(cuts: list[int]) -> None:
    course = RelayedCourse(DIALECTS["gemini_generate"], hides_usage=False)
    out = [
        course.feed(GOOGLES[start:end]) for start, end in pairwise([0, *sorted(cuts), len(GOOGLES)])
    ]
    assert b"".join(out) == GOOGLES
    assert isinstance(course.reading.error, Overloaded)


def test_an_answer_of_ours_has_an_id_of_its_dialect_that_is_not_our_request_id() -> None:
    told = answer_id("anthropic_messages", "req_1")
    assert re.fullmatch("msg_[0-9a-f]{24}", told)
    assert re.fullmatch("chatcmpl-[0-9a-f]{24}", answer_id("openai_chat", "req_1"))
    assert answer_id("anthropic_messages", "req_1") == told
    assert answer_id("anthropic_messages", "req_2") != told
