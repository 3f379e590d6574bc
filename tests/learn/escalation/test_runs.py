"""Threads out of the tables."""

from pathlib import Path

import pytest

from tests.learn.sample_tables import tool_row, write_calls, write_events, write_tools
from turnout.errors import InvalidRequest
from turnout.learn.escalation.runs import Thread, read_threads
from turnout.learn.parquet import load_table


def read(directory: Path) -> list[Thread]:
    return read_threads(
        *(load_table(directory, name) for name in ("trace_calls", "trace_tools", "trace_events"))
    )


def last(directory: Path, *rows: dict[str, object], corrected: tuple[int, ...] = ()) -> Thread:
    """The thread of session s9, ten calls long, with these tools."""
    write_calls(directory)
    write_tools(directory, *rows)
    write_events(directory, *corrected)
    return max(read(directory), key=lambda thread: len(thread.calls))


def test_a_call_is_red_where_anything_of_it_failed(tmp_path: Path) -> None:
    thread = last(
        tmp_path,
        tool_row(idx=0, pos=1, tests_failed=1, tests_passed=4, test_framework="go"),
        tool_row(idx=0, pos=2, tests_passed=2, test_framework="bun"),
        tool_row(idx=1, build_failed=True),
        tool_row(idx=2, tests_passed=2, tests_failed=0, test_framework="go"),
        # What finds nothing prints nothing.
        tool_row(idx=3, build_failed=False),
        tool_row(idx=4, tests_passed=0, tests_failed=0),
    )
    told = [(call.check, call.framework) for call in thread.calls[:5]]
    assert told == [("failed", "go"), ("failed", "build"), ("passed", "go"), ("", ""), ("", "")]


def test_what_tools_did_and_what_the_user_said(tmp_path: Path) -> None:
    thread = last(
        tmp_path,
        tool_row(idx=0, pos=2, tool="Edit", args_hash="x", target_hash="f", edit_chars=9),
        tool_row(idx=0, pos=1, tool="Read", args_hash="y", target_hash="g"),
        tool_row(idx=1, result_error=True, interrupted=True),
        corrected=(3,),
    )
    first, second, third, *_ = thread.calls
    assert first.used == ("Read:y", "Edit:x")
    assert first.edited == {"f"}
    assert (second.has_error, second.is_interrupted) == (True, True)
    assert [call.is_corrected for call in (first, second, third)] == [False, False, True]


@pytest.mark.parametrize(
    ("stop", "text", "tools", "ended"),
    [
        (None, 9.0, "", ""),
        ("tool_use", None, "Read", ""),
        ("end_turn", None, "", "empty"),
        (None, 0.0, "", "empty"),
        ("refusal", 9.0, "", "refused"),
        ("max_tokens", 9.0, "", "cut"),
        # Codex's effort stands there.
        ("xhigh", 9.0, "", ""),
    ],
)
def test_how_an_answer_ended(
    tmp_path: Path, stop: str | None, text: float | None, tools: str, ended: str
) -> None:
    write_calls(tmp_path, stop_reason=stop, out_text_chars=text, tools=tools)
    write_tools(tmp_path, tool_row())
    write_events(tmp_path)
    assert {call.ended for thread in read(tmp_path) for call in thread.calls} == {ended}


def test_an_idle_hour_is_a_window_and_the_first_call_none(tmp_path: Path) -> None:
    thread = last(tmp_path, tool_row())
    assert [call.is_window for call in thread.calls] == [False] * 9 + [True]


def test_calls_that_sessions_share_count_once(tmp_path: Path) -> None:
    write_calls(tmp_path, is_copied=True)
    write_tools(tmp_path, tool_row(tests_failed=1), tool_row(session="s9 resumed", tests_failed=1))
    write_events(tmp_path)
    threads = read(tmp_path)
    assert len(threads) == 10
    assert sum(call.check == "failed" for thread in threads for call in thread.calls) == 1


def test_a_table_without_rows_is_refused(tmp_path: Path) -> None:
    write_calls(tmp_path)
    write_tools(tmp_path, tool_row())
    write_events(tmp_path)
    calls = load_table(tmp_path, "trace_calls")
    (tmp_path / "trace_calls.parquet").unlink()
    with pytest.raises(InvalidRequest, match=r"trace_calls\.parquet cannot be read"):
        read(tmp_path)
    assert calls.rows == 55
