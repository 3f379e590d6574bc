"""Recorded sessions that nobody had: the tables of traces, drawn from the shapes that the demo plays.

Rules of this module: the same seed gives the same rows; sizes, pauses and tools are drawn from
`turnout.demo.shapes`; texts are ours; what the shapes do not hold (verdicts of checks, edits, a provider's
cache) is a constant here, so no figure of these tables is a measurement of anything.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Final

from turnout.demo.sessions import Session, Step, Thread, draw_sessions
from turnout.demo.shapes import load_shapes

Row = dict[str, object]

SEED: Final = 7
SESSIONS: Final = 36
LONGEST: Final = 60
"""Calls of a main thread."""

START: Final = datetime(2026, 5, 4, 8, tzinfo=UTC)
REPOS: Final = ("example+inventory", "example+compiler", "example+website")

MODELS: Final = {
    "anthropic_messages": ("claude-opus-5-5", "claude-opus-5-5", "claude-sonnet-5-5"),
    "openai_chat": ("gpt-5.5", "gpt-5.5", "gpt-5.4"),
}

CHARACTERS_PER_TOKEN: Final = 3.6
TOKENS_PER_SECOND: Final = 60.0
WHOLE_USAGE: Final = 0.4
"""Of Claude Code's calls: the others have a placeholder for their output, as older versions wrote."""

HOUR_SECONDS: Final = 3_600.0
SUBAGENT_LIFETIME_SECONDS: Final = 300.0
AUTOMATIC_SECONDS: Final = 900.0
FOUND: Final = 0.98
"""How often a prefix within its lifetime is in the cache."""

CHECKS: Final = 0.25
"""Of shell calls: run tests."""
RED_BEHIND: Final = (0.25, 0.4, 0.5, 0.65)
"""Chance of a red check behind so many red ones; the last is for more."""
BUILDS: Final = 0.2
"""Of red checks: a build that failed."""

COPIED_CALLS: Final = 8
"""Of one session, that another one holds too, as resumed sessions do."""

ASKS: Final = (
    "Fix the crash in the {} module when the list is empty.",
    "The {} test fails on CI since yesterday, find out why and repair it.",
    "Add an option to export the {} as CSV.",
    "Implement paging for the {} endpoint.",
    "Write unit tests for the {} parser.",
    "How does the {} cache work, and where is it filled?",
    "Explain what happens when the {} service starts.",
    "Review my changes to the {} and list what is risky.",
    "Update the README for the new {} settings.",
    "Look up which versions of the {} library support streaming.",
    "Go on with the {}.",
    "Yes, do that for the {} too.",
)
THINGS: Final = ("order", "invoice", "lexer", "menu", "login", "report", "index", "queue", "price")
TASKS: Final = (
    "Find every caller of the {} function and report file and line.",
    "Search the repository for how {} errors are handled.",
    "Check whether the {} change breaks another module.",
)

SHELLS: Final = frozenset({"Bash", "exec_command"})
EDITS: Final = frozenset({"Edit", "Write", "apply_patch"})
COMMANDS: Final = ("vcs", "search/read", "run", "lint/typecheck", "other")


@dataclass(slots=True)
class Traces:
    """Rows by table."""

    calls: list[Row] = field(default_factory=list)
    turns: list[Row] = field(default_factory=list)
    tools: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)


@dataclass(slots=True)
class _Thread:
    """One thread as it is walked."""

    place: Row
    model: str
    is_anthropic: bool
    lifetime_seconds: float
    chance: Random
    prompt: float
    turn: int = -1
    step: int = 0
    index: int = 0
    reds: int = 0
    before: float | None = None
    called: tuple[str, ...] = ()
    is_compacted: bool = False


def draw_traces() -> Traces:
    found = Traces()
    drawn = draw_sessions(load_shapes(), count=SESSIONS, seed=SEED, longest=LONGEST)
    for session in drawn:
        _walk_session(found, session, START + timedelta(hours=9 * session.number))
    copied = [row for row in found.calls if row["agent"] == "claude-code"][:COPIED_CALLS]
    found.calls += [row | {"session": _digest("resumed")} for row in copied]
    return found


