"""How often each signal fires, and what it says of the checks that follow. Numpy over counts by session.

Rules: intervals are of a bootstrap over sessions, because calls of one session are no independent
observations; what a signal is compared with are calls of the same kind at which it did not fire: green
checks for red ones, calls with tools for the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from turnout.learn.escalation.runs import Call, Thread
from turnout.learn.escalation.signals import RED, SIGNALS, red_streaks

HORIZONS: Final = (10, 25, 50)
"""Calls within which a green run is looked for."""

SEED: Final = 5
DRAWS: Final = 4_000
"""Of the bootstrap: enough for the ends of the widest interval, of which a tail holds 0.16 %."""

DOUBT: Final = 0.05 / len(SIGNALS)
"""A signal may act when its effect is certain to this, because one of so many would seem to have one by
chance."""

LONGEST_STREAK: Final = 4
"""A streak as long or longer is one row."""


@dataclass(frozen=True, slots=True)
class Chance:
    """A share with its interval of 95 %; None where nothing was seen."""

    mean: float | None
    low: float | None
    high: float | None
    seen: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """What follows a set of calls.

    Attributes:
        red_next: of those behind which the thread still ran a check, how many saw that come out red.
        green_within: by horizon, how many saw a green one.
    """

    calls: int
    red_next: Chance
    green_within: Mapping[int, Chance]


@dataclass(frozen=True, slots=True)
class SignalFigures:
    """Attributes:
    lead_calls: of those that saw a green check later in the thread, how many calls later, in the middle.
    never_green: share behind which the thread saw none.
    raises_red: by how much the chance of a red check is higher behind it than behind the others.
    is_certain: that this is above 0 holds beyond `DOUBT`.
    """

    name: str
    per_100_sessions: float
    behind: Outlook
    otherwise: Outlook
    lead_calls: float | None
    never_green: float | None
    raises_red: Chance
    is_certain: bool


@dataclass(frozen=True, slots=True)
class Persistence:
    """Of checks behind a streak of this length, how many came out red."""

    streak: int
    red: Chance


@dataclass(slots=True)
class _Count:
    """Sums by session."""

    sessions: int
    calls: NDArray[np.float64] = field(init=False)
    checked: NDArray[np.float64] = field(init=False)
    red: NDArray[np.float64] = field(init=False)
    green: dict[int, NDArray[np.float64]] = field(init=False)
    leads: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.calls, self.checked, self.red = (np.zeros(self.sessions) for _ in range(3))
        self.green = {horizon: np.zeros(self.sessions) for horizon in HORIZONS}

    def add(self, session: int, at: int, checks: "_Checks") -> None:
        self.calls[session] += 1
        following = checks.next[at]
        if following >= 0:
            self.checked[session] += 1
            self.red[session] += checks.is_red[following]
        green = checks.next_green[at]
        if green >= 0:
            self.leads.append(green - at)
            for horizon in HORIZONS:
                self.green[horizon][session] += green - at <= horizon


class _Checks:
    """By call of a thread: the next check behind it, and the next green one; -1 for none."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self.is_red = [call.check == "failed" for call in calls]
        self.next = [-1] * len(calls)
        self.next_green = [-1] * len(calls)
        check = green = -1
        for at in range(len(calls) - 1, -1, -1):
            self.next[at], self.next_green[at] = check, green
            if calls[at].check:
                check = at
                green = green if self.is_red[at] else at


