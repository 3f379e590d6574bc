"""A deadline ends what takes too long, and nothing else."""

import asyncio

import pytest

from turnout.deadline import Deadline

pytestmark = pytest.mark.anyio

SOON = 0.01
NEVER = 1_000.0


async def for_ever() -> None:
    await asyncio.Event().wait()


async def test_what_takes_longer_is_ended_when_it_is_due() -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    with pytest.raises(TimeoutError) as late, Deadline(SOON):
        await for_ever()
    assert loop.time() >= begun + SOON
    assert isinstance(late.value.__cause__, asyncio.CancelledError)
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()


async def test_what_is_over_in_time_is_left_alone() -> None:
    with Deadline(SOON):
        await asyncio.sleep(0)
    await asyncio.sleep(2 * SOON)
    with pytest.raises(KeyError), Deadline(SOON):
        raise KeyError


async def test_an_error_of_its_own_is_told_although_time_is_up() -> None:
    with pytest.raises(KeyError), Deadline(SOON):
        try:
            await for_ever()
        except asyncio.CancelledError:
            raise KeyError from None


async def test_the_outer_of_two_may_ring_first() -> None:
    inner_ended = False
    with pytest.raises(TimeoutError), Deadline(SOON):
        try:
            with Deadline(NEVER):
                await for_ever()
        except asyncio.CancelledError:
            inner_ended = True
            raise
    assert inner_ended


@pytest.mark.parametrize("is_late", [False, True])
async def test_a_cancellation_by_others_stays_theirs(is_late: bool) -> None:
    begun = asyncio.Event()

    async def wait() -> None:
        with Deadline(0.0 if is_late else NEVER):
            begun.set()
            await for_ever()

    task = asyncio.create_task(wait())
    await begun.wait()
    # Before the loop turns again, and so before the deadline can ring.
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
