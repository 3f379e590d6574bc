"""Which dialect a provider is spoken to in, how it departs from it, and providers of one's own."""

import json

import pytest

from turnout.capabilities import Dialect
from turnout.catalog import Catalog, parse_catalog
from turnout.catalog.models import Prices, endpoint_for
from turnout.catalog.packaged import snapshot_bytes
from turnout.catalog.providers import PROVIDERS
from turnout.catalog.user_file import with_user_file
from turnout.errors import InvalidRequest
from turnout.quirks import DIALECT_QUIRKS, Quirks

ALL: tuple[Dialect, ...] = tuple(DIALECT_QUIRKS)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return parse_catalog(snapshot_bytes())


@pytest.mark.parametrize(
    ("model", "client", "expected"),
    [
        ("claude-opus-5-5", "openai_chat", "anthropic_messages"),
        ("gpt-5.5", "openai_chat", "openai_chat"),
        ("gpt-5.5", "openai_responses", "openai_responses"),
        ("gpt-5.5", "anthropic_messages", "openai_responses"),
        ("gpt-5.3-codex", "openai_chat", "openai_responses"),
        ("gemini-3.5-flash", "anthropic_messages", "gemini_generate"),
        ("gemini-3.5-flash", "openai_chat", "openai_chat"),
        ("deepseek-v4-pro", "anthropic_messages", "anthropic_messages"),
        ("deepseek-v4-pro", "openai_responses", "openai_chat"),
    ],
)
def test_the_clients_own_dialect_comes_first_then_the_preferred_one(
    catalog: Catalog,
    model: str,
    client: Dialect,
    expected: Dialect,
) -> None:
    found = catalog.models[model]
    endpoint = endpoint_for(catalog.provider_of(found), found, client)
    assert endpoint is not None
    assert endpoint.dialect == expected


def claude(name: str) -> Quirks:
    return PROVIDERS[0].endpoints[0].quirks_of(name)


@pytest.mark.parametrize(
    ("name", "system_anywhere", "thinking", "takes_effort", "takes_temperature"),
    [
        ("claude-3-7-sonnet-20250219", False, "budget", False, True),
        ("claude-sonnet-4-20250514", False, "budget", False, True),
        ("claude-opus-4-1", False, "budget", False, True),
        ("claude-haiku-4-5-20251001", False, "budget", False, True),
        ("claude-opus-4-5", False, "budget", True, True),
        ("claude-sonnet-4-6", False, "adaptive", True, True),
        ("claude-opus-4-7", False, "adaptive", True, False),
        ("claude-opus-4-8", True, "adaptive", True, False),
        ("claude-sonnet-5", True, "adaptive", True, False),
        ("claude-opus-5-5", True, "adaptive", True, False),
        ("anthropic.claude-haiku-4-5", False, "budget", False, True),
    ],
)
def test_the_families_of_claude_take_what_their_age_takes(
    name: str, system_anywhere: bool, thinking: str, takes_effort: bool, takes_temperature: bool
) -> None:
    quirks = claude(name)
    assert quirks.system_anywhere is system_anywhere
    assert quirks.thinking == thinking
    assert bool(quirks.efforts) is takes_effort
    assert ("temperature" not in quirks.refuses) is takes_temperature


@pytest.mark.parametrize(
    ("name", "is_preserved"),
    [
        ("claude-opus-5", None),
        ("claude-opus-5-5", True),
        ("claude-sonnet-5-5-20260928", True),
        ("claude-haiku-5-5", True),
        ("claude-fable-5", None),
        ("claude-fable-5-1", True),
        ("anthropic.claude-mythos-5-2", True),
        ("claude-sonnet-5-20260101", None),
    ],
)
def test_the_newest_claude_models_bind_thinking_to_the_prompt(
    name: str, is_preserved: bool | None
) -> None:
    assert claude(name).preserved_thinking is is_preserved


