"""The real anthropic SDK through the whole product, to a model of its own dialect and of another."""

import base64
import struct
import zlib
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import anthropic
import httpx
import pytest
from anthropic.types import ImageBlockParam, MessageParam, ToolParam

from tests.e2e.product import Product, environment, running
from turnout.engines.free_ports import free_port

OWN, OTHER = "turnout/claude-sonnet-5-5", "turnout/gpt-5.5"
MODELS = [OWN, OTHER]
HELLO: list[MessageParam] = [{"role": "user", "content": "Say something short."}]
BASH: ToolParam = {
    "name": "Bash",
    "description": "Run a command",
    "input_schema": {
        "type": "object",
        "properties": {"command": {"type": "string"}},
        "required": ["command"],
    },
}


def png() -> str:
    """One red pixel."""

    def part(name: bytes, data: bytes) -> bytes:
        check = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixel = zlib.compress(b"\x00\xff\x00\x00")
    whole = part(b"IHDR", header) + part(b"IDAT", pixel) + part(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + whole).decode()


PICTURE: ImageBlockParam = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/png", "data": png()},
}


@pytest.fixture
def client(product: Product) -> Generator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=product.url, api_key="dummy", max_retries=0) as client:
        yield client


@pytest.fixture
async def async_client(product: Product) -> AsyncGenerator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(
        base_url=product.url, api_key="dummy", max_retries=0
    ) as client:
        yield client


@pytest.mark.parametrize("model", MODELS)
def test_a_message(client: anthropic.Anthropic, model: str) -> None:
    raw = client.messages.with_raw_response.create(model=model, max_tokens=200, messages=HELLO)
    assert raw.headers["turnout-model"] == model.removeprefix("turnout/")
    assert raw.headers["turnout-reason"] == "pinned_model"
    assert raw.headers["turnout-simulated"] == "true"
    assert raw.headers["turnout-request-id"].startswith("req_")
    message = raw.parse()
    assert message.stop_reason == "end_turn"
    # Reasoning of a model behind the Responses API comes as sealed thinking.
    *thoughts, block = message.content
    assert all(thought.type == "thinking" for thought in thoughts)
    assert block.type == "text"
    assert block.text
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens > 0


@pytest.mark.parametrize("model", MODELS)
def test_a_stream_says_what_the_message_says(client: anthropic.Anthropic, model: str) -> None:
    whole = client.messages.create(model=model, max_tokens=200, messages=HELLO)
    with client.messages.stream(model=model, max_tokens=200, messages=HELLO) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    *_, block = whole.content
    assert block.type == "text"
    assert text == block.text
    assert final.stop_reason == whole.stop_reason
    assert final.usage.output_tokens == whole.usage.output_tokens


@pytest.mark.anyio
@pytest.mark.parametrize("model", MODELS)
async def test_an_asynchronous_stream(async_client: anthropic.AsyncAnthropic, model: str) -> None:
    async with async_client.messages.stream(model=model, max_tokens=200, messages=HELLO) as stream:
        text = "".join([piece async for piece in stream.text_stream])
        final = await stream.get_final_message()
    assert text
    assert final.stop_reason == "end_turn"


@pytest.mark.parametrize("model", MODELS)
def test_a_tool_is_called_and_its_result_is_read(
    client: anthropic.Anthropic, product: Product, model: str
) -> None:
    product.script("tool=Bash", "text")
    question: list[MessageParam] = [{"role": "user", "content": "List the files."}]
    with client.messages.stream(
        model=model, max_tokens=300, messages=question, tools=[BASH]
    ) as stream:
        first = stream.get_final_message()
    assert first.stop_reason == "tool_use"
    (call,) = [block for block in first.content if block.type == "tool_use"]
    assert call.name == "Bash"
    assert isinstance(call.input, dict)
    assert set(call.input) == {"command"}
    messages: list[MessageParam] = [
        *question,
        {"role": "assistant", "content": first.content},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "a.py"}],
        },
    ]
    second = client.messages.create(model=model, max_tokens=300, messages=messages, tools=[BASH])
    assert second.stop_reason == "end_turn"


