"""What real sessions say about steps to come, growth and output.

Rules of this module: pure numpy over the columns of trace_calls; calls copied between sessions are
counted once; rows with few threads are shrunk to those of all harnesses.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from turnout.catalog.names import vendor_of
from turnout.errors import InvalidRequest
from turnout.learn.parquet import Numbers, Table
from turnout.policy.artifact import StepFigures, ThreadPart
from turnout.policy.request import Harness

STEP_EDGES = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256)
"""Answered steps at which the expectation of those to come is taken; doubling, as it changes."""

PRIOR_THREADS = 20.0
"""Threads of all harnesses that weigh as much as a harness's own row."""

DROP_SHARE = 0.8
"""A prompt below this share of the one before was compacted or cut: no cache is at fault."""

HARNESSES: Mapping[str, Harness] = {
    "claude-code": "claude_code",
    "codex": "codex",
    "gemini-cli": "gemini_cli",
    "opencode": "opencode",
}

_PARTS: tuple[ThreadPart, ...] = ("any", "user_input", "tool_continuation", "subagent")


@dataclass(frozen=True, slots=True, eq=False)
class Calls:
    """Columns of trace_calls in the order of their threads; one entry a call.

    Attributes:
        thread: index of the call's thread.
        position: answered calls of the thread before this one.
        remaining: calls of the thread from this one on, itself included.
        previous: index of the call before in the same thread, -1 for the first.
        ends_turn: its answer called no tool.
        provider: who serves the model, as far as its name says.
        is_moved: the call before was another model's.

    """

    harness: list[str]
    is_subagent: NDArray[np.bool_]
    starts_turn: NDArray[np.bool_]
    thread: NDArray[np.int64]
    position: NDArray[np.int64]
    remaining: NDArray[np.int64]
    previous: NDArray[np.int64]
    gap_seconds: Numbers
    prompt: Numbers
    cache_read: Numbers
    write_5m: Numbers
    write_1h: Numbers
    output: Numbers
    has_output: NDArray[np.bool_]
    ends_turn: NDArray[np.bool_]
    provider: NDArray[np.str_]
    is_moved: NDArray[np.bool_]
    is_compacted: NDArray[np.bool_]
    newest: datetime | None = field(default=None)


def ordered_rows(table: Table) -> list[int]:
    """Rows thread by thread, without those that a session has copied from another."""
    repos, sessions, threads = (table.texts(name) for name in ("repo", "session", "thread"))
    models, tools = table.texts("model"), table.texts("tools")
    times = table.times("ts")
    index, output, read = (table.numbers(name) for name in ("idx", "output_tokens", "cache_read"))
    order = sorted(
        range(table.rows), key=lambda row: (repos[row], sessions[row], threads[row], index[row])
    )
    seen: set[tuple[object, ...]] = set()
    kept: list[int] = []
    for row in order:
        # How the data's own notes say that copies are told.
        key = (repos[row], times[row], models[row], output[row], read[row], tools[row])
        if key not in seen:
            seen.add(key)
            kept.append(row)
    return kept


def read_calls(table: Table, *, within: Callable[[str, str], bool] | None = None) -> Calls:
    """Threads in order, each call once; those of repositories and sessions `within` alone if told."""
    repos, sessions, threads = (table.texts(name) for name in ("repo", "session", "thread"))
    kept = ordered_rows(table)
    if within is not None:
        kept = [row for row in kept if within(repos[row], sessions[row])]
    times, output, read = (
        table.times("ts"),
        table.numbers("output_tokens"),
        table.numbers("cache_read"),
    )
    names = [(repos[row], sessions[row], threads[row]) for row in kept]
    first = [at == 0 or names[at] != names[at - 1] for at in range(len(kept))]
    thread = np.cumsum(np.array(first, dtype=np.int64)) - 1
    lengths = np.bincount(thread) if kept else np.zeros(0, dtype=np.int64)
    starts = np.cumsum(lengths) - lengths
    position = np.arange(len(kept)) - starts[thread]
    agents, tools = table.texts("agent"), table.texts("tools")
    written = table.texts("model")
    models = np.array([written[row] for row in kept], dtype=np.str_)
    vendors = {model: vendor_of(model) or "" for model in set(models.tolist())}
    previous = np.where(position > 0, np.arange(len(kept)) - 1, -1)

    def column(name: str) -> Numbers:
        return table.numbers(name)[kept]

    return Calls(
        harness=[agents[row] for row in kept],
        is_subagent=column("is_subagent") > 0,
        starts_turn=column("step_in_turn") == 0,
        thread=thread,
        position=position,
        remaining=lengths[thread] - position,
        previous=previous,
        gap_seconds=column("gap_s"),
        prompt=column("ctx"),
        cache_read=read[kept],
        write_5m=np.nan_to_num(column("cache_write_5m")),
        write_1h=np.nan_to_num(column("cache_write_1h")),
        output=output[kept],
        has_output=column("usage_complete") > 0,
        ends_turn=np.array([not tools[row] for row in kept], dtype=bool),
        provider=np.array([vendors[model] for model in models.tolist()], dtype=np.str_),
        is_moved=(previous >= 0) & (models != models[previous]),
        is_compacted=column("compacted") > 0,
        newest=max((times[row] for row in kept), default=None),
    )