def test_a_level_that_says_nothing_leaves_the_one_below() -> None:
    below = DIALECT_QUIRKS["openai_chat"]
    assert Quirks().over(below) is below
    assert Quirks(efforts=()).over(below).efforts == ()
    assert Quirks(custom_tools=False).over(below).tool_name_pattern == below.tool_name_pattern


def test_refused_fields_add_up_and_can_be_taken_again() -> None:
    below = Quirks(refuses=("a", "b"))
    assert Quirks(refuses=("c",), takes=("a",)).over(below).refuses == ("b", "c")


def test_servers_of_ones_own_are_on_loopback_and_take_no_key(catalog: Catalog) -> None:
    keyless = {name for name, one in catalog.providers.items() if one.is_keyless}
    assert keyless == {"vllm", "ollama", "llama_cpp", "lm_studio"}
    for name in keyless:
        for endpoint in catalog.providers[name].endpoints:
            assert endpoint.base_url.startswith("http://127.0.0.1:")


def test_a_user_adds_a_provider_and_a_model(catalog: Catalog) -> None:
    told = {
        "providers": [
            {
                "name": "house",
                "endpoints": [
                    {
                        "dialect": "openai_chat",
                        "base_url": "http://10.0.0.7/v1",
                        "auth": "none",
                        "quirks": {"refuses": ["seed"], "call_id_characters": 9},
                    }
                ],
            }
        ],
        "models": [
            {"id": "coder", "provider": "house", "capabilities": {"context_tokens": 9000}},
            {"id": "gpt-5.5", "quirks": {"efforts": ["low"]}},
        ],
        "prices": {"coder": {"fresh_input": 0, "output": 0}},
    }
    mine = with_user_file(catalog, json.dumps(told).encode())
    coder = mine.models["coder"]
    assert (coder.upstream_name, coder.prices.output) == ("coder", 0)
    (endpoint,) = mine.provider_of(coder).endpoints
    assert endpoint.quirks_of("coder").refuses == ("seed",)
    assert mine.models["gpt-5.5"].quirks.efforts == ("low",)
    assert mine.models["gpt-5.5"].prices == catalog.models["gpt-5.5"].prices
    assert mine.digest != catalog.digest


