"""The real SDK reads what we write: streams, answers, errors; no network."""

import asyncio
import json
from collections.abc import Callable
from functools import partial

import httpx
import pytest
from google import genai
from google.genai import errors as genai_errors
from google.genai import types
from hypothesis import given, settings

from tests.dialects.events import encoded, events_of
from tests.dialects.gemini_generate.answers import spoken, streams
from tests.dialects.golden import Golden
from turnout.dialects.conversation import Provenance, Text, Thinking, ToolCall
from turnout.dialects.gemini_generate import GEMINI_GENERATE
from turnout.dialects.gemini_generate.thoughts import STAND_IN
from turnout.dialects.stream import (
    Answer,
    StreamEvent,
    StreamFailed,
    StreamStarted,
    TextDelta,
    TextStarted,
    accumulate,
)
from turnout.errors import ContextTooLong, NotAuthenticated, Overloaded, RateLimited, TurnoutError

GOLDEN = Golden("gemini_generate")
encode = partial(encoded, "gemini_generate")
SSE = {"content-type": "text/event-stream"}
JSON = {"content-type": "application/json"}


def client_of(answer: Callable[[httpx.Request], httpx.Response]) -> genai.Client:
    transport = httpx.MockTransport(answer)
    return genai.Client(
        api_key="k",
        http_options=types.HttpOptions(
            base_url="http://turnout.test",
            httpx_client=httpx.Client(transport=transport),
            httpx_async_client=httpx.AsyncClient(transport=transport),
        ),
    )


def read(stream: bytes) -> list[types.GenerateContentResponse]:
    client = client_of(lambda _: httpx.Response(200, headers=SSE, content=stream))
    return list(client.models.generate_content_stream(model="m", contents="x"))


def parts_of(chunk: types.GenerateContentResponse) -> list[types.Part]:
    assert chunk.candidates is not None
    content = chunk.candidates[0].content
    return (content.parts if content is not None else None) or []


@settings(max_examples=15, deadline=None)
@given(streams())
def test_sdk_reads_our_streams(drawn: tuple[Answer, list[StreamEvent]]) -> None:
    answer, events = drawn
    alive = GEMINI_GENERATE.keep_alive()
    chunks = read(alive + encode(events).replace(b"\n\n", b"\n\n" + alive))
    parts = [part for chunk in chunks for part in parts_of(chunk)]
    assert "".join(p.text or "" for p in parts if not p.thought) == spoken(answer)
    calls = [part.function_call for part in parts if part.function_call]
    expected = [part for part in answer.parts if isinstance(part, ToolCall)]
    assert [(c.id, c.name, c.args) for c in calls] == [
        (e.call_id, e.name, json.loads(e.arguments)) for e in expected
    ]
    last = chunks[-1]
    assert answer.usage is not None
    assert last.usage_metadata is not None
    assert last.usage_metadata.prompt_token_count == answer.usage.input_total
    assert last.usage_metadata.total_token_count == answer.usage.total
    assert last.candidates is not None
    assert last.candidates[0].finish_reason in set(types.FinishReason)
    assert {(chunk.model_version, chunk.response_id) for chunk in chunks} == {("alias", "id_1")}


@settings(max_examples=15, deadline=None)
@given(streams())
def test_sdk_reads_our_answers(drawn: tuple[Answer, list[StreamEvent]]) -> None:
    answer, _ = drawn
    body = GEMINI_GENERATE.encode_response(
        events_of(answer), response_id="r", model="alias", created_at=5
    )
    client = client_of(lambda _: httpx.Response(200, headers=JSON, content=body))
    found = client.models.generate_content(model="m", contents="x")
    calls = [part for part in answer.parts if isinstance(part, ToolCall)]
    assert [call.id for call in found.function_calls or ()] == [call.call_id for call in calls]
    assert found.model_version == "alias"
    assert found.usage_metadata is not None


@pytest.mark.parametrize("case", GOLDEN.cases)
def test_sdk_reads_every_golden_stream_as_we_write_it(case: str) -> None:
    events = GOLDEN.decode([GOLDEN.stream_of(case)])
    answer = accumulate(events)
    if answer.stop is None:
        with pytest.raises(genai_errors.APIError):
            read(encode(events))
        return
    chunks = read(encode(events))
    parts = [part for chunk in chunks for part in parts_of(chunk)]
    texts = [part.text for part in answer.parts if isinstance(part, Text)]
    assert "".join(p.text or "" for p in parts if not p.thought) == "".join(texts)


def test_the_asynchronous_client_reads_them_too() -> None:
    stream = GEMINI_GENERATE.keep_alive() + encode(GOLDEN.decode([GOLDEN.stream_of("text")]))
    client = client_of(lambda _: httpx.Response(200, headers=SSE, content=stream))

    async def texts() -> list[str]:
        chunks = await client.aio.models.generate_content_stream(model="m", contents="x")
        return [chunk.text or "" async for chunk in chunks]

    assert "".join(asyncio.run(texts())) == "Grüße, world\n"


