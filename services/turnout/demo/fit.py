"""Fits the shape tables on traces: `python -m turnout.demo.fit DIR [--out FILE]`.

DIR holds trace_calls.parquet and trace_events.parquet. Rules: calls that were copied between
sessions are counted once; only numbers leave: sizes, counts, times and shares, each a quantile over
many calls, and the names of the tools that are called most.
"""

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np

from turnout.demo.shapes import QUANTILES, AgentKind, Provenance, Shape, Shapes, Spread
from turnout.errors import InvalidRequest, TurnoutError
from turnout.learn.parquet import Table, load_table

AGENTS: Mapping[str, AgentKind] = {"claude-code": "claude_code", "codex": "codex"}
"""Agents with enough sessions to fit; the traces of others are a handful."""

TRIMMED = 1.0
"""Percent cut at both ends: the outermost calls say more about one person than about agents."""

TOOL_NAMES = 8
"""Tools that are named; together they are four fifths of all calls."""

LONGEST_IDLE_SECONDS = 24 * 3600.0
"""A longer pause is another day's work on the same session."""


@dataclass(frozen=True, slots=True)
class Call:
    """One row of trace_calls."""

    agent: AgentKind
    session: tuple[str, str]
    thread: str
    is_subagent: bool
    turn: int
    step: int
    gap_seconds: float
    prompt: float
    output: float
    has_output: bool
    is_compacted: bool
    has_tool_error: bool
    tools: tuple[str, ...]


def fit(directory: Path) -> Shapes:
    """Raises `InvalidRequest` when the tables are not there or hold no calls."""
    table, events = load_table(directory, "trace_calls"), load_table(directory, "trace_events")
    calls = _calls(table)
    interrupts = _interrupts(events, calls)
    shapes: dict[AgentKind, Shape] = {
        agent: _shape(agent, [call for call in calls if call.agent == agent], interrupts[agent])
        for agent in AGENTS.values()
    }
    return Shapes(
        provenance=Provenance(
            command="python -m turnout.demo.fit DIR",
            fitted_on=datetime.now(UTC).date().isoformat(),
            sources=tuple(sorted(set(table.texts("repo")))),
            licenses=tuple(sorted(set(table.texts("license")))),
            newest_call=max(table.times("ts")).date().isoformat(),
            sha256={one.name: one.sha256 for one in (table, events)},
            notes=(
                "Values are percentiles 1 to 99 in equal steps; tokens as the provider counted them.",
                "Output is of calls with a complete log only.",
                "Sessions whose transcript exceeds 4 MiB are missing, so the longest are cut.",
            ),
        ),
        shapes=shapes,
    )


def _calls(table: Table) -> list[Call]:
    """Each call once, threads in order."""
    agents, repos, sessions, threads, models, tools = (
        table.texts(name) for name in ("agent", "repo", "session", "thread", "model", "tools")
    )
    times = table.times("ts")
    number = {
        name: table.numbers(name)
        for name in (
            *("idx", "is_subagent", "turn", "step_in_turn", "gap_s", "ctx", "output_tokens"),
            *("usage_complete", "compacted", "prev_tool_errors", "cache_read"),
        )
    }
    order = sorted(
        range(table.rows),
        key=lambda row: (repos[row], sessions[row], threads[row], number["idx"][row]),
    )
    seen: set[tuple[object, ...]] = set()
    found: list[Call] = []
    for row in order:
        # How the data's own notes say that copies are told.
        key = (
            *(repos[row], times[row], models[row], tools[row]),
            *(number["output_tokens"][row], number["cache_read"][row]),
        )
        if agents[row] not in AGENTS or key in seen:
            continue
        seen.add(key)
        found.append(
            Call(
                agent=AGENTS[agents[row]],
                session=(repos[row], sessions[row]),
                thread=threads[row],
                is_subagent=number["is_subagent"][row] > 0,
                turn=int(number["turn"][row]),
                step=int(number["step_in_turn"][row]),
                gap_seconds=float(number["gap_s"][row]),
                prompt=float(number["ctx"][row]),
                output=float(number["output_tokens"][row]),
                has_output=number["usage_complete"][row] > 0,
                is_compacted=number["compacted"][row] > 0,
                has_tool_error=number["prev_tool_errors"][row] > 0,
                tools=tuple(filter(None, tools[row].split("|"))),
            )
        )
    return found


