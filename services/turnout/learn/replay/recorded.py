"""Recorded sessions as a replay walks them: every call split into what was known when the request
arrived and what only its answer told.

Rules: a policy is given a `Step` before it decides and the `Answer` after it, so that none can read what
had not happened; calls that sessions share by copying count once; what is left out is counted and said.

What a prompt kept of the one before is not in the tables. It is the whole of it, except where the record
shows otherwise: after a compaction, and where a prompt that followed at once was not found in a cache that
holds for minutes (the system prompt or the tools had changed). A cache that had expired says nothing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import msgspec
import numpy as np

from turnout.catalog.catalog import Catalog
from turnout.catalog.models import WriteLifetime
from turnout.dialects.usage import OUTPUT_BYTES_PER_TOKEN
from turnout.learn.parquet import Numbers, Table
from turnout.learn.thread_kinds import ThreadName
from turnout.learn.traces import DROP_SHARE, HARNESSES, ordered_rows
from turnout.policy.request import Harness, TaskKind

AT_ONCE_SECONDS: Final = 240.0
"""Within it a cache of five minutes holds: what is not found then was not the same prompt."""

READING_TOOLS: Final = frozenset(
    {
        *("Read", "Grep", "Glob", "LS", "NotebookRead", "WebFetch", "WebSearch", "ToolSearch"),
        *("TaskList", "TaskGet", "BashOutput", "read_file", "list_directory", "glob", "grep"),
        *("search_file_content", "read_many_files", "web_fetch", "google_web_search", "list"),
    }
)
"""Tools that change nothing, of the harnesses in the tables."""

PLANNED: Final = "ExitPlanMode"
"""The tool with which Claude Code ends planning."""

LEAST_WHOLE_ROWS: Final = 50
"""Answers with whole usage from which the size of the others is told by their characters."""


MOST_TOKENS: Final = 1e8
"""Of one call: ten times the largest window that a model has had."""


class Step(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A request as it arrives.

    Attributes:
        thread: number of its thread.
        number: requests of the thread before it.
        index: the table's number of the call.
        at: unix seconds.
        gap_seconds: since the thread's last answer; 0 for the first request.
        model: the catalog's id of what was asked for.
        prompt_tokens: as the model asked for counts them.
        kept_tokens: of the prompt before, that this one begins with.
        head_tokens: of the first request of a thread: what it found that other threads had cached.
        lifetime: what the client had its prefix written with.
        is_planning: the user had the agent plan first, which Claude Code says in its request.
    """

    thread: int
    number: int
    index: int
    at: float
    gap_seconds: float
    model: str
    prompt_tokens: float
    kept_tokens: float
    head_tokens: float
    lifetime: WriteLifetime
    turn: int
    starts_turn: bool
    is_planning: bool


