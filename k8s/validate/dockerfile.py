"""deploy/Dockerfile against the code, against the files that it copies, and against itself."""

import difflib
import importlib.util
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from k8s.validate import known
from k8s.validate.files import text_of
from turnout.settings import Settings

DOCKERFILE = "deploy/Dockerfile"
DATA_DIR = "/var/lib/turnout"
"""The only place beside /tmp that the image's user may write."""

PINNED = re.compile(
    r"[\w./-]+:v?\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?|[\w./-]+@sha256:[0-9a-f]{64}"
)

SAID_ONCE = ("ENV", "RUN", "USER", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD")
"""What the last stage says of the image."""

INSTRUCTIONS = frozenset({"FROM", "ARG", "COPY", "LABEL", "STOPSIGNAL", "WORKDIR", *SAID_ONCE})
"""Those that are used here."""


def check_dockerfile(root: Path) -> Iterator[str]:
    """Raises `Unreadable`."""
    text = text_of(root, DOCKERFILE).replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    # The checks below take every line for an instruction of a stage.
    reasons = list(_wrong_instructions(lines)) or [
        *_wrong_stages(lines),
        *_wrong_sources(lines, root),
        *_wrong_image(lines, root),
    ]
    for reason in reasons:
        yield f"{DOCKERFILE}: {reason}"


def _wrong_instructions(lines: list[str]) -> Iterator[str]:
    words = dict.fromkeys(line.split()[0] for line in lines if line.strip())
    unknown = [word for word in words if word not in INSTRUCTIONS]
    for word in unknown:
        close = difflib.get_close_matches(word.upper(), INSTRUCTIONS, n=1)
        expected = f"did you mean {close[0]}?" if close else f"expected {sorted(INSTRUCTIONS)}"
        yield f"{word} is no instruction that is used here; {expected}"
    if not words or (not unknown and not lines[0].startswith("FROM ")):
        yield f"it begins with {lines[0] if words else 'nothing'}; expected FROM"
    if unknown or not words:
        return
    last = max((at for at, line in enumerate(lines) if line.startswith("FROM ")), default=0)
    for word in SAID_ONCE:
        if not any(line.startswith(f"{word} ") for line in lines[last:]):
            yield f"the last stage has no {word}"


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
        if not _is_module(module):
            yield f"RUN: there is no module {module}"
    for one in command.split("&&"):
        for name in re.findall(r"-r /build/requirements/(\S+)", one):
            if f"requirements/{name} " not in above:
                yield f"RUN: requirements/{name} was not copied"
            if "--require-hashes" not in one:
                yield f"RUN: requirements/{name} is installed without --require-hashes"


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _wrong_sources(lines: list[str], root: Path) -> Iterator[str]:
    """What is copied exists and is sent to the builder."""
    sent = [
        line[1:] for line in text_of(root, ".dockerignore").splitlines() if line.startswith("!")
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
    if sorted(said["EXPOSE"].split()) != sorted(map(str, expected)):
        yield f"EXPOSE {said['EXPOSE']}; expected {sorted(expected)}"
    if said["USER"] != "10001:10001":
        yield f"USER {said['USER']}; expected numbers, 10001:10001, so that it can be seen not to be root"
    project = tomllib.loads(text_of(root, "pyproject.toml"))["project"]
    if _words(said["ENTRYPOINT"]) not in [[program, "run"] for program in project["scripts"]]:
        yield f"ENTRYPOINT {said['ENTRYPOINT']}; expected turnout run"
    if refused := known.command_error(["run", *_words(said["CMD"])]):
        yield f"CMD {said['CMD']}: {refused}"
    check = " ".join(re.findall(r'"(/[^"]+)"', said["HEALTHCHECK"]))
    if check not in copied:
        yield f"HEALTHCHECK asks {check}; expected one of {sorted(copied)}"


def _words(told: str) -> list[str]:
    return re.findall(r'"([^"]+)"', told)
