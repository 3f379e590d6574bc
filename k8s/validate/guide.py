"""k8s/README.md against what is here: its commands install the pinned charts and make every Secret."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from k8s.validate import known
from k8s.validate.network import Chart, charts_of

GUIDE = "k8s/README.md"
CHARTS = "k8s/engines/charts.yaml"
MOST_COMMANDS = 10


def check_guide(root: Path) -> Iterator[str]:
    text = (root / GUIDE).read_text(encoding="utf-8")
    commands = [line for block in blocks_of(text) for line in block]
    charts = charts_of(root / CHARTS)
    for chart in charts:
        yield from _wrong_chart(chart, commands, root)
    first = next((block for block in blocks_of(text) if block[0].startswith("make image")), [])
    if not 0 < len(first) <= MOST_COMMANDS:
        yield f"{GUIDE}: {len(first)} commands to a routed request; expected 1 to {MOST_COMMANDS}"
    made = set(re.findall(r"--from-literal=(\w+)=", "\n".join(first)))
    for name in sorted(known.SECRET_SAMPLES.keys() - made):
        yield f"{GUIDE}: no command makes the secret key {name}"
    for name in sorted(made - known.SECRET_SAMPLES.keys()):
        yield f"{GUIDE}: {name} is no secret; expected one of {sorted(known.SECRET_SAMPLES)}"
    for overlay in re.findall(r"kubectl apply -k (\S+)", text):
        if not (root / overlay / "kustomization.yaml").is_file():
            yield f"{GUIDE}: there is no overlay {overlay}"
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"\bmake (?:-s )?([a-z][a-z0-9-]+)", "\n".join(commands)):
        if f"\n{target}:" not in makefile:
            yield f"{GUIDE}: there is no target {target}"


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
