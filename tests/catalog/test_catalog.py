"""The catalog resolves the names that clients send, and only those."""

from dataclasses import replace

import pytest

from turnout.capabilities import Capabilities
from turnout.catalog import Catalog, LongContext, Model, Prices, parse_catalog, target_id
from turnout.catalog.packaged import snapshot_bytes
from turnout.catalog.providers import PROVIDERS
from turnout.catalog.snapshot import parse_snapshot
from turnout.errors import InvalidRequest, UnknownModel


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return parse_catalog(snapshot_bytes())


def test_the_shipped_catalog_has_the_providers_as_they_are_written() -> None:
    """The product reads the file alone: a quirk that is not in it is none."""
    shipped = parse_snapshot(snapshot_bytes()).providers
    assert {one.name: one for one in shipped} == {one.name: one for one in PROVIDERS}


@pytest.mark.parametrize(
    ("name", "model_id"),
    [
        ("claude-opus-5-5", "claude-opus-5-5"),
        ("Claude-Opus-5-5", "claude-opus-5-5"),
        ("claude-opus-5-5[1m]", "claude-opus-5-5"),
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5"),
        ("claude-haiku-4-5-20251001[1m]", "claude-haiku-4-5"),
        ("claude-opus-4-5@20251101", "claude-opus-4-5"),
        ("claude-opus-5-5-20300101", "claude-opus-5-5"),
        ("anthropic/claude-opus-5-5", "claude-opus-5-5"),
        ("anthropic/claude-opus-4.5", "claude-opus-4-5"),
        ("claude-sonnet-4-5-latest", "claude-sonnet-4-5"),
        ("openai/gpt-5.5", "gpt-5.5"),
        ("gpt-5.5-2026-04-23", "gpt-5.5"),
        ("deepseek/deepseek-v4-pro", "deepseek-v4-pro"),
        ("z-ai/glm-5.1", "glm-5.1"),
        ("moonshotai/kimi-k3", "kimi-k3"),
        ("models/gemini-3.8-flash", "gemini-3.8-flash"),
        ("xai/grok-4.5", "grok-4.5"),
        ("mistral/devstral-latest", "devstral-latest"),
        (" gpt-5.4-mini ", "gpt-5.4-mini"),
    ],
)
def test_a_name_of_a_client_resolves(catalog: Catalog, name: str, model_id: str) -> None:
    model = catalog.resolve(name)
    assert model is not None
    assert model.id == model_id


@pytest.mark.parametrize(
    "name",
    ["", "/", "[1m]", "turnout/auto", "claude", "gpt", "openai/claude-opus-5-5", "claude-opus-9"],
)
def test_a_name_that_means_no_model_resolves_to_none(catalog: Catalog, name: str) -> None:
    assert catalog.resolve(name) is None


def test_every_id_and_alias_resolves_to_its_own_model(catalog: Catalog) -> None:
    for model in catalog.models.values():
        for name in (model.id, *model.aliases, f"{model.provider}/{model.id}"):
            assert catalog.resolve(name) == model, name


def test_suggestions_are_ids_close_to_the_name(catalog: Catalog) -> None:
    assert catalog.suggestions("claude-opus-5.5x")[0] == "claude-opus-5-5"
    assert catalog.suggestions("anthropic/claude-hiaku-4-5")[0] == "claude-haiku-4-5"
    assert catalog.suggestions("zzzz") == ()


@pytest.mark.parametrize(
    ("name", "provider"),
    [
        ("claude-opus-9", "anthropic"),
        ("gpt-7", "openai"),
        ("o5-mini", "openai"),
        ("o3", "openai"),
        ("gemini-9-pro", "gcp.gemini"),
        ("z-ai/unheard-of", "z_ai"),
        ("qwen9-max", "alibaba"),
        ("opus", None),
        ("llama-4", None),
    ],
)
def test_the_vendor_of_an_unknown_name(catalog: Catalog, name: str, provider: str | None) -> None:
    assert catalog.vendor_of(name) == provider


def test_a_target_names_the_credential_and_never_holds_one() -> None:
    assert target_id("openai", "gpt-5.5", "client") == "openai/gpt-5.5@client"


def test_an_override_changes_the_price_the_digest_and_nothing_else(catalog: Catalog) -> None:
    own = Prices(fresh_input=1.0, cache_read=0.1, output=2.0)
    changed = catalog.with_overrides(prices={"anthropic/claude-opus-5-5": own})
    assert changed.models["claude-opus-5-5"].prices == own
    assert changed.models["gpt-5.5"] == catalog.models["gpt-5.5"]
    assert changed.digest != catalog.digest
    back = changed.with_overrides(models=[catalog.models["claude-opus-5-5"]])
    assert back.digest == catalog.digest


def test_a_model_of_ones_own_can_be_added(catalog: Catalog) -> None:
    own = Model(
        id="house-coder",
        provider="openai",
        upstream_name="coder-v1",
        dialects=("openai_chat",),
        prices=Prices(),
        capabilities=Capabilities(context_tokens=32_000),
        aliases=("coder",),
    )
    assert catalog.with_overrides(models=[own]).resolve("CODER") == own


def test_overrides_that_make_no_sense_are_refused(catalog: Catalog) -> None:
    opus = catalog.models["claude-opus-5-5"]
    with pytest.raises(UnknownModel, match="claude-opus-5-5"):
        catalog.with_overrides(prices={"claude-opus-55": Prices()})
    with pytest.raises(InvalidRequest, match="not in the catalog"):
        catalog.with_overrides(models=[replace(opus, id="x", provider="nobody")])
    with pytest.raises(InvalidRequest, match="means both"):
        catalog.with_overrides(models=[replace(opus, id="x", aliases=("gpt-5.5",))])


@pytest.mark.parametrize("price", [-0.1, float("nan"), float("inf")])
def test_a_price_that_no_bill_can_have_is_refused(catalog: Catalog, price: float) -> None:
    own = Prices(long_context=LongContext(above_tokens=1, prices=Prices(output=price)))
    for prices in (Prices(cache_read=price), own):
        with pytest.raises(InvalidRequest, match="USD per million"):
            catalog.with_overrides(prices={"gpt-5.5": prices})


def test_the_digest_depends_on_content_alone(catalog: Catalog) -> None:
    again = parse_catalog(snapshot_bytes().replace(b"\n", b" "))
    assert again.digest == catalog.digest


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b'{"format": 99}', b'{"format":1,"source":"s","providers":[],"models":[]}'],
)
def test_bytes_that_are_no_snapshot_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidRequest, match="snapshot"):
        parse_catalog(data)
