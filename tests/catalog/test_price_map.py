"""The shipped snapshot is what the conversion makes of the price map, in its own format."""

import json
import re
from datetime import date

import pytest

from turnout.catalog import CacheTerms, Catalog, parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.catalog.price_map import from_price_map
from turnout.catalog.snapshot import encode_snapshot, parse_snapshot
from turnout.errors import InvalidRequest

OPUS = {
    "cache_creation_input_token_cost": 5e-06,
    "cache_creation_input_token_cost_above_1hr": 8e-06,
    "cache_read_input_token_cost": 2e-07,
    "input_cost_per_token": 4e-06,
    "litellm_provider": "anthropic",
    "max_input_tokens": 1000000,
    "max_output_tokens": 128000,
    "mode": "chat",
    "output_cost_per_token": 2e-05,
    "supports_function_calling": True,
    "supports_pdf_input": True,
    "supports_prompt_caching": True,
    "supports_reasoning": True,
    "supports_response_schema": True,
    "supports_vision": True,
    "supports_web_search": True,
}
HAIKU = {
    **OPUS,
    "cache_creation_input_token_cost": 1.25e-06,
    "cache_creation_input_token_cost_above_1hr": 2e-06,
    "cache_read_input_token_cost": 1e-07,
    "input_cost_per_token": 1e-06,
    "max_input_tokens": 200000,
    "max_output_tokens": 64000,
    "output_cost_per_token": 5e-06,
}
GPT = {
    "cache_read_input_token_cost": 5e-07,
    "input_cost_per_token": 5e-06,
    "litellm_provider": "openai",
    "max_input_tokens": 1050000,
    "max_output_tokens": 128000,
    "mode": "chat",
    "output_cost_per_token": 3e-05,
    "supports_function_calling": True,
    "supports_pdf_input": True,
    "supports_prompt_caching": True,
    "supports_reasoning": True,
    "supports_response_schema": True,
    "supports_vision": True,
}
GPT_WITH_WRITES = {
    **GPT,
    "cache_creation_input_token_cost": 5e-06,
    "cache_read_input_token_cost": 4e-07,
    "input_cost_per_token": 4e-06,
    "max_input_tokens": 922000,
    "output_cost_per_token": 2e-05,
}
CODEX = {
    **GPT,
    "cache_read_input_token_cost": 1.75e-07,
    "deprecation_date": "2027-04-01",
    "input_cost_per_token": 1.75e-06,
    "max_input_tokens": 272000,
    "mode": "responses",
    "output_cost_per_token": 1.4e-05,
}
DEEPSEEK = {
    "cache_creation_input_token_cost": 0.0,
    "cache_read_input_token_cost": 4.4e-08,
    "input_cost_per_token": 1.32e-06,
    "litellm_provider": "deepseek",
    "max_input_tokens": 1000000,
    "max_output_tokens": 393216,
    "mode": "chat",
    "output_cost_per_token": 3.96e-06,
}
GROK = {
    "cache_read_input_token_cost": 5e-07,
    "cache_read_input_token_cost_above_200k_tokens": 1e-06,
    "input_cost_per_token": 2e-06,
    "input_cost_per_token_above_200k_tokens": 4e-06,
    "litellm_provider": "xai",
    "max_input_tokens": 500000,
    "max_output_tokens": 500000,
    "mode": "chat",
    "output_cost_per_token": 6e-06,
    "output_cost_per_token_above_200k_tokens": 1.2e-05,
}
SAMPLE: dict[str, object] = {
    "sample_spec": {"max_input_tokens": "a sentence, as in the public file", "mode": "one of"},
    "claude-opus-5-5": OPUS,
    "claude-haiku-4-5": HAIKU,
    "claude-haiku-4-5-20251001": HAIKU,
    "vertex_ai/claude-opus-5-5": {**OPUS, "litellm_provider": "vertex_ai-anthropic_models"},
    "azure/gpt-5.5": {**GPT, "litellm_provider": "azure"},
    "gpt-5.5": GPT,
    "gpt-5.5-2026-04-23": GPT,
    "gpt-5.6": GPT_WITH_WRITES,
    "gpt-5.3-codex": CODEX,
    "gpt-audio": GPT,
    "deepseek/deepseek-v4-pro": DEEPSEEK,
    "xai/grok-4.7": GROK,
}


@pytest.fixture(scope="module")
def sample() -> Catalog:
    return parse_catalog(from_price_map(json.dumps(SAMPLE).encode()))


@pytest.fixture(scope="module")
def shipped() -> Catalog:
    return parse_catalog(snapshot_bytes())


def test_only_models_for_agents_from_their_own_vendor_are_taken(sample: Catalog) -> None:
    assert sorted(sample.models) == [
        "claude-haiku-4-5",
        "claude-opus-5-5",
        "deepseek-v4-pro",
        "gpt-5.3-codex",
        "gpt-5.5",
        "gpt-5.6",
        "grok-4.7",
    ]


