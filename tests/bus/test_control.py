"""Control keys reach a watcher within a second, whatever happens to NATS meanwhile."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from tests.bus.servers import NatsServer
from turnout.bus.connection import Bus, open_bus
from turnout.bus.control import NEVER_SET, ControlStore, SetBy, Stand
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


async def test_a_value_is_read_back(nats_server: NatsServer) -> None:
    await nats_server.start()
    async with open_bus(nats_server.url, name="test") as bus:
        store = ControlStore(bus)
        assert await store.get("mode.acme", deadline_seconds=5) is None
        await store.put("mode.acme", "observe", deadline_seconds=5)
        assert await store.get("mode.acme", deadline_seconds=5) == "observe"
        await store.delete("mode.acme", deadline_seconds=5)
        assert await store.get("mode.acme", deadline_seconds=5) is None


async def test_of_two_who_change_the_same_value_one_does(nats_server: NatsServer) -> None:
    await nats_server.start()
    async with open_bus(nats_server.url, name="test") as bus:
        store = ControlStore(bus)

        async def stand() -> Stand:
            return await store.stand("mode.acme", deadline_seconds=5)

        async def put_unchanged(value: str, revision: int) -> bool:
            return await store.put_unchanged(
                "mode.acme", value, by=SetBy("guardrail"), revision=revision, deadline_seconds=5
            )

        assert await stand() == NEVER_SET
        assert [await put_unchanged(value, 0) for value in ("full", "cache")] == [True, False]
        first = await stand()
        assert first.value == "full"
        assert abs(first.changed_at - time.time()) < DEADLINE_SECONDS
        await store.put("mode.acme", "full", deadline_seconds=5)
        assert not await put_unchanged("cache", first.revision)
        await store.delete("mode.acme", deadline_seconds=5)
        removed = await stand()
        assert removed.value is None
        assert removed.changed_at >= first.changed_at
        assert not await put_unchanged("cache", 0)
        assert await put_unchanged("cache", removed.revision)
        assert (await stand()).value == "cache"


@pytest.mark.parametrize("name", ["admin", 'José\n{"}: '])
async def test_who_set_a_value_is_told_with_it(nats_server: NatsServer, name: str) -> None:
    await nats_server.start()
    async with open_bus(nats_server.url, name="test") as bus:
        store = ControlStore(bus)

        async def set_by() -> SetBy | None:
            return (await store.stand("mode.acme", deadline_seconds=5)).set_by

        person, guardrail = SetBy("person", name), SetBy("guardrail")
        await store.put("mode.acme", "full", by=person, deadline_seconds=5)
        assert await set_by() == person
        revision = (await store.stand("mode.acme", deadline_seconds=5)).revision
        assert await store.put_unchanged(
            "mode.acme", "cache", by=guardrail, revision=revision, deadline_seconds=5
        )
        assert await set_by() == guardrail
        await store.put("mode.acme", "full", deadline_seconds=5)
        assert await set_by() is None, "as earlier versions put it"
        assert await store.get("mode.acme", deadline_seconds=5) == "full"


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
