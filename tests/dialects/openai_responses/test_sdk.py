"""The real SDK reads what we write: streams, answers, errors; no network."""

import httpx2
import openai
import pytest
from hypothesis import given, settings
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseErrorEvent,
    ResponseStreamEvent,
)
from pydantic import BaseModel, TypeAdapter

from tests.dialects.events import events_of
from tests.dialects.openai_responses.answers import answers, streams
from tests.dialects.openai_responses.grammar import events_of_stream
from tests.dialects.openai_responses.test_stream import encode
from tests.dialects.openai_sdk import client_of, streamed
from turnout.dialects.conversation import Provenance, Text, Thinking, ToolCall
from turnout.dialects.openai_responses import OPENAI_RESPONSES
from turnout.dialects.stream import (
    Answer,
    Finished,
    StreamEvent,
    StreamFailed,
    StreamStarted,
    TextDelta,
    TextStarted,
)
from turnout.dialects.usage import Usage
from turnout.errors import ContextTooLong, NotAuthenticated, Overloaded, RateLimited, TurnoutError

EVENT: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)


def final(stream: bytes) -> Response:
    """What the SDK's own accumulation makes of a stream."""
    with client_of(streamed(stream)) as client, client.responses.stream(model="m", input="x") as s:
        return s.get_final_response()


def texts_of(answer: Answer) -> str:
    return "".join(part.text for part in answer.parts if isinstance(part, Text))


@settings(max_examples=25, deadline=None)
@given(streams())
def test_sdk_reads_our_streams(drawn: tuple[Answer, list[StreamEvent]]) -> None:
    answer, events = drawn
    found = final(OPENAI_RESPONSES.keep_alive() + encode(events))
    assert found.output_text == texts_of(answer)
    calls = [part for part in answer.parts if isinstance(part, ToolCall)]
    told = [
        (item.call_id, item.arguments if item.type == "function_call" else item.input)
        for item in found.output
        if item.type in {"function_call", "custom_tool_call"}
    ]
    assert told == [(call.call_id, call.arguments) for call in calls]
    assert found.usage is not None
    assert answer.usage is not None
    assert found.usage.input_tokens == answer.usage.input_total
    assert found.usage.output_tokens_details.reasoning_tokens == answer.usage.reasoning


@settings(max_examples=25, deadline=None)
@given(streams())
def test_every_event_fits_the_sdks_types(drawn: tuple[Answer, list[StreamEvent]]) -> None:
    """The SDK itself does not look; pydantic does."""
    for event in events_of_stream(encode(drawn[1])):
        EVENT.validate_python(event, strict=False)


@settings(max_examples=25, deadline=None)
@given(answers())
def test_sdk_reads_our_answers(answer: Answer) -> None:
    body = OPENAI_RESPONSES.encode_response(
        events_of(answer), response_id="resp_1", model="alias", created_at=5
    )
    Response.model_validate_json(body)
    response = httpx2.Response(200, headers={"content-type": "application/json"}, content=body)
    with client_of(response) as client:
        found = client.responses.create(model="m", input="x")
    assert found.output_text == texts_of(answer)
    assert found.model == "alias"
    assert found.status == (
        "incomplete" if answer.stop in {"max_output", "content_filter"} else "completed"
    )


class Weather(BaseModel):
    city: str


def test_sdk_parses_structured_output_of_a_stream() -> None:
    answer = Answer("r", "m", (Text('{"city":"Ulm"}'),), Usage(3, output=4), "reported", "end")
    stream = encode(events_of(answer))
    with (
        client_of(streamed(stream)) as client,
        client.responses.stream(model="m", input="x", text_format=Weather) as running,
    ):
        assert running.get_final_response().output_parsed == Weather(city="Ulm")


def test_sdk_reads_reasoning_of_another_maker() -> None:
    thought = Thinking("why", Provenance("anthropic_messages", "claude"), signature="s")
    answer = Answer("r", "m", (thought, Text("a")), Usage(3, output=4), "reported", "end")
    reasoning = final(encode(events_of(answer))).output[0]
    assert reasoning.type == "reasoning"
    assert reasoning.summary[0].text == "why"
    assert (reasoning.encrypted_content or "").startswith("turnout1.")


def test_sdk_reads_an_answer_of_nothing() -> None:
    found = final(encode([StreamStarted("r", "m"), Finished("end")]))
    assert found.output[0].type == "message"


def test_sdk_sees_that_an_answer_was_cut() -> None:
    events: list[StreamEvent] = [StreamStarted("r", "m"), TextStarted(0), TextDelta(0, "a")]
    with client_of(streamed(encode([*events, Finished("max_output")]))) as client:
        *_, last = client.responses.create(model="m", input="x", stream=True)
    assert isinstance(last, ResponseCompletedEvent)
    assert last.response.status == "incomplete"
    assert last.response.incomplete_details is not None
    assert last.response.incomplete_details.reason == "max_output_tokens"


@pytest.mark.parametrize("begins", [True, False])
def test_sdk_raises_the_error_inside_a_stream(begins: bool) -> None:
    events: list[StreamEvent] = [StreamStarted("r", "m"), TextStarted(0), TextDelta(0, "half")]
    failed = StreamFailed(Overloaded("the provider is busy"))
    stream = encode([*events, failed] if begins else [failed])
    with pytest.raises(openai.APIError, match="the provider is busy"):
        final(stream)


def test_error_events_fit_the_sdks_types() -> None:
    first, second = events_of_stream(OPENAI_RESPONSES.encode_stream_error(Overloaded("busy")))
    assert isinstance(EVENT.validate_python(first), ResponseErrorEvent)
    EVENT.validate_python(second)


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
    found = OPENAI_RESPONSES.encode_error(error, request_id="req_7")
    response = httpx2.Response(found.status, headers=list(found.headers), content=found.body)
    with client_of(response) as client, pytest.raises(kind) as raised:
        client.responses.create(model="m", input="x")
    assert raised.value.request_id == "req_7"
    assert error.message in raised.value.message
