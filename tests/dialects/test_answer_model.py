"""The model's name in answers that are relayed as they came."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialects.events import events_of
from turnout.capabilities import Dialect
from turnout.dialects.answer_model import named_in_body, named_in_events
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
