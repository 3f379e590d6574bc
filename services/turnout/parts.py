"""From settings to the values that services are built of: catalog, access, upstreams, limits.

Nothing here opens a socket or starts a task; `compose` does that with what this gives it.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from turnout.bus.board import Board
from turnout.bus.control_keys import ARTIFACT_KEY, SETTINGS_KEY
from turnout.catalog.catalog import Catalog, parse_catalog
from turnout.catalog.models import Endpoint
from turnout.catalog.packaged import snapshot_bytes
from turnout.catalog.user_file import with_user_file
from turnout.errors import TurnoutError
from turnout.ingress.artifacts import Artifacts, ArtifactStore
from turnout.ingress.callers import Door
from turnout.observe.exporting import BadTracing, Exporting, exporting
from turnout.policy.cache import HitTable
from turnout.policy.decision import Access, RoutingSettings
from turnout.policy.request import Mode
from turnout.policy.tenant import TenantRouting
from turnout.rpc.address import ADDRESS_FORMS, Tls, is_address, is_loopback
from turnout.scorer.artifact_file import bound_artifact, load_artifact, tried_artifact
from turnout.scorer.embedder_files import EMBEDDER_DIGEST, default_root
from turnout.session_cache_tracker.service import tried
from turnout.settings import BadSetting, Settings
from turnout.telemetry.retention import Retention
from turnout.telemetry.warehouse import WarehouseSettings
from turnout.tenant_settings import TenantSettings, routing_by, unknown_model
from turnout.upstream_dispatcher.limits import HedgeTerms, Limits
from turnout.upstream_dispatcher.upstreams import Upstream, Upstreams

if TYPE_CHECKING:
    from turnout.telemetry.guardrail import GuardrailSettings


def catalog_of(settings: Settings) -> Catalog:
    """The shipped catalog with what `TURNOUT_CATALOG__FILE` says over it (`catalog.user_file`)."""
    catalog = parse_catalog(snapshot_bytes())
    file = settings.catalog.file
    if file is None:
        return catalog
    try:
        return with_user_file(catalog, file.read_bytes())
    except (OSError, TurnoutError) as reason:
        raise BadSetting(f"TURNOUT_CATALOG__FILE: {file}: {reason}") from None


LAST_PORT = 65_535
_HTTP_PORT = {"http": 80, "https": 443}
_EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to
_CLICKHOUSE_PORT = {"http": 8123, "https": 8443}


def provider_keys(catalog: Catalog, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Keys of ours by provider, from the variables that the providers' own SDKs read.

    A server of one's own needs none: its key is "", once the catalog has a model there.
    """
    keys = {
        provider.name: environment[provider.api_key_env]
        for provider in catalog.providers.values()
        if provider.api_key_env and environment.get(provider.api_key_env)
    }
    for model in catalog.models.values():
        if catalog.provider_of(model).is_keyless:
            keys.setdefault(model.provider, "")
    return keys


def endpoints_of(settings: Settings, catalog: Catalog) -> dict[str, tuple[Endpoint, ...]]:
    """Endpoints at other addresses than the catalog's, by provider.

    `TURNOUT_PROVIDERS__<NAME>__BASE_URL` replaces the address of the preferred endpoint and of those
    that share it; the others are not used then, so that nothing goes to the public address. Chat is
    preferred among those that share it: every server that calls itself compatible has it.
    `...__BASE_URLS__<DIALECT>` gives one address a dialect instead.

    Raises `BadSetting` for a wrong name.
    """
    known = {name.replace(".", "_"): name for name in catalog.providers}
    found: dict[str, tuple[Endpoint, ...]] = {}
    for name, told in settings.providers.items():
        setting = f"TURNOUT_PROVIDERS__{name.upper()}__BASE_URL"
        if name not in known:
            raise BadSetting(
                f"{setting}: no provider of that name; there are {', '.join(sorted(known))}."
            )
        for url in (told.base_url, *told.base_urls.values()):
            if url and not url.startswith(("http://", "https://")):
                raise BadSetting(f"{setting}: an address begins with http:// or https://.")
        provider = catalog.providers[known[name]]
        endpoints: list[Endpoint] = []
        if told.base_url:
            first = provider.endpoints[0].base_url
            endpoints = [
                replace(one, base_url=told.base_url, subscription_url="")
                for one in provider.endpoints
                if one.base_url == first
            ]
            endpoints.sort(key=lambda one: one.dialect != "openai_chat")
        for dialect, url in told.base_urls.items():
            own = provider.endpoint(dialect)
            if own is None:
                spoken = ", ".join(one.dialect for one in provider.endpoints)
                raise BadSetting(f"{setting}S__{dialect.upper()}: {name} speaks {spoken}.")
            endpoints = [one for one in endpoints if one.dialect != dialect]
            endpoints.append(replace(own, base_url=url, subscription_url=""))
        if not endpoints:
            raise BadSetting(f"{setting}: an address begins with http:// or https://.")
        found[known[name]] = tuple(endpoints)
    return found


