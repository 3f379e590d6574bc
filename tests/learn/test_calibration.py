"""`turnout calibration`: expected against found, by threads that were held out."""

from datetime import timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.learn.replay.tables import START, row, write_rows
from turnout.__main__ import main
from turnout.errors import InvalidRequest
from turnout.learn.calibration import FEW_CALLS, FOLDS, Calibration, calibrate, compare_pauses
from turnout.learn.hits import Returns, fit_hits
from turnout.learn.parquet import load_table
from turnout.learn.traces import read_calls


def returns(shares: list[float], *, gap: float = 30.0, first_thread: int = 0) -> Returns:
    """One return a thread to a prompt that Anthropic was asked to keep for five minutes."""
    count = len(shares)
    return Returns(
        thread=np.arange(first_thread, first_thread + count),
        provider=np.full(count, "anthropic"),
        lifetime_seconds=np.full(count, 300.0),
        gap_seconds=np.full(count, gap),
        bucket=np.full(count, 0 if gap <= 60 else 3),
        share=np.array(shares),
        tokens=np.full(count, 10_000.0),
    )


def overall(found: Calibration) -> float:
    return next(one.error for one in found.buckets if one.provider == "any")


def test_threads_that_are_alike_are_told_by_each_other() -> None:
    found = calibrate(returns([1.0, 0.8] * 10 * FOLDS * 4))
    assert found.worst_error < 0.01
    assert found.buckets[0].calls == 80 * FOLDS


def test_a_thread_is_not_told_by_itself() -> None:
    """Every fifth thread found nothing, and those are held out together."""
    alone = [float(number % FOLDS > 0) for number in range(400)]
    found = calibrate(returns(alone))
    assert found.buckets[0].found == pytest.approx(0.8)
    # Of the fifth all is expected, of the others three quarters.
    assert found.buckets[0].expected == pytest.approx(0.2 + 0.8 * 0.75, abs=0.01)
    told_apart = calibrate(returns([0.0] * 200, gap=30.0))
    assert overall(told_apart) < 0.02


def test_small_buckets_are_printed_and_not_judged() -> None:
    few = [float(number % FOLDS > 0) for number in range(FEW_CALLS - 1)]
    assert calibrate(returns(few)).worst_error == 0.0


def test_a_lifetime_with_few_returns_has_no_curve() -> None:
    assert fit_hits(returns([1.0] * 79)) == ()
    (curve,) = fit_hits(returns([1.0] * 80))
    assert curve.shares == (1.0,) * 8


def test_nothing_to_compare_is_said() -> None:
    with pytest.raises(InvalidRequest, match="comes back"):
        calibrate(returns([]))


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    write_rows(
        tmp_path,
        *(
            row(idx, session=f"s{number}", ts=START + timedelta(days=number, seconds=10 * idx))
            for number in range(FOLDS)
            for idx in range(6)
        ),
    )
    return tmp_path


def test_the_command(traces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibration", "--traces", str(traces)]) == 0
    printed = capsys.readouterr().out
    title, heads, first = printed.splitlines()[:3]
    assert title.startswith("Share of the last prompt found in the cache")
    assert heads.split()[:3] == ["provider", "lifetime", "gap"]
    assert "25" in first.split()
    assert "\nShare of answers after which nothing came for longer" in printed
    assert main(["calibration", "--traces", str(traces), "--json"]) == 0
    told = msgspec.json.decode(capsys.readouterr().out)
    assert told["hits"]["folds"] == FOLDS
    assert told["hits"]["buckets"][0]["calls"] == 25
    assert told["pauses"] == []


def test_pauses_are_told_by_other_threads(tmp_path: Path) -> None:
    """Of 51 threads of four calls each the last is one that nobody came back to."""
    calls = [
        row(idx, session=f"s{number:02}", ts=START + timedelta(days=number, hours=idx))
        for number in range(51)
        for idx in range(4)
    ]
    write_rows(tmp_path, *calls)
    found = compare_pauses(read_calls(load_table(tmp_path, "trace_calls")))
    assert {(one.harness, one.part, one.answers) for one in found} == {
        ("claude_code", "main", 204),
        ("claude_code", "main_goes_on", 204),
    }
    assert [one.found for one in found] == [0.25] * 6
    assert all(abs(one.expected - 0.25) < 0.01 for one in found)


def test_a_threads_own_pauses_are_not_expected(tmp_path: Path) -> None:
    calls = [
        row(
            idx,
            session=f"s{number:02}",
            ts=START + timedelta(days=number, hours=idx),
            gap_s=1_200.0 if idx and number % FOLDS == 0 else 8.0,
        )
        for number in range(50)
        for idx in range(5)
    ]
    write_rows(tmp_path, *calls)
    found = compare_pauses(read_calls(load_table(tmp_path, "trace_calls")))
    assert found[0].found == pytest.approx(0.2 + 0.2 * 0.8)
    # A fifth of the threads is told that nobody pauses, the rest that a quarter does.
    quarter = 0.2 + 0.8 * 0.25
    assert found[0].expected == pytest.approx(0.2 * 0.2 + 0.8 * quarter, abs=0.01)
