"""How many calls a target takes at once, learnt from where it throttles.

Additive increase, multiplicative decrease, as TCP and Netflix's concurrency-limits do it. Rules: nobody is refused
on a guess, so there is no limit until a target has throttled, or let a call wait in vain; the limit is then cut to a
share of what was under way, once for all calls that were sent before the cut; it grows by one for every round of
answers while it is used to the full, and not below what has proved good for long, unless that itself is throttled; and it is forgotten when nothing has
confirmed it for long. Pure.
"""

from typing import Final

from turnout.policy.breaker import Ending

FLOOR: Final = 16
"""Claude Code runs ten subagents at once. Fewer calls than that meet a limit of requests or tokens a minute, which says
nothing of calls at once; there, waiting until the target is next eligible does the limiting."""

REFUSING: Final = 2
"""Times the limit, from which a call would surely be refused; below that it is only better asked elsewhere."""

CEILING: Final = 2_048
"""As many connections as a dispatcher has by default: no limit."""

KEPT_SHARE: Final = 0.7
"""Of what was under way, after a cut: TCP CUBIC's (RFC 9438). Half costs more throughput than it spares refusals."""

FULL_SHARE: Final = 0.9
"""Of the limit in use, from which an answer says that the limit could be higher."""

PROVEN_SECONDS: Final = 60.0
"""Full use without a cut for so long, which is the window that providers count requests by."""

FORGOTTEN_SECONDS: Final = 3_600.0
"""Without a cut, after which a limit is a guess again: one that was cut at night, and not used up since, would refuse
the next day's agents."""

_CUTS: Final[frozenset[Ending]] = frozenset({"throttled", "timeout"})


class ConcurrencyLimit:
    """The calls of one target. `begun` and `ended` come in pairs, one for each call.

    Attributes:
        in_flight: calls under way; may exceed the limit, which binds only those who ask it.
    """

    __slots__ = ("_cut_at", "_level", "_level_since", "_limit", "_proven", "in_flight")

    def __init__(self) -> None:
        self.in_flight = 0
        self._limit = float(CEILING)
        self._cut_at = 0.0
        # What the limit was at the beginning of the present stretch of `PROVEN_SECONDS`.
        self._level = 0.0
        self._level_since = 0.0
        self._proven = 0.0

    def most(self, *, now: float) -> int:
        """Calls at once."""
        return CEILING if self._is_forgotten(now) else int(self._limit)

    def free(self, *, now: float) -> int:
        return max(0, self.most(now=now) - self.in_flight)

    def is_surely_exceeded(self, *, now: float) -> bool:
        return self.in_flight >= REFUSING * self.most(now=now)

    def begun(self) -> None:
        self.in_flight += 1

    def ended(self, ending: Ending, *, sent_at: float, now: float) -> None:
        under_way = self.in_flight
        self.in_flight = max(0, under_way - 1)
        if self._is_forgotten(now):
            self._limit = float(CEILING)
        if ending in _CUTS:
            if sent_at >= self._cut_at:
                self._cut(under_way, now=now)
        elif ending == "answered" and under_way >= FULL_SHARE * self._limit:
            self._limit = min(float(CEILING), self._limit + 1.0 / self._limit)
            if now - self._level_since >= PROVEN_SECONDS:
                self._proven = max(self._proven, self._level)
                self._level, self._level_since = self._limit, now

    def _is_forgotten(self, now: float) -> bool:
        return now - self._cut_at >= FORGOTTEN_SECONDS

    def _cut(self, under_way: int, *, now: float) -> None:
        if self._limit <= self._proven:
            self._proven *= KEPT_SHARE
        kept = KEPT_SHARE * min(self._limit, under_way)
        self._limit = max(float(FLOOR), self._proven, kept)
        self._cut_at = now
        self._level, self._level_since = self._limit, now