def _walk_session(found: Traces, session: Session, begun: datetime) -> None:
    chance = Random(f"{SEED}/traces/{session.number}")
    is_anthropic = session.dialect == "anthropic_messages"
    model = chance.choice(MODELS[session.dialect])
    place: Row = {
        "repo": REPOS[session.number % len(REPOS)],
        "agent": "claude-code" if is_anthropic else "codex",
        "session": _digest(f"session {session.number}"),
        "thread": _digest("main"),
        "is_subagent": False,
    }
    main = _Thread(
        place=place,
        model=model,
        is_anthropic=is_anthropic,
        lifetime_seconds=HOUR_SECONDS if is_anthropic else AUTOMATIC_SECONDS,
        chance=chance,
        prompt=session.main.head_tokens,
    )
    now = begun
    for step in session.main.steps:
        if step.kind == "title":
            # An agent asks for it beside its thread; its first question comes in the next step.
            continue
        if step.kind == "compaction":
            main.prompt *= session.compacted_share
            main.is_compacted = True
            found.events.append(_event(main, now, "compaction", is_injected=True))
            continue
        ends = [_call(found, main, step, now, session.main)]
        for number in step.spawns:
            ends.append(_walk_subagent(found, session, number, main, ends[0]))
        now = max(ends)


def _walk_subagent(
    found: Traces, session: Session, number: int, main: _Thread, begun: datetime
) -> datetime:
    drawn = session.subagents[number]
    own = _Thread(
        place=main.place | {"thread": _digest(f"subagent {number}"), "is_subagent": True},
        model=main.model,
        is_anthropic=main.is_anthropic,
        lifetime_seconds=SUBAGENT_LIFETIME_SECONDS if main.is_anthropic else AUTOMATIC_SECONDS,
        chance=main.chance,
        prompt=drawn.head_tokens,
    )
    now = begun
    for step in drawn.steps:
        now = _call(found, own, step, now, drawn)
    return now


