"""Lists of models: every shape by its SDK, and by tables what the SDKs do not look at."""

import hashlib
import json
from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, date, datetime

import anthropic
import httpx
import httpx2
import openai
import pytest
from google import genai
from google.genai import errors as genai_errors
from google.genai import types as genai_types

from tests.ingress.edge import CATALOG, ENVIRONMENT, Answer, ask, edge
from turnout.errors import InvalidRequest
from turnout.ingress.callers import Door
from turnout.ingress.model_lists import (
    Asked,
    Listed,
    Shape,
    asked_by,
    display_name,
    encode_list,
    listed_for,
)
from turnout.policy.decision import Access
from turnout.router_key import RouterKey

pytestmark = pytest.mark.anyio

URL = "http://127.0.0.1:8080"
TODAY = date(2026, 11, 30)
ANTHROPIC = ("anthropic-version", "2023-06-01")
GOOGLE = ("x-goog-api-key", "dummy")
LISTED = listed_for(CATALOG, ENVIRONMENT)


@pytest.fixture
async def http() -> AsyncGenerator[httpx2.AsyncClient]:
    """The application behind the HTTP client of two of the SDKs."""
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(edge().app)) as client:
        yield client


@pytest.fixture
def of_anthropic(http: httpx2.AsyncClient) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(base_url=URL, api_key="dummy", http_client=http, max_retries=0)


@pytest.fixture
def of_openai(http: httpx2.AsyncClient) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(
        base_url=f"{URL}/v1", api_key="dummy", http_client=http, max_retries=0
    )


@pytest.fixture
async def of_google() -> AsyncGenerator[genai.client.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(edge().app)) as client:
        options = genai_types.HttpOptions(base_url=URL, httpx_async_client=client)
        yield genai.Client(api_key="dummy", http_options=options).aio


async def get(
    path: str, *headers: tuple[str, str], query: str = "", door: Door | None = None
) -> Answer:
    on = edge() if door is None else edge(door=door)
    return await ask(on, path, method="GET", body=b"", headers=headers, query=query)


# -- the SDKs ----------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 7, 20, 1000])
async def test_the_anthropic_sdk_pages_through_all(
    of_anthropic: anthropic.AsyncAnthropic, limit: int
) -> None:
    names = [model.id async for model in of_anthropic.models.list(limit=limit)]
    assert names == [one.name for one in LISTED]
    assert names[0] == "turnout/auto"


async def test_the_anthropic_sdk_pages_back(of_anthropic: anthropic.AsyncAnthropic) -> None:
    page = await of_anthropic.models.list(limit=2, before_id=LISTED[4].name)
    assert [model.id for model in page.data] == [LISTED[2].name, LISTED[3].name]
    assert page.has_more
    first = await of_anthropic.models.list(limit=9, before_id=LISTED[2].name)
    assert [model.id for model in first.data] == [LISTED[0].name, LISTED[1].name]
    assert not first.has_more


async def test_the_anthropic_sdk_reads_a_model(of_anthropic: anthropic.AsyncAnthropic) -> None:
    model = await of_anthropic.models.retrieve("claude-opus-4-5-20251101")
    assert (model.id, model.type) == ("claude-opus-4-5", "model")
    assert model.display_name == "Claude Opus 4.5"
    assert model.created_at == datetime(2025, 11, 1, tzinfo=UTC)
    assert (model.lifecycle, model.line) == ("active", "opus")
    assert (model.max_input_tokens, model.max_tokens) == (200_000, 64_000)
    assert model.capabilities is None


async def test_the_anthropic_sdk_reads_what_translation_offers(
    of_anthropic: anthropic.AsyncAnthropic,
) -> None:
    model = await of_anthropic.models.retrieve("gpt-5.5")
    has = model.capabilities
    assert has is not None
    assert anthropic.types.ModelCapabilities.model_validate(has.model_dump()) == has
    assert has.image_input.supported
    assert has.thinking.types.adaptive.supported
    assert has.effort.high.supported
    assert not has.server_tools.web_search.supported
    assert not has.batch.supported


async def test_the_anthropic_sdk_is_told_what_is_unknown(
    of_anthropic: anthropic.AsyncAnthropic,
) -> None:
    with pytest.raises(anthropic.NotFoundError, match="no-such-model"):
        await of_anthropic.models.retrieve("no-such-model")


