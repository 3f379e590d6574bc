"""Every setting of Turnout: environment variables `TURNOUT_<SECTION>__<FIELD>`.

Everything has a working default. A value of the wrong type and a name that does not exist are
refused at start with one line that says what would be right. Provider keys keep their own names
(`ANTHROPIC_API_KEY`, ...) and are read by `provider_keys`, not here. Secrets are never printed.
"""

import difflib
import os
from pathlib import Path
from typing import Literal, TypeAlias, assert_never

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from turnout.capabilities import Dialect
from turnout.ingress_section import Ingress
from turnout.policy.hedge import Races
from turnout.routing_section import Routing
from turnout.variable import Section, Variable, is_provider, unreadable, variable_of

PREFIX = "TURNOUT_"

LISTENER_VARIABLE, HANDOVER_VARIABLE = "TURNOUT_LISTENER_FD", "TURNOUT_HANDOVER_FD"
"""Numbers of the sockets that `turnout serve` gives to a service it starts."""

NO_SETTINGS = frozenset(
    {"TURNOUT_KEY", "TURNOUT_URL", "TURNOUT_SESSION", LISTENER_VARIABLE, HANDOVER_VARIABLE}
)
"""Variables with the prefix that are no settings: the small commands and git hooks read them."""

RpcService: TypeAlias = Literal["scorer", "session-cache-tracker", "upstream-dispatcher"]
"""The services that are called over gRPC."""

MEGABYTE = 1024 * 1024

KEPT_DAYS = 36_500
"""A hundred years; a Date of ClickHouse ends in 2149."""


class BadSetting(Exception):
    """A setting is wrong; the message is one line for the person who starts Turnout."""


class Rpc(Section):
    """Where a service listens in split mode and in Kubernetes, and where others find it."""

    address: str = Field(
        default="",
        description="host:port of the service, dns:///name:port, or ipv4:host:port,host:port for a"
        " fixed list; empty means in this process.",
    )
    host: str = Field(default="127.0.0.1", description="Address its gRPC server listens on.")
    port: int = Field(default=0, ge=0, le=65535, description="Port of its gRPC server.")
    metrics_port: int = Field(
        default=0, ge=0, le=65535, description="Port of /metrics and /ready; 0 means none."
    )


class Scorer(Rpc):
    port: int = Field(default=7701, ge=1, le=65535, description="Port of its gRPC server.")
    replicas: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Scorers that `turnout serve --split` runs, 1 to 64; the others take any port.",
    )
    deadline_seconds: float = Field(
        default=0.05, gt=0, description="How long a decision may take before it is made without."
    )
    artifact: Path | None = Field(
        default=None,
        description="Artifact file; unset means the one that ships. One that was pushed wins.",
    )
    embedder_dir: Path | None = Field(
        default=None, description="Where the embedder's model is; unset means the build's cache."
    )


class Tracker(Rpc):
    port: int = Field(default=7702, ge=1, le=65535, description="Port of its gRPC server.")
    deadline_seconds: float = Field(
        default=0.25, gt=0, description="How long noting an answer may take."
    )


class Dispatcher(Rpc):
    """Times inside an answer; what each means is said beside its default in
    upstream_dispatcher/limits.py.
    """

    port: int = Field(default=7703, ge=1, le=65535, description="Port of its gRPC server.")
    begin_seconds: float = Field(
        default=20.0,
        gt=0,
        description="How long the ingress waits for a dispatcher to take a request.",
    )
    request_seconds: float = Field(
        default=3600.0,
        gt=0,
        description="Longest time in seconds that a provider may take for one answer; 600 at most for a whole one.",
    )
    drain_seconds: float = Field(
        default=25.0,
        ge=0,
        description="How long answers may finish after SIGTERM where no successor is waited for.",
    )
    connect_seconds: float = Field(
        default=10.0, gt=0, description="Longest time to connect to a provider."
    )
    first_byte_seconds: float = Field(
        default=120.0,
        gt=0,
        description="Longest silence before the first byte of a provider's stream; an answer that is none says nothing"
        " before it is whole.",
    )
    idle_seconds: float = Field(
        default=300.0, gt=0, description="Longest silence inside a provider's answer."
    )
    commit_seconds: float = Field(
        default=15.0,
        gt=0,
        description="When an answer is begun even though no content has come; keep-alives follow.",
    )
    keep_alive_seconds: float = Field(
        default=10.0, gt=0, description="Pause between keep-alives while a model is silent."
    )
    hedge: Races = Field(
        default="beyond_observe",
        description="Whose streams without content are raced by a second call once they are slower than 19 of 20:"
        " never, beyond_observe (tenants in observe mode keep to the calls that they make) or always.",
    )
    hedge_requests_share: float = Field(
        default=0.05, ge=0, le=1, description="Second calls, at most, of a tenant's requests."
    )
    hedge_usd_share: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="What second calls cost, at most, of a tenant's spending.",
    )
    hedge_floor_seconds: float = Field(
        default=1.0, ge=0, description="No call is raced by a second one sooner after it was sent."
    )