@pytest.mark.parametrize("model", MODELS)
def test_results_of_parallel_calls_with_an_image_go_back(
    client: anthropic.Anthropic, product: Product, model: str
) -> None:
    product.script("text")
    answer = client.messages.create(
        model=model,
        max_tokens=300,
        tools=[BASH],
        messages=[
            {"role": "user", "content": [{"type": "text", "text": "Look."}, PICTURE]},
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "Looking."},
                    {
                        "type": "tool_use",
                        "id": "toolu_1",
                        "name": "Bash",
                        "input": {"command": "a"},
                    },
                    {
                        "type": "tool_use",
                        "id": "toolu_2",
                        "name": "Bash",
                        "input": {"command": "b"},
                    },
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "toolu_1", "content": "one"},
                    {
                        "type": "tool_result",
                        "tool_use_id": "toolu_2",
                        "is_error": True,
                        "content": [{"type": "text", "text": "no"}, PICTURE],
                    },
                ],
            },
        ],
    )
    assert answer.stop_reason == "end_turn"


@pytest.fixture(params=["full", "observe"])
def mode(request: pytest.FixtureRequest, product: Product) -> Generator[str]:
    def change(wanted: str) -> None:
        httpx.put(f"{product.url}/v1/modes/default", json={"mode": wanted}).raise_for_status()

    before: str = httpx.get(f"{product.url}/v1/modes").json()["default"]
    change(str(request.param))
    yield str(request.param)
    change(before)


TALK: list[MessageParam] = [{"role": "user", "content": "Say something short. " * 100}]


def test_the_provider_counts_what_it_serves(client: anthropic.Anthropic, mode: str) -> None:
    for model in (OWN, OWN.removeprefix("turnout/")):
        raw = client.messages.with_raw_response.count_tokens(model=model, messages=TALK)
        assert "turnout-count" not in raw.headers, mode
        assert raw.parse().input_tokens > 400


def test_what_no_provider_counts_is_counted_here(client: anthropic.Anthropic, mode: str) -> None:
    for model in (OTHER, OTHER.removeprefix("turnout/")):
        raw = client.messages.with_raw_response.count_tokens(
            model=model, messages=TALK, tools=[BASH]
        )
        assert raw.headers["turnout-count"] == "local; p90-error=0.16", mode
        assert 400 < raw.parse().input_tokens < 450


@pytest.mark.parametrize("directives", ["status=529", "status=404", "status=401"])
def test_a_provider_that_cannot_count_leaves_it_to_us(
    client: anthropic.Anthropic, product: Product, mode: str, directives: str
) -> None:
    product.script_all(directives)
    raw = client.messages.with_raw_response.count_tokens(model=OWN, messages=TALK)
    assert raw.headers["turnout-count"] == "local; p90-error=0.20", mode
    assert 600 < raw.parse().input_tokens < 700


def test_counts_go_on_when_no_provider_can_be_reached(tmp_path: Path) -> None:
    closed = f"http://127.0.0.1:{free_port()}"
    settings = environment(
        tmp_path / "data",
        TURNOUT_PROVIDERS__ANTHROPIC__BASE_URL=closed,
        TURNOUT_PROVIDERS__OPENAI__BASE_URL=closed,
    )
    settings["ANTHROPIC_API_KEY"] = "sk-ant-of-this-test-alone"
    settings["OPENAI_API_KEY"] = "sk-of-this-test-alone"
    with (
        running(settings=settings, log=tmp_path / "log") as product,
        anthropic.Anthropic(base_url=product.url, api_key="dummy", max_retries=0) as client,
    ):
        for mode in ("full", "observe"):
            told = httpx.put(f"{product.url}/v1/modes/default", json={"mode": mode})
            told.raise_for_status()
            for model, tokens in (("claude-opus-5-5", 637), ("gpt-5.5", 405)):
                raw = client.messages.with_raw_response.count_tokens(model=model, messages=TALK)
                assert raw.headers["turnout-count"].startswith("local; p90-error=0."), mode
                assert raw.parse().input_tokens == pytest.approx(tokens, abs=5)


