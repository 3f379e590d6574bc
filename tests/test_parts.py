"""From settings to the values that services are built of."""

import json
from pathlib import Path

import pytest

from turnout import parts
from turnout.capabilities import Dialect
from turnout.catalog.catalog import Catalog, parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.ingress_section import Ingress
from turnout.keys import new_key
from turnout.router_key import RouterKey
from turnout.routing_section import Routing
from turnout.settings import (
    BadSetting,
    CatalogSettings,
    ClickHouse,
    Dispatcher,
    Nats,
    ProviderSettings,
    Redis,
    RpcTls,
    Scorer,
    Settings,
    Simulator,
)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return parse_catalog(snapshot_bytes())


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch, catalog: Catalog) -> None:
    for provider in catalog.providers.values():
        if provider.api_key_env:
            monkeypatch.delenv(provider.api_key_env, raising=False)


def test_no_answer_takes_longer_than_the_setting_says_and_who_waits_for_it_is_told_so() -> None:
    limits = parts.limits_of(Settings(upstream_dispatcher=Dispatcher(request_seconds=7.0)))
    assert limits.answer_seconds == limits.whole_answer_seconds == limits.give_up_seconds == 7.0
    assert limits.dispatch_seconds > 14.0


# -- simulation and access ---------------------------------------------------------------------


def test_without_any_key_the_provider_is_simulated_and_the_mode_is_full(catalog: Catalog) -> None:
    told = Settings()
    assert parts.is_simulated(told, catalog)
    assert parts.default_mode(told, catalog) == "full"
    assert {way.credential for way in parts.access_of(told, catalog)} == {"simulated"}
    assert parts.upstreams_of(told, catalog).simulated_url == "http://127.0.0.1:8089"
    assert parts.door_of(told, catalog).simulated


