"""Fitting on traces of a few calls whose figures are counted by hand."""

import importlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from turnout.demo import fit
from turnout.demo.shapes import parse_shapes
from turnout.errors import InvalidRequest

START = datetime(2026, 1, 1, tzinfo=UTC)


def call(idx: int, **told: object) -> dict[str, object]:
    return {
        "repo": "r",
        "agent": "claude-code",
        "session": "s",
        "thread": "main",
        "is_subagent": False,
        "turn": 0,
        "step_in_turn": idx,
        "ts": START + timedelta(seconds=10 * idx),
        "model": "m",
        "idx": idx,
        "gap_s": 5.0 if idx else None,
        "ctx": 10_000.0 + 500 * idx,
        "output_tokens": 100.0,
        "usage_complete": True,
        "compacted": 0,
        "prev_tool_errors": 0,
        "cache_read": 0.0,
        "tools": "Read|Read",
        "license": "MIT",
        **told,
    }


CODEX = call(0, agent="codex", session="c", tools="exec_command")
CALLS = [
    call(0),
    call(1, prev_tool_errors=1),
    call(2, turn=1, step_in_turn=0, gap_s=60.0, tools=""),
    call(3, turn=1, step_in_turn=1, compacted=1, ctx=5_500.0),
    CODEX,
]


def write(directory: Path, calls: list[dict[str, object]]) -> None:
    pyarrow = importlib.import_module("pyarrow")
    parquet = importlib.import_module("pyarrow.parquet")
    events = [{"repo": "r", "session": "s", "kind": "interrupt"}]
    for name, rows in (("trace_calls", calls), ("trace_events", events)):
        parquet.write_table(pyarrow.Table.from_pylist(rows), directory / f"{name}.parquet")


def test_figures_are_those_of_the_calls(tmp_path: Path) -> None:
    write(tmp_path, CALLS)
    shape = fit.fit(tmp_path).shapes["claude_code"]
    assert (shape.sessions, shape.calls) == (1, 4)
    assert (shape.turns.mean, shape.steps.mean) == (2, 2)
    assert shape.first_prompt.mean == 10_000
    assert (shape.step_growth.mean, shape.turn_growth.mean) == (500, 500)
    assert (shape.tool_seconds.mean, shape.idle_seconds.mean) == (5, 60)
    assert shape.tools.mean == 2
    assert shape.tool_names == (("Read", 1.0),)
    assert shape.tool_error_share == 0.25
    assert shape.interrupt_share == 0.25
    assert shape.compaction_share == 0.25
    assert shape.compacted_prompt.mean == 0.5


def test_a_call_that_was_copied_counts_once(tmp_path: Path) -> None:
    write(tmp_path, [*CALLS, {**CALLS[0], "session": "copy", "idx": 9}])
    assert fit.fit(tmp_path).shapes["claude_code"].calls == 4


def test_a_subagent_in_a_session_of_its_own_belongs_to_somebody(tmp_path: Path) -> None:
    write(tmp_path, [*CALLS, {**CODEX, "session": "d", "is_subagent": True, "model": "n"}])
    shape = fit.fit(tmp_path).shapes["codex"]
    assert (shape.subagents.count, shape.subagents.mean) == (1, 1)


def test_writes_what_is_read(tmp_path: Path) -> None:
    write(tmp_path, CALLS)
    out = tmp_path / "shapes.json"
    assert fit.main([str(tmp_path), "--out", str(out)]) == 0
    assert parse_shapes(out.read_bytes()).provenance.newest_call == "2026-01-01"


def test_says_which_file_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fit.main([str(tmp_path)]) == 1
    assert "trace_calls.parquet" in capsys.readouterr().err


def test_an_agent_without_calls_is_said(tmp_path: Path) -> None:
    write(tmp_path, [CODEX])
    with pytest.raises(InvalidRequest, match="no calls of claude_code"):
        fit.fit(tmp_path)