def test_models_are_listed(client: anthropic.Anthropic) -> None:
    names = [model.id for model in client.models.list()]
    assert names[0] == "turnout/auto"
    assert "claude-opus-5-5" in names


@pytest.mark.parametrize(
    ("model", "messages", "kind", "says"),
    [
        ("no-such-model", HELLO, anthropic.NotFoundError, "turnout/auto"),
        (OWN, [{"role": "wizard", "content": "hi"}], anthropic.BadRequestError, "role"),
        (OTHER, [{"role": "wizard", "content": "hi"}], anthropic.BadRequestError, "role"),
        (OWN, [], anthropic.BadRequestError, "messages"),
    ],
)
def test_a_wrong_request_is_told_in_words(
    client: anthropic.Anthropic,
    model: str,
    messages: list[MessageParam],
    kind: type[anthropic.APIStatusError],
    says: str,
) -> None:
    with pytest.raises(kind) as wrong:
        client.messages.create(model=model, max_tokens=10, messages=messages)
    assert says in wrong.value.message
    assert wrong.value.response.headers["turnout-request-id"]


def test_an_unknown_router_key_is_refused(product: Product) -> None:
    with (
        anthropic.Anthropic(base_url=product.url, api_key="tk_none", max_retries=0) as client,
        pytest.raises(anthropic.AuthenticationError) as refused,
    ):
        client.messages.create(model=OWN, max_tokens=10, messages=HELLO)
    assert refused.value.response.headers["x-should-retry"] == "false"


def test_a_body_over_the_limit_is_refused(client: anthropic.Anthropic) -> None:
    text = "x" * (33 * 1024 * 1024)
    with pytest.raises(anthropic.APIStatusError) as refused:
        client.messages.create(
            model=OWN, max_tokens=10, messages=[{"role": "user", "content": text}]
        )
    assert refused.value.status_code == 413


@pytest.mark.parametrize("model", MODELS)
def test_a_providers_refusal_of_the_key_comes_through(
    client: anthropic.Anthropic, product: Product, model: str
) -> None:
    product.script_all("status=401")
    with pytest.raises(anthropic.APIStatusError) as refused:
        client.messages.create(model=model, max_tokens=10, messages=HELLO)
    assert refused.value.status_code in {401, 502}


@pytest.mark.parametrize("model", MODELS)
def test_a_provider_that_stays_overloaded_is_told_with_a_time_to_come_back(
    client: anthropic.Anthropic, product: Product, model: str
) -> None:
    product.script_all("status=529,retry-after=1")
    with pytest.raises(anthropic.APIStatusError) as refused:
        client.messages.create(model=model, max_tokens=10, messages=HELLO)
    assert refused.value.status_code == 529
    assert 1 <= int(refused.value.response.headers["retry-after"]) <= 60


def test_a_provider_that_is_overloaded_once_is_not_noticed(
    client: anthropic.Anthropic, product: Product
) -> None:
    product.script("status=529")
    raw = client.messages.with_raw_response.create(
        model="turnout/auto", max_tokens=50, messages=HELLO
    )
    assert raw.headers["turnout-attempts"] == "2"
    assert raw.parse().content
    assert [entry["status"] for entry in product.seen()] == [529, 200]


@pytest.mark.parametrize("model", MODELS)
def test_a_stream_that_breaks_off_is_an_error_in_the_stream(
    client: anthropic.Anthropic, product: Product, model: str
) -> None:
    product.script_all("error-in-stream,tokens=100")
    with (
        pytest.raises(anthropic.APIError),
        client.messages.stream(model=model, max_tokens=200, messages=HELLO) as stream,
    ):
        stream.until_done()


def test_a_model_that_thinks_for_long_is_waited_for(
    client: anthropic.Anthropic, product: Product
) -> None:
    product.script("stall=1.5")
    with client.messages.stream(model=OWN, max_tokens=100, messages=HELLO) as stream:
        assert stream.get_final_message().stop_reason == "end_turn"