class Answer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the answer told.

    Attributes:
        at: unix seconds of its end.
        only_reads: it called tools, all of which change nothing.
        ends_turn: it called none.
    """

    at: float
    output_tokens: float
    only_reads: bool
    ends_turn: bool


class Call(msgspec.Struct, frozen=True, gc=False):
    step: Step
    answer: Answer


@dataclass(frozen=True, slots=True)
class Thread:
    """One growing prompt; the name is the table's.

    Attributes:
        task_kind: of what was typed first in it; other where that is not known.
    """

    repo: str
    session: str
    name: str
    harness: Harness
    is_subagent: bool
    calls: tuple[Call, ...]
    task_kind: TaskKind = "other"


@dataclass(frozen=True, slots=True)
class Recorded:
    """All threads.

    Attributes:
        left_out: calls that are not in them, by reason.
    """

    threads: tuple[Thread, ...]
    left_out: Mapping[str, int]

    @property
    def call_count(self) -> int:
        return sum(len(thread.calls) for thread in self.threads)


def read_recorded(
    table: Table, catalog: Catalog, *, harnesses: frozenset[Harness] = frozenset()
) -> Recorded:
    """Threads in the table's order, of all harnesses if none is named.

    A thread in which a model is asked for that the catalog has no price of is left out whole: it could
    be compared with nothing; so is one with a call whose figures are missing or cannot be. Raises `InvalidRequest`
    when the table is not as described.
    """
    rows = ordered_rows(table)
    columns = _Columns(table, catalog)
    left_out = Counter({"copied from another session": table.rows - len(rows)})
    threads: list[Thread] = []
    for first, last in _bounds([columns.name(row) for row in rows]):
        own = rows[first:last]
        harness = columns.harness(own[0])
        if harnesses and harness not in harnesses:
            left_out["of another harness"] += len(own)
            continue
        fault = _fault(columns, own)
        if fault:
            left_out[f"of a thread with {fault}"] += len(own)
            continue
        models = [columns.models[columns.written_models[row]] for row in own]
        if not all(models):
            left_out["of a thread with a model that has no price"] += len(own)
            continue
        threads.append(_thread(columns, own, number=len(threads)))
    return Recorded(tuple(threads), {why: count for why, count in left_out.items() if count})


def with_kinds(recorded: Recorded, kinds: Mapping[ThreadName, TaskKind]) -> Recorded:
    """The same threads, and what they are about."""
    return replace(
        recorded,
        threads=tuple(
            replace(one, task_kind=kinds.get((one.repo, one.session, one.name), "other"))
            for one in recorded.threads
        ),
    )


def _fault(columns: "_Columns", rows: Sequence[int]) -> str:
    """What makes a thread no record of anything; "" where nothing does."""
    index, prompt = columns.index[rows], columns.prompt[rows]
    if not (np.isfinite(index) & ~np.isnan(prompt)).all():
        return "a call without number or size"
    if len(set(index.tolist())) < len(rows):
        return "calls of the same number"
    counts = (prompt, columns.told_output[rows], columns.read[rows])
    writes = (columns.write_5m[rows], columns.write_1h[rows])
    if not all(_are_counts(one) for one in (*counts, *writes)):
        return f"a count of tokens below 0 or above {MOST_TOKENS:,.0f}"
    if not np.isfinite(columns.gap[rows]).all():
        return "a pause without end"
    return ""


def _are_counts(tokens: Numbers) -> bool:
    return bool(((tokens >= 0) & (tokens <= MOST_TOKENS)).all())


class _Columns:
    """The table's columns, as they are needed here."""

    def __init__(self, table: Table, catalog: Catalog) -> None:
        self.names = tuple(
            zip(*(table.texts(name) for name in ("repo", "session", "thread")), strict=True)
        )
        self.agents = table.texts("agent")
        self.written_models = table.texts("model")
        self.models = {name: _priced(catalog, name) for name in set(self.written_models)}
        self.tools = table.texts("tools")
        self.begun = [one.timestamp() for one in table.times("ts")]
        self.ended = [one.timestamp() for one in table.times("ts_end")]
        self.is_subagent = table.numbers("is_subagent")
        self.index = table.numbers("idx")
        self.turn = np.nan_to_num(table.numbers("turn"))
        self.step_in_turn = table.numbers("step_in_turn")
        self.gap = _or_nothing(table.numbers("gap_s"))
        self.prompt = table.numbers("ctx")
        self.read = _or_nothing(table.numbers("cache_read"))
        self.write_5m = _or_nothing(table.numbers("cache_write_5m"))
        self.write_1h = _or_nothing(table.numbers("cache_write_1h"))
        self.compacted = table.numbers("compacted") > 0
        self.told_output = _or_nothing(table.numbers("output_tokens"))
        self.output = output_tokens(table)

    def name(self, row: int) -> tuple[str, ...]:
        return self.names[row]

    def harness(self, row: int) -> Harness:
        return HARNESSES.get(self.agents[row], "unknown")


def _priced(catalog: Catalog, name: str) -> str:
    """The catalog's id; "" where it has no prices."""
    model = catalog.resolve(name)
    if model is None or model.prices.fresh_input is None or model.prices.output is None:
        return ""
    return model.id


def _or_nothing(figures: Numbers) -> Numbers:
    """0 where nothing is told; what is told as without end stays so, to be seen."""
    return np.where(np.isnan(figures), 0.0, figures)