def test_with_a_key_nothing_is_simulated_and_what_is_asked_for_is_served(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-1")
    told = Settings()
    assert not parts.is_simulated(told, catalog)
    assert parts.default_mode(told, catalog) == "observe"
    (way,) = parts.access_of(told, catalog)
    assert (way.provider, way.credential) == ("anthropic", "env")
    upstreams = parts.upstreams_of(told, catalog)
    assert upstreams.simulated_url == ""
    assert upstreams.by_provider["anthropic"].secret == "sk-ant-1"
    assert "sk-ant-1" not in repr(upstreams)


@pytest.mark.parametrize(("enabled", "simulated"), [("always", True), ("never", False)])
def test_simulation_can_be_said(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, enabled: str, simulated: bool
) -> None:
    monkeypatch.setenv("TURNOUT_SIMULATOR__ENABLED", enabled)
    assert parts.is_simulated(Settings(), catalog) is simulated


def test_an_address_of_a_provider_ends_the_simulation(catalog: Catalog) -> None:
    told = Settings(providers={"openai": ProviderSettings(base_url="http://127.0.0.1:9/v1")})
    assert not parts.is_simulated(told, catalog)
    endpoints = parts.upstreams_of(told, catalog).by_provider["openai"].endpoints
    assert endpoints is not None
    assert [(one.dialect, one.base_url) for one in endpoints] == [
        ("openai_chat", "http://127.0.0.1:9/v1"),
        ("openai_responses", "http://127.0.0.1:9/v1"),
    ]


def test_a_simulated_provider_may_run_elsewhere(catalog: Catalog) -> None:
    told = Settings(simulator=Simulator(url="http://sim:1"))
    assert parts.upstreams_of(told, catalog).simulated_url == "http://sim:1"


@pytest.mark.parametrize(
    ("name", "url", "says"), [("opeani", "http://x", "openai"), ("openai", "x:1", "http://")]
)
def test_a_wrong_provider_is_refused(catalog: Catalog, name: str, url: str, says: str) -> None:
    told = Settings(providers={name: ProviderSettings(base_url=url)})
    with pytest.raises(BadSetting, match=says):
        parts.endpoints_of(told, catalog)


LLAMA = {"models": [{"id": "qwen3-coder", "provider": "llama_cpp"}]}


@pytest.mark.parametrize(
    ("port", "host", "url", "is_ours"),
    [
        (8080, "127.0.0.1", "", True),
        (8080, "0.0.0.0", "", True),
        (8080, "127.0.0.1", "http://localhost:8080/v1", True),
        (8081, "127.0.0.1", "", False),
        (8080, "127.0.0.1", "http://127.0.0.1:9090/v1", False),
        (8080, "127.0.0.1", "http://llama.example:8080/v1", False),
        (8080, "10.0.0.7", "http://10.0.0.7:8080/v1", True),
        (8080, "10.0.0.7", "", False),
        (80, "127.0.0.1", "http://127.0.0.1/v1", True),
        (0, "127.0.0.1", "", False),
    ],
)
def test_a_provider_at_our_own_address_is_refused(
    tmp_path: Path, port: int, host: str, url: str, is_ours: bool
) -> None:
    file = tmp_path / "catalog.json"
    file.write_text(json.dumps(LLAMA))
    told = Settings(
        catalog=CatalogSettings(file=file),
        ingress=Ingress(port=port, host=host),
        providers={"llama_cpp": ProviderSettings(base_url=url)} if url else {},
    )
    catalog = parts.catalog_of(told)
    if not is_ours:
        parts.check_upstreams(told, catalog)
        return
    with pytest.raises(BadSetting, match="LLAMA_CPP__BASE_URL") as wrong:
        parts.check_upstreams(told, catalog)
    assert f"another port than {port}" in str(wrong.value)


def test_a_server_that_nobody_uses_may_be_where_we_are(catalog: Catalog) -> None:
    parts.check_upstreams(Settings(), catalog)


def test_the_simulated_provider_is_not_ourselves(catalog: Catalog) -> None:
    told = Settings(simulator=Simulator(url="http://127.0.0.1:8080"))
    with pytest.raises(BadSetting, match="TURNOUT_SIMULATOR__URL"):
        parts.check_upstreams(told, catalog)


def test_dots_in_provider_names_are_underscores(catalog: Catalog) -> None:
    told = Settings(providers={"gcp_gemini": ProviderSettings(base_url="http://x")})
    ((name, (endpoint,)),) = parts.endpoints_of(told, catalog).items()
    assert (name, endpoint.dialect, endpoint.base_url) == (
        "gcp.gemini",
        "gemini_generate",
        "http://x",
    )


@pytest.mark.parametrize(
    "told",
    [
        ProviderSettings(base_url="http://o/v1"),
        ProviderSettings(base_urls={"openai_responses": "http://o/v1"}),
    ],
)
def test_another_address_is_the_one_for_subscriptions_too(
    catalog: Catalog, told: ProviderSettings
) -> None:
    (endpoints,) = parts.endpoints_of(Settings(providers={"openai": told}), catalog).values()
    assert {(one.base_url, one.subscription_url) for one in endpoints} == {("http://o/v1", "")}


def test_an_address_may_be_given_for_one_dialect(catalog: Catalog) -> None:
    urls: dict[Dialect, str] = {"anthropic_messages": "http://a", "openai_chat": "http://b/v1"}
    told = Settings(providers={"deepseek": ProviderSettings(base_urls=urls)})
    (endpoints,) = parts.endpoints_of(told, catalog).values()
    assert {one.dialect: one.base_url for one in endpoints} == urls


def test_a_dialect_that_a_provider_does_not_speak_has_no_address(catalog: Catalog) -> None:
    told = Settings(providers={"groq": ProviderSettings(base_urls={"gemini_generate": "http://a"})})
    with pytest.raises(BadSetting, match="groq speaks openai_chat"):
        parts.endpoints_of(told, catalog)


def test_a_key_alone_is_no_access_where_everybody_has_another_address(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "k")
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    assert [way.provider for way in parts.access_of(Settings(), catalog)] == ["openai"]
    own = {"azure_ai_openai": ProviderSettings(base_url="https://r.openai.azure.com/openai/v1")}
    found = parts.access_of(Settings(providers=own), catalog)
    assert [way.provider for way in found] == ["azure.ai.openai", "openai"]


# -- keys --------------------------------------------------------------------------------------


def test_a_new_key_opens_the_door_that_has_its_entry(catalog: Catalog) -> None:
    made = new_key("ci", tenant="acme", tags={"team": "core", "branch": ""})
    assert made.key not in repr(made)
    assert made.key not in made.entry
    told = Settings(ingress=Ingress(keys=(RouterKey.model_validate_json(made.entry),)))
    door = parts.door_of(told, catalog)
    caller = door.admit({"x-api-key": made.key}, "", "anthropic_messages")
    assert (caller.tenant, caller.tags.team) == ("acme", "core")


def test_two_keys_are_never_the_same() -> None:
    assert new_key("a", tenant="t", tags={}).key != new_key("a", tenant="t", tags={}).key


# -- catalog, routing, warehouse, TLS ----------------------------------------------------------


def prices(tmp_path: Path, told: object) -> Settings:
    file = tmp_path / "prices.json"
    file.write_text(json.dumps(told))
    return Settings(catalog=CatalogSettings(file=file))


def test_prices_may_be_overridden_one_by_one(tmp_path: Path, catalog: Catalog) -> None:
    known = catalog.models["claude-opus-5-5"].prices
    changed = parts.catalog_of(prices(tmp_path, {"claude-opus-5-5": {"output": 1.5}}))
    now = changed.models["claude-opus-5-5"].prices
    assert (now.output, now.cache_read) == (1.5, known.cache_read)
    assert changed.digest != catalog.digest


@pytest.mark.parametrize(
    "told",
    [
        [],
        {"claude-opus-5-5": {"outputs": 1}},
        {"claude-opus-5-5": {"output": "cheap"}},
        {"claude-opus-5-5": {"output": -1}},
        {"no-such-model": {"output": 1}},
    ],
)
def test_wrong_prices_are_refused(tmp_path: Path, told: object) -> None:
    with pytest.raises(BadSetting, match="TURNOUT_CATALOG__FILE") as wrong:
        parts.catalog_of(prices(tmp_path, told))
    assert "\n" not in str(wrong.value)


def test_a_price_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="TURNOUT_CATALOG__FILE"):
        parts.catalog_of(Settings(catalog=CatalogSettings(file=tmp_path / "none.json")))


