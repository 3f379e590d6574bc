"""Who reaches whom: Services, selectors, the route, and NetworkPolicies as exactly the code's calls."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from typing_extensions import override

from k8s.validate import known
from k8s.validate.files import shaped
from k8s.validate.objects import Json, Selector, Thing, WorkloadSpec, of_kind, workloads
from k8s.validate.pods import Service
from turnout.settings import RpcService

NAME = "app.kubernetes.io/name"
NAMESPACE = "kubernetes.io/metadata.name"
DNS_PORTS = {("UDP", 53), ("TCP", 53)}
HTTPS = 443
OTLP = 4318
ENVOY_GATEWAY = "gateway.envoyproxy.io/gatewayclass-controller"
"""What the gateway of k8s/engines/charts.yaml answers to."""


class ServicePort(Json, frozen=True):
    port: int
    name: str = ""
    target_port: int | str = 0


class ServiceSpec(Json, frozen=True):
    selector: dict[str, str] = {}
    ports: tuple[ServicePort, ...] = ()
    cluster_ip: str = msgspec.field(default="", name="clusterIP")


class PathMatch(Json, frozen=True):
    value: str = "/"
    type: str = "PathPrefix"


class RouteMatch(Json, frozen=True):
    path: PathMatch = PathMatch()


class Timeouts(Json, frozen=True):
    request: str = ""
    backend_request: str = ""


class BackendRef(Json, frozen=True):
    name: str
    port: int = 0


class RouteRule(Json, frozen=True):
    matches: tuple[RouteMatch, ...] = (RouteMatch(),)
    filters: tuple[dict[str, object], ...] = ()
    timeouts: Timeouts = Timeouts()
    backend_refs: tuple[BackendRef, ...] = ()


class ParentRef(Json, frozen=True):
    name: str
    namespace: str = ""


class RouteSpec(Json, frozen=True):
    parent_refs: tuple[ParentRef, ...] = ()
    rules: tuple[RouteRule, ...] = ()


class GatewaySpec(Json, frozen=True):
    gateway_class_name: str


class GatewayClassSpec(Json, frozen=True):
    controller_name: str


class IpBlock(Json, frozen=True):
    cidr: str
    except_: tuple[str, ...] = msgspec.field(default=(), name="except")


class Peer(Json, frozen=True):
    pod_selector: Selector | None = None
    namespace_selector: Selector | None = None
    ip_block: IpBlock | None = None


class PolicyPort(Json, frozen=True):
    port: int | str = 0
    protocol: str = "TCP"


class PolicyRule(Json, frozen=True):
    from_: tuple[Peer, ...] = msgspec.field(default=(), name="from")
    to: tuple[Peer, ...] = ()
    ports: tuple[PolicyPort, ...] = ()


class PolicySpec(Json, frozen=True):
    pod_selector: Selector = Selector()
    policy_types: tuple[str, ...] = ()
    ingress: tuple[PolicyRule, ...] = ()
    egress: tuple[PolicyRule, ...] = ()


class Chart(Json, frozen=True, rename=None, forbid_unknown_fields=True):
    """One line of k8s/engines/charts.yaml."""

    release: str
    chart: str
    repository: str
    version: str
    namespace: str
    values: str = ""
    service: str = ""
    port: int = 0
    labels: dict[str, str] = {}


CHARTS = "k8s/engines/charts.yaml"


def charts_of(root: Path) -> list[Chart]:
    """Raises `Unreadable`."""
    return shaped(root, CHARTS, list[Chart])


def labels_of(thing: Thing) -> dict[str, str]:
    return thing.spec(WorkloadSpec).template.metadata.labels


def name_of(thing: Thing) -> str:
    """What selectors call its pods."""
    return labels_of(thing).get(NAME, thing.metadata.name)


def selected(selector: Selector, things: Sequence[Thing]) -> list[Thing]:
    return [thing for thing in workloads(things) if selector.matches(labels_of(thing))]


def container_ports(thing: Thing) -> dict[str, int]:
    container = thing.spec(WorkloadSpec).template.spec.containers[0]
    return {port.name: port.container_port for port in container.ports}


def check_services(things: Sequence[Thing]) -> Iterator[str]:
    """Every Service selects pods that have its ports; gRPC ones are headless."""
    for thing in of_kind(things, "Service"):
        spec = thing.spec(ServiceSpec)
        pods = selected(Selector(match_labels=spec.selector), things)
        if not pods or not spec.selector:
            yield thing.wrong(f"selector {spec.selector} selects no pod; expected {_names(things)}")
            continue
        for port in spec.ports:
            target = port.target_port or port.port
            for pod in pods:
                ports = container_ports(pod)
                if target not in ports and target not in ports.values():
                    yield thing.wrong(
                        f"targetPort {target} is no port of {pod.metadata.name}; expected one of"
                        f" {sorted(ports)}"
                    )
            if target == "grpc" and spec.cluster_ip != "None":
                yield thing.wrong("clusterIP: expected None: gRPC clients balance over the pods")
            if spec.cluster_ip == "None":
                reached = {container_ports(pod).get(str(target), target) for pod in pods}
                for number in sorted(map(str, reached - {port.port})):
                    yield thing.wrong(
                        f"port {port.port} leads to {number}; expected {number}: names of a headless"
                        " Service lead to the pods themselves"
                    )


def check_addresses(
    services: Sequence[Service], things: Sequence[Thing], charts: Sequence[Chart]
) -> Iterator[str]:
    """Addresses in the settings are Services here or of a chart, with that port."""
    by_name = {thing.metadata.name: thing.spec(ServiceSpec) for thing in of_kind(things, "Service")}
    for service in services:
        told = service.settings
        addresses = {
            f"TURNOUT_{known.section(name)}__ADDRESS": told.rpc(_rpc(name)).address
            for name in known.CALLS[service.name]
        }
        if told.simulator.url:
            addresses["TURNOUT_SIMULATOR__URL"] = told.simulator.url
        installed = sorted(
            f"{one.service}.{one.namespace}:{one.port}" for one in charts if one.port
        )
        if told.tracing.endpoint.rpartition("//")[2] not in ("", *installed):
            yield service.thing.wrong(
                f"TURNOUT_TRACING__ENDPOINT={told.tracing.endpoint} is no chart's; expected one of"
                f" {installed}"
            )
        for variable, address in addresses.items():
            host, port = _host_and_port(address)
            spec = by_name.get(host)
            ports = [one.port for one in spec.ports] if spec else []
            if port not in ports:
                yield service.thing.wrong(
                    f"{variable}={address} is no Service and port here; expected one of"
                    f" {sorted(f'{name}:{one.port}' for name, found in by_name.items() for one in found.ports)}"
                )


def _rpc(name: str) -> RpcService:
    return known.rpc_service(name)


def _host_and_port(address: str) -> tuple[str, int]:
    bare = address.removeprefix("dns:///")
    parts = urlsplit(bare if "://" in bare else f"//{bare}")
    return (parts.hostname or ""), (parts.port or 0)


def check_route(services: Sequence[Service], things: Sequence[Thing]) -> Iterator[str]:
    """The route leads to the ingress, serves what it serves, and lets an answer take its time."""
    by_name = {thing.metadata.name: thing.spec(ServiceSpec) for thing in of_kind(things, "Service")}
    gateways = {thing.metadata.name for thing in of_kind(things, "Gateway")}
    classes = {thing.metadata.name for thing in of_kind(things, "GatewayClass")}
    for thing in of_kind(things, "Gateway"):
        named = thing.spec(GatewaySpec).gateway_class_name
        if named not in classes:
            yield thing.wrong(f"gatewayClassName {named} is no GatewayClass; expected {classes}")
    for thing in of_kind(things, "GatewayClass"):
        controller = thing.spec(GatewayClassSpec).controller_name
        if controller != ENVOY_GATEWAY:
            yield thing.wrong(f"controllerName is {controller}; expected {ENVOY_GATEWAY}")
    longest = max((one.settings.upstream_dispatcher.request_seconds for one in services), default=0)
    for thing in of_kind(things, "HTTPRoute"):
        spec = thing.spec(RouteSpec)
        for parent in spec.parent_refs:
            if gateways and not parent.namespace and parent.name not in gateways:
                yield thing.wrong(
                    f"parent {parent.name} is no Gateway; expected {sorted(gateways)}"
                )
        for rule in spec.rules:
            yield from _wrong_rule(thing, rule, by_name, longest)


def _wrong_rule(
    thing: Thing, rule: RouteRule, by_name: Mapping[str, ServiceSpec], longest: float
) -> Iterator[str]:
    for backend in rule.backend_refs:
        ports = [one.port for one in by_name[backend.name].ports] if backend.name in by_name else []
        if backend.port not in ports:
            yield thing.wrong(
                f"backend {backend.name}:{backend.port} is no Service and port; expected"
                f" {sorted(f'{name}:{one.port}' for name, found in by_name.items() for one in found.ports)}"
            )
    for match in rule.matches:
        asked = match.path.value
        if not any(path == asked or path.startswith(f"{asked}/") for path in known.ingress_paths()):
            yield thing.wrong(f"path {asked} is not served; expected {list(known.ingress_paths())}")
    if rule.filters:
        yield thing.wrong("filters: expected none: a gateway that rewrites holds bodies back")
    for name, told in (
        ("request", rule.timeouts.request),
        ("backendRequest", rule.timeouts.backend_request),
    ):
        seconds = _seconds(told)
        if seconds is None or 0 < seconds < longest:
            yield thing.wrong(
                f"timeouts.{name} is {told or 'unset'}; expected 0s or at least {longest:g}s"
                " (TURNOUT_UPSTREAM_DISPATCHER__REQUEST_SECONDS)"
            )


def _seconds(told: str) -> float | None:
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
    for unit in ("ms", "s", "m", "h"):
        number = told.removesuffix(unit)
        if number != told and number.isdigit():
            return int(number) * units[unit]
    return None


@dataclass(frozen=True, slots=True, order=True)
class Arrow:
    """A call that is allowed: from one side, to a port of another."""

    caller: str
    callee: str
    port: int

    @override
    def __str__(self) -> str:
        return f"{self.caller} -> {self.callee}:{self.port}"


def arrows_of_code(services: Sequence[Service], things: Sequence[Thing]) -> frozenset[Arrow]:
    """What the code calls when it has these settings."""
    ports = {one.name: known.ports_of(one.name, one.settings) for one in services}
    found: set[Arrow] = set()
    for one in services:
        for callee in known.CALLS[one.name]:
            found.add(Arrow(one.name, callee, ports[callee]["grpc"][0]))
        found.add(Arrow(one.name, "nats", 4222))
        if one.settings.tracing.endpoint:
            found.add(Arrow(one.name, "opentelemetry-collector", OTLP))
        metrics = ports[one.name].get("metrics") or ports[one.name]["http"]
        found.add(Arrow("prometheus", one.name, metrics[0]))
    found |= {
        Arrow("gateway", "ingress", ports["ingress"]["http"][0]),
        Arrow("session-cache-tracker", "valkey", 6379),
        Arrow("telemetry", "clickhouse", 8123),
        Arrow("upstream-dispatcher", "providers", HTTPS),
    }
    for thing in workloads(things):
        if thing.spec(WorkloadSpec).template.spec.containers[0].command:
            name, told = name_of(thing), container_ports(thing)
            found |= {Arrow("upstream-dispatcher", name, port) for port in told.values()}
    return frozenset(found)


def _names(things: Sequence[Thing]) -> list[str]:
    return sorted(name_of(thing) for thing in workloads(things))
