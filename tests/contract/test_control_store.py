"""Where control state is kept: NATS, and the dictionary that stands for it in tests."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Literal, TypeAlias

import pytest

from tests.bus.conftest import nats_server
from tests.bus.servers import NatsServer
from tests.ingress.edge import KeptStore
from turnout.bus.connection import open_bus
from turnout.bus.control import NEVER_SET, ControlStore, SetBy, Stand

__all__ = ["nats_server"]

pytestmark = pytest.mark.anyio

SECONDS = 15.0
PERSON, GUARDRAIL = SetBy("person", "admin"), SetBy("guardrail")

Store: TypeAlias = KeptStore | ControlStore


@asynccontextmanager
async def opened(kind: Literal["memory", "nats"], server: NatsServer) -> AsyncGenerator[Store]:
    if kind == "memory":
        yield KeptStore()
        return
    await server.start()
    async with open_bus(server.url, name="test") as bus:
        yield ControlStore(bus)


@pytest.fixture(params=["memory", "nats"])
async def store(request: pytest.FixtureRequest, nats_server: NatsServer) -> AsyncGenerator[Store]:
    async with opened(request.param, nats_server) as found:
        yield found


async def stand(store: Store) -> Stand:
    return await store.stand("mode.acme", deadline_seconds=SECONDS)


async def put_unchanged(store: Store, value: str, revision: int) -> bool:
    return await store.put_unchanged(
        "mode.acme", value, by=GUARDRAIL, revision=revision, deadline_seconds=SECONDS
    )


async def test_a_value_is_read_back(store: Store) -> None:
    assert await store.get("mode.acme", deadline_seconds=SECONDS) is None
    await store.put("mode.acme", "observe", deadline_seconds=SECONDS)
    assert await store.get("mode.acme", deadline_seconds=SECONDS) == "observe"
    await store.delete("mode.acme", deadline_seconds=SECONDS)
    assert await store.get("mode.acme", deadline_seconds=SECONDS) is None


async def test_of_two_who_change_the_same_value_one_does(store: Store) -> None:
    assert await stand(store) == NEVER_SET
    assert [await put_unchanged(store, value, 0) for value in ("full", "cache")] == [True, False]
    first = await stand(store)
    assert first.value == "full"
    await store.put("mode.acme", "full", by=PERSON, deadline_seconds=SECONDS)
    assert not await put_unchanged(store, "cache", first.revision)
    await store.delete("mode.acme", deadline_seconds=SECONDS)
    removed = await stand(store)
    assert removed.value is None
    assert removed.changed_at >= first.changed_at > 0
    assert not await put_unchanged(store, "cache", 0)
    assert await put_unchanged(store, "cache", removed.revision)
    assert (await stand(store)).value == "cache"


@pytest.mark.parametrize("name", ["admin", 'José\n{"}: '])
async def test_who_set_a_value_is_told_with_it(store: Store, name: str) -> None:
    person = SetBy("person", name)
    await store.put("mode.acme", "full", by=person, deadline_seconds=SECONDS)
    found = await stand(store)
    assert (found.value, found.set_by) == ("full", person)
    assert await put_unchanged(store, "cache", found.revision)
    assert (await stand(store)).set_by == GUARDRAIL
    await store.put("mode.acme", "full", deadline_seconds=SECONDS)
    assert (await stand(store)).set_by is None, "as earlier versions put it"
