"""What the code knows: services, settings, ports, paths and metrics, asked of the code itself."""

import contextlib
import difflib
import importlib.util
import io
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache

from prometheus_client import CollectorRegistry

from turnout import __version__, metrics_port, parts
from turnout.__main__ import _parser as argument_parser
from turnout.bus.metrics import BusMetrics
from turnout.ingress.control import ControlEndpoints
from turnout.ingress.paths import GEMINI_ROUTE, PROXY_PATHS
from turnout.observe.metrics import Metrics
from turnout.rpc.address import is_loopback
from turnout.settings import BadSetting, RpcService, Settings, load, variables
from turnout.telemetry.metrics import TelemetryMetrics

RPC_SERVICES = ("scorer", "session-cache-tracker", "upstream-dispatcher")
SERVICES = ("ingress", *RPC_SERVICES, "telemetry")

ALIVE_PATHS = ("/", "/api/hello")
"""What the application answers without a control endpoint: agents probe these."""

METRICS_PATH = "/metrics"

METRICS_PORT_PATHS = metrics_port.PATHS
"""What a service that has a port for its metrics answers there."""

PROBED_PATHS = ("/health", "/ready", METRICS_PATH)
"""What the ingress answers to a kubelet, which has no router key."""

IMAGE = f"turnout:{__version__}"
"""What `make image` makes, and what everything that runs is an image of."""

SECRETS: Mapping[str, tuple[str, ...]] = {
    "turnout-engines": (
        "TURNOUT_NATS__URL",
        "TURNOUT_REDIS__URL",
        "TURNOUT_CLICKHOUSE__URL",
        "TURNOUT_CLICKHOUSE__PASSWORD",
    ),
    "turnout-router-keys": ("TURNOUT_INGRESS__KEYS",),
}
"""The Secrets that k8s/README.md makes, with their keys."""

SECRET_SAMPLES: Mapping[str, str] = {
    "TURNOUT_NATS__URL": "nats://nats.turnout-engines:4222",
    "TURNOUT_REDIS__URL": "redis://valkey.turnout-engines:6379/0",
    "TURNOUT_CLICKHOUSE__URL": "http://clickhouse-clickhouse.turnout-engines:8123",
    "TURNOUT_CLICKHOUSE__PASSWORD": "sample",
    "TURNOUT_INGRESS__KEYS": f'[{{"name": "sample", "sha256": "{"0" * 64}"}}]',
}
"""Values to stand for what a Secret will hold, so that the settings can be judged whole."""


def service_error(service: str) -> str:
    """What the command line says to `turnout run SERVICE`; empty when it would run."""
    return command_error(["run", service])


def command_error(arguments: Sequence[str]) -> str:
    """What the command line says to arguments of `turnout`; empty when it takes them."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        try:
            argument_parser().parse_args(arguments)
        except SystemExit:
            return said.getvalue().strip().splitlines()[-1].partition("error: ")[2]
    return ""


SIMULATOR = ("python", "-m", "turnout.simulator")


def simulator_errors(
    command: Sequence[str], arguments: Sequence[str], ports: Sequence[int]
) -> Iterator[str]:
    """What is wrong with a container that runs another command than the image's own."""
    if tuple(command) != SIMULATOR:
        yield f"command {list(command)} starts nothing of ours; expected {list(SIMULATOR)}"
        return
    if importlib.util.find_spec(SIMULATOR[-1]) is None:
        yield f"there is no module {SIMULATOR[-1]}"
    for port in ports:
        expected = ["--host=0.0.0.0", f"--port={port}"]
        if list(arguments) != expected:
            yield f"arguments are {list(arguments)}; expected {expected}"


@cache
def provider_variables() -> frozenset[str]:
    """The environment names of the providers' keys."""
    catalog = parts.catalog_of(Settings())
    return frozenset(one.api_key_env for one in catalog.providers.values() if one.api_key_env)


def is_variable(name: str) -> bool:
    return (
        name in variables()
        or name in provider_variables()
        or re.fullmatch(r"TURNOUT_PROVIDERS__[A-Z0-9_]+__BASE_URL(S__[A-Z_]+)?", name) is not None
        or name in OPEN_TELEMETRY
    )


