"""The tap on an answer of this wire."""

import pytest

from tests.dialects.golden import Golden
from turnout.dialects.registry import DIALECTS
from turnout.dialects.stream import Finished
from turnout.dialects.usage import Usage
from turnout.errors import UpstreamFailed

GOLDEN = Golden("gemini_generate")
read = GOLDEN.read


def test_usage_and_empty_texts_are_no_content() -> None:
    stream = GOLDEN.stream_of("empty_candidates")
    first = stream.index(b"\r\n\r\n") + 4
    reading = read([stream[:first]])
    assert (reading.has_content, reading.at_boundary) == (False, True)
    assert (reading.usage, reading.source) == (Usage(fresh_input=9), "partial")
    empty = b'data: {"candidates":[{"content":{"parts":[{"text":""}]}}]}\n\n'
    assert not read([empty]).has_content


@pytest.mark.parametrize(
    "part",
    [
        b'{"text":"","thoughtSignature":"EqsB"}',
        b'{"functionCall":{"name":"pwd"}}',
        b'{"executableCode":{}}',
        b'{"text":"x","thought":true}',
    ],
)
def test_calls_signatures_and_thoughts_are_content(part: bytes) -> None:
    assert read([b'data: {"candidates":[{"content":{"parts":[%b]}}]}\n\n' % part]).has_content


def test_bytes_of_the_answer_are_counted() -> None:
    assert read([GOLDEN.stream_of("text")]).output_bytes == len("Grüße, world\n".encode())
    call = b'data: {"candidates":[{"content":{"parts":[{"functionCall":{"args":{"a":1}}}]}}]}\n\n'
    assert read([call]).output_bytes == len('{"a":1}')


def test_bug_12_a_spoilt_call_is_an_error_before_content() -> None:
    reading = read([GOLDEN.stream_of("malformed_call")])
    assert isinstance(reading.error, UpstreamFailed)
    assert (reading.has_content, reading.is_complete) == (False, False)


def test_an_answer_without_usage_is_complete_only_when_the_bytes_end() -> None:
    """Which a decoder is told and a tap is not."""
    stream = GOLDEN.stream_of("no_usage")
    reading = read([stream])
    assert (reading.finish_reason, reading.is_complete) == ("STOP", False)
    assert isinstance(GOLDEN.decode([stream])[-1], Finished)


def piece(text: bytes, *, usage: bytes = b'{"promptTokenCount":7}', names: bytes = b"m") -> bytes:
    return (
        b'data: {"candidates":[{"content":{"parts":[{"text":"%b"}],"role":"model"},"index":0}],'
        b'"usageMetadata":%b,"modelVersion":"%b","responseId":"r"}\n\n' % (text, usage, names)
    )


THOUGHT = piece(b"hm").replace(b'"hm"', b'"hm","thought":true')
LAST = piece(b"end").replace(b',"index":0', b',"finishReason":"STOP","index":0')


@pytest.mark.parametrize(
    "events",
    [
        (piece(b"a"), THOUGHT, piece(b"b")),
        (piece(b"a"), piece(b"b", usage=b'{"promptTokenCount":7,"candidatesTokenCount":3}')),
        (piece(b"a"), piece(b"b", names=b"another"), piece(b"c")),
        (THOUGHT, piece(b"a"), LAST),
        (LAST, piece(b"a")),
        (piece(b"a"), piece(b"b", usage=b"{}"), b": a comment\n\n", piece(b"c")),
    ],
)
def test_pieces_that_come_together_are_read_as_one_by_one(events: tuple[bytes, ...]) -> None:
    together, singly = (DIALECTS["gemini_generate"].tap(stream=True) for _ in range(2))
    for tap in (together, singly):
        tap.feed(piece(b"first"))
        tap.feed(piece(b"second"))
    together.feed(b"".join(events))
    for event in events:
        for byte in event:
            singly.feed(bytes((byte,)))
    assert together.reading == singly.reading
    assert together.is_over == singly.is_over


def test_usage_that_cannot_be_read_is_none() -> None:
    usage = b'{"promptTokenCount":"seven"}'
    reading = read([piece(b"a"), piece(b"b"), piece(b"c", usage=usage)])
    assert (reading.usage, reading.source) == (None, "partial")
    assert reading.has_content
