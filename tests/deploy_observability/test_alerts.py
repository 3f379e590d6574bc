"""Every alert parses, fires, stays silent, and has a heading in the runbook."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import pytest

from tests.deploy_observability.promtool import promtool
from turnout.settings import variables
from turnout.telemetry.queries import load_queries

ROOT: Final = Path(__file__).parent.parent.parent
PROMETHEUS: Final = ROOT / "deploy" / "prometheus"
RUNBOOK: Final = (PROMETHEUS / "RUNBOOK.md").read_text(encoding="utf-8")


class Rule(msgspec.Struct, frozen=True):
    expr: str
    alert: str = ""
    record: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class Group(msgspec.Struct, frozen=True):
    name: str
    rules: list[Rule]


class Rules(msgspec.Struct, frozen=True):
    groups: list[Group]


class Expected(msgspec.Struct, frozen=True):
    alertname: str
    exp_alerts: list[object]


class Case(msgspec.Struct, frozen=True):
    name: str
    alert_rule_test: list[Expected] = []
    promql_expr_test: list[object] = []


class Cases(msgspec.Struct, frozen=True):
    tests: list[Case]


def rules_of(name: str) -> list[Rule]:
    read = msgspec.yaml.decode((PROMETHEUS / name).read_bytes(), type=Rules)
    return [rule for group in read.groups for rule in group.rules]


def sections(text: str) -> Iterator[tuple[str, str]]:
    """Each heading of the runbook with what stands below it."""
    for part in text.split("\n## ")[1:]:
        heading, _, body = part.partition("\n")
        yield heading, body


CASES: Final = ("alerts_test.yaml", "alerts_days_test.yaml")
ALERTS: Final = {rule.alert: rule for rule in rules_of("alerts.yaml")}


def test_prometheus_takes_the_rules_and_the_configuration() -> None:
    promtool("check", "rules", "--lint-fatal", "alerts.yaml", "recording.yaml", cwd=PROMETHEUS)
    promtool("check", "config", "prometheus.yml", cwd=PROMETHEUS)


@pytest.mark.parametrize("name", CASES)
def test_alerts_fire_and_stay_silent_as_their_cases_say(name: str) -> None:
    said = promtool("test", "rules", name, cwd=PROMETHEUS)

    assert "SUCCESS" in said


def test_every_alert_has_a_case_that_fires_and_one_that_does_not() -> None:
    cases = [
        case
        for name in CASES
        for case in msgspec.yaml.decode((PROMETHEUS / name).read_bytes(), type=Cases).tests
    ]
    expected = [one for case in cases for one in case.alert_rule_test]

    assert {one.alertname for one in expected if one.exp_alerts} == set(ALERTS)
    assert {one.alertname for one in expected if not one.exp_alerts} == set(ALERTS)
    for case in cases:
        assert case.alert_rule_test or case.promql_expr_test, case.name


@pytest.mark.parametrize("alert", ALERTS.values(), ids=list(ALERTS))
def test_an_alert_says_what_is_wrong_how_bad_and_where_to_read_on(alert: Rule) -> None:
    assert alert.labels.get("severity") in {"critical", "warning"}
    assert alert.annotations["summary"].endswith(".")
    file, _, anchor = alert.annotations["runbook"].partition("#")
    assert (PROMETHEUS / file).is_file()
    assert anchor == alert.alert.lower()


def test_the_runbook_has_a_heading_for_each_alert_and_no_other() -> None:
    assert [heading for heading, _ in sections(RUNBOOK)] == list(ALERTS)
    for heading, body in sections(RUNBOOK):
        assert "\nLook: " in body, heading
        assert "\nDo: " in body, heading


def test_the_runbook_names_what_exists() -> None:
    known = {*variables(), "TURNOUT_<SERVICE>__METRICS_PORT"}
    for pattern, existing in (
        (r"`(TURNOUT_[A-Z_<>]+__[A-Z_]+)`", known),
        (r"`turnout sql (\w+)`", set(load_queries())),
        (r"\bTurnout[A-Z]\w+", set(ALERTS)),
    ):
        named = set(re.findall(pattern, RUNBOOK))
        assert named, pattern
        assert named - existing == set()
