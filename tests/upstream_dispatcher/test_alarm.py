"""One deadline for many waits: it rings in time, for the wait that is due and for nobody else."""

import asyncio
from collections.abc import Callable
from contextvars import Context

import pytest
from typing_extensions import override

from turnout.upstream_dispatcher.alarm import Alarm

pytestmark = pytest.mark.anyio

SOON = 0.01
LATER = 0.05
NEVER = 1_000.0


async def for_ever() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("earlier", [(), (SOON,), (LATER,), (NEVER,), (NEVER, SOON, NEVER)])
async def test_a_wait_ends_when_it_is_due_whatever_was_due_before(
    earlier: tuple[float, ...],
) -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    alarm = Alarm()
    for seconds in earlier:
        with alarm.at(begun + seconds):
            await asyncio.sleep(0)
    with pytest.raises(TimeoutError), alarm.at(begun + LATER):
        await for_ever()
    assert loop.time() >= begun + LATER
    alarm.close()


async def test_it_rings_for_nobody_between_two_waits() -> None:
    alarm = Alarm()
    loop = asyncio.get_running_loop()
    with alarm.at(loop.time()):
        pass
    await asyncio.sleep(SOON)
    with alarm.at(loop.time() + NEVER):
        await asyncio.sleep(SOON)
    alarm.close()


@pytest.mark.parametrize("due", [0.0, NEVER])
async def test_a_cancellation_by_others_stays_theirs(due: float) -> None:
    begun = asyncio.Event()

    async def wait() -> None:
        alarm = Alarm()
        try:
            with alarm.at(asyncio.get_running_loop().time() + due):
                begun.set()
                await for_ever()
        finally:
            alarm.close()

    task = asyncio.create_task(wait())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


class CountingLoop(asyncio.SelectorEventLoop):
    """Counts timers, those of `call_later` too."""

    timers = 0

    @override
    def call_at(
        self,
        when: float,
        callback: Callable[..., object],
        *args: object,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        self.timers += 1
        return super().call_at(when, callback, *args, context=context)


def test_many_waits_share_a_timer() -> None:
    async def many() -> None:
        loop = asyncio.get_running_loop()
        alarm = Alarm()
        for _ in range(100):
            with alarm.at(loop.time() + NEVER):
                await asyncio.sleep(0)
        alarm.close()

    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        runner.run(many())
        loop = runner.get_loop()
        assert isinstance(loop, CountingLoop)
        assert loop.timers == 1
