"""The dashboards as Grafana would read them: the committed files, typed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

GRAFANA: Final = Path(__file__).parent.parent.parent / "deploy" / "grafana"


class Source(msgspec.Struct, frozen=True):
    type: str
    uid: str


class Target(msgspec.Struct, frozen=True, rename="camel"):
    ref_id: str
    datasource: Source
    expr: str = ""
    raw_sql: str = ""
    legend_format: str = ""
    format: str | int = ""


class Place(msgspec.Struct, frozen=True):
    x: int
    y: int
    w: int
    h: int


class Property(msgspec.Struct, frozen=True):
    id: str
    value: str


class Matcher(msgspec.Struct, frozen=True):
    id: str
    options: str


class Override(msgspec.Struct, frozen=True):
    matcher: Matcher
    properties: list[Property]


class Defaults(msgspec.Struct, frozen=True):
    unit: str = ""


class FieldConfig(msgspec.Struct, frozen=True):
    defaults: Defaults = Defaults()
    overrides: list[Override] = []


class PanelFile(msgspec.Struct, frozen=True, rename="camel"):
    id: int
    type: str
    title: str
    grid_pos: Place
    description: str = ""
    targets: list[Target] = []
    field_config: FieldConfig = FieldConfig()


class ChoiceQuery(msgspec.Struct, frozen=True, rename="camel"):
    raw_sql: str


class Choice(msgspec.Struct, frozen=True):
    name: str
    type: str
    query: str | ChoiceQuery


class Templating(msgspec.Struct, frozen=True):
    list: list[Choice]


class DashboardFile(msgspec.Struct, frozen=True, rename="camel"):
    uid: str
    title: str
    description: str
    schema_version: int
    tags: list[str]
    templating: Templating
    panels: list[PanelFile]


@dataclass(frozen=True, slots=True)
class Asked:
    """One query of a panel."""

    dashboard: str
    panel: PanelFile
    target: Target

    @property
    def place(self) -> str:
        return f"{self.dashboard}: {self.panel.title}: {self.target.ref_id}"


def dashboards() -> dict[str, DashboardFile]:
    return {
        path.name: msgspec.json.decode(path.read_bytes(), type=DashboardFile)
        for path in sorted((GRAFANA / "dashboards").glob("*.json"))
    }


def asked() -> Iterator[Asked]:
    for name, dashboard in dashboards().items():
        for panel in dashboard.panels:
            for target in panel.targets:
                yield Asked(name, panel, target)
