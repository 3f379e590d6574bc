"""The real google-genai SDK through the whole product, to a model of its own dialect and of another.

The synchronous client: the asynchronous one warns of its own use of aiohttp.
"""

from collections.abc import Generator
from typing import Final

import httpx
import pytest
from google import genai
from google.genai import errors, types

from tests.e2e.product import Product

OWN, OTHER = "turnout/gemini-3.8-flash", "turnout/claude-sonnet-5-5"
MODELS: Final = [OWN, OTHER]
HELLO: Final = "Say something short."
RUN: Final = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="Run",
            description="Run a command",
            parameters=types.Schema(
                type=types.Type.OBJECT,
                properties={"command": types.Schema(type=types.Type.STRING)},
                required=["command"],
            ),
        )
    ]
)


def client_of(product: Product, key: str = "dummy") -> genai.Client:
    options = types.HttpOptions(base_url=product.url, timeout=30_000)
    return genai.Client(api_key=key, http_options=options)


@pytest.fixture
def client(product: Product) -> Generator[genai.Client]:
    with client_of(product) as client:
        yield client


@pytest.mark.parametrize("model", MODELS)
def test_an_answer(client: genai.Client, model: str) -> None:
    answer = client.models.generate_content(model=model, contents=HELLO)
    assert answer.sdk_http_response is not None
    headers = answer.sdk_http_response.headers or {}
    assert headers["turnout-model"] == model.removeprefix("turnout/")
    assert answer.text
    assert answer.usage_metadata is not None
    assert answer.usage_metadata.prompt_token_count
    assert answer.usage_metadata.candidates_token_count


@pytest.mark.parametrize("model", MODELS)
def test_a_stream_says_what_the_answer_says(client: genai.Client, model: str) -> None:
    whole = client.models.generate_content(model=model, contents=HELLO)
    chunks = list(client.models.generate_content_stream(model=model, contents=HELLO))
    assert "".join(chunk.text or "" for chunk in chunks) == whole.text
    assert chunks[0].usage_metadata is not None
    assert chunks[0].usage_metadata.prompt_token_count
    last = chunks[-1]
    assert last.candidates
    assert last.candidates[0].finish_reason == types.FinishReason.STOP
    assert last.usage_metadata == whole.usage_metadata


@pytest.mark.parametrize("model", MODELS)
def test_a_stream_without_alt_sse_is_the_same_in_an_array(
    client: genai.Client, product: Product, model: str
) -> None:
    """As curl and clients without an SDK ask."""
    whole = client.models.generate_content(model=model, contents=HELLO)
    answer = _asked_for_array(product, model)
    assert answer.headers["content-type"] == "application/json; charset=UTF-8"
    chunks = [types.GenerateContentResponse.model_validate(one) for one in answer.json()]
    assert len(chunks) > 1
    assert "".join(chunk.text or "" for chunk in chunks) == whole.text
    assert chunks[-1].usage_metadata == whole.usage_metadata


@pytest.mark.parametrize("model", ["turnout/gemini-3.5-flash", "turnout/claude-sonnet-4-5"])
@pytest.mark.parametrize(
    ("directives", "status", "code"), [("status=429", 429, 429), ("error-in-stream", 200, None)]
)
def test_an_error_is_an_element_of_the_array(
    product: Product, model: str, directives: str, status: int, code: int | None
) -> None:
    product.script_all(directives)
    answer = _asked_for_array(product, model)
    assert answer.status_code == status
    last = answer.json()[-1]["error"]
    assert last["message"]
    assert last["code"] == (code or last["code"])
    assert last["status"]


def _asked_for_array(product: Product, model: str) -> httpx.Response:
    return httpx.post(
        f"{product.url}/v1beta/models/{model}:streamGenerateContent",
        headers={"x-goog-api-key": "dummy"},
        json={"contents": [{"role": "user", "parts": [{"text": HELLO}]}]},
        timeout=30,
    )


