"""What a turn's tools and its thread say of its kind."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.learn.sample_tables import write, write_turns
from turnout.learn.kind_evidence import (
    DOINGS,
    Doing,
    Turn,
    doings,
    kept_kinds,
    shares_of_doings,
    threads_of,
    turns_of,
    with_tools,
)
from turnout.learn.kind_labels import Label, TurnKey
from turnout.learn.kinds import main
from turnout.learn.parquet import load_table
from turnout.learn.task_kinds import KINDS
from turnout.policy.request import TaskKind


def key(turn: int, thread: str = "t") -> TurnKey:
    return "r", "s", thread, turn


def label(turn: int, kind: TaskKind, session: str = "s") -> Label:
    return Label(
        repo="r",
        session=session,
        thread="t",
        turn=turn,
        is_subagent=False,
        is_first=turn == 0,
        passes=(kind, kind),
        kind=kind,
    )


def write_tools(directory: Path, rows: list[tuple[int, str, str]]) -> None:
    columns: dict[str, list[object]] = {
        "repo": ["r" for _ in rows],
        "session": ["s" for _ in rows],
        "thread": ["t" for _ in rows],
        "turn": [turn for turn, _, _ in rows],
        "tool": [tool for _, tool, _ in rows],
        "command_kind": [command for _, _, command in rows],
    }
    write(directory, "trace_tools", columns)


@pytest.mark.parametrize(
    ("calls", "done"),
    [
        ([("Read", ""), ("Edit", ""), ("WebFetch", "")], "edits"),
        ([("exec_command", "test"), ("apply_patch", "")], "edits"),
        ([("Read", ""), ("WebSearch", "")], "web"),
        ([("Bash", "vcs"), ("Bash", "test")], "git"),
        ([("Bash", "vcs"), ("Read", ""), ("Grep", "")], "reads"),
        ([("exec_command", "search/read"), ("Bash", "build")], "reads"),
        ([("Bash", "test")], "runs"),
    ],
)
def test_what_a_turn_did(tmp_path: Path, calls: list[tuple[str, str]], done: Doing) -> None:
    write_tools(tmp_path, [(4, tool, command) for tool, command in calls])
    assert doings(load_table(tmp_path, "trace_tools")) == {key(4): done}


def test_a_turn_begins_with_the_gap_before_its_first_call(tmp_path: Path) -> None:
    calls: dict[str, list[object]] = {
        "repo": ["r"] * 3,
        "session": ["s"] * 3,
        "thread": ["t"] * 3,
        "turn": [0, 1, 1],
        "step_in_turn": [0, 0, 1],
        "gap_s": [None, 4_000.0, 9.0],
        "compacted": [0, 0, 1],
    }
    write(tmp_path, "trace_calls", calls)
    assert turns_of(load_table(tmp_path, "trace_calls")) == {
        key(0): Turn(idle_seconds=0.0, is_cut=False),
        key(1): Turn(idle_seconds=4_000.0, is_cut=True),
    }


def test_tools_move_a_text_that_is_undecided_and_no_other() -> None:
    labels = [label(turn, "feature" if turn < 20 else "explore") for turn in range(40)]
    done: dict[TurnKey, Doing] = {key(turn): "edits" for turn in range(20)}
    shares = shares_of_doings(labels, done)
    assert shares.sum(axis=1) == pytest.approx(np.ones(len(KINDS)))
    scores = np.full(len(KINDS), -1, dtype=np.float32)
    scores[KINDS.index("feature")] = scores[KINDS.index("explore")] = 0.1
    assert with_tools(scores, shares, "edits") == "feature"
    assert with_tools(scores, shares, "nothing") == "explore"
    scores[KINDS.index("docs")] = 5
    assert {with_tools(scores, shares, doing) for doing in DOINGS} == {"docs"}


STILL = Turn(idle_seconds=10.0, is_cut=False)


@pytest.mark.parametrize(
    ("said", "turns", "kept"),
    [
        (("docs", "tests"), (STILL, STILL), ("docs", "docs")),
        (("other", "tests", "docs"), (STILL, STILL, STILL), ("other", "tests", "tests")),
        (("docs", "tests"), (STILL, Turn(4_000.0, is_cut=False)), ("docs", "tests")),
        (("docs", "other"), (STILL, Turn(4_000.0, is_cut=False)), ("docs", "docs")),
        (("docs", "tests"), (Turn(10.0, is_cut=True), STILL), ("docs", "tests")),
    ],
)
def test_a_thread_keeps_its_kind_while_it_is_warm(
    said: tuple[TaskKind, ...], turns: tuple[Turn, ...], kept: tuple[TaskKind, ...]
) -> None:
    keys = [key(turn) for turn in range(len(said))]
    found = kept_kinds(
        keys,
        dict(zip(keys, said, strict=True)),
        dict(zip(keys, turns, strict=True)),
        is_subagent=False,
    )
    assert tuple(found.values()) == kept


def test_a_subagent_is_cold_sooner() -> None:
    said: dict[TurnKey, TaskKind] = {key(0): "docs", key(1): "tests"}
    turns = {key(1): Turn(idle_seconds=400.0, is_cut=False)}
    for is_subagent, last in ((True, "tests"), (False, "docs")):
        assert kept_kinds(list(said), said, turns, is_subagent=is_subagent)[key(1)] == last


def test_only_threads_with_a_label_are_read_and_all_of_their_turns() -> None:
    every = {key(2): "b", key(0): "a", key(0, "else"): "c"}
    assert threads_of([label(2, "docs")], every) == [[key(0), key(2)]]


def test_the_command_says_what_tools_and_threads_add(
    tmp_path: Path, embedder_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_turns(tmp_path, ["fix the crash in the parser"] * 50)
    write_tools(tmp_path, [(0, "Edit", "")])
    calls = {name: ["r"] for name in ("repo", "session", "thread")}
    numbers = {name: [0.0] for name in ("turn", "step_in_turn", "gap_s", "compacted")}
    write(tmp_path, "trace_calls", {**calls, **numbers})
    labels = tmp_path / "labels.json"
    all_labels = [label(0, "bug_fix", f"s{number}") for number in range(50)]
    labels.write_bytes(msgspec.json.encode(all_labels))
    held = sum(one.half == "held_out" for one in all_labels)
    arguments = ["--traces", str(tmp_path), "--labels", str(labels), "--evidence"]
    assert main([*arguments, "--embedder", str(embedder_root)]) == 0
    printed = capsys.readouterr().out
    assert "with what its tools did: 1.000 (0.8" in printed
    assert f"of {held}; right only with them 0, only without 0" in printed
    assert "by what their thread was about: none" in printed
