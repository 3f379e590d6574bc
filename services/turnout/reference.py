"""The tables of the README that follow from code: settings, metrics, queries, token figures.

`python -m turnout.reference README.md` puts them in; a test compares, so that the README
cannot say what is not so.
"""

import sys
from pathlib import Path

from prometheus_client import CollectorRegistry

from turnout import __version__
from turnout.bus.metrics import BusMetrics
from turnout.catalog.token_families import FIGURES, TokenFigures
from turnout.observe.metrics import Metrics
from turnout.settings import variables
from turnout.telemetry.metrics import TelemetryMetrics
from turnout.telemetry.queries import load_queries
from turnout.variable import Variable

HEADINGS = {
    "settings": ("variable", "default", "means"),
    "metrics": ("metric", "means"),
    "queries": ("query", "answers"),
    "tokens": ("family", "measured on", "ratio", "bytes a token", "median error", "90 % below"),
}


def tables() -> dict[str, str]:
    """Each table's Markdown by the name of its place."""
    return {
        "settings": _table("settings", [_setting(one) for one in variables().values()]),
        "metrics": _table("metrics", _metrics()),
        "queries": _table(
            "queries", [(f"`{one.name}`", one.question) for one in load_queries().values()]
        ),
        "tokens": _table("tokens", [_family(*one) for one in FIGURES.items()]),
    }


def filled(text: str) -> str:
    """The text with every table in its place."""
    for name, table in tables().items():
        begin, end = f"<!-- {name} -->\n", "<!-- end -->"
        head, _, rest = text.partition(begin)
        _, _, tail = rest.partition(end)
        text = f"{head}{begin}{table}{end}{tail}"
    return text


def _table(name: str, rows: list[tuple[str, ...]]) -> str:
    headings = HEADINGS[name]
    lines = [" | ".join(headings), "|".join("---" for _ in headings)]
    lines += [" | ".join(row) for row in rows]
    return "".join(f"| {line} |\n" if "---" not in line else f"|{line}|\n" for line in lines)


def _setting(one: Variable) -> tuple[str, ...]:
    return (f"`{one.name}`", f"`{one.default}`" if one.default else "", one.meaning)


def _family(name: str, figures: TokenFigures) -> tuple[str, ...]:
    measured_on = f"{figures.files} files" if figures.files else "nothing"
    if figures.threads:
        measured_on = f"{figures.threads} threads, {figures.calls} calls"
    if figures.vocabulary != TokenFigures().vocabulary:
        measured_on = f"counted by {figures.vocabulary}"
    errors = (figures.median_error, figures.p90_error)
    return (
        name,
        measured_on,
        f"{figures.ratio:.2f}",
        f"{figures.bytes_per_token:.2f}",
        *("unknown" if error is None else f"{error:.1%}" for error in errors),
    )


def _metrics() -> list[tuple[str, ...]]:
    registry = CollectorRegistry()
    BusMetrics(registry)
    TelemetryMetrics(registry)
    ours = Metrics(version=__version__, service="", known_models=frozenset()).registry
    rows: list[tuple[str, ...]] = []
    for source in (ours, registry):
        for family in source.collect():
            if not family.name.startswith("turnout_"):
                continue  # the process's own, which differ between systems
            name = f"{family.name}_total" if family.type == "counter" else family.name
            rows.append((f"`{name}`", family.documentation))
    return sorted(rows)


if __name__ == "__main__":
    # With no file named this is an error, and not a file of our own that is written over.
    (named,) = sys.argv[1:]
    path = Path(named)
    path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