@pytest.mark.parametrize("model", MODELS)
def test_a_chat_goes_on(client: genai.Client, product: Product, model: str) -> None:
    """The SDK's own keeper of history, which curates what it sends back."""
    chat = client.chats.create(model=model, config=types.GenerateContentConfig(tools=[RUN]))
    product.script("tool=Run", "text", "text")
    calls = chat.send_message("List the files.").function_calls
    assert calls is not None
    (call,) = calls
    assert call.name == "Run"
    assert set(call.args or {}) == {"command"}
    result = types.Part(
        function_response=types.FunctionResponse(
            id=call.id, name=call.name, response={"output": "a.py"}
        )
    )
    assert chat.send_message(result).text
    assert "".join(chunk.text or "" for chunk in chat.send_message_stream("And now?"))


@pytest.mark.parametrize("model", MODELS)
def test_a_python_function_is_called_by_the_sdk_itself(
    client: genai.Client, product: Product, model: str
) -> None:
    ran: list[str] = []

    def run(command: str) -> str:
        """Run a command."""
        ran.append(command)
        return "a.py"

    product.script("tool=run", "text")
    answer = client.models.generate_content(
        model=model,
        contents="List the files.",
        config=types.GenerateContentConfig(tools=[run]),
    )
    assert len(ran) == 1
    assert answer.text


@pytest.mark.parametrize("model", MODELS)
def test_tokens_are_counted(client: genai.Client, model: str) -> None:
    counted = client.models.count_tokens(model=model, contents=HELLO * 100)
    assert counted.total_tokens
    assert 300 < counted.total_tokens < 700


def test_models_are_listed(client: genai.Client) -> None:
    names = [model.name for model in client.models.list()]
    assert "models/turnout/auto" in names
    assert "models/gemini-3.8-flash" in names


@pytest.mark.parametrize(
    ("model", "role", "code", "says"),
    [
        ("no-such-model", "user", 404, "turnout/auto"),
        (OWN, "wizard", 400, "role"),
        (OTHER, "wizard", 400, "role"),
    ],
)
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_a_wrong_request_is_told_in_words(
    client: genai.Client, model: str, role: str, code: int, says: str, stream: bool
) -> None:
    contents = [types.Content(role=role, parts=[types.Part.from_text(text="hi")])]
    with pytest.raises(errors.ClientError) as wrong:
        if stream:
            list(client.models.generate_content_stream(model=model, contents=[*contents]))
        else:
            client.models.generate_content(model=model, contents=[*contents])
    assert wrong.value.code == code
    assert says in (wrong.value.message or "")


def test_an_unknown_router_key_is_refused(product: Product) -> None:
    with client_of(product, "tk_none") as client, pytest.raises(errors.ClientError) as refused:
        client.models.generate_content(model=OWN, contents=HELLO)
    assert refused.value.code == 401


@pytest.mark.parametrize(
    ("model", "directives", "kind", "code"),
    # Models that nobody else asks for: Turnout leaves them alone for as long.
    [
        ("turnout/gemini-3.7-flash", "status=429,retry-after=7", errors.ClientError, 429),
        ("turnout/claude-sonnet-5", "status=429,retry-after=7", errors.ClientError, 429),
        ("turnout/gemini-3.6-flash", "status=529,retry-after=7", errors.ServerError, 503),
        ("turnout/claude-sonnet-4-6", "status=529,retry-after=7", errors.ServerError, 503),
    ],
)
def test_a_busy_provider_is_told_with_a_time_to_come_back(
    client: genai.Client,
    product: Product,
    model: str,
    directives: str,
    kind: type[errors.APIError],
    code: int,
) -> None:
    product.script_all(directives)
    with pytest.raises(kind) as refused:
        client.models.generate_content(model=model, contents=HELLO)
    assert refused.value.code == code
    assert 1 <= int(refused.value.response.headers["retry-after"]) <= 7
