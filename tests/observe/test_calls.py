"""A call through a timed port is counted once, by how it ended."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from tests.fakes import NoLeases
from turnout.errors import InvalidRequest, Unavailable
from turnout.observe.calls import CallTimes, TimedSessionCacheTracker
from turnout.observe.metrics import Metrics
from turnout.policy.request import Prefix
from turnout.policy.thread import ThreadState
from turnout.ports import LookRequest, Note

pytestmark = pytest.mark.anyio

LOOK = LookRequest(thread_key="t", head_scopes=(), prefix=Prefix(head_digest=""), now=0.0)


class Tracker(NoLeases):
    """Answers, or raises what it is told to."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error
        self.asked = asyncio.Event()
        self.answer = asyncio.Event()
        self.answer.set()

    async def look(self, request: LookRequest, *, deadline_seconds: float) -> ThreadState:
        self.asked.set()
        await self.answer.wait()
        if self.error is not None:
            raise self.error
        return ThreadState()

    async def note(self, note: Note, *, deadline_seconds: float) -> None:
        raise AssertionError("only looks are timed here")


def counted(registry: CollectorRegistry, outcome: str) -> float | None:
    return registry.get_sample_value(
        "turnout_rpc_duration_seconds_count",
        {"part": "session-cache-tracker", "method": "look", "outcome": outcome},
    )


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "ok"),
        (Unavailable("away"), "unavailable"),
        (InvalidRequest("wrong"), "refused"),
        (asyncio.CancelledError(), "cancelled"),
        (ValueError("ours"), "fault"),
    ],
)
async def test_a_call_is_counted_by_how_it_ended(error: BaseException | None, outcome: str) -> None:
    metrics = Metrics(version="1", service="s", known_models=frozenset())
    times = CallTimes(metrics.rpc, part="session-cache-tracker")
    timed = TimedSessionCacheTracker(Tracker(error), times)

    if error is None:
        assert await timed.look(LOOK, deadline_seconds=1.0) == ThreadState()
    else:
        with pytest.raises(type(error)):
            await timed.look(LOOK, deadline_seconds=1.0)

    assert counted(metrics.registry, outcome) == 1
    assert times.in_flight == 0


async def test_a_call_under_way_is_in_flight() -> None:
    metrics = Metrics(version="1", service="s", known_models=frozenset())
    times = CallTimes(metrics.rpc, part="session-cache-tracker")
    tracker = Tracker(None)
    tracker.answer.clear()
    async with asyncio.TaskGroup() as group:
        group.create_task(TimedSessionCacheTracker(tracker, times).look(LOOK, deadline_seconds=1.0))
        await tracker.asked.wait()
        assert times.in_flight == 1
        assert counted(metrics.registry, "ok") is None
        tracker.answer.set()
    assert times.in_flight == 0