def output_tokens(table: Table) -> Numbers:
    """Of each row; where the harness logged a placeholder, what its other answers with as many
    characters have, and where there are too few of them, what so many characters mostly are.
    """
    agents = np.array(table.texts("agent"))
    characters = sum(
        np.nan_to_num(table.numbers(name))
        for name in ("out_text_chars", "out_think_chars", "out_tool_chars")
    )
    output, is_whole = (
        np.nan_to_num(table.numbers("output_tokens")),
        table.numbers("usage_complete"),
    )
    terms = np.stack([np.ones(table.rows), np.broadcast_to(characters, table.rows)], axis=1)
    found = output.copy()
    for agent in np.unique(agents):
        own = agents == agent
        # One count that cannot be would bend the line that all others are told by.
        can_be = (output >= 0) & (output <= MOST_TOKENS)
        whole, rest = own & (is_whole > 0) & can_be, own & ~(is_whole > 0)
        if whole.sum() < LEAST_WHOLE_ROWS:
            found[rest] = np.maximum(output[rest], terms[rest, 1] / OUTPUT_BYTES_PER_TOKEN)
            continue
        fitted = np.linalg.lstsq(terms[whole], output[whole], rcond=None)[0]
        found[rest] = np.maximum(1.0, terms[rest] @ fitted)
    return found


def _bounds(names: Sequence[tuple[str, ...]]) -> list[tuple[int, int]]:
    starts = [at for at in range(len(names)) if at == 0 or names[at] != names[at - 1]]
    return list(pairwise([*starts, len(names)]))


def _thread(columns: _Columns, rows: Sequence[int], *, number: int) -> Thread:
    repo, session, name = columns.name(rows[0])
    calls: list[Call] = []
    planning = _planning(columns, rows)
    lifetime: WriteLifetime = "5m"
    before = -1
    for place, row in enumerate(rows):
        lifetime = _lifetime(columns, row, lifetime)
        calls.append(
            Call(
                Step(
                    thread=number,
                    number=place,
                    index=int(columns.index[row]),
                    at=columns.begun[row],
                    gap_seconds=max(0.0, float(columns.gap[row])) if place else 0.0,
                    model=columns.models[columns.written_models[row]],
                    prompt_tokens=float(columns.prompt[row]),
                    kept_tokens=_kept(columns, row, before) if place else 0.0,
                    head_tokens=0.0
                    if place
                    else float(min(columns.read[row], columns.prompt[row])),
                    lifetime=lifetime,
                    turn=int(columns.turn[row]),
                    starts_turn=bool(columns.step_in_turn[row] == 0),
                    is_planning=row in planning,
                ),
                Answer(
                    at=columns.ended[row],
                    output_tokens=float(columns.output[row]),
                    only_reads=_only_reads(columns.tools[row]),
                    ends_turn=not columns.tools[row],
                ),
            )
        )
        before = row
    return Thread(
        repo,
        session,
        name,
        columns.harness(rows[0]),
        bool(columns.is_subagent[rows[0]] > 0),
        tuple(calls),
    )


def _planning(columns: _Columns, rows: Sequence[int]) -> set[int]:
    """Rows of turns that end their planning, up to where they do."""
    found: set[int] = set()
    turn: list[int] = []
    for row in rows:
        if turn and columns.turn[row] != columns.turn[turn[0]]:
            turn = []
        turn.append(row)
        if PLANNED in columns.tools[row].split("|"):
            found.update(turn)
    return found


def _lifetime(columns: _Columns, row: int, before: WriteLifetime) -> WriteLifetime:
    if columns.write_1h[row] > 0:
        return "1h"
    return "5m" if columns.write_5m[row] > 0 else before


def _kept(columns: _Columns, row: int, before: int) -> float:
    prompt, last, read = (
        float(figures[at])
        for figures, at in ((columns.prompt, row), (columns.prompt, before), (columns.read, row))
    )
    is_cut = bool(columns.compacted[row]) or prompt < DROP_SHARE * last
    whole = min(prompt, last)
    is_explicit = columns.write_5m[before] + columns.write_1h[before] > 0
    at_once = columns.gap[row] <= AT_ONCE_SECONDS
    if is_cut or (is_explicit and at_once and read < DROP_SHARE * whole):
        return min(whole, read)
    return whole


def _only_reads(tools: str) -> bool:
    return bool(tools) and READING_TOOLS.issuperset(tools.split("|"))
