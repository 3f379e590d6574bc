"""Control keys reach a watcher within a second, whatever happens to NATS meanwhile."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from tests.bus.servers import NatsServer
from turnout.bus.connection import Bus, open_bus
from turnout.bus.control import BUCKET_HISTORY, ControlStore
from turnout.errors import Unavailable

pytestmark = pytest.mark.anyio

DEADLINE_SECONDS = 15.0

Change = tuple[str, str | None]


@asynccontextmanager
async def watching(url: str, keys: str = "mode.*") -> AsyncGenerator[asyncio.Queue[Change]]:
    changes: asyncio.Queue[Change] = asyncio.Queue()
    async with open_bus(url, name="watcher") as bus, asyncio.TaskGroup() as tasks:
        store = ControlStore(bus)
        watch = tasks.create_task(store.watch(keys, lambda k, v: changes.put_nowait((k, v))))
        yield changes
        watch.cancel()


async def following(changes: asyncio.Queue[Change]) -> Change:
    async with asyncio.timeout(DEADLINE_SECONDS):
        return await changes.get()


async def put(bus: Bus, key: str, value: str) -> None:
    await ControlStore(bus).put(key, value, deadline_seconds=DEADLINE_SECONDS)


async def test_the_last_values_of_a_key_can_be_had_after_it_is_removed(
    nats_server: NatsServer,
) -> None:
    await nats_server.start()
    async with open_bus(nats_server.url, name="test") as bus:
        store = ControlStore(bus)

        async def history() -> list[str]:
            return await store.history("artifact.active", deadline_seconds=DEADLINE_SECONDS)

        assert await history() == []
        for number in range(BUCKET_HISTORY + 1):
            await put(bus, "artifact.active", str(number))
        assert await history() == [str(number) for number in range(1, BUCKET_HISTORY + 1)]
        await store.delete("artifact.active", deadline_seconds=DEADLINE_SECONDS)
        assert await history() == [str(number) for number in range(2, BUCKET_HISTORY + 1)]
    with pytest.raises(Unavailable):
        await ControlStore(Bus("nats://127.0.0.1:1", name="test")).history(
            "artifact.active", deadline_seconds=0.1
        )


async def test_a_watch_tells_what_there_is_and_what_changes(nats_server: NatsServer) -> None:
    await nats_server.start()
    async with open_bus(nats_server.url, name="test") as bus:
        await put(bus, "mode.acme", "full")
        await put(bus, "other.acme", "unwatched")
        async with watching(nats_server.url) as changes:
            assert await following(changes) == ("mode.acme", "full")
            await put(bus, "mode.acme", "observe")
            assert await following(changes) == ("mode.acme", "observe")
            await ControlStore(bus).delete("mode.acme", deadline_seconds=5)
            assert await following(changes) == ("mode.acme", None)


async def test_a_watch_outlives_the_server_and_tells_nothing_twice(
    nats_server: NatsServer,
) -> None:
    async with watching(nats_server.url) as changes:
        await nats_server.start()
        async with open_bus(nats_server.url, name="test") as bus:
            await put(bus, "mode.acme", "full")
            assert await following(changes) == ("mode.acme", "full")
            await nats_server.kill()
            await nats_server.start()
            await put(bus, "mode.acme", "observe")
            assert await following(changes) == ("mode.acme", "observe")
        assert changes.empty()


async def test_absence_is_an_error_within_the_deadline(nats_server: NatsServer) -> None:
    async with open_bus(nats_server.url, name="test") as bus:
        with pytest.raises(Unavailable):
            await ControlStore(bus).get("mode.acme", deadline_seconds=0.1)