def is_simulated(settings: Settings, catalog: Catalog) -> bool:
    """Whether the simulated provider stands for the real ones."""
    match settings.simulator.enabled:
        case "always":
            return True
        case "never":
            return False
        case "auto":
            return not provider_keys(catalog) and not settings.providers


def upstreams_of(settings: Settings, catalog: Catalog) -> Upstreams:
    endpoints = endpoints_of(settings, catalog)
    keys = provider_keys(catalog)
    return Upstreams(
        by_provider={
            name: Upstream(secret=keys.get(name, ""), endpoints=endpoints.get(name))
            for name in catalog.providers
        },
        simulated_url=simulator_url(settings) if is_simulated(settings, catalog) else "",
    )


def check_upstreams(settings: Settings, catalog: Catalog) -> None:
    """Raises `BadSetting` where a provider that is used is at the address that we listen on: what is
    sent there would come back to us, and be sent again.
    """
    upstreams = upstreams_of(settings, catalog)
    used = {model.provider for model in catalog.models.values()}
    for name, upstream in sorted(upstreams.by_provider.items()):
        endpoints = upstream.endpoints
        if endpoints is None:
            endpoints = catalog.providers[name].endpoints if name in used else ()
        for endpoint in endpoints:
            if _is_ours(endpoint.base_url, settings):
                setting = f"TURNOUT_PROVIDERS__{name.replace('.', '_').upper()}__BASE_URL"
                raise BadSetting(
                    f"{setting}: {name} would be reached at {endpoint.base_url}, where Turnout itself"
                    f" listens; name the server's address, or set TURNOUT_INGRESS__PORT to another"
                    f" port than {settings.ingress.port}."
                )
    if _is_ours(upstreams.simulated_url, settings):
        raise BadSetting(
            f"TURNOUT_SIMULATOR__URL, TURNOUT_SIMULATOR__PORT: {upstreams.simulated_url} is where"
            " Turnout itself listens; give the simulated provider another port."
        )


def _is_ours(url: str, settings: Settings) -> bool:
    try:
        at = urlsplit(url)
        port = at.port or _HTTP_PORT.get(at.scheme, 0)
    except ValueError:
        return False
    host, listens = at.hostname or "", settings.ingress.host
    is_here = is_loopback(host) and (is_loopback(listens) or listens in _EVERY_ADDRESS)
    return port == settings.ingress.port != 0 and (is_here or host == listens)


def exporting_of(settings: Settings) -> Exporting | None:
    """Where spans go; None when tracing is off."""
    told = settings.tracing
    try:
        return exporting(told.endpoint, told.sample_ratio, os.environ)
    except BadTracing as wrong:
        raise BadSetting(str(wrong)) from None


def simulator_url(settings: Settings) -> str:
    return settings.simulator.url or f"http://127.0.0.1:{settings.simulator.port}"


def access_of(settings: Settings, catalog: Catalog) -> tuple[Access, ...]:
    """Providers that a trusted caller may be served by without a credential of its own."""
    if is_simulated(settings, catalog):
        serving = {model.provider for model in catalog.models.values()}
        return tuple(Access(provider=name, credential="simulated") for name in sorted(serving))
    addressed = {
        provider.name
        for provider in catalog.providers.values()
        if any(endpoint.base_url for endpoint in provider.endpoints)
    } | endpoints_of(settings, catalog).keys()
    paid = provider_keys(catalog).keys() & addressed
    return tuple(Access(provider=name, credential="env") for name in sorted(paid))