def fit_steps(calls: Calls) -> dict[str, dict[ThreadPart, StepFigures]]:
    """By harness and part of a thread; "any" is all of them together."""
    everyone = _rows(calls, np.ones(len(calls.thread), dtype=bool), {})
    if "any" not in everyone:
        raise InvalidRequest("trace_calls has no rows; steps to come cannot be fitted.")
    tables: dict[str, dict[ThreadPart, StepFigures]] = {"any": everyone}
    names = np.array([HARNESSES.get(agent, "unknown") for agent in calls.harness])
    for harness in sorted(set(names.tolist()) - {"unknown"}):
        tables[harness] = _rows(calls, names == harness, everyone)
    return tables


def _rows(
    calls: Calls, within: NDArray[np.bool_], bases: Mapping[ThreadPart, StepFigures]
) -> dict[ThreadPart, StepFigures]:
    rows: dict[ThreadPart, StepFigures] = {}
    for part in _PARTS:
        figures = _figures(calls, within & _part(calls, part), bases.get(part))
        if figures is not None:
            rows[part] = figures
    return rows


def _part(calls: Calls, part: ThreadPart) -> NDArray[np.bool_]:
    match part:
        case "any":
            return np.ones(len(calls.thread), dtype=bool)
        case "subagent":
            return calls.is_subagent
        case "user_input":
            return ~calls.is_subagent & calls.starts_turn
        case "tool_continuation":
            return ~calls.is_subagent & ~calls.starts_turn


def _figures(
    calls: Calls, chosen: NDArray[np.bool_], base: StepFigures | None
) -> StepFigures | None:
    """Means over the chosen calls, each weighed against `base` by how many threads it has."""
    if not chosen.any():
        return None
    threads = len(np.unique(calls.thread[chosen]))
    growth = calls.prompt - calls.prompt[calls.previous]
    grows = chosen & (calls.previous >= 0) & ~calls.is_compacted & (growth >= 0)
    told = chosen & calls.has_output & ~np.isnan(calls.output)
    return StepFigures(
        growth_tokens=_weighed(
            growth[grows], threads, None if base is None else base.growth_tokens
        ),
        output_tokens=_weighed(
            calls.output[told],
            len(np.unique(calls.thread[told])),
            None if base is None else base.output_tokens,
        ),
        remaining=_remaining(calls, chosen, base),
        calls=int(chosen.sum()),
        threads=threads,
    )


def _remaining(
    calls: Calls, chosen: NDArray[np.bool_], base: StepFigures | None
) -> tuple[float, ...]:
    """By bucket of answered steps; an empty bucket without a base takes its neighbour's value."""
    found: list[float | None] = []
    for at in range(len(STEP_EDGES)):
        inside = chosen & (_bucket(calls) == at)
        if base is None and not inside.any():
            found.append(None)
            continue
        threads = len(np.unique(calls.thread[inside]))
        own = calls.remaining[inside].astype(np.float64)
        found.append(_weighed(own, threads, None if base is None else base.remaining[at]))
    known = [one for one in found if one is not None]
    filled: list[float] = []
    last = known[0]
    for one in found:
        last = last if one is None else one
        filled.append(max(1.0, last))
    return tuple(filled)


def _bucket(calls: Calls) -> NDArray[np.int64]:
    return np.searchsorted(STEP_EDGES, calls.position, side="right") - 1


def _weighed(values: Numbers, threads: int, base: float | None) -> float:
    """The mean; shrunk to `base` where there is one."""
    own = float(values.mean()) if len(values) else 0.0
    if base is None:
        return round(own, 2)
    return round((threads * own + PRIOR_THREADS * base) / (threads + PRIOR_THREADS), 2)


def counts_of(calls: Calls) -> Sequence[tuple[str, int]]:
    """Calls by harness, for the card."""
    names, counts = np.unique(np.array(calls.harness), return_counts=True)
    return [(str(name), int(count)) for name, count in zip(names, counts, strict=True)]
