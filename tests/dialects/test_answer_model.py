"""The model's name in answers that are relayed as they came."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialects.events import events_of
from turnout.capabilities import Dialect
from turnout.dialects.answer_model import MAX_KNOWN_BYTES, EventsNamed, named_in_body
from turnout.dialects.conversation import Text, ToolCall
from turnout.dialects.registry import DIALECTS
from turnout.dialects.stream import Answer
from turnout.dialects.usage import Usage

ANSWER = Answer(
    "r",
    "upstream-name",
    (Text('"model":"upstream-name"'), ToolCall("c", "t", '{"model":"upstream-name"}')),
    Usage(fresh_input=3, output=2),
    "reported",
    "tool_use",
)


def stream_of(dialect: Dialect, model: str) -> bytes:
    encoder = DIALECTS[dialect].stream_encoder(
        response_id="r", model=model, created_at=1, input_estimate=1, include_usage=True
    )
    return b"".join(map(encoder.encode, events_of(ANSWER)))


def body_of(dialect: Dialect, model: str) -> bytes:
    return DIALECTS[dialect].encode_response(
        events_of(ANSWER), response_id="r", model=model, created_at=1
    )


def named_in_events(dialect: Dialect, events: bytes, name: str) -> bytes:
    return EventsNamed(dialect, name).feed(events)


NAMES = st.sampled_from(["turnout/auto", "claude-opus-5-5[1m]", 'a "name" é'])


@pytest.mark.parametrize("dialect", DIALECTS)
@given(name=NAMES)
def test_bug_41_a_relayed_stream_says_the_clients_name(dialect: Dialect, name: str) -> None:
    assert named_in_events(dialect, stream_of(dialect, "upstream-name"), name) == stream_of(
        dialect, name
    )


@pytest.mark.parametrize("dialect", DIALECTS)
@given(name=NAMES)
def test_bug_41_a_relayed_body_says_the_clients_name(dialect: Dialect, name: str) -> None:
    named = named_in_body(dialect, body_of(dialect, "upstream-name"), name)
    assert json.loads(named) == json.loads(body_of(dialect, name))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "data",
    [
        b": ping\n\n",
        b"data: [DONE]\n\n",
        b'data: {"model":7}\n\n',
        b'data: {"type":"message_start"}\n\n',
        b'data: {"response":"model"}\n\n',
        b'data: {"model":"x\n\n',
    ],
)
@pytest.mark.parametrize("change", [named_in_events, named_in_body])
def test_what_names_no_model_stays(
    dialect: Dialect, data: bytes, change: Callable[[Dialect, bytes, str], bytes]
) -> None:
    assert change(dialect, data, "name") == data


@pytest.mark.parametrize("dialect", DIALECTS)
@given(name=NAMES, ends=st.sets(st.integers(0, 20)))
def test_a_stream_is_named_the_same_in_one_piece_and_in_many(
    dialect: Dialect, name: str, ends: set[int]
) -> None:
    stream = stream_of(dialect, "upstream-name")
    events = [event + b"\n\n" for event in stream.split(b"\n\n")[:-1]]
    named = EventsNamed(dialect, name)
    told: list[bytes] = []
    piece = b""
    for number, event in enumerate(events):
        piece += event
        if number in ends or number + 1 == len(events):
            told.append(named.feed(piece))
            piece = b""
    assert b"".join(told) == stream_of(dialect, name)


CHAT = b'data: {"id":"%b","model":"up","choices":[{"delta":{"content":"%b"}}]}\n\n'
GEMINI = b'data: {"text":"%b","modelVersion":"up","responseId":"%b"}\r\n\r\n'
GEMINI_IN_FRONT = b'data: {"modelVersion":"up","text":"%b","responseId":"%b"}\n\n'


@pytest.mark.parametrize(
    ("dialect", "event"),
    [
        ("openai_chat", CHAT),
        ("gemini_generate", GEMINI),
        ("gemini_generate", GEMINI_IN_FRONT),
    ],
    ids=["chat", "gemini", "gemini-in-front"],
)
@pytest.mark.parametrize(
    "values",
    [
        [(b"1", b"a"), (b"1", b"b"), (b"1", b"c")],
        [(b"1", b"a"), (b"2", b"a"), (b"1", b"a")],
        [(b"1", rb"\"model\":\"up\""), (b"1", rb",\"modelVersion\":\"up\",\"responseId\":\"1\"}")],
        [(b"1" * MAX_KNOWN_BYTES, b"1" * MAX_KNOWN_BYTES), (b"1", b"1")],
    ],
    ids=["same", "other", "quoted", "large"],
)
def test_every_event_of_a_stream_is_named(
    dialect: Dialect, event: bytes, values: list[tuple[bytes, bytes]]
) -> None:
    named = EventsNamed(dialect, "down")
    for pair in values:
        assert named.feed(event % pair) == (event % pair).replace(b':"up"', b':"down"')


@pytest.mark.parametrize(("dialect", "event"), [("openai_chat", CHAT), ("gemini_generate", GEMINI)])
def test_an_event_that_cannot_be_read_is_named_where_its_bytes_are_known(
    dialect: Dialect, event: bytes
) -> None:
    known = event % ((b"1", b"a") if dialect == "openai_chat" else (b"a", b"1"))
    broken = known.replace(b'"a"', b"a")
    named = EventsNamed(dialect, "down")
    assert named.feed(broken) == broken
    assert named.feed(known) == known.replace(b':"up"', b':"down"')
    assert named.feed(broken) == broken.replace(b':"up"', b':"down"')
