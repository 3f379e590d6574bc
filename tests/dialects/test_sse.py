"""The event decoder: line ends, comments, splits, bounds."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.dialects.sse import SseDecoder, SseEvent, encode_comment, encode_event
from turnout.errors import UpstreamFailed

LINES = st.lists(
    st.sampled_from(
        [
            b"data: a",
            b"data:b",
            b"data",
            b"event: x",
            b"event:y",
            b": comment",
            b"id: 7",
            b"",
            b"",
            b"data: \xc2\x85\xe2\x80\xa8 c",
        ]
    )
)
ENDS = st.sampled_from([b"\n", b"\r", b"\r\n"])


def decode(data: bytes, cuts: list[int] | None = None) -> tuple[list[SseEvent], list[bool]]:
    decoder = SseDecoder()
    events: list[SseEvent] = []
    boundaries: list[bool] = []
    for piece in pieces(data, cuts or []):
        events += decoder.feed(piece)
        boundaries.append(decoder.at_boundary)
    return events + decoder.close(), boundaries


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    at = [0, *sorted(c % (len(data) + 1) for c in cuts), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(at)]


def reference(data: bytes) -> list[SseEvent]:
    """The specification's algorithm, line by line."""
    lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    lines.pop()
    events: list[SseEvent] = []
    name, parts = b"", list[bytes]()
    for line in [*lines, b""]:
        field, _, value = line.partition(b":")
        value = value[1:] if value.startswith(b" ") else value
        if not line:
            if parts:
                events.append(SseEvent(name.decode(), b"\n".join(parts)))
            name, parts = b"", []
        elif field == b"data":
            parts.append(value)
        elif field == b"event":
            name = value
    return events


@given(LINES, st.data())
def test_any_stream_and_any_split_gives_the_events_of_the_specification(
    lines: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(line + data.draw(ENDS) for line in lines)
    cuts = data.draw(st.lists(st.integers(0, 200), max_size=8))
    assert decode(stream, cuts)[0] == reference(stream)


@given(st.lists(st.integers(0, 100), max_size=8))
def test_boundary_is_a_function_of_the_position(cuts: list[int]) -> None:
    stream = b"data: a\r\n\r\nevent: x\ndata: b\n\n\n: c\n\ndata: d\r\n\r\n"
    expected = []
    for end in range(len(stream) + 1):
        decoder = SseDecoder()
        decoder.feed(stream[:end])
        expected.append(decoder.at_boundary)
    decoder, at = SseDecoder(), 0
    for piece in pieces(stream, cuts):
        decoder.feed(piece)
        at += len(piece)
        assert decoder.at_boundary == expected[at]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_bug_10_line_ends_comments_missing_spaces_and_many_data_lines(end: bytes) -> None:
    stream = end.join([b"event: x", b"data: 1", b"data:2", b"", b": c", b"data:  3", b"", b""])
    assert decode(stream)[0] == [SseEvent("x", b"1\n2"), SseEvent("", b" 3")]


def test_crlf_cut_in_two_is_one_line_end() -> None:
    decoder = SseDecoder()
    assert decoder.feed(b"data: a\r") == []
    assert decoder.feed(b"\ndata: b\r") == []
    assert decoder.feed(b"\n\r") == [SseEvent("", b"a\nb")]
    assert not decoder.at_boundary
    assert decoder.feed(b"\n") == []
    assert decoder.at_boundary


BARE = b'data: a\n\n{\n  "error": {"code": 503}\n}\n'


@given(st.lists(st.integers(0, 100), max_size=8), st.sampled_from([b"", b"\n", b"\r\n\r\n"]))
def test_a_bare_object_ends_a_stream_of_google(cuts: list[int], end: bytes) -> None:
    stream = BARE.removesuffix(b"\n") + end
    assert decode(stream, cuts)[0] == [SseEvent("", b"a")]
    decoder = SseDecoder(bare_objects=True)
    events = [event for piece in pieces(stream, cuts) for event in decoder.feed(piece)]
    events += decoder.close()
    assert events == [SseEvent("", b"a"), SseEvent("", b'{\n  "error": {"code": 503}\n}')]
    assert not decoder.close()


def test_byte_order_mark_is_skipped() -> None:
    assert decode(b"\xef\xbb\xbfdata: a\n\n", [1, 2])[0] == [SseEvent("", b"a")]


def test_last_event_without_its_blank_line_is_kept_when_its_line_is_whole() -> None:
    assert decode(b"data: a\n\ndata: [DONE]\n")[0][-1] == SseEvent("", b"[DONE]")
    assert decode(b'data: a\n\ndata: {"cut')[0] == [SseEvent("", b"a")]


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_event_beyond_the_bound_is_refused(step: int) -> None:
    stream = b"data: " + b"x" * 200 + b"\n\n"
    decoder = SseDecoder(max_event_bytes=100)
    with pytest.raises(UpstreamFailed, match="exceeds 100 bytes"):
        list(map(decoder.feed, [stream[at : at + step] for at in range(0, len(stream), step)]))


@given(st.sampled_from(["", "x", "message_start"]), st.binary())
def test_what_is_encoded_decodes(name: str, data: bytes) -> None:
    expected = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    assert decode(encode_event(name, data))[0] == [SseEvent(name, expected)]


def test_comment_is_no_event_and_leaves_the_stream_at_a_boundary() -> None:
    decoder = SseDecoder()
    assert decoder.feed(encode_comment(b"keep-alive")) == []
    assert decoder.at_boundary
