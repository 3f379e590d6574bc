"""The real openai SDK's Responses API through the whole product: over HTTP and over its WebSocket."""

import json
from typing import Final

import openai
import pytest
from openai.resources.responses.responses import ResponsesConnection
from openai.types.responses import (
    FunctionToolParam,
    Response,
    ResponseInputItemParam,
    ResponseInputParam,
)

from tests.e2e.product import Product

OWN, OTHER = "turnout/gpt-5.5", "turnout/claude-sonnet-5-5"
MODELS: Final = [OWN, OTHER]
HELLO: Final = "Say something short."
RUN: Final[FunctionToolParam] = {
    "type": "function",
    "name": "Run",
    "description": "Run a command",
    "parameters": {
        "type": "object",
        "properties": {"command": {"type": "string"}},
        "required": ["command"],
        "additionalProperties": False,
    },
    "strict": True,
}


# -- over HTTP ---------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_a_response(client: openai.OpenAI, model: str) -> None:
    raw = client.responses.with_raw_response.create(model=model, input=HELLO, store=False)
    assert raw.headers["turnout-model"] == model.removeprefix("turnout/")
    assert raw.headers["turnout-request-id"].startswith("req_")
    response = raw.parse()
    assert response.status == "completed"
    assert response.output_text
    assert response.usage is not None
    assert response.usage.input_tokens > 0
    assert response.usage.output_tokens > 0
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens


@pytest.mark.parametrize("model", MODELS)
def test_a_stream_says_what_the_response_says(client: openai.OpenAI, model: str) -> None:
    whole = client.responses.create(model=model, input=HELLO, store=False)
    with client.responses.stream(model=model, input=HELLO, store=False) as stream:
        events = list(stream)
        final = stream.get_final_response()
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == whole.output_text == final.output_text
    numbers = [event.sequence_number for event in events]
    assert numbers == sorted(set(numbers))
    assert events[0].type == "response.created"
    assert events[-1].type == "response.completed"
    assert final.usage is not None
    assert whole.usage is not None
    assert final.usage.output_tokens == whole.usage.output_tokens


@pytest.mark.parametrize("model", MODELS)
def test_a_tool_is_called_and_its_result_is_read(
    client: openai.OpenAI, product: Product, model: str
) -> None:
    product.script("tool=Run", "text")
    first = client.responses.create(model=model, input="List the files.", tools=[RUN], store=False)
    (call,) = [item for item in first.output if item.type == "function_call"]
    assert set(json.loads(call.arguments)) == {"command"}
    items: ResponseInputParam = [
        {"type": "message", "role": "user", "content": "List the files."},
        {
            "type": "function_call",
            "call_id": call.call_id,
            "name": call.name,
            "arguments": call.arguments,
        },
        {"type": "function_call_output", "call_id": call.call_id, "output": "a.py"},
    ]
    second = client.responses.create(model=model, input=items, tools=[RUN], store=False)
    assert second.output_text


@pytest.mark.parametrize(
    ("model", "said", "kind", "says"),
    [
        ("no-such-model", HELLO, openai.NotFoundError, "turnout/auto"),
        (OWN, [{"role": "wizard", "content": "hi"}], openai.BadRequestError, "role"),
        (OTHER, [{"role": "wizard", "content": "hi"}], openai.BadRequestError, "role"),
    ],
)
def test_a_wrong_request_is_told_in_words(
    client: openai.OpenAI,
    model: str,
    said: str | list[ResponseInputItemParam],
    kind: type[openai.APIStatusError],
    says: str,
) -> None:
    with pytest.raises(kind) as wrong:
        client.responses.create(model=model, input=said)
    assert says in wrong.value.message


@pytest.mark.parametrize(
    ("model", "directives", "kind"),
    # Models that nobody else asks for: Turnout leaves them alone for as long.
    [
        ("turnout/gpt-5.4", "status=429,retry-after=7", openai.RateLimitError),
        ("turnout/claude-opus-5", "status=429,retry-after=7", openai.RateLimitError),
        ("turnout/gpt-5.2", "status=529,retry-after=7", openai.InternalServerError),
        ("turnout/claude-opus-4-8", "status=529,retry-after=7", openai.InternalServerError),
    ],
)
def test_a_busy_provider_is_told_with_a_time_to_come_back(
    client: openai.OpenAI,
    product: Product,
    model: str,
    directives: str,
    kind: type[openai.APIStatusError],
) -> None:
    product.script_all(directives)
    with pytest.raises(kind) as refused:
        client.responses.create(model=model, input=HELLO)
    assert 1 <= int(refused.value.response.headers["retry-after"]) <= 7


