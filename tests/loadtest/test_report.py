"""Targets and the lines that say what became of them."""

import pytest

from loadtest.gateways import Name
from loadtest.growth import Growth
from loadtest.machine import Cpus
from loadtest.report import Least, Report, Resident
from loadtest.targets import Target
from loadtest.throughput import Case, Cell, Plan

CASE = Case(dialect="openai_chat", size="small", stream=False)


SENT = Case(dialect="openai_chat", size="60 kB", stream=False)


def cell(gateway: Name, per_second: float, *, case: Case = CASE, alone_p50_ms: float = 1.5) -> Cell:
    return Cell(
        gateway=gateway,
        case=case,
        round=0,
        per_second=per_second,
        p99_ms=2.0,
        cpu_ms=1.0,
        children_cpu_ms=None,
        alone_p50_ms=alone_p50_ms,
        errors=0,
    )


@pytest.fixture
def report() -> Report:
    return Report(
        plan=Plan(cases=(CASE,), rounds=1, seconds=1, alone_seconds=1, connections=1),
        python="3.11.2 (main) [GCC 12.2.0]",
        cpus=Cpus(gateway=0, load=1),
        engines="beside",
        names=("relay", "turnout"),
    )


@pytest.mark.parametrize(("ours", "verdict"), [(49.9, "NOT MET"), (50.0, "met")])
def test_half_of_the_relay_is_enough(report: Report, ours: float, verdict: str) -> None:
    report.cells.cells += [cell("relay", 100.0), cell("turnout", ours)]
    assert [target.line.rpartition(": ")[2] for target in report.targets()] == [verdict]


def test_another_baseline_has_its_own_bound(report: Report) -> None:
    split = Report(
        plan=report.plan,
        python=report.python,
        cpus=report.cpus,
        engines="beside",
        names=("chain", "split"),
        least=(Least("split", "chain", 0.5), Least("split", "litellm", 2.0)),
    )
    split.cells.cells += [cell("chain", 100.0), cell("split", 60.0), cell("litellm", 31.0)]
    assert [(target.limit, target.is_met) for target in split.targets()] == [
        (0.5, True),
        (2.0, False),
    ]
    assert split.lines()[0] == "python  3.11.2 (main) [GCC 12.2.0]"
    assert any("split/chain" in line for line in split.lines())


def test_peers_are_compared_where_agents_are(report: Report) -> None:
    """Portkey's requests/s, and what a gateway adds with one connection, at 60 kB alone."""
    peers = Report(
        plan=Plan(cases=(CASE, SENT), rounds=1, seconds=1, alone_seconds=1, connections=1),
        python=report.python,
        cpus=report.cpus,
        engines="beside",
        names=("direct", "turnout", "litellm", "portkey"),
    )
    for case in (CASE, SENT):
        peers.cells.cells += [
            cell("direct", 900.0, case=case, alone_p50_ms=1.0),
            cell("turnout", 100.0, case=case, alone_p50_ms=2.5),
            cell("litellm", 10.0, case=case, alone_p50_ms=6.0),
            cell("portkey", 60.0, case=case, alone_p50_ms=2.0),
        ]
    assert [
        (target.what, round(target.measured, 2), target.is_met) for target in peers.targets()
    ] == [
        ("requests/s of turnout by litellm, openai_chat small", 10.0, True),
        ("requests/s of turnout by litellm, openai_chat 60 kB", 10.0, True),
        ("requests/s of turnout by portkey, openai_chat 60 kB", 1.67, False),
        ("added p50 at one connection by litellm's, openai_chat 60 kB", 0.3, True),
        ("added p50 at one connection by portkey's, openai_chat 60 kB", 1.5, False),
    ]


def test_memory_may_grow_by_a_tenth(report: Report) -> None:
    report.growth = Growth(5_000, 200.0, 50_000, 220.0)
    assert [target.is_met for target in report.targets()] == [True]
    report.growth = Growth(5_000, 200.0, 50_000, 220.1)
    assert [target.is_met for target in report.targets()] == [False]
    assert any("after  50000 requests" in line for line in report.lines())


def test_a_target_without_figures_is_not_claimed(report: Report) -> None:
    report.cells.cells += [cell("relay", 100.0)]
    assert report.targets() == []
    assert report.lines()


def test_clickhouse_does_not_count_towards_memory(report: Report) -> None:
    report.resident = [
        Resident(process="turnout serve", mb=200, shared_out_mb=150, is_clickhouse=False),
        Resident(process="clickhouse", mb=400, shared_out_mb=400, is_clickhouse=True),
    ]
    assert [(target.measured, target.is_met) for target in report.targets()] == [
        (200, True),
        (150, True),
    ]


def test_a_line_names_measure_and_target() -> None:
    target = Target("Route p99", 51.234, "under", 50.0, " ms")
    assert target.line == "Route p99: 51.23 ms, target under 50 ms: NOT MET"