def test_the_short_form_of_the_file_is_prices(catalog: Catalog) -> None:
    mine = with_user_file(catalog, b'{"gpt-5.5": {"output": 1.5}}')
    assert mine.models["gpt-5.5"].prices.output == 1.5
    assert mine.models["gpt-5.5"].prices.fresh_input == catalog.models["gpt-5.5"].prices.fresh_input


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"[]", "object"),
        (b'{"models":[{"id":"new"}]}', "needs a provider"),
        (
            b'{"models":[{"id":"x","provider":"groq","dialects":["gemini_generate"]}]}',
            "groq|speaks",
        ),
        (b'{"providers":[{"name":"x","endpoints":[]}]}', "at least one"),
        (
            b'{"providers":[{"name":"x","endpoints":[{"dialect":"openai_chat","base_url":"",'
            b'"quirks":{"call_id_pattern":"("}}]}]}',
            "regular expression",
        ),
        (b'{"models":[{"id":"gpt-5.5","price":1}]}', "price"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(catalog: Catalog, data: bytes, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        with_user_file(catalog, data)


@pytest.mark.parametrize(
    ("provider", "model", "tokens"),
    [
        ("anthropic", "claude-opus-4-5-20251101", 4_096),
        ("anthropic", "claude-opus-4-6", 4_096),
        ("anthropic", "claude-haiku-4-5", 4_096),
        ("aws.bedrock", "us.anthropic.claude-haiku-4-5-20251001-v1:0", 4_096),
        ("anthropic", "claude-opus-4-7", 2_048),
        ("anthropic", "claude-3-5-haiku-latest", 2_048),
        ("anthropic", "claude-opus-4-8", 1_024),
        ("anthropic", "claude-sonnet-4-6", 1_024),
        ("anthropic", "claude-opus-4-1", 1_024),
        ("anthropic", "claude-opus-5", 512),
        ("anthropic", "claude-fable-5", 512),
        ("anthropic", "claude-opus-5-5", 1_024),
        ("gcp.gemini", "gemini-2.5-pro", 2_048),
        ("gcp.gemini", "gemini-3.8-flash", 4_096),
        ("openai", "gpt-5.5", 1_024),
    ],
)
def test_the_shortest_prefix_that_is_cached_is_the_models(
    provider: str, model: str, tokens: int
) -> None:
    found = next(one for one in PROVIDERS if one.name == provider).cache
    assert found.for_model(model).minimum_prefix_tokens == tokens


def test_a_pattern_of_a_minimum_that_is_none_is_refused(catalog: Catalog) -> None:
    told = {
        "name": "house",
        "endpoints": [{"dialect": "openai_chat", "base_url": "https://h/v1"}],
        "cache": {"kind": "automatic", "minimums": [{"names": "(", "tokens": 1}]},
    }
    with pytest.raises(InvalidRequest, match="no regular expression"):
        with_user_file(catalog, json.dumps({"providers": [told]}).encode())


HOURLY = {"usd": 3.6, "input_per_second": 1_000, "output_per_second": 50, "requests_at_once": 2}
"""A second costs a request $0.0005."""


def own(**line: object) -> bytes:
    return json.dumps({"models": [{"id": "qwen-own", "provider": "vllm", **line}]}).encode()


def test_a_price_by_the_hour_becomes_prices_of_tokens_at_the_servers_speeds(
    catalog: Catalog,
) -> None:
    mine = with_user_file(catalog, own(hourly=HOURLY))
    assert mine.models["qwen-own"].prices == Prices(
        fresh_input=0.5,
        cache_read=0.0,
        output=10.0,
        writes_cost_fresh=True,
    )
    # Wider once more, as every file with two sections makes it.
    assert mine.with_overrides().models["qwen-own"] == mine.models["qwen-own"]


def test_a_shipped_model_may_be_served_by_the_hour(catalog: Catalog) -> None:
    told = {"models": [{"id": "gpt-5.5", "hourly": HOURLY}]}
    mine = with_user_file(catalog, json.dumps(told).encode())
    assert mine.models["gpt-5.5"].prices.output == 10.0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"hourly": HOURLY, "prices": {"output": 1.0}}, "by the token and by the hour"),
        ({"hourly": {**HOURLY, "usd": -1}}, "USD, 0 or more"),
        ({"hourly": {**HOURLY, "output_per_second": 0}}, "above 0"),
        ({"hourly": {**HOURLY, "requests_at_once": 0}}, "above 0"),
        ({"hourly": {"usd": 3.6, "input_per_second": 1_000}}, "output_per_second"),
    ],
)
def test_an_hour_that_says_nothing_is_refused(
    catalog: Catalog, line: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        with_user_file(catalog, own(**line))


def bedrock(name: str, **line: object) -> dict[str, object]:
    return {"id": name, "provider": "aws.bedrock", **line}


def test_a_model_may_be_the_same_as_anothers(catalog: Catalog) -> None:
    told = {"models": [bedrock("opus-elsewhere", same_as="claude-opus-5-5")]}
    mine = with_user_file(catalog, json.dumps(told).encode())
    ours, elsewhere = mine.models["claude-opus-5-5"], mine.models["opus-elsewhere"]
    assert ours.origin == elsewhere.origin == "claude-opus-5-5"
    assert mine.elsewhere == {ours.id: (elsewhere,), elsewhere.id: (ours,)}
    assert not catalog.elsewhere
    assert mine.digest != catalog.digest


@pytest.mark.parametrize("same_as", ["claude-opus-9", "mine", "chained"])
def test_a_model_that_is_the_same_as_none_is_refused(catalog: Catalog, same_as: str) -> None:
    told = {
        "models": [
            bedrock("mine", same_as=same_as),
            bedrock("chained", same_as="claude-opus-5-5"),
        ]
    }
    with pytest.raises(InvalidRequest, match="Model mine is said to be the same as"):
        with_user_file(catalog, json.dumps(told).encode())
