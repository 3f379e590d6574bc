"""deploy/: the compose file and the Dockerfile against the code and against the files they name."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import yaml

from k8s.validate import known
from turnout.settings import BadSetting, Settings

COMPOSE = "deploy/compose.yaml"
DOCKERFILE = "deploy/Dockerfile"
PROMETHEUS = "deploy/prometheus/prometheus.yml"
IMAGE = "turnout:"
PINNED = re.compile(
    r"[\w./-]+:v?\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?|[\w./-]+@sha256:[0-9a-f]{64}"
)
OTHER_PORTS = {"nats": 4222, "valkey": 6379, "clickhouse": 8123, "otel-collector": 4318}
"""What the engines of other makers listen on."""


class Build(msgspec.Struct, frozen=True):
    context: str
    dockerfile: str


class ComposeService(msgspec.Struct, frozen=True):
    image: str
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    volumes: tuple[str, ...] = ()
    depends_on: dict[str, object] | list[str] = {}
    build: Build | None = None


class Compose(msgspec.Struct, frozen=True):
    services: dict[str, ComposeService]
    volumes: dict[str, object]


class Targets(msgspec.Struct, frozen=True):
    targets: tuple[str, ...]


class Job(msgspec.Struct, frozen=True):
    job_name: str
    static_configs: tuple[Targets, ...] = ()


class Prometheus(msgspec.Struct, frozen=True):
    scrape_configs: tuple[Job, ...]


def check_deploy(root: Path) -> Iterator[str]:
    try:
        told = yaml.safe_load((root / COMPOSE).read_text(encoding="utf-8"))
        compose = msgspec.convert(told, Compose, strict=False)
    except (yaml.YAMLError, msgspec.ValidationError) as reason:
        yield f"{COMPOSE}: {' '.join(str(reason).split())}"
        return
    started: dict[str, Settings] = {}
    for name, service in compose.services.items():
        for line in _wrong(service, compose, root):
            yield f"{COMPOSE}: service {name}: {line}"
        if _is_ours(service) and not known.service_error(_argument(service)):
            try:
                started[name] = known.settings_of(_argument(service), _environment(service))
            except BadSetting as refused:
                yield f"{COMPOSE}: service {name}: {refused}"
    running = {_argument(compose.services[name]) for name in started}
    for service_name in known.SERVICES:
        if service_name not in running:
            yield f"{COMPOSE}: no service runs `turnout run {service_name}` with valid settings"
    yield from _check_targets(root, started)
    yield from _check_grafana(root, compose)
    yield from check_dockerfile(root)


def _wrong(service: ComposeService, compose: Compose, root: Path) -> Iterator[str]:
    if not PINNED.fullmatch(service.image):
        yield f"image {service.image} is not pinned; expected name:MAJOR.MINOR..."
    if service.build is not None:
        file = root / "deploy" / service.build.context / service.build.dockerfile
        if not file.is_file():
            yield f"build.dockerfile {service.build.dockerfile} does not exist"
    for mount in service.volumes:
        source = mount.split(":")[0]
        if source.startswith("."):
            if not (root / "deploy" / source).exists():
                yield f"volume {source} does not exist below deploy/"
        elif source not in compose.volumes:
            yield f"volume {source} is not declared; expected one of {sorted(compose.volumes)}"
    for other in service.depends_on:
        if other not in compose.services:
            yield f"depends_on {other}: expected one of {sorted(compose.services)}"
    if _is_ours(service):
        refused = known.service_error(_argument(service))
        if refused:
            yield f"command {list(service.command)} starts nothing: {refused}"
        for variable, value in service.environment.items():
            if not known.is_variable(variable):
                yield f"{variable} is no setting; the README lists them"
            elif variable.endswith(("__ADDRESS", "__URL", "__ENDPOINT")):
                yield from _wrong_address(variable, value, compose)


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
    told = [one.removeprefix("--port=") for one in service.command if one.startswith("--port=")]
    return int(told[0]) if told else 0


def _is_ours(service: ComposeService) -> bool:
    """Whether it runs one of the five services."""
    return service.image.startswith(IMAGE) and not service.entrypoint


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


def _check_targets(root: Path, started: Mapping[str, Settings]) -> Iterator[str]:
    told = yaml.safe_load((root / PROMETHEUS).read_text(encoding="utf-8"))
    scraped = {
        target
        for job in msgspec.convert(told, Prometheus).scrape_configs
        for group in job.static_configs
        for target in group.targets
    }
    served: set[str] = set()
    for name, settings in started.items():
        ports = known.ports_of(name, settings)
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
        for name in re.findall(r"\$\{(\w+)\}", file.read_text(encoding="utf-8")):
            if name not in told:
                yield f"{COMPOSE}: service grafana: {file.relative_to(root)} reads {name}; set it"
    for name, value in told.items():
        host = value.rpartition("//")[2].partition(":")[0]
        if name.endswith(("_URL", "_HOST")) and host not in compose.services:
            yield f"{COMPOSE}: service grafana: {name}={value}: expected one of {sorted(compose.services)}"


def check_dockerfile(root: Path) -> Iterator[str]:
    """Sources exist and are sent to the builder, variables are settings, ports are the defaults."""
    text = (root / DOCKERFILE).read_text(encoding="utf-8").replace("\\\n", " ")
    sent = [
        line[1:]
        for line in (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    ]
    stages: set[str] = set()
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        match word:
            case "FROM":
                image, _, stage = rest.partition(" AS ")
                if image not in stages and not PINNED.fullmatch(image):
                    yield f"{DOCKERFILE}: FROM {image} is not pinned; expected name@sha256:..."
                stages.add(stage)
            case "COPY" if "--from=" not in rest:
                for source in rest.split()[:-1]:
                    if not (root / source).exists():
                        yield f"{DOCKERFILE}: COPY {source}: there is no such file"
                    elif not any(source == one or source.startswith(f"{one}/") for one in sent):
                        yield f"{DOCKERFILE}: COPY {source}: .dockerignore keeps it out"
            case "ENV":
                for name in re.findall(r"(TURNOUT_\w+)=", rest):
                    if not known.is_variable(name):
                        yield f"{DOCKERFILE}: ENV {name} is no setting; the README lists them"
            case "EXPOSE":
                defaults = Settings()
                expected = [defaults.ingress.port] + [
                    defaults.rpc(known.rpc_service(name)).port for name in known.RPC_SERVICES
                ]
                if sorted(map(int, rest.split())) != sorted(expected):
                    yield f"{DOCKERFILE}: EXPOSE {rest}; expected {sorted(expected)}"
            case "USER" if not re.fullmatch(r"[1-9]\d*:[1-9]\d*", rest):
                yield f"{DOCKERFILE}: USER {rest}; expected numbers, so that it can be seen not to be root"
            case "CMD":
                (service,) = re.findall(r'"([^"]+)"', rest) or ("",)
                if refused := known.service_error(service):
                    yield f"{DOCKERFILE}: CMD {rest}: {refused}"
            case _:
                pass