@pytest.mark.parametrize(
    "model_id",
    [
        "claude-opus-5-5",
        "claude-haiku-4-5",
        "gpt-5.6",
        "gpt-5.5",
        "gpt-5.3-codex",
        "deepseek-v4-pro",
    ],
)
def test_the_shipped_prices_are_the_converted_ones(
    sample: Catalog, shipped: Catalog, model_id: str
) -> None:
    mine, theirs = sample.models[model_id], shipped.models[model_id]
    assert theirs.prices == mine.prices
    assert theirs.upstream_name == mine.upstream_name
    assert theirs.dialects == mine.dialects


@pytest.mark.parametrize(
    "model_id", ["claude-opus-5-5", "claude-haiku-4-5", "gpt-5.5", "gpt-5.3-codex"]
)
def test_the_shipped_rows_are_the_converted_rows(
    sample: Catalog, shipped: Catalog, model_id: str
) -> None:
    assert shipped.models[model_id] == sample.models[model_id]


def test_the_shipped_providers_are_those_of_the_code(sample: Catalog, shipped: Catalog) -> None:
    for name, provider in sample.providers.items():
        assert shipped.providers[name] == provider


def test_the_shipped_file_is_in_the_form_the_conversion_writes() -> None:
    data = snapshot_bytes()
    content = parse_snapshot(data)
    written = encode_snapshot(
        source=content.source, providers=content.providers, models=content.models
    )
    assert written == data


def test_the_conversion_is_deterministic_whatever_the_order() -> None:
    forwards = from_price_map(json.dumps(SAMPLE).encode())
    backwards = from_price_map(json.dumps(dict(reversed(SAMPLE.items())), indent=1).encode())
    assert forwards == backwards


def test_the_source_is_credited(shipped: Catalog) -> None:
    assert "LiteLLM" in shipped.source
    assert "MIT" in shipped.source


def test_a_dated_name_becomes_an_alias_and_gives_the_release_date(sample: Catalog) -> None:
    haiku = sample.models["claude-haiku-4-5"]
    assert haiku.aliases == ("claude-haiku-4-5-20251001",)
    assert haiku.release_date == date(2025, 10, 1)


def test_both_write_lifetimes_are_priced_where_the_client_chooses_them(sample: Catalog) -> None:
    opus = sample.models["claude-opus-5-5"].prices
    assert (opus.write("5m"), opus.write("1h"), opus.write("other")) == (5.0, 8.0, None)
    assert not opus.writes_cost_fresh


@pytest.mark.parametrize("model_id", ["gpt-5.5", "deepseek-v4-pro"])
def test_a_missing_or_zero_write_price_of_an_automatic_cache_is_the_fresh_price(
    sample: Catalog, model_id: str
) -> None:
    prices = sample.models[model_id].prices
    assert prices.writes_cost_fresh
    assert prices.cache_write_other is None
    assert prices.write("other") == prices.fresh_input


def test_a_write_premium_of_an_automatic_cache_is_kept(sample: Catalog) -> None:
    prices = sample.models["gpt-5.6"].prices
    assert (prices.fresh_input, prices.write("other")) == (4.0, 5.0)
    assert prices.write("5m") is None


def test_the_surcharge_for_long_prompts_is_kept(sample: Catalog) -> None:
    prices = sample.models["grok-4.7"].prices
    assert prices.for_prompt(200_000).output == 6.0
    assert prices.for_prompt(200_001).output == 12.0
    assert prices.for_prompt(200_001).write("other") == 4.0


def test_a_model_of_the_responses_endpoint_says_so(sample: Catalog) -> None:
    assert sample.models["gpt-5.3-codex"].dialects == ("openai_responses",)
    assert sample.models["gpt-5.3-codex"].retirement_date == date(2027, 4, 1)


def test_every_shipped_provider_has_an_address_and_honest_terms(shipped: Catalog) -> None:
    for provider in shipped.providers.values():
        for endpoint in provider.endpoints:
            own = "http://127.0.0.1:" if endpoint.auth == "none" else "https://"
            assert not endpoint.base_url or endpoint.base_url.startswith(own)
        assert provider.is_keyless or re.search(
            r"_(API_KEY|TOKEN|TOKEN_BEDROCK)$", provider.api_key_env
        )
        assert (provider.cache.kind == "explicit") == (provider.cache.max_breakpoints > 0)
    assert shipped.providers["openai"].cache == CacheTerms(
        kind="automatic",
        lifetimes_seconds=(300, 1_800, 86_400),
        minimum_prefix_tokens=1_024,
        block_tokens=128,
    )


def test_cached_reads_of_shipped_models_are_never_dearer_than_fresh_input(
    shipped: Catalog,
) -> None:
    for model in shipped.models.values():
        prices = model.prices
        if prices.cache_read is not None:
            assert prices.fresh_input is not None
            assert prices.cache_read <= prices.fresh_input, model.id


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"[]", "not an object"),
        (b"{}", "no model"),
        (b'{"gpt-5.5": {"litellm_provider": "openai", "mode": 1}}', "gpt-5.5"),
    ],
)
def test_bytes_that_are_no_price_map_are_refused(data: bytes, what: str) -> None:
    with pytest.raises(InvalidRequest, match=what):
        from_price_map(data)
