"""A table of recorded calls, row by row by difference from a plain one."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.learn.sample_tables import write

START = datetime(2026, 5, 1, tzinfo=UTC)


def row(idx: int = 0, **differences: object) -> dict[str, object]:
    """A call ten seconds after the one before, whose prompt has grown by a thousand tokens."""
    plain: dict[str, object] = {
        "repo": "r",
        "agent": "claude-code",
        "session": "s",
        "thread": "main",
        "is_subagent": False,
        "turn": 0,
        "step_in_turn": idx,
        "ts": START + timedelta(seconds=10 * idx),
        "ts_end": START + timedelta(seconds=10 * idx + 2),
        "model": "claude-opus-4-8",
        "cache_read": 10_000.0 + 1_000.0 * (idx - 1) if idx else 0.0,
        "cache_write_5m": 1_000.0 if idx else 10_000.0,
        "cache_write_1h": 0.0,
        "output_tokens": 100.0 + idx,
        "out_text_chars": 300,
        "out_think_chars": 0,
        "out_tool_chars": 0,
        "usage_complete": True,
        "tools": "Edit",
        "compacted": 0,
        "gap_s": 8.0 if idx else None,
        "ctx": 10_000.0 + 1_000.0 * idx,
        "idx": idx,
    }
    return plain | differences


def write_rows(directory: Path, *rows: dict[str, object]) -> None:
    write(directory, "trace_calls", {name: [one[name] for one in rows] for name in rows[0]})