def meant(name: str) -> str:
    """The end of the line about a variable that is none."""
    close = difflib.get_close_matches(name, variables(), n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else "; the README lists them"


OPEN_TELEMETRY = frozenset({"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_SAMPLER_ARG"})
"""Names of OpenTelemetry's own that a deployment may set."""


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """This process's environment replaced for a while: the settings are read from nowhere else."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def settings_of(service: str, values: Mapping[str, str]) -> Settings:
    """The settings that a service would start with. Raises `BadSetting`, as it would."""
    with environment(values):
        told = load()
        catalog = parts.catalog_of(told)
        parts.routing_of(told, catalog)
        parts.endpoints_of(told, catalog)
        parts.check_addresses(told)
    _check_reachable(service, told)
    return told


def _check_reachable(service: str, told: Settings) -> None:
    """What `turnout run` refuses once it starts to listen, and what would make it useless in a pod."""
    if not told.nats.url:
        raise BadSetting("TURNOUT_NATS__URL: every service needs the server's address.")
    if service == "session-cache-tracker" and not told.redis.url:
        raise BadSetting("TURNOUT_REDIS__URL: the tracker needs the server's address.")
    if service == "telemetry":
        parts.warehouse_of(told)
        host, name = told.telemetry.host, "TURNOUT_TELEMETRY__HOST"
    elif service == "ingress":
        host, name = told.ingress.host, "TURNOUT_INGRESS__HOST"
        if not told.ingress.keys and not is_loopback(host):
            raise BadSetting("TURNOUT_INGRESS__KEYS: others reach this port; set a router key.")
    else:
        rpc = told.rpc(rpc_service(service))
        host, name = rpc.host, f"TURNOUT_{section(service)}__HOST"
        if not told.tls.certificate_file and not told.tls.allow_plaintext:
            raise BadSetting(
                "TURNOUT_TLS__ALLOW_PLAINTEXT: without TURNOUT_TLS__CERTIFICATE_FILE it must be true."
            )
        if rpc.address:
            raise BadSetting(
                f"TURNOUT_{section(service)}__ADDRESS: the {service} would call itself; empty means"
                " in this process."
            )
    if is_loopback(host):
        raise BadSetting(f"{name} is {host}: nobody outside the pod reaches it; use 0.0.0.0.")
    for other in RPC_SERVICES:
        if other in CALLS[service] and not told.rpc(rpc_service(other)).address:
            raise BadSetting(f"TURNOUT_{section(other)}__ADDRESS: the {service} calls it; set it.")


CALLS: Mapping[str, tuple[str, ...]] = {
    "ingress": ("scorer", "session-cache-tracker", "upstream-dispatcher"),
    "scorer": ("session-cache-tracker",),
    "session-cache-tracker": (),
    "upstream-dispatcher": ("session-cache-tracker",),
    "telemetry": (),
}
"""Which services each asks over gRPC (turnout.compose): what is not set would be built in place."""


def rpc_service(name: str) -> RpcService:
    match name:
        case "scorer" | "session-cache-tracker" | "upstream-dispatcher":
            return name
        case _:
            raise AssertionError(name)


def section(service: str) -> str:
    return service.replace("-", "_").upper()


def ports_of(service: str, told: Settings) -> dict[str, tuple[int, str]]:
    """The ports that a service listens on, by their names here, and the setting of each."""
    if service == "ingress":
        return {"http": (told.ingress.port, "TURNOUT_INGRESS__PORT")}
    if service == "telemetry":
        return {"metrics": (told.telemetry.metrics_port, "TURNOUT_TELEMETRY__METRICS_PORT")}
    rpc = told.rpc(rpc_service(service))
    prefix = f"TURNOUT_{section(service)}__"
    return {
        "grpc": (rpc.port, f"{prefix}PORT"),
        "metrics": (rpc.metrics_port, f"{prefix}METRICS_PORT"),
    }


@cache
def ingress_paths() -> tuple[str, ...]:
    """Every path that the ingress serves."""
    # The list of its routes asks nothing of its parts, which take a whole product to build.
    endpoints = ControlEndpoints.__new__(ControlEndpoints)
    control = [str(getattr(route, "path", "")) for route in endpoints.routes().routes]
    return tuple(sorted({*PROXY_PATHS, GEMINI_ROUTE, *ALIVE_PATHS, *control}))


@cache
def metric_series() -> frozenset[str]:
    """Every series of ours that a scrape can show."""
    registry = CollectorRegistry()
    metrics = Metrics(version="", service="", known_models=frozenset())
    BusMetrics(registry)
    TelemetryMetrics(registry)
    found: set[str] = set()
    for family in (*metrics.registry.collect(), *registry.collect()):
        match family.type:
            case "counter":
                found.add(f"{family.name}_total")
            case "histogram":
                found.update(f"{family.name}{end}" for end in ("_bucket", "_count", "_sum"))
            case _:
                found.add(family.name)
    return frozenset(found)
