"""What a Grafana dashboard is made of, and its JSON.

Rules: a panel says what it shows and in which unit; queries name their data source by a variable, so
that a dashboard works with whatever sources a Grafana has; panels flow from left to right over a grid
of 24 columns, and ids follow from the place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import msgspec

Json: TypeAlias = dict[str, object]

Unit: TypeAlias = Literal[
    "short", "s", "bytes", "currencyUSD", "percentunit", "reqps", "ops", "bool_on_off", "none"
]
"""Grafana's ids of units; `percentunit` shows a share of 1 as 100 %."""

Kind: TypeAlias = Literal["timeseries", "stat", "table"]

COLUMNS = 24
SCHEMA_VERSION = 39
"""Of Grafana 11; later ones migrate it when they load it."""

PLUGINS: Mapping[str, str] = {
    "prometheus": "prometheus",
    "clickhouse": "grafana-clickhouse-datasource",
}
"""The type of a data source by the name of the variable that picks it."""

_TABLE = 1
_TIME_SERIES = 0
"""Formats of the ClickHouse plugin."""


@dataclass(frozen=True, slots=True)
class PromQl:
    """A query of Prometheus. `instant` asks for the end of the range alone."""

    text: str
    legend: str = ""
    instant: bool = False

    def target(self, letter: str, kind: Kind) -> Json:
        return {
            "refId": letter,
            "datasource": _source("prometheus"),
            "editorMode": "code",
            "expr": self.text,
            "legendFormat": self.legend or "__auto",
            "instant": self.instant,
            "range": not self.instant,
            "format": "table" if kind == "table" else "time_series",
        }


@dataclass(frozen=True, slots=True)
class Sql:
    """A query of ClickHouse, with the macros of its plugin; a time series begins with `time`."""

    text: str

    def target(self, letter: str, kind: Kind) -> Json:
        is_series = kind == "timeseries"
        return {
            "refId": letter,
            "datasource": _source("clickhouse"),
            "editorType": "sql",
            "queryType": "timeseries" if is_series else "table",
            "format": _TIME_SERIES if is_series else _TABLE,
            "rawSql": self.text,
        }


Query: TypeAlias = PromQl | Sql


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture.

    Attributes:
        units: of columns of a table, where they differ from `unit`.
        stacked: series add up to a whole.
        warn_above: a stat above it is shown in red.

    """

    title: str
    description: str
    kind: Kind
    unit: Unit
    queries: Sequence[Query]
    width: int = 8
    height: int = 8
    units: Mapping[str, Unit] = field(default_factory=dict)
    stacked: bool = False
    warn_above: float | None = None

    def json(self, *, number: int, x: int, y: int) -> Json:
        return {
            "id": number,
            "title": self.title,
            "description": self.description,
            "type": self.kind,
            "datasource": self.queries[0].target("A", self.kind)["datasource"],
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "fieldConfig": {"defaults": self._defaults(), "overrides": self._overrides()},
            "options": self._options(),
            "targets": [
                query.target(chr(ord("A") + at), self.kind) for at, query in enumerate(self.queries)
            ],
        }

    def _defaults(self) -> Json:
        steps: list[Json] = [{"color": "green", "value": None}]
        if self.warn_above is not None:
            steps.append({"color": "red", "value": self.warn_above})
        defaults: Json = {
            "unit": self.unit,
            "thresholds": {"mode": "absolute", "steps": steps},
        }
        if self.kind == "timeseries":
            # A counter or a duration never lies below zero; a saving may.
            defaults["custom"] = {
                "drawStyle": "line",
                "fillOpacity": 30 if self.stacked else 8,
                "lineWidth": 1,
                "showPoints": "never",
                "stacking": {"mode": "normal" if self.stacked else "none", "group": "A"},
            }
        return defaults

    def _overrides(self) -> list[Json]:
        return [
            {
                "matcher": {"id": "byName", "options": name},
                "properties": [{"id": "unit", "value": unit}],
            }
            for name, unit in self.units.items()
        ]

    def _options(self) -> Json:
        match self.kind:
            case "timeseries":
                return {
                    "legend": {"displayMode": "list", "placement": "bottom", "calcs": []},
                    "tooltip": {"mode": "multi", "sort": "desc"},
                }
            case "stat":
                return {
                    "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
                    "colorMode": "value",
                    "graphMode": "none",
                    "textMode": "auto",
                }
            case "table":
                return {"showHeader": True, "cellHeight": "sm"}


@dataclass(frozen=True, slots=True)
class Section:
    """Panels under one heading."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice whose values a query of ClickHouse gives; several or all can be chosen."""

    name: str
    label: str
    query: Sql

    def json(self) -> Json:
        return {
            "name": self.name,
            "label": self.label,
            "type": "query",
            "datasource": _source("clickhouse"),
            "definition": self.query.text,
            "query": {"refId": "A", "editorType": "sql", "rawSql": self.query.text},
            "refresh": 2,
            "sort": 1,
            "multi": True,
            "includeAll": True,
            "current": {"text": ["All"], "value": ["$__all"]},
            "options": [],
            "hide": 0,
        }


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One page. `uid` is its address and never changes."""

    uid: str
    title: str
    description: str
    sections: Sequence[Section]
    sources: Sequence[str]
    variables: Sequence[Variable] = ()
    since: str = "now-6h"

    def json(self) -> Json:
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": ["turnout"],
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "editable": True,
            "graphTooltip": 1,
            "timezone": "browser",
            "refresh": "1m",
            "time": {"from": self.since, "to": "now"},
            "annotations": {"list": []},
            "links": [
                {
                    "title": "Turnout",
                    "type": "dashboards",
                    "tags": ["turnout"],
                    "asDropdown": True,
                    "keepTime": True,
                    "includeVars": True,
                }
            ],
            "templating": {
                "list": [
                    *(_source_variable(name) for name in self.sources),
                    *(variable.json() for variable in self.variables),
                ]
            },
            "panels": self._panels(),
        }

    def text(self) -> str:
        """The file that Grafana reads."""
        return msgspec.json.format(msgspec.json.encode(self.json()), indent=1).decode() + "\n"

    def _panels(self) -> list[Json]:
        placed: list[Json] = []
        top = 0
        for section in self.sections:
            placed.append(
                {
                    "id": len(placed) + 1,
                    "type": "row",
                    "title": section.title,
                    "collapsed": False,
                    "gridPos": {"x": 0, "y": top, "w": COLUMNS, "h": 1},
                    "panels": [],
                }
            )
            top += 1
            x = tallest = 0
            for panel in section.panels:
                if x + panel.width > COLUMNS:
                    top, x, tallest = top + tallest, 0, 0
                placed.append(panel.json(number=len(placed) + 1, x=x, y=top))
                x += panel.width
                tallest = max(tallest, panel.height)
            top += tallest
        return placed


def _source(name: str) -> Json:
    return {"type": PLUGINS[name], "uid": f"${{{name}}}"}


def _source_variable(name: str) -> Json:
    return {
        "name": name,
        "label": name.capitalize(),
        "type": "datasource",
        "query": PLUGINS[name],
        "current": {},
        "options": [],
        "refresh": 1,
        "regex": "",
        "multi": False,
        "includeAll": False,
        "hide": 0,
    }