def _interrupts(events: Table, calls: Sequence[Call]) -> Counter[AgentKind]:
    agents: dict[tuple[str, str], AgentKind] = {call.session: call.agent for call in calls}
    found: Counter[AgentKind] = Counter()
    rows = zip(events.texts("repo"), events.texts("session"), events.texts("kind"), strict=True)
    for repo, session, kind in rows:
        if kind == "interrupt" and (repo, session) in agents:
            found[agents[repo, session]] += 1
    return found


def _shape(agent: AgentKind, calls: Sequence[Call], interrupts: int) -> Shape:
    if not calls:
        raise InvalidRequest(f"trace_calls has no calls of {agent}; its shape cannot be fitted.")
    threads: dict[tuple[object, ...], list[Call]] = defaultdict(list)
    for call in calls:
        threads[(*call.session, call.thread)].append(call)
    mains = [calls for calls in threads.values() if not calls[0].is_subagent]
    subagents = [calls for calls in threads.values() if calls[0].is_subagent]
    per_session = Counter(calls[0].session for calls in subagents)
    # Codex gives a subagent a session of its own and the traces do not say whose it is: one each.
    owners = {main[0].session for main in mains}
    astray = sum(count for session, count in per_session.items() if session not in owners)
    pairs = [pair for calls in threads.values() for pair in pairwise(calls)]
    grown = [(old, new) for old, new in pairs if new.prompt > old.prompt and not new.is_compacted]
    tools = Counter(name for call in calls for name in call.tools)
    return Shape(
        agent=agent,
        sessions=len({call.session for call in calls}),
        calls=len(calls),
        turns=_spread(len({call.turn for call in main}) for main in mains),
        steps=_spread(
            steps for main in mains for steps in Counter(call.turn for call in main).values()
        ),
        subagents=_spread(
            per_session[main[0].session] + (number < astray) for number, main in enumerate(mains)
        ),
        subagent_steps=_spread(len(one) for one in subagents),
        first_prompt=_spread(main[0].prompt for main in mains),
        subagent_prompt=_spread(one[0].prompt for one in subagents),
        turn_growth=_spread(new.prompt - old.prompt for old, new in grown if new.step == 0),
        step_growth=_spread(new.prompt - old.prompt for old, new in grown if new.step > 0),
        output=_spread(call.output for call in calls if call.has_output),
        idle_seconds=_spread(
            min(new.gap_seconds, LONGEST_IDLE_SECONDS)
            for _, new in pairs
            if new.step == 0 and not new.is_subagent
        ),
        tool_seconds=_spread(
            min(new.gap_seconds, LONGEST_IDLE_SECONDS) for _, new in pairs if new.step > 0
        ),
        tools=_spread(len(call.tools) for call in calls if call.tools),
        tool_error_share=_share(sum(call.has_tool_error for call in calls), len(calls)),
        interrupt_share=_share(interrupts, len(calls)),
        compaction_share=_share(sum(call.is_compacted for call in calls), len(calls)),
        compacted_prompt=_spread(
            min(1.0, new.prompt / old.prompt)
            for old, new in pairs
            if new.is_compacted and old.prompt
        ),
        tool_names=tuple(
            (name, _share(count, tools.total())) for name, count in tools.most_common(TOOL_NAMES)
        ),
    )


def _spread(measured: Iterable[float]) -> Spread:
    values = np.array([value for value in measured if not np.isnan(value)], dtype=np.float64)
    if not len(values):
        return Spread(count=0, mean=0.0, values=(0.0,) * len(QUANTILES))
    percents = [TRIMMED + share * (100.0 - 2 * TRIMMED) for share in QUANTILES]
    return Spread(
        count=len(values),
        mean=_figure(float(values.mean())),
        values=tuple(_figure(float(one)) for one in np.percentile(values, percents)),
    )


def _share(part: float, whole: float) -> float:
    return _figure(part / whole)


def _figure(value: float) -> float:
    """Three figures: more would be of this sample and not of agents."""
    return float(f"{value:.3g}")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m turnout.demo.fit", description=__doc__)
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("shapes.json"))
    told = parser.parse_args(argv)
    directory: Path = told.directory
    out: Path = told.out
    try:
        fitted = fit(directory)
    except TurnoutError as reason:
        sys.stderr.write(f"turnout: {reason}\n")
        return 1
    out.write_bytes(msgspec.json.format(msgspec.json.encode(fitted), indent=1) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