def door_of(settings: Settings, catalog: Catalog) -> Door:
    keys = {key.sha256: key for key in settings.ingress.keys}
    return Door(
        keys=keys,
        admin_keys=frozenset(settings.ingress.admin_keys),
        environment=access_of(settings, catalog),
        simulated=is_simulated(settings, catalog),
    )


def routing_of(settings: Settings, catalog: Catalog) -> RoutingSettings:
    """Raises `BadSetting` when a model named there is not in the catalog."""
    unknown = unknown_model(settings.routing, catalog)
    if unknown is not None:
        field, wrong = unknown
        raise BadSetting(f"TURNOUT_ROUTING__{field.upper()}: {wrong}")
    return routing_by(settings.routing).settings


def tenants_of(settings: Settings, catalog: Catalog) -> Board[TenantRouting]:
    """How the requests of every tenant are routed; nothing is known yet of what tenants have otherwise."""
    return Board(
        SETTINGS_KEY,
        routing_by(settings.routing),
        TenantSettings(settings.routing, catalog).read,
    )


def hits_of(settings: Settings) -> Board[HitTable]:
    """What is expected of caches, by the role of the artifact that says it. The tracker reads no text, so that the
    own file may be any embedder's; of the bucket it takes what a scorer takes.
    """
    return Board[HitTable](
        ARTIFACT_KEY,
        load_artifact(settings.scorer.artifact, embedder_digest=None),
        lambda value: tried(bound_artifact(value.encode(), embedder_digest=EMBEDDER_DIGEST)),
    )


def guardrail_of(settings: Settings) -> "GuardrailSettings":
    from turnout.telemetry.guardrail import GuardrailSettings

    told = settings.routing
    return GuardrailSettings(
        margin=told.guardrail_margin,
        confidence=told.guardrail_confidence,
        interval_seconds=told.guardrail_seconds,
    )


def default_mode(settings: Settings, catalog: Catalog) -> Mode:
    """Observe with real providers: what is asked for is served until somebody says otherwise."""
    if settings.routing.mode is not None:
        return settings.routing.mode
    return "full" if is_simulated(settings, catalog) else "observe"


def limits_of(settings: Settings) -> Limits:
    told, usual = settings.upstream_dispatcher, Limits()
    return Limits(
        connect_seconds=told.connect_seconds,
        first_byte_seconds=told.first_byte_seconds,
        idle_seconds=told.idle_seconds,
        answer_seconds=told.request_seconds,
        whole_answer_seconds=min(usual.whole_answer_seconds, told.request_seconds),
        give_up_seconds=min(usual.give_up_seconds, told.request_seconds),
        commit_after_seconds=told.commit_seconds,
        keep_alive_seconds=told.keep_alive_seconds,
        note_seconds=settings.session_cache_tracker.deadline_seconds,
    )


def hedge_terms_of(settings: Settings) -> HedgeTerms:
    told = settings.upstream_dispatcher
    return HedgeTerms(
        races=told.hedge,
        requests_share=told.hedge_requests_share,
        usd_share=told.hedge_usd_share,
        floor_seconds=told.hedge_floor_seconds,
    )


def warehouse_of(settings: Settings) -> WarehouseSettings:
    """Where telemetry writes. A user and password inside the address win over the settings."""
    told = settings.clickhouse
    if not told.url:
        raise BadSetting(
            "TURNOUT_CLICKHOUSE__URL: `turnout run telemetry` needs the server's address."
        )
    url = _address("TURNOUT_CLICKHOUSE__URL", told.url, schemes=tuple(_CLICKHOUSE_PORT))
    host = url.hostname or ""
    address = f"[{host}]" if ":" in host else host
    return WarehouseSettings(
        url=f"{url.scheme}://{address}:{url.port or _CLICKHOUSE_PORT[url.scheme]}",
        user=unquote(url.username or told.user),
        password=unquote(url.password or told.password.get_secret_value()),
        database=told.database,
        cluster=told.cluster,
    )


