"""Summaries of what users have seen, on requests counted by hand."""

import csv
from pathlib import Path

import pytest

from loadtest import samples
from loadtest.samples import COLUMNS, Sample


def sample(step: int, *, total: float = 100.0, first: float | None = 40.0, **told: str) -> Sample:
    return Sample(
        key=("1", "-1", str(step), "openai_chat"),
        dialect="openai_chat",
        kind="tools",
        status=200,
        outcome=told.get("outcome", "answered"),
        error=told.get("error", ""),
        sent_at=1_000.0 + step,
        first_ms=first,
        total_ms=total,
        body_bytes=2_000,
    )


def test_counts_and_latencies_are_of_their_own_kind() -> None:
    (told,) = samples.summarise(
        "embedded",
        [
            sample(0),
            sample(1, first=60.0),
            sample(2, first=9_000.0, outcome="error", error="late"),
            sample(3, first=5.0, outcome="disconnected"),
        ],
    )
    assert (told.requests, told.errors, told.disconnects) == (4, 1, 1)
    assert told.first is not None
    assert (told.first.p50, told.first.longest) == (40.0, 60.0)
    assert told.per_second == pytest.approx(4 / 3.1, abs=0.05)
    assert told.body_kb == 2.0
    assert told.added_first_p50 is None


def test_what_is_added_is_over_the_same_request() -> None:
    """One that only one of both targets answered is not compared."""
    direct = [sample(0, first=20.0), sample(1, first=50.0, outcome="error"), sample(2, first=30.0)]
    ours = [sample(0, first=25.0, total=107.0), sample(1), sample(2, first=45.0, total=109.0)]
    (told,) = samples.summarise("split", ours, direct)
    assert told.compared == 2
    assert (told.added_first_p50, told.added_first_p95) == (5.0, 15.0)
    assert told.added_total_p50 == 7.0


def test_errors_are_told_by_kind() -> None:
    failed = [sample(at, outcome="error", error="late") for at in range(3)]
    assert samples.errors([sample(9), *failed]) == ["3 x openai_chat: 200: late"]


def test_lines_of_several_workers_are_read_together(tmp_path: Path) -> None:
    row = ("1", "-1", "0", "openai_chat", "user", 200, "answered", "", "5.0", "", "12.5", "99")
    for name in ("run.csv", "run.csv.77"):
        with (tmp_path / name).open("w", newline="") as file:
            csv.writer(file).writerows((COLUMNS, row))
    found = samples.read_samples(tmp_path / "run.csv")
    assert [(one.first_ms, one.total_ms, one.body_bytes) for one in found] == [(None, 12.5, 99)] * 2
