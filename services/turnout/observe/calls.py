"""How long calls between parts take, timed at the port they go through.

Rules: only calls that cross a process are timed: within one, the stages of a decision already say
it, and a timer would cost as much as the call. The same wrapper stands on the side that serves
and on the side that calls, each with a histogram of its own, so that no call counts twice.
"""

import asyncio
import time
from types import TracebackType
from typing import Literal, TypeAlias

from turnout.errors import TurnoutError, Unavailable
from turnout.observe.tallies import HistogramTally
from turnout.policy.thread import ThreadState
from turnout.ports import (
    LeaseAnswer,
    LeaseRequest,
    LookRequest,
    Note,
    RouteAnswer,
    RouteRequest,
    Scorer,
    SessionCacheTracker,
    Settlement,
)

CallOutcome: TypeAlias = Literal["ok", "unavailable", "refused", "cancelled", "fault"]
"""Answered; could not be reached or was late; answered with an error of ours; given up by the
caller, as a serving part sees a deadline; anything else."""


class CallTimes:
    """Times the calls of one part on one side.

    Attributes:
        in_flight: calls under way.

    """

    def __init__(self, durations: HistogramTally, *, part: str) -> None:
        self.in_flight = 0
        self._durations = durations
        self._part = part

    def timed(self, method: str) -> "_Timed":
        """Times the block as one call."""
        return _Timed(self, method)

    def ended(self, method: str, outcome: CallOutcome, seconds: float) -> None:
        self._durations.observe((self._part, method, outcome), seconds)


class _Timed:
    __slots__ = ("_begun", "_method", "_times")

    def __init__(self, times: CallTimes, method: str) -> None:
        self._times = times
        self._method = method

    def __enter__(self) -> None:
        self._times.in_flight += 1
        self._begun = time.perf_counter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._times.in_flight -= 1
        self._times.ended(self._method, _outcome(error), time.perf_counter() - self._begun)


def _outcome(error: BaseException | None) -> CallOutcome:
    match error:
        case None:
            return "ok"
        case Unavailable():
            return "unavailable"
        case TurnoutError():
            return "refused"
        case asyncio.CancelledError():
            return "cancelled"
        case _:
            return "fault"


class TimedScorer:
    """A scorer whose calls are timed."""

    def __init__(self, scorer: Scorer, times: CallTimes) -> None:
        self._scorer = scorer
        self._times = times

    async def route(self, request: RouteRequest, *, deadline_seconds: float) -> RouteAnswer:
        with self._times.timed("route"):
            return await self._scorer.route(request, deadline_seconds=deadline_seconds)


class TimedSessionCacheTracker:
    """A tracker whose calls are timed."""

    def __init__(self, tracker: SessionCacheTracker, times: CallTimes) -> None:
        self._tracker = tracker
        self._times = times

    async def look(self, request: LookRequest, *, deadline_seconds: float) -> ThreadState:
        with self._times.timed("look"):
            return await self._tracker.look(request, deadline_seconds=deadline_seconds)

    async def note(self, note: Note, *, deadline_seconds: float) -> None:
        with self._times.timed("note"):
            await self._tracker.note(note, deadline_seconds=deadline_seconds)

    async def lease(self, request: LeaseRequest, *, deadline_seconds: float) -> LeaseAnswer:
        with self._times.timed("lease"):
            return await self._tracker.lease(request, deadline_seconds=deadline_seconds)

    async def settle(self, settlement: Settlement, *, deadline_seconds: float) -> None:
        with self._times.timed("settle"):
            await self._tracker.settle(settlement, deadline_seconds=deadline_seconds)
