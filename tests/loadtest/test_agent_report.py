"""What a run writes and what fails it, from results counted by hand."""

from pathlib import Path

import pytest

from loadtest import agent_report
from loadtest.agent_report import Plan, Result, Target
from loadtest.figures import Spread
from loadtest.samples import Sample
from loadtest.spans import SpanTime
from loadtest.stages import Rows, Stage
from tests.loadtest.written import rows


def sample(step: int, *, first: float, outcome: str = "answered", status: int = 200) -> Sample:
    return Sample(
        key=("1", "-1", str(step), "openai_chat"),
        dialect="openai_chat",
        kind="tools",
        status=status,
        outcome=outcome,
        error="",
        sent_at=1_000.0 + step,
        first_ms=first,
        total_ms=100.0,
        body_bytes=2_000,
    )


def plan(out: Path) -> Plan:
    return Plan(
        users=2,
        seconds=1,
        seed=1,
        longest=40,
        compression=100.0,
        first_ms=20.0,
        gap_ms=1.0,
        targets=("direct", "split"),
        url="",
        direct_url="",
        traced=0.1,
        scorers=1,
        terminate=(),
        kill=(),
        clickhouse="",
        key="",
        locust=Path("locust"),
        out=out,
    )


def results() -> list[Result]:
    direct = Result(Target("direct", "http://a"), [sample(0, first=20.0), sample(1, first=30.0)])
    split = Result(
        Target("split", "http://b", clickhouse="http://c"),
        [sample(0, first=25.0), sample(1, first=40.0)],
        stages=[Stage("  of it: decide (policy)", 2, 0.5, 0.6, 0.7)],
        spans=[
            SpanTime("scorer", "route", 2, Spread(4.0, 5.0, 6.0, 7.0), Spread(1.0, 2.0, 3.0, 3.5))
        ],
        rows=Rows(requests=2, degraded=0),
    )
    return [direct, split]


def test_the_files_hold_the_figures_under_their_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = results()
    agent_report.write(plan(tmp_path), found, agent_report.summaries_of(found))
    direct, split = rows(tmp_path / "summary.csv")
    assert (direct["target"], direct["requests"], direct["compared"]) == ("direct", "2", "0")
    assert (split["first_p50_ms"], split["first_longest_ms"]) == ("25.0", "40.0")
    assert (split["added_first_p50_ms"], split["added_first_p95_ms"]) == ("5.0", "10.0")
    assert (split["total_p99_ms"], split["added_total_p50_ms"]) == ("100.0", "0.0")
    (stage,) = rows(tmp_path / "stages.csv")
    assert (stage["target"], stage["stage"]) == ("split", "of it: decide (policy)")
    assert (stage["requests"], stage["p50_ms"], stage["p99_ms"]) == ("2", "0.500", "0.700")
    (span,) = rows(tmp_path / "spans.csv")
    assert (span["service"], span["span"], span["spans"]) == ("scorer", "route", "2")
    assert (span["own_p50_ms"], span["own_longest_ms"]) == ("1.0", "3.5")
    assert (span["whole_p50_ms"], span["whole_longest_ms"]) == ("4.0", "7.0")
    assert (tmp_path / "first_content.svg").read_text().startswith("<svg")
    written = capsys.readouterr().out
    assert all(path.name in written for path in tmp_path.iterdir())


def test_a_run_fails_by_a_request_that_failed_and_by_one_that_is_missing() -> None:
    found = results()
    assert agent_report.failures(found) == []
    found[1].samples.append(sample(2, first=1.0, outcome="error", status=503))
    assert agent_report.failures(found) == [
        "split: 1 requests failed",
        "split: 1 of 3 requests are not in ClickHouse",
    ]
