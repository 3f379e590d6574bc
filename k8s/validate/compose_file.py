"""deploy/: the compose file, and what it mounts, against the code and against the files they name."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from k8s.validate import known
from k8s.validate.dockerfile import DATA_DIR, PINNED, check_dockerfile
from k8s.validate.files import shaped, text_of, until_unreadable
from turnout.settings import BadSetting, Settings

COMPOSE = "deploy/compose.yaml"
COLLECTOR = "deploy/otel/collector.yaml"
DASHBOARDS = "deploy/grafana/provisioning/dashboards/turnout.yaml"
PROMETHEUS = "deploy/prometheus/prometheus.yml"
OTHER_PORTS = {
    "nats": 4222,
    "valkey": 6379,
    "clickhouse": 8123,
    "otel-collector": 4318,
    "prometheus": 9090,
    "grafana": 3000,
}
"""What the programs of other makers listen on."""

GIVEN = re.compile(r"\$\{(\w+)(:[-?][^}]*)?\}")
"""A value out of the environment of whoever starts it."""


class Build(msgspec.Struct, frozen=True):
    context: str
    dockerfile: str


class ComposeService(msgspec.Struct, frozen=True):
    image: str
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    volumes: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    read_only: bool = False
    cap_drop: tuple[str, ...] = ()
    security_opt: tuple[str, ...] = ()
    depends_on: dict[str, object] | list[str] = {}
    build: Build | None = None


class Compose(msgspec.Struct, frozen=True):
    services: dict[str, ComposeService]
    volumes: dict[str, object]


class Pipeline(msgspec.Struct, frozen=True):
    receivers: tuple[str, ...]
    exporters: tuple[str, ...]
    processors: tuple[str, ...] = ()


class CollectorService(msgspec.Struct, frozen=True):
    pipelines: dict[str, Pipeline]
    extensions: tuple[str, ...] = ()


class Collector(msgspec.Struct, frozen=True):
    receivers: dict[str, object]
    exporters: dict[str, object]
    service: CollectorService
    processors: dict[str, object] = {}
    extensions: dict[str, object] = {}


class Targets(msgspec.Struct, frozen=True):
    targets: tuple[str, ...]


class ProviderOptions(msgspec.Struct, frozen=True):
    path: str


class Provider(msgspec.Struct, frozen=True):
    options: ProviderOptions


class Providers(msgspec.Struct, frozen=True):
    providers: tuple[Provider, ...]


class Job(msgspec.Struct, frozen=True):
    job_name: str
    static_configs: tuple[Targets, ...] = ()


class Prometheus(msgspec.Struct, frozen=True):
    scrape_configs: tuple[Job, ...]


def check_deploy(root: Path) -> Iterator[str]:
    yield from until_unreadable(_check_compose(root))
    yield from until_unreadable(_check_collector(root))
    yield from until_unreadable(check_dockerfile(root))


def _check_compose(root: Path) -> Iterator[str]:
    compose = shaped(root, COMPOSE, Compose, strict=False)
    found: dict[str, list[str]] = {}
    for name, service in compose.services.items():
        for line in _wrong(service, compose, root):
            found.setdefault(line, []).append(name)
    yield from _by_service(found)
    missing = [name for name in ("clickhouse", "grafana") if name not in compose.services]
    for name in missing:
        yield f"{COMPOSE}: there is no service {name}"
    if not missing:
        yield from until_unreadable(_check_grafana(root, compose))
    ours = {name: service for name, service in compose.services.items() if _is_ours(service)}
    if any(known.service_error(_argument(one)) or [*_misnamed(one)] for one in ours.values()):
        # What else is wrong with what they would run as would only follow from that.
        return
    started: dict[str, Settings] = {}
    refused: dict[str, list[str]] = {}
    for name, service in ours.items():
        try:
            started[name] = known.settings_of(_argument(service), _environment(service))
        except BadSetting as reason:
            refused.setdefault(str(reason), []).append(name)
    yield from _by_service(refused)
    for name in sorted({*known.SERVICES} - {_argument(service) for service in ours.values()}):
        yield f"{COMPOSE}: no service runs `turnout run {name}`"
    for name, service in compose.services.items():
        served = _served(name, service, started)
        for told in service.ports:
            if served and told.rpartition(":")[2] not in map(str, served):
                yield f"{COMPOSE}: service {name}: ports {told}; expected one of {served}"
    if not missing:
        yield from _check_clickhouse(compose, started)
    if not refused:
        yield from until_unreadable(_check_targets(root, compose, started))


def _by_service(found: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """What is wrong with several services in one line; they share most of what they are told."""
    for line, names in found.items():
        yield f"{COMPOSE}: service{'s' * (len(names) > 1)} {', '.join(names)}: {line}"


def _served(name: str, service: ComposeService, started: Mapping[str, Settings]) -> list[int]:
    """The ports that it listens on; none where that is not known."""
    if name in started:
        ports = known.ports_of(_argument(service), started[name]).values()
        return sorted(port for port, _ in ports)
    port = _port_option(service) if service.entrypoint else OTHER_PORTS.get(name, 0)
    return [port] if port else []


def _wrong(service: ComposeService, compose: Compose, root: Path) -> Iterator[str]:
    if not PINNED.fullmatch(service.image):
        yield f"image {service.image} is not pinned; expected name:MAJOR.MINOR..."
    if service.build is not None:
        file = root / "deploy" / service.build.context / service.build.dockerfile
        if not file.is_file():
            yield f"build.dockerfile {service.build.dockerfile} does not exist"
    for mount in service.volumes:
        source, separator, _ = mount.partition(":")
        if not separator:
            yield f"volume {mount} is mounted nowhere; expected SOURCE:TARGET"
        elif source.startswith("."):
            if not (root / "deploy" / source).exists():
                yield f"volume {source} does not exist below deploy/"
        elif source not in compose.volumes:
            yield f"volume {source} is not declared; expected one of {sorted(compose.volumes)}"
    yield from _wrong_files(service, root)
    for variable, value in service.environment.items():
        for given, _ in GIVEN.findall(value):
            if not known.is_variable(given) or (known.is_variable(variable) and given != variable):
                yield f"{variable} is {value}: {given} is not the setting that it takes"
    for other in service.depends_on:
        if other not in compose.services:
            yield f"depends_on {other}: expected one of {sorted(compose.services)}"
    if service.image.startswith("turnout:"):
        yield from _loose(service)
    if service.entrypoint:
        served = [] if service.image != known.IMAGE else [_port_option(service)]
        yield from known.simulator_errors(service.entrypoint, service.command, served)
    if _is_ours(service):
        if not any(mount.endswith(f":{DATA_DIR}") for mount in service.volumes):
            yield f"no volume is mounted at {DATA_DIR}; facts wait there"
        refused = known.service_error(_argument(service))
        if refused:
            yield f"command {list(service.command)} starts nothing: {refused}"
        yield from _misnamed(service)
        for variable, value in service.environment.items():
            if variable.endswith(("__ADDRESS", "__URL", "__ENDPOINT")):
                yield from _wrong_address(variable, value, compose)


def _misnamed(service: ComposeService) -> Iterator[str]:
    for variable in service.environment:
        if not known.is_variable(variable):
            yield f"{variable} is no setting{known.meant(variable)}"


def _loose(service: ComposeService) -> Iterator[str]:
    """What the image's containers may do; the image itself runs as a number that is not root."""
    if service.image != known.IMAGE:
        yield f"image is {service.image}; expected {known.IMAGE}"
    if not service.read_only:
        yield "read_only: expected true"
    if service.cap_drop != ("ALL",):
        yield "cap_drop: expected [ALL]"
    if service.security_opt != ("no-new-privileges:true",):
        yield "security_opt: expected [no-new-privileges:true]"