class Bootstrap:
    """Sessions drawn again and again, with repetition."""

    def __init__(self, sessions: int) -> None:
        random = np.random.default_rng(SEED)
        drawn = random.multinomial(sessions, np.full(sessions, 1 / sessions), size=DRAWS)
        # Products of whole numbers are slow.
        self._weights = drawn.astype(np.float64)

    def chance(self, part: NDArray[np.float64], whole: NDArray[np.float64]) -> Chance:
        drawn = self._ratios(part, whole)
        return _chance(part, whole, drawn)

    def raised(
        self,
        part: NDArray[np.float64],
        whole: NDArray[np.float64],
        others_part: NDArray[np.float64],
        others: NDArray[np.float64],
    ) -> tuple[Chance, bool]:
        """The difference of two shares of the same drawn sessions, and whether it is certain."""
        seen = int(whole.sum())
        if not seen or not others.sum():
            return Chance(None, None, None, seen), False
        drawn = self._ratios(part, whole) - self._ratios(others_part, others)
        mean = float(part.sum() / whole.sum() - others_part.sum() / others.sum())
        is_certain = bool(np.nanpercentile(drawn, 100 * DOUBT / 2) > 0)
        return Chance(mean, *_interval(drawn), seen), is_certain

    def _ratios(self, part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
        above: NDArray[np.float64] = self._weights @ part
        below: NDArray[np.float64] = self._weights @ whole
        found = np.full(len(below), np.nan)
        np.divide(above, below, out=found, where=below > 0)
        return found


def _chance(
    part: NDArray[np.float64], whole: NDArray[np.float64], drawn: NDArray[np.float64]
) -> Chance:
    seen = int(whole.sum())
    if not seen:
        return Chance(None, None, None, 0)
    return Chance(float(part.sum() / whole.sum()), *_interval(drawn), seen)


def _interval(drawn: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.nanpercentile(drawn, (2.5, 97.5))
    return float(low), float(high)


def signal_figures(threads: Sequence[Thread]) -> list[SignalFigures]:
    """Every signal, in the order of `SIGNALS`."""
    sessions = session_count(threads)
    draws = Bootstrap(sessions)
    checks = [_Checks(thread.calls) for thread in threads]
    found: list[SignalFigures] = []
    for name, signal in SIGNALS.items():
        behind, otherwise = _Count(sessions), _Count(sessions)
        for thread, own in zip(threads, checks, strict=True):
            fired = set(signal(thread.calls))
            for at, call in enumerate(thread.calls):
                if at in fired:
                    behind.add(thread.session, at, own)
                elif _is_alike(name, call):
                    otherwise.add(thread.session, at, own)
        calls = int(behind.calls.sum())
        raises_red, is_certain = draws.raised(
            behind.red, behind.checked, otherwise.red, otherwise.checked
        )
        found.append(
            SignalFigures(
                name=name,
                per_100_sessions=100 * calls / sessions,
                behind=_outlook(behind, draws),
                otherwise=_outlook(otherwise, draws),
                lead_calls=float(np.median(behind.leads)) if behind.leads else None,
                never_green=1 - len(behind.leads) / calls if calls else None,
                raises_red=raises_red,
                is_certain=is_certain,
            )
        )
    return found


def _is_alike(name: str, call: Call) -> bool:
    return call.check == "passed" if name in RED.values() else bool(call.used)


def _outlook(count: _Count, draws: Bootstrap) -> Outlook:
    return Outlook(
        calls=int(count.calls.sum()),
        red_next=draws.chance(count.red, count.checked),
        green_within={
            horizon: draws.chance(green, count.calls) for horizon, green in count.green.items()
        },
    )


def persistence(threads: Sequence[Thread], *, framework: str = "") -> list[Persistence]:
    """How often the check behind a streak of each length comes out red, 0 being a green one; of checks
    of one framework if one is named.
    """
    sessions = session_count(threads)
    draws = Bootstrap(sessions)
    red, seen = (np.zeros((LONGEST_STREAK + 1, sessions)) for _ in range(2))
    for thread in threads:
        checks = _Checks(thread.calls)
        for at, streak in enumerate(red_streaks(thread.calls)):
            following = checks.next[at]
            if streak < 0 or following < 0:
                continue
            if framework and thread.calls[at].framework != framework:
                continue
            row = min(streak, LONGEST_STREAK)
            seen[row, thread.session] += 1
            red[row, thread.session] += checks.is_red[following]
    return [
        Persistence(streak, draws.chance(red[streak], seen[streak]))
        for streak in range(LONGEST_STREAK + 1)
    ]


def frameworks(threads: Sequence[Thread], *, least: int) -> list[str]:
    """Those with at least so many checks, the most used first."""
    counts: dict[str, int] = {}
    for thread in threads:
        for call in thread.calls:
            if call.check and call.framework:
                counts[call.framework] = counts.get(call.framework, 0) + 1
    return [name for name in sorted(counts, key=lambda one: -counts[one]) if counts[name] >= least]


def session_count(threads: Sequence[Thread]) -> int:
    return max((thread.session for thread in threads), default=-1) + 1