def _call(
    found: Traces, thread: _Thread, step: Step, ended_before: datetime, drawn: Thread
) -> datetime:
    """One call with what belongs to it in the other tables; when its answer ended."""
    chance = thread.chance
    pause = 0.0 if thread.before is None else step.pause_seconds
    begun = ended_before + timedelta(seconds=pause)
    ended = begun + timedelta(seconds=1.0 + step.output_tokens / TOKENS_PER_SECOND)
    if step.kind == "user" or thread.turn < 0:
        thread.turn, thread.step = thread.turn + 1, 0
        _user_speaks(found, thread, begun)
    thread.prompt += step.new_tokens
    warm = float(drawn.head_tokens) if thread.before is None else thread.before
    if thread.before is not None and (
        pause > thread.lifetime_seconds or thread.is_compacted or chance.random() > FOUND
    ):
        warm = float(drawn.head_tokens)
    prompt = float(round(thread.prompt))
    warm = min(warm, prompt - 1)
    is_whole = not thread.is_anthropic or chance.random() < WHOLE_USAGE
    written = prompt - warm - 1 if thread.is_anthropic else None
    is_hour = thread.lifetime_seconds == HOUR_SECONDS
    characters = step.output_tokens * CHARACTERS_PER_TOKEN
    found.calls.append(
        thread.place
        | {
            "client_version": "2.1.90" if thread.is_anthropic else "0.142.5",
            "turn": thread.turn,
            "step_in_turn": thread.step,
            "ts": begun,
            "ts_end": ended,
            "gap_s": None if thread.before is None else pause,
            "model": thread.model,
            "input_tokens": 1.0 if thread.is_anthropic else prompt - warm,
            "cache_read": warm,
            "cache_write": written,
            "cache_write_5m": None if written is None else (0.0 if is_hour else written),
            "cache_write_1h": None if written is None else (written if is_hour else 0.0),
            "output_tokens": float(step.output_tokens if is_whole else chance.randint(1, 8)),
            "reasoning_tokens": None if thread.is_anthropic else float(step.output_tokens // 3),
            "ctx": prompt,
            "out_text_chars": round(0.3 * characters),
            "out_think_chars": round(0.2 * characters) if thread.is_anthropic else 0,
            "out_tool_chars": round(0.5 * characters),
            "tools": "|".join(step.calls),
            "prev_tools": "|".join(thread.called),
            "prev_tool_errors": int(step.has_tool_error),
            "new_input_chars": round(step.new_tokens * CHARACTERS_PER_TOKEN),
            "compacted": int(thread.is_compacted),
            "has_image": 0,
            "stop_reason": "tool_use" if step.calls else "end_turn",
            "speed": None,
            "service_tier": None,
            "usage_complete": is_whole,
            "cost_list_usd": None,
            "cost_reported": None,
            "license": "made up",
            "idx": thread.index,
        }
    )
    for position, name in enumerate(step.calls):
        found.tools.append(_tool(thread, step, position, name))
    if step.is_interrupted:
        found.events.append(_event(thread, ended, "interrupt"))
    thread.before, thread.called = prompt + step.output_tokens, step.calls
    thread.prompt += step.output_tokens
    thread.is_compacted = False
    thread.step, thread.index = thread.step + 1, thread.index + 1
    return ended


def _user_speaks(found: Traces, thread: _Thread, at: datetime) -> None:
    is_subagent = bool(thread.place["is_subagent"])
    words = thread.chance.choice(TASKS if is_subagent else ASKS)
    prompt = words.format(thread.chance.choice(THINGS))
    found.turns.append(
        {name: thread.place[name] for name in ("repo", "session", "thread", "is_subagent")}
        | {
            "turn": thread.turn,
            "ts": at.isoformat(),
            "prompt": prompt,
            "prompt_chars": len(prompt),
        }
    )
    is_correction = thread.turn > 0 and thread.chance.random() < 0.05
    found.events.append(
        _event(thread, at, "user_prompt", characters=len(prompt), is_correction=is_correction)
    )


def _event(
    thread: _Thread,
    at: datetime,
    kind: str,
    *,
    characters: int = 0,
    is_injected: bool = False,
    is_correction: bool = False,
) -> Row:
    own = {name: thread.place[name] for name in ("repo", "session", "thread", "is_subagent")}
    return own | {
        "turn": max(0, thread.turn),
        "idx": thread.index,
        "ts": at,
        "kind": kind,
        "prompt_chars": characters,
        "injected": is_injected,
        "for_tool": False,
        "correction_strict": is_correction,
        "correction": is_correction,
    }


def _tool(thread: _Thread, step: Step, position: int, name: str) -> Row:
    chance = thread.chance
    target = _digest(f"{thread.place['repo']} file {chance.randrange(12)}")
    command = chance.choice(COMMANDS) if name in SHELLS else None
    row: Row = thread.place | {
        "idx": thread.index,
        "turn": max(0, thread.turn),
        "pos": position,
        "tool": name,
        "args_hash": _digest(f"{name} {chance.randrange(400)}"),
        "target_hash": None if name in SHELLS else target,
        "n_targets": int(name not in SHELLS),
        "command_kind": command,
        "command_hash": None if command is None else _digest(command),
        "edit_chars": chance.randint(40, 900) if name in EDITS else None,
        "result_chars": chance.randint(20, 4_000),
        "result_error": step.has_tool_error and position == 0,
        "exit_code": None if command is None else 0,
        "tests_passed": None,
        "tests_failed": None,
        "test_framework": None,
        "build_failed": None,
        "result_hash": _digest(f"result {chance.randrange(10_000)}"),
        "interrupted": step.is_interrupted,
        "background": False,
    }
    if command is not None and chance.random() < CHECKS:
        row |= _check(thread)
    return row


def _check(thread: _Thread) -> Row:
    chance = thread.chance
    is_red = chance.random() < RED_BEHIND[min(thread.reds, len(RED_BEHIND) - 1)]
    thread.reds = thread.reds + 1 if is_red else 0
    if is_red and chance.random() < BUILDS:
        return {"command_kind": "build", "build_failed": True, "exit_code": 2}
    return {
        "command_kind": "test",
        "exit_code": int(is_red),
        "tests_passed": chance.randint(3, 40),
        "tests_failed": chance.randint(1, 3) if is_red else 0,
        "test_framework": "go test",
    }


def columns(rows: Sequence[Row]) -> dict[str, list[object]]:
    """As a table is written."""
    return {name: [row[name] for row in rows] for name in rows[0]}


def tables() -> Iterator[tuple[str, dict[str, list[object]]]]:
    drawn = draw_traces()
    yield "trace_calls", columns(drawn.calls)
    yield "trace_turns", columns(drawn.turns)
    yield "trace_tools", columns(drawn.tools)
    yield "trace_events", columns(drawn.events)


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:12]
