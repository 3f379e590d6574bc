"""The real openai SDK through the whole product, to a model of its own dialect and of another."""

import json
from collections.abc import AsyncGenerator

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

from tests.e2e.product import Product
from tests.e2e.test_anthropic_sdk import png

OWN, OTHER = "turnout/gpt-5.5", "turnout/claude-sonnet-5-5"
MODELS = [OWN, OTHER]
HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Say something short."}]
BASH: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "Bash",
        "description": "Run a command",
        "parameters": {
            "type": "object",
            "properties": {"command": {"type": "string"}},
            "required": ["command"],
        },
    },
}


@pytest.fixture
async def async_client(product: Product) -> AsyncGenerator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        base_url=f"{product.url}/v1", api_key="dummy", max_retries=0
    ) as client:
        yield client


@pytest.mark.parametrize("model", MODELS)
def test_a_completion(client: openai.OpenAI, model: str) -> None:
    raw = client.chat.completions.with_raw_response.create(model=model, messages=HELLO)
    assert raw.headers["turnout-model"] == model.removeprefix("turnout/")
    completion = raw.parse()
    assert completion.choices[0].finish_reason == "stop"
    assert completion.choices[0].message.content
    assert completion.usage is not None
    assert completion.usage.prompt_tokens > 0
    assert completion.usage.completion_tokens > 0


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("with_usage", [True, False])
def test_a_stream_says_what_the_completion_says(
    client: openai.OpenAI, model: str, with_usage: bool
) -> None:
    whole = client.chat.completions.create(model=model, messages=HELLO)
    chunks = list(
        client.chat.completions.create(
            model=model,
            messages=HELLO,
            stream=True,
            stream_options={"include_usage": True} if with_usage else openai.omit,
        )
    )
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert text == whole.choices[0].message.content
    finishes = [choice.finish_reason for chunk in chunks for choice in chunk.choices]
    assert finishes[-1] == "stop"
    usages = [chunk.usage for chunk in chunks if chunk.usage is not None]
    assert len(usages) == with_usage
    assert whole.usage is not None
    assert all(usage.completion_tokens == whole.usage.completion_tokens for usage in usages)


@pytest.mark.anyio
@pytest.mark.parametrize("model", MODELS)
async def test_an_asynchronous_stream(async_client: openai.AsyncOpenAI, model: str) -> None:
    stream = await async_client.chat.completions.create(model=model, messages=HELLO, stream=True)
    async with stream:
        finishes = [choice.finish_reason async for chunk in stream for choice in chunk.choices]
    assert finishes[-1] == "stop"


@pytest.mark.parametrize("model", MODELS)
def test_a_tool_is_called_and_its_result_is_read(
    client: openai.OpenAI, product: Product, model: str
) -> None:
    product.script("tool=Bash", "text")
    question: list[ChatCompletionMessageParam] = [{"role": "user", "content": "List the files."}]
    name, arguments, call_id, finish = "", "", "", ""
    for chunk in client.chat.completions.create(
        model=model, messages=question, tools=[BASH], stream=True
    ):
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            for call in choice.delta.tool_calls or []:
                assert call.index == 0
                assert call.function is not None
                call_id += call.id or ""
                name += call.function.name or ""
                arguments += call.function.arguments or ""
    assert (name, finish) == ("Bash", "tool_calls")
    assert set(json.loads(arguments)) == {"command"}
    messages: list[ChatCompletionMessageParam] = [
        *question,
        {
            "role": "assistant",
            "tool_calls": [
                {
                    "id": call_id,
                    "type": "function",
                    "function": {"name": name, "arguments": arguments},
                }
            ],
        },
        {"role": "tool", "tool_call_id": call_id, "content": "a.py"},
    ]
    second = client.chat.completions.create(model=model, messages=messages, tools=[BASH])
    assert second.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("model", MODELS)
def test_results_of_parallel_calls_after_an_image_go_back(
    client: openai.OpenAI, product: Product, model: str
) -> None:
    product.script("text")
    answer = client.chat.completions.create(
        model=model,
        tools=[BASH],
        messages=[
            {"role": "system", "content": "You look at files."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Look."},
                    {
                        "type": "image_url",
                        "image_url": {"url": f"data:image/png;base64,{png()}"},
                    },
                ],
            },
            {
                "role": "assistant",
                "content": "Looking.",
                "tool_calls": [
                    {
                        "id": f"call_{number}",
                        "type": "function",
                        "function": {"name": "Bash", "arguments": '{"command":"a"}'},
                    }
                    for number in (1, 2)
                ],
            },
            {"role": "tool", "tool_call_id": "call_2", "content": "two"},
            {"role": "tool", "tool_call_id": "call_1", "content": "one"},
        ],
    )
    assert answer.choices[0].finish_reason == "stop"


def test_models_are_listed(client: openai.OpenAI) -> None:
    owners = {model.id: model.owned_by for model in client.models.list()}
    assert owners["turnout/auto"] == "turnout"
    assert owners["gpt-5.5"] == "openai"


@pytest.mark.parametrize(
    ("model", "messages", "kind", "says"),
    [
        ("no-such-model", HELLO, openai.NotFoundError, "turnout/auto"),
        (OWN, [{"role": "wizard", "content": "hi"}], openai.BadRequestError, "role"),
        (OTHER, [{"role": "wizard", "content": "hi"}], openai.BadRequestError, "role"),
        (OTHER, [{"role": "user", "content": 7}], openai.BadRequestError, "content"),
    ],
)
def test_a_wrong_request_is_told_in_words(
    client: openai.OpenAI,
    model: str,
    messages: list[ChatCompletionMessageParam],
    kind: type[openai.APIStatusError],
    says: str,
) -> None:
    with pytest.raises(kind) as wrong:
        client.chat.completions.create(model=model, messages=messages)
    assert says in wrong.value.message


def test_an_unknown_router_key_is_refused(product: Product) -> None:
    with (
        openai.OpenAI(base_url=f"{product.url}/v1", api_key="tk_none", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.chat.completions.create(model=OWN, messages=HELLO)


@pytest.mark.parametrize("model", MODELS)
def test_a_provider_that_stays_overloaded_is_told_with_a_time_to_come_back(
    client: openai.OpenAI, product: Product, model: str
) -> None:
    product.script_all("status=529,retry-after=1")
    with pytest.raises(openai.InternalServerError) as refused:
        client.chat.completions.create(model=model, messages=HELLO)
    assert refused.value.status_code == 503
    assert 1 <= int(refused.value.response.headers["retry-after"]) <= 60


@pytest.mark.parametrize("model", MODELS)
def test_a_throttling_provider_is_told_with_a_time_to_come_back(
    client: openai.OpenAI, product: Product, model: str
) -> None:
    product.script_all("status=429")
    with pytest.raises(openai.RateLimitError) as refused:
        client.chat.completions.create(model=model, messages=HELLO)
    assert 1 <= int(refused.value.response.headers["retry-after"]) <= 60


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("directive", ["error-in-stream,tokens=100", "half,tokens=100"])
def test_a_stream_that_breaks_off_is_an_error_in_the_stream(
    client: openai.OpenAI, product: Product, model: str, directive: str
) -> None:
    product.script_all(directive)
    with pytest.raises(openai.APIError):
        list(client.chat.completions.create(model=model, messages=HELLO, stream=True))