def _wrong_files(service: ComposeService, root: Path) -> Iterator[str]:
    """Files that a command names are in a directory that is mounted."""
    for word in service.command:
        matched = re.search(r"=(/.*\.ya?ml)$", word)
        if matched is None:
            continue
        mounted = [
            root / "deploy" / source / matched[1].removeprefix(target).lstrip("/")
            for source, target, *_ in (
                mount.split(":") for mount in service.volumes if ":" in mount
            )
            if source.startswith(".") and f"{matched[1]}/".startswith(f"{target}/")
        ]
        if not any(file.is_file() for file in mounted):
            yield f"command {word}: no volume has that file"


def _wrong_address(variable: str, value: str, compose: Compose) -> Iterator[str]:
    host, _, port = value.rpartition("//")[2].partition("/")[0].partition(":")
    expected = dict(OTHER_PORTS)
    for other, service in compose.services.items():
        if service.entrypoint:
            expected[other] = _port_option(service)
        elif other in known.RPC_SERVICES:
            expected[other] = Settings().rpc(known.rpc_service(other)).port
    if host not in compose.services or str(expected.get(host, "")) != port:
        yield f"{variable}={value}: expected one of {sorted(f'{a}:{b}' for a, b in expected.items())}"


def _port_option(service: ComposeService) -> int:
    told = [found for one in service.command if (found := re.fullmatch(r"--port=(\d+)", one))]
    return int(told[0][1]) if told else 0


