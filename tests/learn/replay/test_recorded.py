"""Recorded sessions, read from tables."""

import math
from pathlib import Path

import pytest

from tests.learn.replay.scenes import catalog
from tests.learn.replay.tables import row, write_rows
from turnout.errors import InvalidRequest
from turnout.learn.parquet import load_table
from turnout.learn.replay.recorded import Recorded, read_recorded
from turnout.policy.request import Harness

OTHER = row(0, output_tokens=7.0)
"""A call that is no copy of the first."""


def read(
    directory: Path, *rows: dict[str, object], harnesses: frozenset[Harness] = frozenset()
) -> Recorded:
    write_rows(directory, *rows)
    return read_recorded(load_table(directory, "trace_calls"), catalog(), harnesses=harnesses)


def test_a_thread_has_its_calls_in_order(tmp_path: Path) -> None:
    recorded = read(tmp_path, row(1), row(0), OTHER | {"thread": "sub1", "is_subagent": True})
    main, sub = recorded.threads
    assert [call.step.index for call in main.calls] == [0, 1]
    assert (main.harness, main.is_subagent, sub.is_subagent) == ("claude_code", False, True)
    first, second = main.calls
    assert (first.step.gap_seconds, second.step.gap_seconds) == (0.0, 8.0)
    assert (first.step.model, second.step.kept_tokens) == ("claude-opus-4-8", 10_000.0)
    assert recorded.left_out == {}


def test_a_copied_call_counts_once(tmp_path: Path) -> None:
    recorded = read(tmp_path, row(0), row(0, session="resumed"))
    assert recorded.call_count == 1
    assert recorded.left_out == {"copied from another session": 1}


def test_a_thread_with_a_model_that_has_no_price_is_left_out_whole(tmp_path: Path) -> None:
    recorded = read(tmp_path, row(0), row(1, model="nobody-knows-it"), OTHER | {"thread": "other"})
    assert [thread.name for thread in recorded.threads] == ["other"]
    assert recorded.left_out == {"of a thread with a model that has no price": 2}


@pytest.mark.parametrize("column", ["ctx", "idx"])
def test_a_thread_with_a_call_without_number_or_size_is_left_out_whole(
    tmp_path: Path, column: str
) -> None:
    recorded = read(tmp_path, row(0), row(1) | {column: None}, OTHER | {"thread": "other"})
    assert [thread.name for thread in recorded.threads] == ["other"]
    assert recorded.left_out == {"of a thread with a call without number or size": 2}


NO_COUNT = "a count of tokens below 0 or above 100,000,000"


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"ctx": -5.0}, NO_COUNT),
        ({"ctx": 1e15}, NO_COUNT),
        ({"ctx": math.inf}, NO_COUNT),
        ({"output_tokens": -7.0}, NO_COUNT),
        ({"output_tokens": math.inf}, NO_COUNT),
        ({"cache_read": -1.0}, NO_COUNT),
        ({"cache_write_1h": math.inf}, NO_COUNT),
        ({"gap_s": math.inf}, "a pause without end"),
        ({"idx": 0}, "calls of the same number"),
    ],
)
def test_a_thread_with_figures_that_cannot_be_is_left_out_whole(
    tmp_path: Path, told: dict[str, object], why: str
) -> None:
    recorded = read(tmp_path, row(0), row(1) | told, OTHER | {"thread": "other"})
    (other,) = recorded.threads
    assert other.name == "other"
    assert other.calls[0].answer.output_tokens == OTHER["output_tokens"]
    assert recorded.left_out == {f"of a thread with {why}": 2}


def test_other_harnesses_are_left_out_where_one_is_named(tmp_path: Path) -> None:
    rows = (row(0), row(0, session="t", agent="codex", model="gpt-5.5"))
    recorded = read(tmp_path, *rows, harnesses=frozenset({"codex"}))
    assert [thread.harness for thread in recorded.threads] == ["codex"]
    assert recorded.left_out == {"of another harness": 1}


@pytest.mark.parametrize(
    ("differences", "kept"),
    [
        ({}, 10_000.0),
        # A cache that had expired says nothing of the prompt.
        ({"gap_s": 400.0, "cache_read": 0.0}, 10_000.0),
        ({"cache_read": 6_000.0}, 6_000.0),
        ({"compacted": 1, "ctx": 9_500.0, "cache_read": 5_000.0}, 5_000.0),
        ({"ctx": 4_000.0, "cache_read": 3_000.0}, 3_000.0),
        ({"ctx": 9_000.0, "cache_read": 9_000.0}, 9_000.0),
    ],
)
def test_what_a_prompt_keeps_of_the_one_before(
    tmp_path: Path, differences: dict[str, object], kept: float
) -> None:
    recorded = read(tmp_path, row(0), row(1, **differences))
    assert recorded.threads[0].calls[1].step.kept_tokens == kept


def test_the_lifetime_is_that_of_the_newest_write(tmp_path: Path) -> None:
    nothing = {"cache_write_5m": 0.0, "cache_write_1h": 0.0}
    hour = {"cache_write_5m": 0.0, "cache_write_1h": 1_000.0}
    recorded = read(tmp_path, row(0, **nothing), row(1, **hour), row(2, **nothing), row(3))
    assert [call.step.lifetime for call in recorded.threads[0].calls] == ["5m", "1h", "1h", "5m"]


def test_the_size_of_an_answer_without_usage_is_told_by_its_characters(tmp_path: Path) -> None:
    whole = [
        row(idx, out_text_chars=100 * idx, output_tokens=50.0 + 40.0 * idx) for idx in range(60)
    ]
    placeholder = row(60, out_text_chars=500, output_tokens=1.0, usage_complete=False)
    recorded = read(tmp_path, *whole, placeholder)
    assert recorded.threads[0].calls[60].answer.output_tokens == pytest.approx(250.0)


def test_a_turn_that_ends_its_planning_is_planning_up_to_there(tmp_path: Path) -> None:
    planned = row(1, tools="Read|ExitPlanMode")
    recorded = read(tmp_path, row(0), planned, row(2), row(3, turn=1))
    planning = [call.step.is_planning for call in recorded.threads[0].calls]
    assert planning == [True, True, False, False]


@pytest.mark.parametrize(
    ("tools", "only_reads"),
    [("Read|Grep", True), ("Read|Edit", False), ("Bash", False), ("", False)],
)
def test_an_answer_only_reads_where_all_its_tools_do(
    tmp_path: Path, tools: str, only_reads: bool
) -> None:
    answer = read(tmp_path, row(0, tools=tools)).threads[0].calls[0].answer
    assert answer.only_reads == only_reads


def test_a_table_without_a_column_is_refused(tmp_path: Path) -> None:
    plain = row(0)
    del plain["ctx"]
    with pytest.raises(InvalidRequest, match=r"trace_calls.parquet has no column ctx"):
        read(tmp_path, plain)
