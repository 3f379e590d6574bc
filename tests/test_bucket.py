"""What commands beside a running Turnout find in its control bucket, and what stands for it when it is away."""

import pytest

from tests.artifacts import CATALOG, SHIPPED, favouring, foreign, renamed
from tests.bus.conftest import nats_server
from tests.bus.servers import NatsServer
from turnout.bucket import contents
from turnout.bus.connection import open_bus
from turnout.bus.control import ControlStore
from turnout.policy.artifact import parse_artifact
from turnout.settings import Nats, Settings

__all__ = ["nats_server"]

pytestmark = pytest.mark.anyio

SECONDS = 10.0
FIRST, NEXT, SHADOW = renamed("2030-01-01"), renamed("2030-02-02"), favouring("gpt-5.5")


def digest(data: bytes) -> str:
    return parse_artifact(data).digest


async def test_what_was_pushed_is_found_also_after_it_is_gone(nats_server: NatsServer) -> None:
    await nats_server.start()
    settings = Settings(nats=Nats(url=nats_server.url))
    async with open_bus(nats_server.url, name="test") as bus:
        store = ControlStore(bus)

        async def put(key: str, value: str) -> None:
            await store.put(key, value, deadline_seconds=SECONDS)

        empty = await contents(settings, CATALOG)
        assert (empty.active.digest, set(empty.artifacts)) == (SHIPPED.digest, {SHIPPED.digest})
        await put("artifact.active", FIRST.decode())
        await put("artifact.shadow", SHADOW.decode())
        await put("artifact.active", NEXT.decode())
        await put("settings.acme", '{"candidates": ["gpt-5.5"]}')
        found = await contents(settings, CATALOG, tenant="acme")
        every = {SHIPPED.digest, *(digest(one) for one in (FIRST, NEXT, SHADOW))}
        assert (found.active.digest, set(found.artifacts)) == (digest(NEXT), every)
        assert found.routing.candidates == ("gpt-5.5",)
        assert (await contents(settings, CATALOG)).routing.candidates == settings.routing.candidates
        await store.delete("artifact.active", deadline_seconds=SECONDS)
        dropped = await contents(settings, CATALOG)
        assert (dropped.active.digest, set(dropped.artifacts)) == (SHIPPED.digest, every)
        await put("artifact.active", foreign().decode())
        assert (await contents(settings, CATALOG)).active.digest == SHIPPED.digest


async def test_without_the_bus_the_process_own_stand_and_it_is_said() -> None:
    settings = Settings(nats=Nats(url="nats://127.0.0.1:1"))
    found = await contents(settings, CATALOG, tenant="acme")
    assert (found.active.digest, set(found.artifacts)) == (SHIPPED.digest, {SHIPPED.digest})
    assert found.routing.candidates == settings.routing.candidates
    assert "is NATS running?" in found.unanswered