@pytest.mark.parametrize(
    ("routing", "field"),
    [
        (Routing(candidates=("claude-opus-5.5x",)), "CANDIDATES"),
        (Routing(baseline_model="gpt-0"), "BASELINE_MODEL"),
        (Routing(locks={"docs": "gpt-0"}), "LOCKS"),
    ],
)
def test_a_model_that_is_not_in_the_catalog_is_refused(
    catalog: Catalog, routing: Routing, field: str
) -> None:
    with pytest.raises(BadSetting, match=f"TURNOUT_ROUTING__{field}"):
        parts.routing_of(Settings(routing=routing), catalog)


def test_a_tenant_may_let_the_unpriced_compete(catalog: Catalog) -> None:
    assert not parts.routing_of(Settings(), catalog).unpriced_compete
    told = Settings(routing=Routing(unpriced_compete=True))
    assert parts.routing_of(told, catalog).unpriced_compete


def test_prompts_are_kept_cached_where_it_is_asked_for_and_within_the_budget(
    catalog: Catalog,
) -> None:
    usual = parts.routing_of(Settings(), catalog)
    assert not usual.keep_warm
    assert usual.keep_warm_budget_usd > 0
    asked = Settings(routing=Routing(keep_warm=True, keep_warm_budget_usd=3))
    told = parts.routing_of(asked, catalog)
    assert told.keep_warm
    assert told.keep_warm_budget_usd == 3


def test_the_shipped_candidates_are_in_the_shipped_catalog(catalog: Catalog) -> None:
    assert parts.routing_of(Settings(), catalog).candidates == Settings().routing.candidates


@pytest.mark.parametrize(
    ("url", "address", "user", "password"),
    [
        ("http://ch:8123", "http://ch:8123", "telemetry", "kept"),
        ("https://ch", "https://ch:8443", "telemetry", "kept"),
        ("http://me:s%40t@ch:1/turnout", "http://ch:1", "me", "s@t"),
        ("http://[::1]:8123", "http://[::1]:8123", "telemetry", "kept"),
    ],
)
def test_where_telemetry_writes(url: str, address: str, user: str, password: str) -> None:
    told = Settings(
        clickhouse=ClickHouse.model_validate({"url": url, "password": "kept"}),
    )
    house = parts.warehouse_of(told)
    assert (house.url, house.user, house.password) == (address, user, password)


@pytest.mark.parametrize("url", ["", "ch:8123", "tcp://ch:9000", "http://ch:port", "http://"])
def test_an_address_that_telemetry_cannot_write_to(url: str) -> None:
    with pytest.raises(BadSetting, match="TURNOUT_CLICKHOUSE__URL"):
        parts.warehouse_of(Settings(clickhouse=ClickHouse(url=url)))


@pytest.mark.parametrize(
    "told",
    [
        Settings(nats=Nats(url="localhost:4222")),
        Settings(nats=Nats(url="nats://user:secret@:4222")),
        Settings(redis=Redis(url="localhost")),
        Settings(redis=Redis(url="redis://user:secret@host:port")),
        Settings(clickhouse=ClickHouse(url="tcp://user:secret@host:9000")),
        Settings(simulator=Simulator(url="sim:1")),
    ],
)
def test_an_outside_address_is_checked_before_anything_starts(told: Settings) -> None:
    with pytest.raises(BadSetting, match="an address reads") as wrong:
        parts.check_addresses(told)
    assert "secret" not in str(wrong.value)


def test_usual_outside_addresses_are_taken() -> None:
    parts.check_addresses(
        Settings(
            nats=Nats(url="nats://n:4222"),
            redis=Redis(url="rediss://:p@r:6380/0"),
            clickhouse=ClickHouse(url="https://c"),
        )
    )


def test_tls_is_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "x.pem"
    file.write_bytes(b"")
    assert parts.tls_of(Settings()) is None
    with pytest.raises(BadSetting, match="together"):
        parts.tls_of(Settings(tls=RpcTls(key_file=file)))
    whole = RpcTls(key_file=file, certificate_file=file, authority_file=file)
    assert parts.tls_of(Settings(tls=whole)) is not None


def test_a_tls_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    gone = tmp_path / "none.pem"
    with pytest.raises(BadSetting, match=r"none\.pem"):
        parts.tls_of(
            Settings(tls=RpcTls(key_file=gone, certificate_file=gone, authority_file=gone))
        )


@pytest.mark.parametrize("address", ["scorer", "http://scorer:7701", "127.0.0.1:1,127.0.0.1:2"])
def test_a_service_address_that_is_none_is_one_line(address: str) -> None:
    with pytest.raises(BadSetting, match=r"^TURNOUT_SCORER__ADDRESS: an address reads host:port,"):
        parts.check_addresses(Settings(scorer=Scorer(address=address)))
