"""What a part says last is what the gauge shows."""

import asyncio

import pytest

from turnout.observe.metrics import Metrics
from turnout.observe.part_watch import watch_parts

pytestmark = pytest.mark.anyio


class Parts:
    """Gives one answer after the other, and waits when there are none left."""

    def __init__(self, *answers: dict[str, str] | Exception) -> None:
        self._answers = list(answers)
        self.is_used_up = asyncio.Event()

    async def __call__(self) -> dict[str, str]:
        if not self._answers:
            self.is_used_up.set()
            await asyncio.Event().wait()
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_the_gauge_follows_the_newest_answer() -> None:
    metrics = Metrics(version="1", service="s", known_models=frozenset())
    parts = Parts(
        {"bus": "ok", "scorer": "ok"},
        ValueError("asking failed"),
        {"bus": "not connected", "scorer": "ok"},
    )
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(watch_parts(parts, metrics.part_up, interval_seconds=0))
        await parts.is_used_up.wait()
        watching.cancel()

    assert metrics.registry.get_sample_value("turnout_part_up", {"part": "bus"}) == 0
    assert metrics.registry.get_sample_value("turnout_part_up", {"part": "scorer"}) == 1
