"""k8s/README.md against what is here: its commands install the pinned charts and make every Secret."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from k8s.validate import known
from k8s.validate.dockerfile import DOCKERFILE
from k8s.validate.files import text_of, until_unreadable
from k8s.validate.network import CHARTS, Chart, charts_of

GUIDE = "k8s/README.md"
INGRESS = "k8s/base/ingress.yaml"
MOST_COMMANDS = 10

PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "curl": (),
    "docker": ("run",),
    "helm": ("install",),
    "kind": ("load",),
    "kubectl": ("apply", "create", "port-forward", "wait"),
    "make": (),
    "openssl": ("rand",),
    "tail": (),
}
"""What the commands run, and what each of the programs is asked to do; other words are misspelt."""

STARTED = re.compile(r"(?:^|&& |\| |\$\(|\{ )([a-z]\S*)(?: --namespace \S+)? (\S+)")
"""A program and its first word."""


def check_guide(root: Path) -> Iterator[str]:
    yield from until_unreadable(_check_commands(root))


def _check_commands(root: Path) -> Iterator[str]:
    text = text_of(root, GUIDE)
    commands = [line for block in blocks_of(text) for line in block]
    charts = charts_of(root)
    for chart in charts:
        yield from _wrong_chart(chart, commands, root)
    yield from _wrong_programs(commands)
    first = next(
        (block for block in blocks_of(text) if block and block[0].startswith("make image")), []
    )
    if not 0 < len(first) <= MOST_COMMANDS:
        yield f"{GUIDE}: {len(first)} commands to a routed request; expected 1 to {MOST_COMMANDS}"
    yield from _wrong_secrets(first, charts)
    yield from _wrong_calls("\n".join(first), text_of(root, INGRESS))
    for overlay in re.findall(r"kubectl apply -k (\S+)", text):
        if not (root / overlay / "kustomization.yaml").is_file():
            yield f"{GUIDE}: there is no overlay {overlay}"
    makefile = text_of(root, "Makefile")
    build = f"docker build --file {DOCKERFILE} --tag {known.IMAGE} ."
    if f"\t{build}\n" not in makefile:
        yield f"Makefile: image: expected {build}"
    for target in re.findall(r"\bmake (?:-s )?([a-z][a-z0-9-]+)", "\n".join(commands)):
        if f"\n{target}:" not in makefile:
            yield f"{GUIDE}: there is no target {target}"


def _wrong_programs(commands: list[str]) -> Iterator[str]:
    for program, word in (found for line in commands for found in STARTED.findall(line)):
        if program not in PROGRAMS:
            yield f"{GUIDE}: {program} is none of the programs used here: {', '.join(PROGRAMS)}"
        elif PROGRAMS[program] and word not in PROGRAMS[program]:
            yield f"{GUIDE}: {program} {word}: expected {program} {' or '.join(PROGRAMS[program])}"


def _wrong_secrets(commands: list[str], charts: Sequence[Chart]) -> Iterator[str]:
    """Every Secret with every key, and addresses of what the charts install."""
    expected = {(name, key) for name, keys in known.SECRETS.items() for key in keys}
    made: set[tuple[str, str]] = set()
    installed = {f"{one.service}.{one.namespace}:{one.port}" for one in charts if one.port}
    for line in commands:
        named = re.search(r"create secret generic (\S+)", line)
        for key, value in re.findall(r"--from-literal=(\w+)=(\S+)", line):
            made.add((named[1] if named else "", key))
            address = value.rpartition("//")[2].partition("/")[0]
            if key.endswith("__URL") and address not in installed:
                yield f"{GUIDE}: {key}={value}: expected one of {sorted(installed)}"
    for name, key in sorted(expected - made):
        yield f"{GUIDE}: no command makes the secret key {key} of {name}"
    for name, key in sorted(made - expected):
        yield f"{GUIDE}: {key} of {name} is read by nothing; expected {sorted(expected)}"


def _wrong_calls(commands: str, ingress: str) -> Iterator[str]:
    """The image, the command line, the Service and the path that are called are there."""
    for image in re.findall(r"\bturnout:\S+", commands):
        if image != known.IMAGE:
            yield f"{GUIDE}: image {image}; expected {known.IMAGE}"
    for name in re.findall(r"docker run .*? turnout:\S+ (\w+ \w+ \w+)", commands):
        if refused := known.command_error(name.split()):
            yield f"{GUIDE}: turnout {name}: {refused}"
    for name, port in re.findall(r"port-forward service/(\S+) \d+:(\d+)", commands):
        if f"kind: Service\nmetadata:\n  name: {name}\n" not in ingress:
            yield f"{GUIDE}: service/{name} is not in {INGRESS}"
        elif f"      port: {port}\n" not in ingress:
            yield f"{GUIDE}: service/{name} has no port {port}"
    for path in re.findall(r"http://127\.0\.0\.1:\d+(/\S+)", commands):
        if path not in known.ingress_paths():
            yield f"{GUIDE}: {path} is not served; expected one of {list(known.ingress_paths())}"


def blocks_of(text: str) -> list[list[str]]:
    """The commands of every block of code."""
    return [
        [line for line in block.splitlines() if line]
        for block in re.findall(r"^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    ]


def _wrong_chart(chart: Chart, commands: list[str], root: Path) -> Iterator[str]:
    if chart.values and not (root / "k8s/engines" / chart.values).is_file():
        yield f"{CHARTS}: {chart.release}: there is no file {chart.values}"
    found = [line for line in commands if f"helm install {chart.release} " in line]
    if not found:
        yield f"{GUIDE}: no command installs {chart.release} of {CHARTS}"
        return
    words = shlex.split(found[0].rpartition("helm install ")[2])
    if chart.repository.startswith("oci://"):
        expected = [chart.release, f"{chart.repository}/{chart.chart}"]
    else:
        expected = [chart.release, chart.chart, "--repo", chart.repository]
    expected += ["--version", chart.version, "--namespace", chart.namespace]
    told = [word for word in words if word != "--create-namespace"][: len(expected)]
    if told != expected:
        yield f"{GUIDE}: {' '.join(told)}; expected {' '.join(expected)} as in {CHARTS}"
    if chart.values and f"--values k8s/engines/{chart.values}" not in found[0]:
        yield f"{GUIDE}: helm install {chart.release}: expected --values k8s/engines/{chart.values}"
