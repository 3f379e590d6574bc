"""The tap on a chat answer."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialects.events import events_of
from tests.dialects.golden import Golden
from turnout.dialects.dialect import TapReading
from turnout.dialects.openai_chat import OPENAI_CHAT
from turnout.dialects.stream import Finished, StreamFailed, accumulate
from turnout.dialects.usage import Usage
from turnout.errors import Overloaded

GOLDEN = Golden("openai_chat")


def read(pieces: list[bytes], *, stream: bool = True) -> TapReading:
    tap = OPENAI_CHAT.tap(stream=stream)
    for piece in pieces:
        tap.feed(piece)
    return tap.reading


def comparable(reading: TapReading) -> tuple[object, ...]:
    return (
        reading.has_content,
        reading.usage,
        reading.source,
        reading.finish_reason,
        reading.response_model,
        reading.response_id,
        None if reading.error is None else (reading.error.kind, reading.error.message),
        reading.is_complete,
        reading.at_boundary,
        reading.output_bytes,
    )


@given(st.sampled_from(GOLDEN.cases), st.lists(st.integers(0, 10_000), max_size=10))
def test_any_split_gives_the_same_reading(case: str, cuts: list[int]) -> None:
    stream = GOLDEN.stream_of(case)
    at = [0, *sorted(c % (len(stream) + 1) for c in cuts), len(stream)]
    tap = OPENAI_CHAT.tap(stream=True)
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
    assert reading.is_complete == isinstance(events[-1], Finished)
    if not isinstance(events[-1], StreamFailed):
        assert reading.has_content == bool(answer.parts)
    if answer.usage is not None:
        assert reading.source == "reported"


def test_role_chunks_pings_and_empty_deltas_are_no_content() -> None:
    stream = GOLDEN.stream_of("deepseek_reasoning")
    first = stream.index(b"Think")
    before = stream[: stream.rindex(b"\n\n", 0, first) + 2]
    assert not read([before]).has_content
    assert read([before]).at_boundary
    assert read([stream[: stream.index(b"\n\n", first) + 2]]).has_content


def test_bytes_of_the_answer_are_counted() -> None:
    assert read([GOLDEN.stream_of("openai_text")]).output_bytes == len("Grüße, world\n".encode())
    assert read([GOLDEN.stream_of("stop_although_tools")]).output_bytes == 2


def test_usage_before_the_end_is_partial() -> None:
    stream = GOLDEN.stream_of("openrouter_comments").replace(
        b'"delta":', b'"usage":{"x":1},"delta":', 1
    )
    early = b'data: {"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":5}}\n\n'
    reading = read([early])
    assert (reading.usage, reading.source) == (Usage(fresh_input=5), "partial")
    assert read([early, stream]).source == "reported"


def test_error_of_a_stream_is_seen() -> None:
    reading = read([GOLDEN.stream_of("error_first")])
    assert isinstance(reading.error, Overloaded)
    assert not reading.has_content


def test_what_cannot_be_read_counts_as_content() -> None:
    assert read([b"data: {broken\n\n"]).has_content
    assert read([b"data: " + b"x" * (17 * 1024 * 1024)]).has_content


@pytest.mark.parametrize("size", [1, 50, 100_000])
def test_whole_body_is_read_when_it_is_whole(size: int) -> None:
    answer = accumulate(GOLDEN.decode([GOLDEN.stream_of("openai_parallel_tools")]))
    body = OPENAI_CHAT.encode_response(events_of(answer), response_id="r", model="m", created_at=1)
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    tap = OPENAI_CHAT.tap(stream=False)
    for piece in pieces[:-1]:
        tap.feed(piece)
        assert not tap.reading.is_complete
    tap.feed(pieces[-1])
    reading = tap.reading
    assert (reading.is_complete, reading.has_content, reading.at_boundary) == (True, True, False)
    assert (reading.usage, reading.source) == (answer.usage, "reported")
    assert (reading.finish_reason, reading.response_model) == ("tool_calls", "m")


def test_whole_body_that_is_an_error() -> None:
    reading = read([b'{"error":{"message":"busy","code":503}}\n'], stream=False)
    assert isinstance(reading.error, Overloaded)