def retention_of(settings: Settings) -> Retention:
    told = settings.clickhouse
    return Retention(
        requests=told.keep_requests_days,
        decisions=told.keep_decisions_days,
        outcomes=told.keep_outcomes_days,
        rollups=told.keep_rollups_days,
        undecodable=told.keep_undecodable_days,
    )


def make_data_dir(settings: Settings) -> None:
    """Raises `BadSetting` when there can be no such directory, or none that we may write to."""
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as reason:
        raise BadSetting(f"TURNOUT_DATA_DIR: {settings.data_dir}: {reason.strerror}.") from None
    if not os.access(settings.data_dir, os.W_OK | os.X_OK):
        raise BadSetting(f"TURNOUT_DATA_DIR: {settings.data_dir} may not be written to.")


def check_addresses(settings: Settings) -> None:
    """Raises `BadSetting` for an outside address that nothing could be reached at."""
    if settings.clickhouse.url:
        warehouse_of(settings)
    if settings.nats.url:
        _address("TURNOUT_NATS__URL", settings.nats.url, schemes=("nats", "tls", "ws", "wss"))
    if settings.redis.url and not settings.redis.url.startswith("unix://"):
        _address("TURNOUT_REDIS__URL", settings.redis.url, schemes=("redis", "rediss"))
    if settings.simulator.url:
        _address("TURNOUT_SIMULATOR__URL", settings.simulator.url, schemes=("http", "https"))
    for section, told in (
        ("SCORER", settings.scorer),
        ("SESSION_CACHE_TRACKER", settings.session_cache_tracker),
        ("UPSTREAM_DISPATCHER", settings.upstream_dispatcher),
    ):
        if told.address and not is_address(told.address):
            raise BadSetting(f"TURNOUT_{section}__ADDRESS: an address reads {ADDRESS_FORMS}.")
    first, count = settings.scorer.metrics_port, settings.scorer.replicas
    if first + count - 1 > LAST_PORT:
        raise BadSetting(
            f"TURNOUT_SCORER__METRICS_PORT: {count} scorers need the ports from {first} on, and the"
            f" last port is {LAST_PORT}; set it to {LAST_PORT + 1 - count} or lower."
        )


def _address(setting: str, url: str, *, schemes: tuple[str, ...]) -> SplitResult:
    # The address itself may hold a password, so it is not quoted.
    usual = f"{setting}: an address reads {schemes[0]}://host:port."
    try:
        found = urlsplit(url)
        is_whole = found.scheme in schemes and bool(found.hostname) and found.port != 0
    except ValueError:
        raise BadSetting(usual) from None
    if not is_whole:
        raise BadSetting(usual)
    return found


def artifacts_of(settings: Settings, catalog: Catalog, store: ArtifactStore) -> Artifacts:
    """The control endpoints' side of the artifacts, which asks of a file what scorers ask of it."""
    file, routing = settings.scorer.artifact, routing_of(settings, catalog)
    return Artifacts(
        store=store,
        check=lambda data: tried_artifact(
            data, embedder_digest=EMBEDDER_DIGEST, settings=routing, catalog=catalog
        ),
        own=lambda: load_artifact(file, embedder_digest=EMBEDDER_DIGEST),
        own_source="shipped" if file is None else str(file),
    )


def embedder_root(settings: Settings) -> Path:
    """Where the embedder was built: as told, else where it usually is."""
    told = settings.scorer.embedder_dir
    return default_root() if told is None else told


def tls_of(settings: Settings) -> Tls | None:
    tls = settings.tls
    files = (tls.certificate_file, tls.key_file, tls.authority_file)
    if not any(files):
        return None
    certificate, key, authority = files
    if certificate is None or key is None or authority is None:
        raise BadSetting(
            "TURNOUT_TLS__: certificate_file, key_file and authority_file are set together."
        )
    for file in (certificate, key, authority):
        if not os.access(file, os.R_OK):
            raise BadSetting(f"TURNOUT_TLS__: {file} cannot be read.")
    return Tls(certificate_file=certificate, key_file=key, authority_file=authority)