def test_an_unknown_router_key_is_refused(product: Product) -> None:
    with (
        openai.OpenAI(base_url=f"{product.url}/v1", api_key="tk_none", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.responses.create(model=OWN, input=HELLO)


def test_what_only_openai_has_is_refused_by_its_field(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="send the whole input") as refused:
        client.responses.create(model=OTHER, input=HELLO, previous_response_id="resp_1")
    assert refused.value.param == "previous_response_id"


@pytest.mark.parametrize("model", MODELS)
def test_what_a_shell_has_done_is_in_the_history(client: openai.OpenAI, model: str) -> None:
    history: ResponseInputParam = [
        {"role": "user", "content": HELLO},
        {
            "type": "shell_call",
            "call_id": "call_1",
            "action": {"commands": ["ls"]},
        },
        {
            "type": "shell_call_output",
            "call_id": "call_1",
            "output": [
                {"stdout": "a.py", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}
            ],
        },
    ]
    assert client.responses.create(model=model, input=history, store=False).output_text


# -- over the WebSocket ------------------------------------------------------------------------


# The SDK opens its connection in a way that websockets 17 warns of.
of_its_own_connect = pytest.mark.filterwarnings(
    r"ignore:connect\(\) must be used:DeprecationWarning"
)


def answered(connection: ResponsesConnection) -> Response:
    """The response at the end of one turn's events."""
    for event in connection:
        if event.type == "response.completed":
            return event.response
        assert event.type != "error", event
    raise AssertionError("the connection ended before the response did")


@of_its_own_connect
@pytest.mark.parametrize("model", MODELS)
def test_two_turns_on_one_connection(client: openai.OpenAI, product: Product, model: str) -> None:
    product.script("tool=Run", "text")
    with client.responses.connect() as connection:
        connection.response.create(
            model=model,
            input=[{"type": "message", "role": "user", "content": "List the files."}],
            tools=[RUN],
            store=False,
        )
        first = answered(connection)
        (call,) = [item for item in first.output if item.type == "function_call"]
        assert set(json.loads(call.arguments)) == {"command"}
        connection.response.create(
            model=model,
            previous_response_id=first.id,
            input=[{"type": "function_call_output", "call_id": call.call_id, "output": "a.py"}],
            tools=[RUN],
            store=False,
        )
        second = answered(connection)
    assert second.output_text
    assert second.usage is not None
    assert first.usage is not None
    assert second.usage.input_tokens > first.usage.input_tokens
    assert [entry["status"] for entry in product.seen()] == [200, 200]


@of_its_own_connect
def test_two_lanes_on_one_connection(client: openai.OpenAI) -> None:
    """Each asked of another model before either has answered, and one forked from the other."""
    with client.responses.connect() as connection:
        for lane, model in (("main", OWN), ("aside", OTHER)):
            connection.response.create(model=model, input=HELLO, store=False, stream_id=lane)
        told: dict[str | None, Response] = {}
        while len(told) < 2:
            event = connection.recv()
            assert event.type != "error", event
            assert event.stream_id in {"main", "aside"}
            if event.type == "response.completed":
                told[event.stream_id] = event.response
        connection.response.create(
            model=OTHER,
            previous_response_id=told["main"].id,
            input="And now?",
            store=False,
            stream_id="fork",
        )
        forked = answered(connection)
    assert all(answer.output_text for answer in (*told.values(), forked))
    first, second = told["main"].usage, forked.usage
    assert first is not None
    assert second is not None
    assert second.input_tokens > first.input_tokens


@of_its_own_connect
@pytest.mark.parametrize("model", MODELS)
def test_an_error_is_a_frame_and_the_connection_goes_on(
    client: openai.OpenAI, product: Product, model: str
) -> None:
    product.script("status=400")
    with client.responses.connect() as connection:
        connection.response.create(model=model, input=HELLO, store=False)
        refusal = connection.recv()
        assert refusal.type == "error", refusal
        connection.response.create(model=model, input=HELLO, store=False)
        assert answered(connection).output_text


@of_its_own_connect
def test_a_response_that_this_connection_does_not_know_cannot_be_continued(
    client: openai.OpenAI,
) -> None:
    with client.responses.connect() as connection:
        connection.response.create(
            model=OTHER, previous_response_id="resp_unknown", input=HELLO, store=False
        )
        refusal = connection.recv()
    assert refusal.type == "error", refusal
    assert "previous_response_not_found" in str(refusal)


@of_its_own_connect
def test_a_connection_that_is_left_is_left_upstream_too(
    client: openai.OpenAI, product: Product
) -> None:
    product.script("gap=0.05,tokens=5000")
    with client.responses.connect() as connection:
        connection.response.create(model=OTHER, input=HELLO, store=False)
        for event in connection:
            if event.type == "response.output_text.delta":
                break
    assert product.ended()[0]["aborted"] is True
