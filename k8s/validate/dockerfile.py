"""deploy/Dockerfile against the code, against the files that it copies, and against itself."""

import importlib.util
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from k8s.validate import known
from turnout.settings import Settings

DOCKERFILE = "deploy/Dockerfile"
DATA_DIR = "/var/lib/turnout"
"""The only place beside /tmp that the image's user may write."""

PINNED = re.compile(
    r"[\w./-]+:v?\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?|[\w./-]+@sha256:[0-9a-f]{64}"
)


def check_dockerfile(root: Path) -> Iterator[str]:
    text = (root / DOCKERFILE).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    for reason in (*_wrong_stages(lines), *_wrong_sources(lines, root), *_wrong_image(lines, root)):
        yield f"{DOCKERFILE}: {reason}"


def _wrong_stages(lines: list[str]) -> Iterator[str]:
    """Stages are pinned or made above; what is copied out of one was put there by name."""
    made: dict[str, str] = {}
    stage = ""
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "FROM":
            image, _, stage = rest.partition(" AS ")
            if image not in made and not PINNED.fullmatch(image):
                yield f"FROM {image} is not pinned; expected name@sha256:..."
            made[stage] = made.get(image, "")
            continue
        for source, path in re.findall(r"--from=(\w+) (\S+)", rest):
            if source not in made:
                yield f"COPY --from={source}: expected one of {sorted(made)}"
            elif f"{path} " not in made[source]:
                yield f"COPY --from={source} {path}: nothing puts it there"
        if word == "RUN":
            yield from _wrong_command(rest, made[stage])
        made[stage] += f"{rest} "


def _wrong_command(command: str, above: str) -> Iterator[str]:
    for module in re.findall(r"python -m ([\w.]+)", command):
        if importlib.util.find_spec(module) is None:
            yield f"RUN: there is no module {module}"
    for one in command.split("&&"):
        for name in re.findall(r"-r /build/requirements/(\S+)", one):
            if f"requirements/{name} " not in above:
                yield f"RUN: requirements/{name} was not copied"
            if "--require-hashes" not in one:
                yield f"RUN: requirements/{name} is installed without --require-hashes"


def _wrong_sources(lines: list[str], root: Path) -> Iterator[str]:
    """What is copied exists and is sent to the builder."""
    sent = [
        line[1:]
        for line in (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    ]
    for line in lines:
        if not line.startswith("COPY ") or "--from=" in line:
            continue
        for source in line.split()[1:-1]:
            if not (root / source).exists():
                yield f"COPY {source}: there is no such file"
            elif not any(source == one or source.startswith(f"{one}/") for one in sent):
                yield f"COPY {source}: .dockerignore keeps it out"


def _wrong_image(lines: list[str], root: Path) -> Iterator[str]:
    """What the last stage says of itself: variables, ports, user, command, health check."""
    last = max(number for number, line in enumerate(lines) if line.startswith("FROM "))
    said = dict(line.partition(" ")[::2] for line in lines[last:])
    copied = {line.split()[-1] for line in lines[last:] if line.startswith("COPY ")}
    variables = dict(re.findall(r"(TURNOUT_\w+)=(\S+)", said["ENV"]))
    for name in variables:
        if not known.is_variable(name):
            yield f"ENV {name} is no setting; the README lists them"
    told = variables.get("TURNOUT_DATA_DIR")
    if (
        told != DATA_DIR
        or DATA_DIR not in said["VOLUME"]
        or f"mkdir -p {DATA_DIR} && chown 10001:10001 {DATA_DIR}" not in said["RUN"]
    ):
        yield f"TURNOUT_DATA_DIR is {told}; expected {DATA_DIR}, owned by the user, as a VOLUME"
    embedder = variables.get("TURNOUT_SCORER__EMBEDDER_DIR")
    if embedder not in copied:
        yield f"TURNOUT_SCORER__EMBEDDER_DIR is {embedder}; expected one of {sorted(copied)}"
    defaults = Settings()
    expected = [defaults.ingress.port] + [
        defaults.rpc(known.rpc_service(name)).port for name in known.RPC_SERVICES
    ]
    if sorted(map(int, said["EXPOSE"].split())) != sorted(expected):
        yield f"EXPOSE {said['EXPOSE']}; expected {sorted(expected)}"
    if said["USER"] != "10001:10001":
        yield f"USER {said['USER']}; expected numbers, 10001:10001, so that it can be seen not to be root"
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    program, *rest = _words(said["ENTRYPOINT"])
    if program not in project["scripts"] or rest != ["run"]:
        yield f"ENTRYPOINT {said['ENTRYPOINT']}; expected turnout run"
    (service,) = _words(said["CMD"]) or [""]
    if refused := known.service_error(service):
        yield f"CMD {said['CMD']}: {refused}"
    (check,) = re.findall(r'"(/[^"]+)"', said["HEALTHCHECK"]) or [""]
    if check not in copied:
        yield f"HEALTHCHECK asks {check}; expected one of {sorted(copied)}"


def _words(told: str) -> list[str]:
    return re.findall(r'"([^"]+)"', told)
