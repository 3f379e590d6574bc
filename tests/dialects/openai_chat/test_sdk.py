"""The real SDK reads what we write: streams, answers, errors; no network."""

from functools import partial

import httpx2
import openai
import pytest
from hypothesis import given, settings
from openai.types.chat import ChatCompletionChunk

from tests.dialects.events import encoded, events_of
from tests.dialects.openai_chat.answers import streams
from tests.dialects.openai_sdk import client_of, streamed
from turnout.dialects.conversation import Refusal, Text, ToolCall
from turnout.dialects.openai_chat import OPENAI_CHAT
from turnout.dialects.stream import (
    Answer,
    StreamEvent,
    StreamFailed,
    StreamStarted,
    TextDelta,
    TextStarted,
)
from turnout.errors import ContextTooLong, NotAuthenticated, Overloaded, RateLimited, TurnoutError

encode = partial(encoded, "openai_chat")


def read(stream: bytes) -> list[ChatCompletionChunk]:
    with client_of(streamed(stream)) as client:
        return list(client.chat.completions.create(model="m", messages=[], stream=True))


@settings(max_examples=15, deadline=None)
@given(streams())
def test_sdk_reads_our_streams(drawn: tuple[Answer, list[StreamEvent]]) -> None:
    answer, events = drawn
    chunks = read(OPENAI_CHAT.keep_alive() + encode(events))
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    texts = [part.text for part in answer.parts if isinstance(part, Text)]
    refusals = [part.text for part in answer.parts if isinstance(part, Refusal)]
    assert "".join(delta.content or "" for delta in deltas) == "".join(texts)
    assert "".join(delta.refusal or "" for delta in deltas) == "".join(refusals)
    arguments: dict[int, str] = {}
    for delta in deltas:
        for call in delta.tool_calls or ():
            fragment = call.function.arguments if call.function else None
            arguments[call.index] = arguments.get(call.index, "") + (fragment or "")
    calls = [part.arguments for part in answer.parts if isinstance(part, ToolCall)]
    assert list(arguments.values()) == calls
    usage = chunks[-1].usage
    assert usage is not None
    assert answer.usage is not None
    assert usage.prompt_tokens == answer.usage.input_total


@settings(max_examples=15, deadline=None)
@given(streams())
def test_sdk_reads_our_answers(drawn: tuple[Answer, list[StreamEvent]]) -> None:
    answer, _ = drawn
    body = OPENAI_CHAT.encode_response(
        events_of(answer), response_id="r", model="alias", created_at=5
    )
    response = httpx2.Response(200, headers={"content-type": "application/json"}, content=body)
    with client_of(response) as client:
        found = client.chat.completions.create(model="m", messages=[])
    calls = [part for part in answer.parts if isinstance(part, ToolCall)]
    assert [call.id for call in found.choices[0].message.tool_calls or ()] == [
        call.call_id for call in calls
    ]
    assert found.model == "alias"


def test_sdk_raises_the_error_inside_a_stream() -> None:
    events: list[StreamEvent] = [
        StreamStarted("r", "m"),
        TextStarted(0),
        TextDelta(0, "half"),
        StreamFailed(Overloaded("the provider is busy")),
    ]
    with pytest.raises(openai.APIError, match="the provider is busy"):
        read(encode(events))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RateLimited("slow down"), openai.RateLimitError),
        (NotAuthenticated("no such key"), openai.AuthenticationError),
        (ContextTooLong("too long"), openai.BadRequestError),
        (Overloaded("busy"), openai.InternalServerError),
    ],
)
def test_sdk_raises_its_own_kinds(error: TurnoutError, kind: type[openai.APIStatusError]) -> None:
    found = OPENAI_CHAT.encode_error(error, request_id="req_7")
    response = httpx2.Response(found.status, headers=list(found.headers), content=found.body)
    with client_of(response) as client, pytest.raises(kind) as raised:
        client.chat.completions.create(model="m", messages=[])
    assert raised.value.request_id == "req_7"
    assert error.message in raised.value.message
