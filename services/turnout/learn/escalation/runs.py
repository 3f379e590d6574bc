"""Recorded threads as a rule of escalation would have seen them: a call at a time, with what its tools
showed.

Rules: calls that sessions share by copying count once; a check is red where tests failed or a build did,
and green where tests passed, because that is what a tool prints: a compiler that finds nothing says
nothing. Of several checks of one call a red one counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from turnout.dialects.answer_end import AnswerEnd, end_of
from turnout.dialects.anthropic_messages.stop import decode_stop
from turnout.errors import InvalidRequest
from turnout.learn.parquet import Numbers, Table
from turnout.learn.traces import ordered_rows
from turnout.policy.checks import Verdict

WINDOW_SECONDS: Final = 300.0
"""An idle time after which the shortest cache is cold."""

PLAIN_OUTPUT_TOKENS: Final = 300.0
"""Of a call where a harness logged no whole usage at all: the median of those that did."""


class Place(NamedTuple):
    """Where a call stands in the tables."""

    repo: str
    session: str
    thread: str
    number: float


@dataclass(frozen=True, slots=True)
class Call:
    """One request, its answer, and what the tools that it called showed.

    Attributes:
        is_window: its prompt was cold or compacted, so the model could have changed for nothing.
        has_error: a tool of it failed.
        used: the tools called, with digests of their arguments; empty when none was.
        edited: digests of the files that it changed.
        is_corrected: the user's next words took back what it did.
        ended: how its answer ended, where it was none to go on with.
    """

    prompt_tokens: float
    output_tokens: float
    is_window: bool
    check: Verdict
    framework: str
    has_error: bool
    is_interrupted: bool
    used: tuple[str, ...]
    edited: frozenset[str]
    is_corrected: bool
    ended: AnswerEnd


@dataclass(frozen=True, slots=True)
class Thread:
    """One growing prompt of a session; `session` numbers the sessions."""

    session: int
    model: str
    calls: tuple[Call, ...]


@dataclass(slots=True)
class _Shown:
    """What the tools of one call showed, as their rows come."""

    check: Verdict = ""
    framework: str = ""
    has_error: bool = False
    is_interrupted: bool = False
    used: tuple[str, ...] = ()
    edited: frozenset[str] = frozenset()


_NOTHING: Final = _Shown()


def read_threads(calls: Table, tools: Table, events: Table) -> list[Thread]:
    """All threads. Raises `InvalidRequest` when a table is not as described."""
    rows = ordered_rows(calls)
    if not rows:
        raise InvalidRequest("trace_calls has no rows; there is nothing to learn escalation from.")
    places = _places(calls)
    shown = _shown(tools)
    corrected = _corrected(events)
    models = calls.texts("model")
    outputs = _outputs(calls)
    ends = _ends(calls)
    prompt, gap = calls.numbers("ctx"), np.nan_to_num(calls.numbers("gap_s"))
    compacted = calls.numbers("compacted") > 0
    sessions: dict[tuple[str, str], int] = {}
    threads: dict[tuple[str, str, str], list[int]] = {}
    for row in rows:
        place = places[row]
        sessions.setdefault((place.repo, place.session), len(sessions))
        threads.setdefault((place.repo, place.session, place.thread), []).append(row)
    found: list[Thread] = []
    for (repo, session, _), own in threads.items():
        made: list[Call] = []
        for number, row in enumerate(own):
            here = shown.get(places[row], _NOTHING)
            after = own[number + 1] if number + 1 < len(own) else None
            made.append(
                Call(
                    prompt_tokens=float(np.nan_to_num(prompt[row])),
                    output_tokens=float(outputs[row]),
                    is_window=number > 0 and bool(gap[row] > WINDOW_SECONDS or compacted[row]),
                    check=here.check,
                    framework=here.framework,
                    has_error=here.has_error,
                    is_interrupted=here.is_interrupted,
                    used=here.used,
                    edited=here.edited,
                    is_corrected=after is not None and places[after] in corrected,
                    ended=ends[row],
                )
            )
        found.append(Thread(sessions[repo, session], models[own[0]], tuple(made)))
    return found


def _places(table: Table) -> list[Place]:
    return [
        Place(*place)
        for place in zip(
            table.texts("repo"),
            table.texts("session"),
            table.texts("thread"),
            table.numbers("idx").tolist(),
            strict=True,
        )
    ]


def _shown(tools: Table) -> Mapping[Place, _Shown]:
    places = _places(tools)
    order: list[int] = np.lexsort((tools.numbers("pos"), tools.numbers("idx"))).tolist()
    names, arguments = tools.texts("tool"), tools.texts("args_hash")
    targets, frameworks = tools.texts("target_hash"), tools.texts("test_framework")
    passed, failed = tools.numbers("tests_passed"), tools.numbers("tests_failed")
    broken, errors = tools.numbers("build_failed") > 0, tools.numbers("result_error") > 0
    interrupted, changed = tools.numbers("interrupted") > 0, tools.numbers("edit_chars") > 0
    found: dict[Place, _Shown] = {}
    for row in order:
        here = found.setdefault(places[row], _Shown())
        here.used += (f"{names[row]}:{arguments[row]}",)
        here.has_error = here.has_error or bool(errors[row])
        here.is_interrupted = here.is_interrupted or bool(interrupted[row])
        if changed[row] and targets[row]:
            here.edited |= {targets[row]}
        if failed[row] > 0 or broken[row]:
            here.check = "failed"
            here.framework = frameworks[row] or here.framework or "build"
        elif passed[row] > 0 and not here.check:
            here.check, here.framework = "passed", frameworks[row]
    return found


def _corrected(events: Table) -> set[Place]:
    """The calls that answer to a correction."""
    places, strict = _places(events), events.numbers("correction_strict")
    return {place for place, is_strict in zip(places, strict, strict=True) if is_strict > 0}


def _ends(calls: Table) -> list[AnswerEnd]:
    """By the words of Claude Code's transcripts: those of other agents do not say why an answer ended."""
    text, tool = (np.nan_to_num(calls.numbers(f"out_{kind}_chars")) for kind in ("text", "tool"))
    return [
        end_of(decode_stop(word, has_calls=bool(tools)), has_said=bool(said > 0 or tools))
        for word, tools, said in zip(
            calls.texts("stop_reason"), calls.texts("tools"), text + tool, strict=True
        )
    ]


def _outputs(calls: Table) -> Numbers:
    """Output tokens; of a harness that logged a placeholder, the mean of those of its that did not."""
    written = np.nan_to_num(calls.numbers("output_tokens"))
    is_whole = calls.numbers("usage_complete") > 0
    agents = np.array(calls.texts("agent"))
    found = written.copy()
    for agent in sorted(set(agents.tolist())):
        own = agents == agent
        whole = own & is_whole
        found[own & ~is_whole] = written[whole].mean() if whole.any() else PLAIN_OUTPUT_TOKENS
    return found


def window_after(calls: Sequence[Call], at: int) -> int:
    """The first call behind `at` at which the model could change for nothing, else the end."""
    return next((n for n in range(at + 1, len(calls)) if calls[n].is_window), len(calls))