def _is_ours(service: ComposeService) -> bool:
    """Whether it runs one of the five services."""
    return service.image.startswith("turnout:") and not service.entrypoint


def _argument(service: ComposeService) -> str:
    return service.command[0] if len(service.command) == 1 else ""


def _environment(service: ComposeService) -> dict[str, str]:
    """As a shell with nothing set would give it; what must be set stands for itself."""
    values: dict[str, str] = {}
    for name, value in service.environment.items():
        if value.startswith("${"):
            values[name] = known.SECRET_SAMPLES.get(name, "") if ":?" in value else ""
        else:
            values[name] = value
    return {name: value for name, value in values.items() if value}


def _check_targets(root: Path, compose: Compose, started: Mapping[str, Settings]) -> Iterator[str]:
    scraped = {
        target
        for job in shaped(root, PROMETHEUS, Prometheus).scrape_configs
        for group in job.static_configs
        for target in group.targets
    }
    served: set[str] = set()
    for name, settings in started.items():
        ports = known.ports_of(_argument(compose.services[name]), settings)
        port, _ = ports.get("metrics") or ports["http"]
        served.add(f"{name}:{port}")
    for target in sorted(scraped - served):
        yield f"{PROMETHEUS}: target {target} is not there; {COMPOSE} has {sorted(served)}"
    for target in sorted(served - scraped):
        yield f"{PROMETHEUS}: {target} of {COMPOSE} is not scraped"


def _check_grafana(root: Path, compose: Compose) -> Iterator[str]:
    """Its data sources are given every variable that they read, and are services here."""
    told = compose.services["grafana"].environment
    for file in sorted((root / "deploy/grafana/provisioning").rglob("*.yaml")):
        source = str(file.relative_to(root))
        for name in re.findall(r"\$\{(\w+)\}", text_of(root, source)):
            if name not in told:
                yield f"{COMPOSE}: service grafana: {source} reads {name}; set it"
    for name, value in told.items():
        if not name.endswith(("_URL", "_HOST")):
            continue
        port = told.get(name.removesuffix("_HOST") + "_PORT", "")
        address = value.rpartition("//")[2] if name.endswith("_URL") else f"{value}:{port}"
        expected = [f"{other}:{number}" for other, number in OTHER_PORTS.items()]
        if address not in expected or address.partition(":")[0] not in compose.services:
            yield f"{COMPOSE}: service grafana: {name}={value}: {address} is none of {expected}"
    for provider in shaped(root, DASHBOARDS, Providers).providers:
        path = provider.options.path
        if f"./grafana/dashboards:{path}:ro" in compose.services["grafana"].volumes:
            continue
        yield f"{COMPOSE}: service grafana: expected ./grafana/dashboards at {path}, as {DASHBOARDS} says"


def _check_clickhouse(compose: Compose, started: Mapping[str, Settings]) -> Iterator[str]:
    """Its user is the one that telemetry and Grafana sign in as."""
    if "telemetry" not in started:
        return
    expected = started["telemetry"].clickhouse.user
    for name in ("clickhouse", "grafana"):
        told = compose.services[name].environment.get("CLICKHOUSE_USER", "")
        if told != expected:
            yield f"{COMPOSE}: service {name}: CLICKHOUSE_USER={told}; expected {expected}"


def _check_collector(root: Path) -> Iterator[str]:
    """Its pipelines are made of parts that it has, and OTLP comes in where the services send it."""
    text = text_of(root, COLLECTOR)
    told = shaped(root, COLLECTOR, Collector)
    for name, pipeline in told.service.pipelines.items():
        for kind, used, has in (
            ("receivers", pipeline.receivers, told.receivers),
            ("processors", pipeline.processors, told.processors),
            ("exporters", pipeline.exporters, told.exporters),
            ("extensions", told.service.extensions, told.extensions),
        ):
            for one in sorted({*used} - has.keys()):
                yield f"{COLLECTOR}: {name}: {one} is none of its {kind}; expected {sorted(has)}"
    port = OTHER_PORTS["otel-collector"]
    if f"endpoint: 0.0.0.0:{port}\n" not in text:
        yield f"{COLLECTOR}: otlp: nothing listens on port {port}, where spans are sent"
