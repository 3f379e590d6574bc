"""Building and ending the parts of a process."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bus.conftest import nats_server
from tests.bus.servers import NatsServer
from turnout.bus.control import ControlStore, end_task
from turnout.compose import process
from turnout.errors import Unavailable
from turnout.observe.traced import TracedSessionCacheTracker
from turnout.session_cache_tracker.service import LocalSessionCacheTracker
from turnout.settings import BadSetting, Nats, Redis, Settings, Tracing
from turnout.upstream_dispatcher.service import LocalUpstreamDispatcher

__all__ = ["nats_server"]

pytestmark = pytest.mark.anyio

WAIT_SECONDS = 5.0

NOWHERE_NATS = Nats(url="nats://127.0.0.1:1")
NOWHERE_REDIS = Redis(url="redis://127.0.0.1:1")


async def test_a_task_that_loses_a_cancellation_is_still_ended() -> None:
    lost: list[str] = []

    async def careless() -> None:
        while True:
            try:
                await asyncio.sleep(WAIT_SECONDS)
            except asyncio.CancelledError:
                if lost:
                    raise
                lost.append("one")

    task = asyncio.ensure_future(careless())
    await asyncio.sleep(0)
    async with asyncio.timeout(WAIT_SECONDS):
        await end_task(task)
    assert task.cancelled()
    assert lost == ["one"]


async def test_a_task_that_is_over_is_left_alone() -> None:
    async def quick() -> None:
        return

    task = asyncio.ensure_future(quick())
    await task
    await end_task(task)
    assert not task.cancelled()


async def test_without_a_collector_nothing_is_wrapped_in_spans(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, nats=NOWHERE_NATS, redis=NOWHERE_REDIS)
    async with process(settings, service="session-cache-tracker") as running:
        assert running.tracer is None
        assert running.interceptors() == ()
        assert isinstance(await running.tracker(), LocalSessionCacheTracker)


async def test_with_a_collector_the_part_of_this_process_is(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path,
        nats=NOWHERE_NATS,
        redis=NOWHERE_REDIS,
        tracing=Tracing(endpoint="http://127.0.0.1:1"),
    )
    async with process(settings, service="session-cache-tracker") as running:
        assert len(running.interceptors()) == 1
        assert isinstance(await running.tracker(), TracedSessionCacheTracker)


async def test_a_dispatcher_hears_that_a_tenant_is_only_observed(
    tmp_path: Path, nats_server: NatsServer
) -> None:
    await nats_server.start()
    settings = Settings(data_dir=tmp_path, nats=Nats(url=nats_server.url), redis=NOWHERE_REDIS)
    async with process(settings, service="upstream-dispatcher") as running:
        dispatcher = await running.dispatcher()
        assert isinstance(dispatcher, LocalUpstreamDispatcher)
        store = ControlStore(running.bus)
        await store.put("mode.acme", "observe", deadline_seconds=WAIT_SECONDS)
        async with asyncio.timeout(WAIT_SECONDS):
            while "acme" not in dispatcher.keeper.observing:
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("error", [BadSetting("one line"), Unavailable("one line")])
async def test_an_error_comes_out_of_a_process_as_itself(tmp_path: Path, error: Exception) -> None:
    settings = Settings(data_dir=tmp_path, nats=Nats(url="nats://127.0.0.1:1"))
    with pytest.raises(type(error)) as raised:
        async with process(settings, service="scorer"):
            raise error
    assert raised.value is error


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        # Every command, the small ones and those that every service of `--split` begins with.
        ("turnout.__main__", ("aiohttp", "chdb", "clickhouse_connect", "fastapi", "nats", "numpy")),
        # The process that only keeps the others up.
        ("turnout.serving", ("aiohttp", "clickhouse_connect", "fastapi", "nats", "numpy")),
        # A scorer and a tracker.
        ("turnout.running", ("clickhouse_connect", "fastapi", "turnout.dialects.registry")),
    ],
)
def test_a_process_imports_what_it_may_need_and_no_more(
    module: str, heavy: tuple[str, ...]
) -> None:
    """Each takes a tenth of a second or more, at every start of every process."""
    asked = f"import sys, {module}; print([m for m in {heavy!r} if m in sys.modules])"
    told = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True
    ).stdout
    assert told.strip() == "[]"
