"""Fitting tokens per character on made-up calls whose ratio is known."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.learn.sample_tables import write
from turnout.errors import InvalidRequest
from turnout.learn.parquet import load_table
from turnout.learn.token_ratios import (
    FamilyRow,
    lines_of,
    main,
    measure_sources,
    rows_of,
    runs_of,
)

START = datetime(2026, 5, 1, tzinfo=UTC)
PER_TOKEN = {"gpt-5.5": 4.0, "claude-opus-4-6": 3.2, "claude-opus-4-8": 2.5}
PER_CALL = 40
OUTPUT = 300

COLUMNS = (
    "repo",
    "session",
    "thread",
    "agent",
    "model",
    "idx",
    "turn",
    "ts",
    "ctx",
    "output_tokens",
    "usage_complete",
    "compacted",
    "has_image",
    "new_input_chars",
    "cache_read",
)


def calls_of(model: str, thread: int, *, threads: int = 24, off: float = 0.0) -> list[list[object]]:
    """Twelve calls; `off` is how much more tokens this thread's texts have than others'."""
    agent = "codex" if model.startswith("gpt") else "claude-code"
    rows: list[list[object]] = []
    prompt = 10_000.0
    for step in range(12):
        characters = 2_000 + 137 * ((thread * 7 + step * 5) % threads)
        new = characters / PER_TOKEN[model] * (1 + off) + PER_CALL
        came = START + timedelta(minutes=thread * 60 + step)
        row = [
            "repo", f"{model}-{thread}", "main", agent, model, step, 0, came, prompt, OUTPUT,
            True, 0, 0, characters, prompt - 100,
        ]  # fmt: skip
        if agent == "claude-code":
            # What is new stands on the call that reads it.
            prompt += new + OUTPUT if step else 0.0
            row[8] = prompt
        else:
            prompt += new + OUTPUT
        rows.append(row)
    return rows


def written(directory: Path, rows: Iterable[list[object]]) -> Path:
    columns = dict(zip(COLUMNS, zip(*rows, strict=True), strict=True))
    write(directory, "trace_calls", columns)
    return directory


def fitted(directory: Path) -> dict[str, FamilyRow]:
    return {row.family: row for row in rows_of(runs_of(load_table(directory, "trace_calls")))}


def every_call(*, off: float = 0.0) -> list[list[object]]:
    return [
        row
        for model in PER_TOKEN
        for thread in range(24)
        for row in calls_of(model, thread, off=off if thread % 2 else -off)
    ]


def test_finds_the_ratios_that_the_calls_were_made_with(tmp_path: Path) -> None:
    rows = fitted(written(tmp_path, every_call()))
    for family, model in (("gpt-5", "gpt-5.5"), ("claude", "claude-opus-4-6")):
        learnt = rows[family].fit
        assert learnt is not None
        assert learnt.characters_per_token == pytest.approx(PER_TOKEN[model], rel=1e-3)
        assert learnt.tokens_per_call == pytest.approx(PER_CALL, rel=0.02)
        assert rows[family].threads == 24
        assert rows[family].calls == 24 * 11
    assert rows["gpt-5"].ratio == 1.0
    assert rows["claude"].ratio == pytest.approx(4.0 / 3.2, rel=1e-3)
    assert rows["claude-4.7"].ratio == pytest.approx(4.0 / 2.5, rel=1e-3)
    assert (rows["claude"].median_error or 0.0) < 1e-3


def test_the_error_is_that_of_threads_which_the_fit_has_not_seen(tmp_path: Path) -> None:
    rows = fitted(written(tmp_path, every_call(off=0.1)))
    error = rows["claude"].median_error
    assert error is not None
    assert 0.05 < error < 0.2


def test_a_family_without_calls_has_neither_ratio_nor_error(tmp_path: Path) -> None:
    row = fitted(written(tmp_path, every_call()))["gemini"]
    assert (row.fit, row.ratio, row.median_error, row.p90_error) == (None, 1.0, None, None)


def test_calls_copied_between_sessions_count_once(tmp_path: Path) -> None:
    calls = every_call()
    copies = [[one[0], f"copy of {one[1]}", *one[2:]] for one in calls]
    assert fitted(written(tmp_path, [*calls, *copies]))["claude"].threads == 24


@pytest.mark.parametrize(("column", "value"), [("compacted", 1), ("has_image", 1), ("turn", 9)])
def test_a_run_ends_where_a_prompt_is_not_the_one_before_and_more(
    tmp_path: Path, column: str, value: int
) -> None:
    calls = every_call()
    for call in calls:
        if call[COLUMNS.index("idx")] == 6:
            call[COLUMNS.index(column)] = value
    rows = fitted(written(tmp_path, calls))
    assert rows["claude"].calls < 24 * 11
    assert rows["claude"].ratio == pytest.approx(4.0 / 3.2, rel=1e-3)


def test_without_the_base_there_is_no_ratio(tmp_path: Path) -> None:
    calls = [row for thread in range(24) for row in calls_of("claude-opus-4-6", thread)]
    with pytest.raises(InvalidRequest, match="gpt-5 models"):
        fitted(written(tmp_path, calls))


def test_sources_are_counted_by_every_vocabulary(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("hello world")
    (tmp_path / "b.bin").write_text("not read")
    sources = measure_sources(tmp_path, lambda texts, encoding, threads: [2 for _ in texts])
    assert (sources.files, sources.characters, sources.json_bytes) == (1, 11, 13)
    assert sources.characters_per_token("o200k_base") == 5.5
    with pytest.raises(InvalidRequest, match="no source files"):
        measure_sources(tmp_path / "none", lambda texts, encoding, threads: [])


def test_the_table_says_what_is_known_and_what_is_not(tmp_path: Path) -> None:
    data = written(tmp_path, every_call())
    (tmp_path / "a.py").write_text("hello world")
    sources = measure_sources(tmp_path, lambda texts, encoding, threads: [2 for _ in texts])
    rows = rows_of(runs_of(load_table(data, "trace_calls")))
    lines = {line.split()[0]: line for line in lines_of(rows, sources) if line}
    assert " 1.25 " in lines["claude"]
    assert "unknown" in lines["kimi"]


def test_the_command_prints_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("turnout: ")
    assert "cannot be read" in said
    written(tmp_path, every_call())
    assert main([str(tmp_path)]) == 0
    assert "claude-4.7" in capsys.readouterr().out
