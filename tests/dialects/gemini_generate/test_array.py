"""A stream as Google gives it without `alt=sse`: one JSON array, readable as it grows."""

import json
from collections.abc import Iterable

import pytest
from google.genai import types
from hypothesis import given

from tests.dialects.golden import CUTS, Golden, cut
from turnout.dialects.gemini_generate import GEMINI_GENERATE
from turnout.dialects.gemini_generate.array import ArrayOfEvents, array_of_error
from turnout.dialects.sse import SseDecoder
from turnout.errors import Overloaded

GOLDEN = Golden("gemini_generate")
STREAM = GOLDEN.stream_of("thinking_then_call")
BROKEN = STREAM[: STREAM.index(b"data: ", 10)]


def told(pieces: Iterable[bytes]) -> list[bytes]:
    array = ArrayOfEvents()
    return [*map(array.feed, pieces), array.close()]


def chunks_of(stream: bytes) -> list[object]:
    decoder = SseDecoder(bare_objects=True)
    return [json.loads(event.data) for event in (*decoder.feed(stream), *decoder.close())]


def elements_so_far(text: str) -> list[object]:
    """What a reader that does not wait for the end has by now (as `google.api_core` reads)."""
    found: list[object] = []
    rest = text.lstrip()
    if not rest:
        return found
    assert rest[0] == "["
    rest = rest[1:].lstrip(", \r\n")
    while rest.startswith("{"):
        one, end = json.JSONDecoder().raw_decode(rest)
        found.append(one)
        rest = rest[end:].lstrip(", \r\n")
    assert rest in {"", "]"}
    return found


# The SDK warns of a finish reason that it does not know.
@pytest.mark.parametrize("case", [case for case in GOLDEN.cases if case != "unknown_finish"])
def test_the_elements_are_the_chunks_and_the_sdks_type_takes_them(case: str) -> None:
    stream = GOLDEN.stream_of(case)
    elements = json.loads(b"".join(told([stream])))
    assert elements == chunks_of(stream)
    for element in elements:
        if "error" not in element:
            types.GenerateContentResponse.model_validate(element)


@given(cuts=CUTS)
def test_any_split_gives_the_same_array(cuts: list[int]) -> None:
    whole = b"".join(told([STREAM]))
    assert b"".join(told(cut(STREAM, cuts))) == whole
    assert b"".join(told(STREAM[at : at + 1] for at in range(len(STREAM)))) == whole


def test_an_element_is_there_as_soon_as_its_event() -> None:
    array = ArrayOfEvents()
    text, count = "", 0
    for event in STREAM.replace(b"\r\n", b"\n").split(b"\n\n")[:-1]:
        text += array.feed(event + b"\n\n").decode()
        count += 1
        assert len(elements_so_far(text)) == count
    assert count > 1


def test_a_sign_of_life_may_stand_anywhere() -> None:
    alive = GEMINI_GENERATE.keep_alive()
    pieces = [alive, BROKEN, alive, alive, STREAM[len(BROKEN) :]]
    assert told(pieces)[0].strip() == b""
    assert told(pieces)[0], "something goes out"
    assert json.loads(b"".join(told(pieces))) == chunks_of(STREAM)


def test_a_stream_that_fails_ends_in_its_error_as_an_element() -> None:
    error = GEMINI_GENERATE.encode_stream_error(Overloaded("busy"))
    *chunks, last = json.loads(b"".join(told([BROKEN, error])))
    assert chunks == chunks_of(BROKEN)
    assert last["error"]["code"] == 503
    assert last["error"]["status"] == "UNAVAILABLE"


def test_google_ends_a_stream_that_fails_without_a_blank_line() -> None:
    error = b'{\n  "error": {\n    "code": 503,\n    "message": "no",\n    "status": "UNAVAILABLE"\n  }\n}\n'
    assert json.loads(b"".join(told([BROKEN, error])))[-1]["error"]["code"] == 503


def test_an_answer_of_nothing_is_an_empty_array() -> None:
    assert b"".join(told([])) == b"[]"


def test_an_error_answer_is_an_array_of_it_once() -> None:
    body = GEMINI_GENERATE.encode_error(Overloaded("busy"), request_id="r").body
    assert json.loads(array_of_error(body)) == [json.loads(body)]
    assert array_of_error(b"[{}]") == b"[{}]"
