"""Whether more than a turn's own text tells its kind: what its tools did, what its thread is about.

Rules of this module: pure over tables; counted are held-out turns; what tools say of kinds is counted
on the half for fitting. Tools are seen of the whole turn, which a router sees after it only: an
upper bound of what they can tell.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

import msgspec
import numpy as np

from turnout.learn.kind_labels import Label, TurnKey
from turnout.learn.parquet import Table
from turnout.learn.task_kinds import KINDS
from turnout.policy.request import TaskKind
from turnout.scorer.onnx_encoder import Vector

Doing: TypeAlias = Literal["edits", "web", "git", "reads", "runs", "nothing"]
"""What a turn's tools did, the first that is true."""

DOINGS: Final[tuple[Doing, ...]] = ("edits", "web", "git", "reads", "runs", "nothing")

_EDITS: Final = frozenset({"edit", "multiedit", "notebookedit", "write", "apply_patch", "patch"})
_WEB: Final = frozenset({"websearch", "webfetch", "web_search", "web_search_call"})
_READS: Final = frozenset({"read", "grep", "glob", "ls", "list"})

SHARPNESS: Final = 2.0
"""Logits a point of a score: of 2, 3, 4 and 6 the one that lets tools help most."""
PRIOR: Final = 0.5
"""Turns of each kind that are taken to have done each thing."""

MAIN_SECONDS: Final = 3_600.0
SUBAGENT_SECONDS: Final = 300.0
"""Lifetimes by which a thread counts as warm: what Claude Code mostly pays for."""


class Turn(msgspec.Struct, frozen=True):
    """When a turn began, as its first call tells.

    Attributes:
        idle_seconds: before it.
        is_cut: a prompt of it was compacted.

    """

    idle_seconds: float
    is_cut: bool


def doings(tools: Table) -> dict[TurnKey, Doing]:
    """What each turn with a tool call did."""
    counts: dict[TurnKey, Counter[Doing]] = {}
    columns = zip(_keys(tools), tools.texts("tool"), tools.texts("command_kind"), strict=True)
    for key, tool, command in columns:
        counts.setdefault(key, Counter())[_doing(tool.lower(), command)] += 1
    return {key: _foremost(counted) for key, counted in counts.items()}


def turns_of(calls: Table) -> dict[TurnKey, Turn]:
    found: dict[TurnKey, Turn] = {}
    columns = zip(
        _keys(calls),
        calls.numbers("step_in_turn"),
        np.nan_to_num(calls.numbers("gap_s")),
        np.nan_to_num(calls.numbers("compacted")),
        strict=True,
    )
    for key, step, gap, cut in columns:
        known = found.get(key, Turn(idle_seconds=0.0, is_cut=False))
        found[key] = Turn(
            idle_seconds=float(gap) if step == 0 else known.idle_seconds,
            is_cut=known.is_cut or bool(cut > 0),
        )
    return found


def shares_of_doings(labels: Sequence[Label], done: Mapping[TurnKey, Doing]) -> Vector:
    """One row a kind: how often its turns do what."""
    counts = np.full((len(KINDS), len(DOINGS)), PRIOR)
    for label in labels:
        counts[KINDS.index(label.kind), DOINGS.index(done.get(label.key, "nothing"))] += 1
    shares = counts / counts.sum(axis=1, keepdims=True)
    return np.asarray(shares, dtype=np.float32)


def with_tools(scores: Vector, shares: Vector, doing: Doing) -> TaskKind:
    """The likeliest kind by text and tools."""
    logits = SHARPNESS * scores + np.log(shares[:, DOINGS.index(doing)])
    return KINDS[int(logits.argmax())]


def kept_kinds(
    thread: Sequence[TurnKey],
    said: Mapping[TurnKey, TaskKind],
    turns: Mapping[TurnKey, Turn],
    *,
    is_subagent: bool,
) -> dict[TurnKey, TaskKind]:
    """A thread's kind at each of its turns, by the rule of `policy.task_kind`."""
    kept: dict[TurnKey, TaskKind] = {}
    known: TaskKind = "other"
    lifetime = SUBAGENT_SECONDS if is_subagent else MAIN_SECONDS
    was_cut = False
    for key in thread:
        turn = turns.get(key, Turn(idle_seconds=0.0, is_cut=False))
        is_free = known == "other" or was_cut or turn.idle_seconds > lifetime
        if is_free and said[key] != "other":
            known = said[key]
        kept[key] = known
        was_cut = turn.is_cut
    return kept


def threads_of(labels: Sequence[Label], every: Mapping[TurnKey, str]) -> list[list[TurnKey]]:
    """The threads that hold a labelled turn, each with all of its turns in order."""
    wanted = {label.key[:3] for label in labels}
    threads: dict[tuple[str, str, str], list[TurnKey]] = {}
    for key in sorted(every):
        if key[:3] in wanted:
            threads.setdefault(key[:3], []).append(key)
    return list(threads.values())


def _keys(table: Table) -> list[TurnKey]:
    return [
        (repo, session, thread, int(turn))
        for repo, session, thread, turn in zip(
            table.texts("repo"),
            table.texts("session"),
            table.texts("thread"),
            np.nan_to_num(table.numbers("turn"), nan=-1.0),
            strict=True,
        )
    ]


def _doing(tool: str, command: str) -> Doing:
    if tool in _EDITS:
        return "edits"
    if tool in _WEB:
        return "web"
    if command == "vcs":
        return "git"
    return "reads" if tool in _READS or command == "search/read" else "runs"


def _foremost(counted: Counter[Doing]) -> Doing:
    for doing in ("edits", "web"):
        if counted[doing]:
            return doing
    if counted["git"] or counted["reads"]:
        return "git" if counted["git"] >= counted["reads"] else "reads"
    return "runs"
