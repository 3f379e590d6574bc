"""The dashboards are well formed, complete, and what the script writes."""

import re
from itertools import combinations
from typing import get_args

import msgspec
import pytest

from deploy.grafana.build import DASHBOARDS, DIRECTORY
from deploy.grafana.layout import COLUMNS, PLUGINS, Unit
from tests.deploy_observability.dashboards import GRAFANA, DashboardFile, asked, dashboards
from tests.deploy_observability.promql import names_in
from turnout.reference import tables

FILES = dashboards()
EACH = pytest.mark.parametrize("dashboard", FILES.values(), ids=list(FILES))


class _DataSource(msgspec.Struct, frozen=True):
    uid: str
    type: str


class _DataSources(msgspec.Struct, frozen=True):
    datasources: list[_DataSource]


def test_the_files_are_what_the_script_writes() -> None:
    assert sorted(FILES) == sorted(DASHBOARDS)
    for name, dashboard in DASHBOARDS.items():
        written = (DIRECTORY / name).read_text(encoding="utf-8")
        assert written == dashboard.text(), "run python -m deploy.grafana.build"


def test_no_two_dashboards_have_one_address() -> None:
    assert len({dashboard.uid for dashboard in FILES.values()}) == len(FILES)
    for dashboard in FILES.values():
        assert re.fullmatch(r"[a-z-]{1,40}", dashboard.uid)


@EACH
def test_panels_are_told_apart_and_lie_beside_each_other(dashboard: DashboardFile) -> None:
    panels = dashboard.panels
    assert len({panel.id for panel in panels}) == len(panels)
    for panel in panels:
        place = panel.grid_pos
        assert place.x >= 0 and place.w > 0 and place.h > 0, panel.title
        assert place.x + place.w <= COLUMNS, panel.title
    for one, other in combinations([panel.grid_pos for panel in panels], 2):
        beside = one.x + one.w <= other.x or other.x + other.w <= one.x
        above = one.y + one.h <= other.y or other.y + other.h <= one.y
        assert beside or above, (one, other)


@EACH
def test_panels_say_what_they_show_and_in_which_unit(dashboard: DashboardFile) -> None:
    units = set(get_args(Unit))
    for panel in dashboard.panels:
        if panel.type == "row":
            assert not panel.targets
            continue
        assert panel.description.endswith("."), panel.title
        assert panel.field_config.defaults.unit in units, panel.title
        for override in panel.field_config.overrides:
            assert override.matcher.id == "byName"
            for property_ in override.properties:
                assert property_.value in units, panel.title
        letters = [target.ref_id for target in panel.targets]
        assert letters and len(set(letters)) == len(letters), panel.title


@EACH
def test_queries_name_a_source_that_can_be_chosen(dashboard: DashboardFile) -> None:
    chosen = {
        choice.name: choice.query
        for choice in dashboard.templating.list
        if choice.type == "datasource"
    }
    for panel in dashboard.panels:
        for target in panel.targets:
            name = target.datasource.uid.removeprefix("${").removesuffix("}")
            assert chosen[name] == target.datasource.type == PLUGINS[name]
            assert bool(target.expr) == (name == "prometheus")
            assert bool(target.raw_sql) == (name == "clickhouse")


def test_the_sources_that_are_set_up_are_those_that_are_asked_for() -> None:
    set_up = msgspec.yaml.decode(
        (GRAFANA / "provisioning" / "datasources" / "turnout.yaml").read_bytes(), type=_DataSources
    )
    assert {source.type for source in set_up.datasources} == set(PLUGINS.values())


def test_every_metric_is_on_a_dashboard() -> None:
    shown = {
        re.sub(r"_(bucket|count|sum)$", "", selector.name)
        for one in asked()
        if one.target.expr
        for selector in names_in(one.target.expr).selectors
    }
    documented = set(re.findall(r"`(turnout_\w+)`", tables()["metrics"]))
    assert documented - shown == set(), "give it a panel, in deploy/grafana/services.py for one"