async def test_the_openai_sdk_lists_and_reads(of_openai: openai.AsyncOpenAI) -> None:
    models = [model async for model in of_openai.models.list()]
    assert [model.id for model in models] == [one.name for one in LISTED]
    assert models[0].owned_by == "turnout"
    one = await of_openai.models.retrieve("gpt-5.5")
    assert (one.id, one.object, one.owned_by) == ("gpt-5.5", "model", "openai")
    assert one.created == int(datetime(2026, 4, 23, tzinfo=UTC).timestamp())
    assert one.shutdown_date is None
    auto = await of_openai.models.retrieve("turnout/auto")
    assert (auto.id, auto.created) == ("turnout/auto", 0)
    pinned = await of_openai.models.retrieve("turnout/gpt-5.5")
    assert pinned.id == "gpt-5.5"
    with pytest.raises(openai.NotFoundError, match="no-such-model"):
        await of_openai.models.retrieve("no-such-model")


@pytest.mark.parametrize("size", [1, 50, 1000])
async def test_the_google_sdk_pages_through_all(
    of_google: genai.client.AsyncClient, size: int
) -> None:
    pager = await of_google.models.list(config={"page_size": size})
    names = [model.name async for model in pager]
    assert names == [f"models/{one.name}" for one in LISTED]


async def test_the_google_sdk_reads_a_model(of_google: genai.client.AsyncClient) -> None:
    model = await of_google.models.get(model="claude-opus-4-5")
    assert model.name == "models/claude-opus-4-5"
    assert model.display_name == "Claude Opus 4.5"
    assert (model.input_token_limit, model.output_token_limit) == (200_000, 64_000)
    assert model.supported_actions == ["generateContent", "countTokens"]
    auto = await of_google.models.get(model="models/turnout/auto")
    assert (auto.name, auto.input_token_limit) == ("models/turnout/auto", None)
    with pytest.raises(genai_errors.ClientError) as refused:
        await of_google.models.get(model="no-such-model")
    assert refused.value.code == 404


# -- who asks ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "query", "headers", "shape"),
    [
        ("/v1/models", "", {}, "openai"),
        ("/v1/models", "limit=1000", {"anthropic-version": "2023-06-01"}, "anthropic"),
        ("/v1/models", "client_version=0.169.0", {}, "codex"),
        ("/v1beta/models", "", {}, "gemini"),
        ("/v1beta/models/x", "", {"anthropic-version": "2023-06-01"}, "gemini"),
        ("/v1/models", "", {"x-goog-api-key": "k"}, "gemini"),
        ("/v1/models", "", {"x-goog-api-client": "google-genai-sdk/3.4.0"}, "gemini"),
        ("/v1/models", "key=k", {}, "gemini"),
        ("/v1/models", "", {"authorization": "Bearer k"}, "openai"),
    ],
)
def test_the_shape_is_that_of_whoever_asks(
    path: str, query: str, headers: Mapping[str, str], shape: Shape
) -> None:
    assert asked_by(path=path, query=query, headers=headers).shape == shape


async def test_claude_code_gets_all_in_one_page() -> None:
    answer = await get("/v1/models", ANTHROPIC, query="limit=1000")
    assert answer.json["has_more"] is False
    assert answer.json["first_id"] == LISTED[0].name
    assert answer.json["last_id"] == LISTED[-1].name


async def test_codex_keeps_the_catalog_that_it_ships_with() -> None:
    """A list with one model to show would replace it, instructions and all."""
    answer = await get("/v1/models", query="client_version=0.169.0")
    assert answer.json == {"models": []}


async def test_only_models_that_the_caller_can_be_served_are_listed() -> None:
    door = Door(keys={}, admin_keys=frozenset(), environment=ENVIRONMENT[:1], simulated=True)
    answer = await get("/v1/models", door=door)
    data = answer.json["data"]
    assert isinstance(data, list)
    assert {model["owned_by"] for model in data} == {"turnout", "anthropic"}
    assert (await get("/v1/models/gpt-5.5", door=door)).status == 404
    assert (await get("/v1/models/claude-opus-5-5", door=door)).status == 200


async def test_a_model_of_one_dialect_alone_is_listed_too() -> None:
    everybody = [Access(name, "env") for name in CATALOG.providers]
    names = {one.name for one in listed_for(CATALOG, everybody)}
    assert {"gpt-5.5", "gpt-5-pro"} <= names


