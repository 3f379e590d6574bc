"""A service and who keeps it up: what each tells the other, and who stands beside whom."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from turnout.engines.child import Child
from turnout.engines.handover import NOBODY, Handover, Line, inherited, open_line
from turnout.engines.supervisor import Supervisor, supervising
from turnout.settings import HANDOVER_VARIABLE, BadSetting

pytestmark = pytest.mark.anyio

WAIT_SECONDS = 20.0

SERVICE = """
import asyncio, os, signal, sys
from turnout.engines.handover import open_handover
note = lambda what: open(sys.argv[1], "a").write(f"{what} {os.getpid()}\\n")
async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with open_handover() as handover:
        handover.serves()
        note("serves")
        await stop.wait()
        note("replaced" if await handover.leaves() else "ends")
asyncio.run(main())
"""


@asynccontextmanager
async def both_ends() -> AsyncGenerator[tuple[Line, Handover, Line]]:
    """The supervisor's line, the service's handover and its line."""
    ours, theirs = socket.socketpair()
    supervisor, service = await open_line(ours), await open_line(theirs)
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            yield supervisor, Handover(service), service
    finally:
        supervisor.close()
        service.close()


async def test_words_arrive_whole_however_they_are_cut() -> None:
    line = Line()
    for piece in (b"ser", b"ves\nnonsense\nle", b"av", b"es\n"):
        line.data_received(piece)
    assert line.heard["serves"].is_set()
    assert line.heard["leaves"].is_set()
    assert not line.answered.is_set()


async def test_a_service_leaves_when_its_successor_serves() -> None:
    async with both_ends() as (supervisor, handover, _):
        leaving = asyncio.ensure_future(handover.leaves())
        await supervisor.heard["leaves"].wait()
        assert not leaving.done()
        supervisor.say("replaced")
        assert await leaving is True


async def test_a_service_that_has_no_successor_is_told() -> None:
    async with both_ends() as (supervisor, handover, _):
        supervisor.say("ends")
        assert await handover.leaves() is False
        await handover.ends()


async def test_a_supervisor_that_is_gone_replaces_nobody() -> None:
    async with both_ends() as (supervisor, handover, _):
        supervisor.close()
        assert await handover.leaves() is False
        handover.serves()


async def test_a_process_that_nobody_keeps_up_goes_at_once() -> None:
    assert await NOBODY.leaves() is False
    assert not NOBODY.is_supervised


@pytest.mark.parametrize("told", ["three", "", "-1", "9999", "0x3"])
def test_a_wrong_descriptor_is_one_line(told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HANDOVER_VARIABLE, told)
    with pytest.raises(BadSetting, match=f"^{HANDOVER_VARIABLE} is .*leave it unset.$"):
        inherited(HANDOVER_VARIABLE)


def service(diary: Path) -> Child:
    return Child(
        name="service",
        argv=(sys.executable, "-c", SERVICE, str(diary)),
        ready=None,
        env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        is_replaceable=True,
        leave_seconds=WAIT_SECONDS,
    )


async def replaced(supervisor: Supervisor, old: int) -> int:
    async with asyncio.timeout(WAIT_SECONDS):
        while (pid := supervisor.pid("service")) in (old, None):
            await asyncio.sleep(0.02)
    assert pid is not None
    return pid


async def written(diary: Path, line: str) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while line not in diary.read_text().splitlines():
            await asyncio.sleep(0.02)


async def test_the_successor_serves_before_the_old_one_goes(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    async with supervising([service(diary)], data_dir=tmp_path) as supervisor:
        old = supervisor.pid("service")
        assert old is not None
        os.kill(old, signal.SIGTERM)
        new = await replaced(supervisor, old)
        await written(diary, f"replaced {old}")
    assert diary.read_text().splitlines() == [
        f"serves {old}",
        f"serves {new}",
        f"replaced {old}",
        f"ends {new}",
    ]


async def test_going_often_is_no_dying(tmp_path: Path) -> None:
    """More often in a minute than a child may die."""
    diary = tmp_path / "diary"
    async with supervising([service(diary)], data_dir=tmp_path) as supervisor:
        for _ in range(8):
            old = supervisor.pid("service")
            assert old is not None
            os.kill(old, signal.SIGTERM)
            await replaced(supervisor, old)
            await written(diary, f"replaced {old}")
        assert supervisor.restarts("service") == 8


async def test_a_successor_that_dies_is_followed_by_another(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    async with supervising([service(diary)], data_dir=tmp_path) as supervisor:
        old = supervisor.pid("service")
        assert old is not None
        os.kill(old, signal.SIGTERM)
        second = await replaced(supervisor, old)
        os.kill(second, signal.SIGKILL)
        third = await replaced(supervisor, second)
        await written(diary, f"serves {third}")
        await written(diary, f"replaced {old}")