class Telemetry(Section):
    host: str = Field(
        default="127.0.0.1", description="Address of telemetry's /metrics and /ready."
    )
    metrics_port: int = Field(
        default=0, ge=0, le=65535, description="Port of /metrics and /ready; 0 means none."
    )
    spool_bytes: int = Field(
        default=1024 * MEGABYTE, gt=0, description="Largest size of the fact spool of a process."
    )


class Nats(Section):
    url: str = Field(default="", description="An outside server; empty means embedded.")
    port: int = Field(default=4222, ge=1, le=65535, description="Port of the embedded server.")


class Redis(Section):
    url: str = Field(default="", description="An outside server; empty means embedded Valkey.")
    port: int = Field(default=6379, ge=1, le=65535, description="Port of the embedded server.")


def _kept(what: str) -> int:
    meaning = f"Days that {what} are kept; 0 means for ever."
    return Field(default=0, ge=0, le=KEPT_DAYS, description=meaning)


class ClickHouse(Section):
    url: str = Field(default="", description="An outside server; empty means embedded.")
    port: int = Field(default=8123, ge=1, le=65535, description="Port of the embedded server.")
    user: str = Field(default="telemetry", description="User that may write.")
    password: SecretStr = Field(
        default=SecretStr(""),
        description="Password of the user that may write; made at each start when embedded.",
    )
    database: str = Field(
        default="turnout",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="Database of the tables: letters, digits and underscores.",
    )
    cluster: str = Field(
        default="",
        pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$",
        description="Cluster for ON CLUSTER and Replicated tables, named as a database is; empty for one"
        " server.",
    )
    keep_requests_days: int = _kept("requests, attempts and switches")
    keep_decisions_days: int = _kept("decisions, the largest table,")
    keep_outcomes_days: int = _kept("outcomes and changes of modes")
    keep_rollups_days: int = _kept("roll-ups")
    keep_undecodable_days: int = _kept("facts that could not be read")


class ProviderSettings(Section):
    base_url: str = Field(
        default="",
        description="Another address than the provider's own, for all dialects that share it; the"
        " provider's other endpoints are not used then.",
    )
    base_urls: dict[Dialect, str] = Field(
        default_factory=dict,
        description="Another address for one dialect: __BASE_URLS__OPENAI_CHAT, and so on.",
    )


class Simulator(Section):
    enabled: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="auto: when no provider key, no provider address and no model of a server"
        " without keys is configured.",
    )
    port: int = Field(default=8089, ge=1, le=65535, description="Port of the simulated provider.")
    url: str = Field(default="", description="A simulated provider that runs elsewhere.")
    directives: str = Field(
        default="", description="What every simulated answer does, such as ttft=0.3,gap=0.01."
    )


class CatalogSettings(Section):
    file: Path | None = Field(
        default=None,
        description="Prices, models and providers that replace or add to the shipped ones (JSON).",
    )


class Tracing(Section):
    endpoint: str = Field(
        default="",
        description="OTLP collector over HTTP, such as http://127.0.0.1:4318 (/v1/traces is appended);"
        " empty means OTEL_EXPORTER_OTLP_ENDPOINT, and without that no tracing.",
    )
    sample_ratio: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Share of requests that are traced, 0 to 1, where the caller has not decided;"
        " unset means OTEL_TRACES_SAMPLER, and without that all.",
    )