# -- errors, and what is not known -------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "header", "status"),
    [
        ("/v1/models/none", ANTHROPIC, 404),
        ("/v1/models/none", ("accept", "*/*"), 404),
        ("/v1beta/models/none", GOOGLE, 404),
    ],
)
async def test_an_unknown_model_is_said_in_the_askers_shape(
    path: str, header: tuple[str, str], status: int
) -> None:
    answer = await get(path, header)
    assert answer.status == status
    assert (answer.json.get("type") == "error") == (header is ANTHROPIC)
    assert "none" in json.dumps(answer.json["error"])


async def test_a_wrong_key_is_said_in_the_askers_shape() -> None:
    key = RouterKey(name="a", sha256=hashlib.sha256(b"tk_a").hexdigest(), tenant="t")
    door = Door(keys={key.sha256: key}, admin_keys=frozenset(), environment=(), simulated=False)
    answer = await get("/v1/models", ANTHROPIC, door=door)
    assert answer.status == 401
    assert answer.json["type"] == "error"
    assert (await get("/v1/models", ("x-api-key", "tk_a"), door=door)).status == 200


@pytest.mark.parametrize(
    ("shape", "query", "says"),
    [
        ("anthropic", {"limit": "0"}, "limit: must be"),
        ("anthropic", {"limit": "1001"}, "limit: must be"),
        ("anthropic", {"limit": "many"}, "limit: must be"),
        ("anthropic", {"after_id": "none"}, "after_id: names no model"),
        ("anthropic", {"before_id": "none"}, "before_id: names no model"),
        ("gemini", {"pageSize": "-1"}, "pageSize: must be"),
        ("gemini", {"pageToken": "none"}, "pageToken: names no model"),
    ],
)
def test_a_wrong_query_is_named(shape: Shape, query: Mapping[str, str], says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        encode_list(Asked(shape, query), LISTED, today=TODAY)


@pytest.mark.parametrize(
    ("today", "lifecycle"),
    [(date(2026, 11, 29), "deprecated"), (date(2026, 11, 30), "retired")],
)
def test_a_model_with_a_last_day_says_so(today: date, lifecycle: str) -> None:
    leaving = Listed("claude-sonnet-4-5", CATALOG.models["claude-sonnet-4-5"])
    told = json.loads(encode_list(Asked("anthropic", {}), [leaving], today=today))["data"][0]
    assert told["lifecycle"] == lifecycle
    assert told["retires_at"] == "2026-11-30T00:00:00Z"
    told = json.loads(encode_list(Asked("openai", {}), [leaving], today=today))["data"][0]
    assert told["shutdown_date"] == "2026-11-30"


def test_a_release_that_is_not_known_is_the_epoch_and_a_window_is_left_out() -> None:
    auto = [Listed("turnout/auto", None)]
    told = json.loads(encode_list(Asked("anthropic", {}), auto, today=TODAY))["data"][0]
    assert told["created_at"] == "1970-01-01T00:00:00Z"
    assert (told["max_input_tokens"], told["line"]) == (None, None)
    told = json.loads(encode_list(Asked("gemini", {}), auto, today=TODAY))["models"][0]
    assert "inputTokenLimit" not in told


@pytest.mark.parametrize("shape", ["anthropic", "openai", "gemini", "codex"])
def test_an_empty_list_is_a_list(shape: Shape) -> None:
    told = json.loads(encode_list(Asked(shape, {}), [], today=TODAY))
    assert told["models" if shape in {"gemini", "codex"} else "data"] == []


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("turnout/auto", "Turnout Auto"),
        ("claude-opus-4-5", "Claude Opus 4.5"),
        ("claude-opus-5", "Claude Opus 5"),
        ("claude-mythos-preview", "Claude Mythos Preview"),
        ("gpt-5.5", "GPT-5.5"),
        ("gpt-5.4-mini", "GPT-5.4 Mini"),
        ("gpt-4o-2024-05-13", "GPT-4o 2024 05.13"),
        ("o4-mini", "o4 Mini"),
        ("gemini-3.8-flash", "Gemini 3.8 Flash"),
        ("glm-5.3", "GLM-5.3"),
        ("deepseek-v4-pro", "DeepSeek V4 Pro"),
        ("MiniMax-M2.5", "MiniMax M2.5"),
        ("qwen3-coder-plus", "Qwen3 Coder Plus"),
        ("kimi-k3", "Kimi K3"),
    ],
)
def test_names_as_people_write_them(name: str, shown: str) -> None:
    assert display_name(name) == shown
