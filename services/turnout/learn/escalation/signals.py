"""When each signal of trouble fires in a thread. Pure.

A signal fires at a call once what that call's tools showed is known, and once an episode: a streak of four
has fired the signals of two and three on its way.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Final, TypeAlias

from turnout.dialects.answer_end import AnswerEnd
from turnout.learn.escalation.runs import Call

Signal: TypeAlias = Callable[[Sequence[Call]], list[int]]
"""The numbers of the calls at which it fires."""

EDIT_WINDOW: Final = 12
"""Calls in which edits of one file are counted."""

STREAKS: Final = (1, 2, 3, 4)
"""Lengths of a streak of red checks; the last one stands for longer ones too where chances are told."""


def red_streaks(calls: Sequence[Call]) -> list[int]:
    """By call: how many checks have come out red since the last green one; -1 without a check."""
    streak = 0
    found: list[int] = []
    for call in calls:
        if call.check:
            streak = streak + 1 if call.check == "failed" else 0
        found.append(streak if call.check else -1)
    return found


def _red(length: int, calls: Sequence[Call]) -> list[int]:
    return [at for at, streak in enumerate(red_streaks(calls)) if streak == length]


def _errors(length: int, calls: Sequence[Call]) -> list[int]:
    """Errors beside red checks, which a shell reports as errors too."""
    streak = 0
    found: list[int] = []
    for at, call in enumerate(calls):
        if call.used:
            streak = streak + 1 if call.has_error and call.check != "failed" else 0
            if streak == length:
                found.append(at)
    return found


def _repeats(times: int, calls: Sequence[Call]) -> list[int]:
    """The same tools with the same arguments, so many times in a row."""
    last: tuple[str, ...] = ()
    run = 0
    found: list[int] = []
    for at, call in enumerate(calls):
        if call.used:
            run = run + 1 if call.used == last else 1
            last = call.used
            if run == times:
                found.append(at)
    return found


def _edits(times: int, calls: Sequence[Call]) -> list[int]:
    recent: deque[frozenset[str]] = deque(maxlen=EDIT_WINDOW)
    found: list[int] = []
    for at, call in enumerate(calls):
        recent.append(call.edited)
        if any(sum(one in edited for edited in recent) == times for one in call.edited):
            found.append(at)
    return found


def _interrupted(calls: Sequence[Call]) -> list[int]:
    return [at for at, call in enumerate(calls) if call.is_interrupted]


def _ended(how: AnswerEnd, calls: Sequence[Call]) -> list[int]:
    return [at for at, call in enumerate(calls) if call.ended == how]


def _corrected(calls: Sequence[Call]) -> list[int]:
    return [at for at, call in enumerate(calls) if call.is_corrected]


RED: Final[Mapping[int, str]] = MappingProxyType(
    {length: f"{length} red check{'s' if length > 1 else ''}" for length in STREAKS}
)
"""Names of the signals that are streaks of red checks, by their length."""

ERRORS: Final[Mapping[int, str]] = MappingProxyType(
    {length: f"{length} steps with a tool error" for length in (2, 3, 4)}
)

SIGNALS: Final[Mapping[str, Signal]] = MappingProxyType(
    {
        **{name: partial(_red, length) for length, name in RED.items()},
        **{name: partial(_errors, length) for length, name in ERRORS.items()},
        **{f"same call {times} times": partial(_repeats, times) for times in (2, 3)},
        **{f"{times} edits of a file in 12 calls": partial(_edits, times) for times in (4, 6)},
        "refused answer": partial(_ended, "refused"),
        "empty answer": partial(_ended, "empty"),
        "answer cut at a limit": partial(_ended, "cut"),
        "interrupted": _interrupted,
        "taken back by the user": _corrected,
    }
)
