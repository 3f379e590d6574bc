"""The tap on a response."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialects.events import events_of
from tests.dialects.golden import Golden
from tests.dialects.openai_chat.test_tap import comparable
from turnout.dialects.dialect import TapReading
from turnout.dialects.openai_responses import OPENAI_RESPONSES
from turnout.dialects.stream import Finished, accumulate
from turnout.errors import Overloaded

GOLDEN = Golden("openai_responses")


def read(pieces: list[bytes], *, stream: bool = True) -> TapReading:
    tap = OPENAI_RESPONSES.tap(stream=stream)
    for piece in pieces:
        tap.feed(piece)
    return tap.reading


@given(st.sampled_from(GOLDEN.cases), st.lists(st.integers(0, 20_000), max_size=10))
def test_any_split_gives_the_same_reading(case: str, cuts: list[int]) -> None:
    stream = GOLDEN.stream_of(case)
    at = [0, *sorted(c % (len(stream) + 1) for c in cuts), len(stream)]
    tap = OPENAI_RESPONSES.tap(stream=True)
    for a, b in pairwise(at):
        tap.feed(stream[a:b])
        assert comparable(tap.reading) == comparable(read([stream[:b]]))


@pytest.mark.parametrize("case", GOLDEN.cases)
def test_tap_and_decoder_agree(case: str) -> None:
    reading = read([GOLDEN.stream_of(case)])
    events = GOLDEN.decode([GOLDEN.stream_of(case)])
    answer = accumulate(events)
    assert reading.usage == answer.usage
    assert (reading.error is None) == (answer.error is None or case == "cut_off")
    assert reading.response_model == answer.model
    assert reading.response_id == answer.response_id
    assert reading.is_complete == isinstance(events[-1], Finished)
    assert reading.has_content == bool(answer.parts)
    if answer.usage is not None:
        assert reading.source == "reported"


def test_beginnings_and_empty_deltas_are_no_content() -> None:
    stream = GOLDEN.stream_of("openai_reasoning")
    first = stream.index(b'"delta":"**Look')
    before = stream[: stream.rindex(b"\n\n", 0, first) + 2]
    assert not read([before]).has_content
    assert read([before]).at_boundary
    assert read([stream[: stream.index(b"\n\n", first) + 2]]).has_content
    empty = b'data: {"type":"response.output_text.delta","delta":""}\n\n'
    assert not read([empty]).has_content


def test_a_call_is_content_by_its_name() -> None:
    stream = GOLDEN.stream_of("openai_parallel_tools")
    added = stream.index(b"\n\n", stream.index(b"event: response.output_item.added")) + 2
    assert read([stream[:added]]).has_content


@pytest.mark.parametrize(
    ("case", "size"),
    [
        ("openai_text", len("Grüße, world\n".encode())),
        ("openai_custom_tool", len("*** Begin Patch\n*** End Patch\n")),
        ("final_output_only", 2 * len('{"path":"a.py"}')),
    ],
)
def test_bytes_of_the_answer_are_counted_once(case: str, size: int) -> None:
    assert read([GOLDEN.stream_of(case)]).output_bytes == size


@pytest.mark.parametrize(
    ("case", "word"),
    [("openai_text", "completed"), ("openai_incomplete", "max_output_tokens"), ("cut_off", "")],
)
def test_why_it_ended(case: str, word: str) -> None:
    assert read([GOLDEN.stream_of(case)]).finish_reason == word


def test_error_of_a_stream_is_seen() -> None:
    reading = read([GOLDEN.stream_of("error_first")])
    assert isinstance(reading.error, Overloaded)
    assert not reading.has_content
    assert not reading.is_complete


def test_what_cannot_be_read_counts_as_content() -> None:
    assert read([b"data: {broken\n\n"]).has_content
    assert read([b"data: " + b"x" * (17 * 1024 * 1024)]).has_content


@pytest.mark.parametrize("size", [1, 50, 100_000])
def test_whole_body_is_read_when_it_is_whole(size: int) -> None:
    answer = accumulate(GOLDEN.decode([GOLDEN.stream_of("openai_parallel_tools")]))
    body = OPENAI_RESPONSES.encode_response(
        events_of(answer), response_id="r", model="m", created_at=1
    )
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    tap = OPENAI_RESPONSES.tap(stream=False)
    for piece in pieces[:-1]:
        tap.feed(piece)
        assert not tap.reading.is_complete
    tap.feed(pieces[-1])
    reading = tap.reading
    assert (reading.is_complete, reading.has_content, reading.at_boundary) == (True, True, False)
    assert (reading.usage, reading.source) == (answer.usage, "reported")
    assert (reading.finish_reason, reading.response_model) == ("completed", "m")


def test_whole_body_that_is_an_error() -> None:
    reading = read([b'{"error":{"message":"busy","code":"server_is_overloaded"}}\n'], stream=False)
    assert isinstance(reading.error, Overloaded)