class RpcTls(Section):
    certificate_file: Path | None = Field(default=None, description="Certificate chain, PEM.")
    key_file: Path | None = Field(default=None, description="Private key, PEM.")
    authority_file: Path | None = Field(default=None, description="Authority of both sides, PEM.")
    allow_plaintext: bool = Field(
        default=False, description="Let gRPC leave loopback without TLS (a service mesh has it)."
    )


class Settings(BaseSettings):
    """All settings of one process."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    data_dir: Path = Field(
        default=Path(".turnout"), description="Directory of everything Turnout keeps."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe log lines that are written."
    )
    ingress: Ingress = Ingress()
    scorer: Scorer = Scorer()
    session_cache_tracker: Tracker = Tracker()
    upstream_dispatcher: Dispatcher = Dispatcher()
    telemetry: Telemetry = Telemetry()
    nats: Nats = Nats()
    redis: Redis = Redis()
    clickhouse: ClickHouse = ClickHouse()
    routing: Routing = Routing()
    providers: dict[str, ProviderSettings] = Field(
        default={}, description="By provider name, dots as underscores."
    )
    simulator: Simulator = Simulator()
    catalog: CatalogSettings = CatalogSettings()
    tls: RpcTls = RpcTls()
    tracing: Tracing = Tracing()

    def rpc(self, service: RpcService) -> Rpc:
        """Where a service listens and is found."""
        match service:
            case "scorer":
                return self.scorer
            case "session-cache-tracker":
                return self.session_cache_tracker
            case "upstream-dispatcher":
                return self.upstream_dispatcher
            case _:
                assert_never(service)


def load() -> Settings:
    """The settings of this process. Raises `BadSetting` with one line."""
    known = {*variables(), *NO_SETTINGS}
    # Names are read whatever their case, so they are checked whatever their case.
    for name in sorted(variable.upper() for variable in os.environ):
        if name.startswith(PREFIX) and name not in known and not is_provider(name):
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise BadSetting(f"{name} is no setting of Turnout.{hint}")
    try:
        return Settings()
    except ValidationError as reason:
        first = reason.errors()[0]
        # What follows a wrong key is how pydantic names types.
        place = [str(part) for part in first["loc"]]
        place = place[: place.index("[key]")] if "[key]" in place else place
        name = PREFIX + "__".join(place).upper()
        raise BadSetting(f"{name}: {first['msg']}; {_expected(place)}") from None
    except SettingsError as reason:
        # It names the section, not the variable.
        variable = unreadable(variables())
        told = (
            ""
            if variable is None
            else f"{variable.name}: write JSON, such as '{variable.example}'."
        )
        raise BadSetting(told or f"{reason}.") from None


def variables() -> dict[str, Variable]:
    """Every environment variable by name, in the order of the settings."""
    found: list[Variable] = []
    for name, field in Settings.model_fields.items():
        section: object = field.default
        if isinstance(section, Section):
            found.extend(
                variable_of(f"{PREFIX}{name}__{inner}", inner_field)
                for inner, inner_field in type(section).model_fields.items()
            )
        elif name == "providers":
            found.append(
                Variable(
                    "TURNOUT_PROVIDERS__<NAME>__BASE_URL",
                    "",
                    "Another address for a provider (name in capitals, dots as underscores), for all"
                    " dialects that share it; its other endpoints are not used then.",
                )
            )
            found.append(
                Variable(
                    "TURNOUT_PROVIDERS__<NAME>__BASE_URLS__<DIALECT>",
                    "",
                    "Another address for one dialect of a provider (`OPENAI_CHAT`, `ANTHROPIC_MESSAGES`, ...).",
                )
            )
        else:
            found.append(variable_of(f"{PREFIX}{name}", field))
    return {one.name: one for one in found}


def _expected(place: list[str]) -> str:
    name = PREFIX + "__".join(place[:2]).upper()
    known = variables()
    one = known.get(name) or known.get(PREFIX + place[0].upper())
    return "see the settings in the README" if one is None else one.meaning