def test_sdk_returns_reasoning_of_others_and_we_know_it_again() -> None:
    """What the chats of the SDK send on the next turn, thought parts and signatures included."""
    thought = Thinking("why", Provenance("openai_chat", "deepseek-r9"))
    answer = Answer("r", "m", (thought, ToolCall("c", "ls", "{}")), stop="tool_use")
    stream = encode(events_of(answer))
    sent: list[bytes] = []

    def upstream(request: httpx.Request) -> httpx.Response:
        sent.append(request.read())
        return httpx.Response(200, headers=SSE, content=stream)

    client = client_of(upstream)
    chat = client.chats.create(model="gemini-x")
    for message in (
        "list",
        types.Part.from_function_response(name="ls", response={"result": "a.py"}),
    ):
        for _ in chat.send_message_stream(message):
            pass
    path = "/v1beta/models/gemini-x:streamGenerateContent"
    assert GEMINI_GENERATE.survey_request(sent[1], path=path).has_foreign_thinking
    conversation = GEMINI_GENERATE.decode_request(sent[1], path=path)
    parts = [part for message in conversation.messages for part in message.parts]
    assert thought in parts
    assert ToolCall("c", "ls", "{}") in parts
    cleaned = json.loads(GEMINI_GENERATE.without_foreign_reasoning(sent[1]))
    (call,) = [p for c in cleaned["contents"] for p in c["parts"] if "functionCall" in p]
    assert call["thoughtSignature"] == STAND_IN
    assert "why" not in json.dumps(cleaned)


def test_requests_of_the_sdk_are_read() -> None:
    sent: list[bytes] = []

    def upstream(request: httpx.Request) -> httpx.Response:
        sent.append(request.read())
        body = {"candidates": [{"content": {"parts": [{"text": "ok"}]}, "finishReason": "STOP"}]}
        return httpx.Response(200, json=body)

    schema = {"type": "object", "properties": {"path": {"type": "string"}}}
    declared = types.FunctionDeclaration(name="read", parameters_json_schema=schema)
    config = types.GenerateContentConfig(
        system_instruction="Be brief.",
        tools=[types.Tool(function_declarations=[declared])],
        top_k=40,
        thinking_config=types.ThinkingConfig(thinking_budget=0),
        max_output_tokens=5,
    )
    client_of(upstream).models.generate_content(model="m", contents="hello", config=config)
    conversation = GEMINI_GENERATE.decode_request(sent[0], path="/v1/models/m:generateContent")
    survey = GEMINI_GENERATE.survey_request(sent[0], path="/v1/models/m:generateContent")
    (tool,) = conversation.tools
    assert json.loads(getattr(tool, "schema", "")) == schema
    assert (conversation.sampling.top_k, conversation.max_output_tokens) == (40, 5)
    assert conversation.thinking.mode == "off"
    assert [message.role for message in conversation.messages] == ["system", "user"]
    assert (survey.tool_count, survey.text, survey.needs.thinking) == (1, "hello", False)


def test_sdk_raises_the_error_inside_a_stream() -> None:
    events: list[StreamEvent] = [
        StreamStarted("r", "m"),
        TextStarted(0),
        TextDelta(0, "half"),
        StreamFailed(Overloaded("the provider is busy")),
    ]
    with pytest.raises(genai_errors.ServerError, match="the provider is busy") as raised:
        read(encode(events))
    assert raised.value.code == 503


def test_a_comment_would_break_the_sdk() -> None:
    """Why silence is filled with an empty event on this wire and not with a comment."""
    with pytest.raises(genai_errors.UnknownApiResponseError):
        read(b": keep-alive\n\n" + encode(GOLDEN.decode([GOLDEN.stream_of("text")])))


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        (RateLimited("slow down"), genai_errors.ClientError, "RESOURCE_EXHAUSTED"),
        (NotAuthenticated("no such key"), genai_errors.ClientError, "UNAUTHENTICATED"),
        (ContextTooLong("too long"), genai_errors.ClientError, "INVALID_ARGUMENT"),
        (Overloaded("busy"), genai_errors.ServerError, "UNAVAILABLE"),
    ],
)
def test_sdk_raises_its_own_kinds(
    error: TurnoutError, kind: type[genai_errors.APIError], status: str
) -> None:
    found = GEMINI_GENERATE.encode_error(error, request_id="req_7")
    response = httpx.Response(found.status, headers=list(found.headers), content=found.body)
    with pytest.raises(kind) as raised:
        client_of(lambda _: response).models.generate_content(model="m", contents="x")
    assert (raised.value.code, raised.value.status) == (found.status, status)
    assert error.message in (raised.value.message or "")
