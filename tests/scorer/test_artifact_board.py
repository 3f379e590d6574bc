"""Which artifact decides: what is told over the control bucket, and what of it is left."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from tests.artifacts import CATALOG, SHIPPED, damaged, failing, foreign, renamed, tenants, undialled
from tests.bus.servers import NatsServer
from turnout.bus.connection import open_bus
from turnout.bus.control import ControlStore, end_task
from turnout.bus.control_keys import ARTIFACT_KEY
from turnout.policy.artifact import Artifact, parse_artifact
from turnout.policy.decision import RoutingSettings
from turnout.scorer.artifact_board import ArtifactBoard, Basis
from turnout.scorer.artifact_file import tried_artifact
from turnout.scorer.embedder_files import EMBEDDER_DIGEST
from turnout.scorer.text_reader import ClusterReader

pytestmark = pytest.mark.anyio

WAIT_SECONDS = 10.0
"""Longer than anything here takes; a test that hangs fails by it."""

NEXT = renamed("2030-01-01")
NEXT_DIGEST = parse_artifact(NEXT).digest
AFTER = renamed("2030-02-02")
AFTER_DIGEST = parse_artifact(AFTER).digest


def basis_of(artifact: Artifact) -> Basis:
    reader = ClusterReader(artifact.content.text)
    settings = RoutingSettings(value_usd=float(len(artifact.content.created)))
    return Basis(artifact, reader, undialled, settings)


@dataclass(slots=True)
class Run:
    """A board that runs, and what it has told."""

    board: ArtifactBoard
    told: list[str] = field(default_factory=list)

    async def tell(self, role: str, value: bytes | None) -> None:
        self.board.on_control(ARTIFACT_KEY + role, None if value is None else value.decode())

    async def until(self, active: str, shadow: str | None) -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            while self.digests() != (active, shadow):
                await asyncio.sleep(0.01)

    def digests(self) -> tuple[str, str | None]:
        shadow = self.board.shadow
        return self.board.active.tables.digest, None if shadow is None else shadow.tables.digest


@asynccontextmanager
async def running(own: Basis | None = None) -> AsyncGenerator[Run]:
    told: list[str] = []
    board = ArtifactBoard(
        own or basis_of(SHIPPED),
        tenants=tenants(RoutingSettings()),
        bind=lambda data: basis_of(
            tried_artifact(
                data, embedder_digest=EMBEDDER_DIGEST, settings=RoutingSettings(), catalog=CATALOG
            )
        ),
        on_active=lambda basis: told.append(basis.tables.digest),
    )
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(board.run())
        yield Run(board, told)
        await end_task(task)


async def test_a_file_decides_from_then_on_and_its_drop_brings_the_own_one_back() -> None:
    async with running() as run:
        own = run.board.active
        await run.tell("active", NEXT)
        await run.until(NEXT_DIGEST, None)
        assert run.board.active.reader is not own.reader, "the reader goes with the tables"
        await run.tell("active", None)
        await run.until(SHIPPED.digest, None)
        assert run.board.active is own
        assert run.told == [NEXT_DIGEST, SHIPPED.digest]


async def test_a_shadow_is_apart_from_what_serves() -> None:
    async with running() as run:
        await run.tell("shadow", NEXT)
        await run.until(SHIPPED.digest, NEXT_DIGEST)
        await run.tell("active", AFTER)
        await run.until(AFTER_DIGEST, NEXT_DIGEST)
        await run.tell("shadow", None)
        await run.until(AFTER_DIGEST, None)
        assert run.told == [AFTER_DIGEST], "of the active ones alone"


@pytest.mark.parametrize("role", ["active", "shadow"])
@pytest.mark.parametrize("bad", [b"", b"{}", b"no json", damaged(), foreign(), failing()])
async def test_what_is_no_artifact_is_counted_and_the_last_good_one_stays(
    role: str, bad: bytes
) -> None:
    async with running() as run:
        await run.tell(role, NEXT)
        both = (NEXT_DIGEST, None) if role == "active" else (SHIPPED.digest, NEXT_DIGEST)
        await run.until(*both)
        await run.tell(role, bad)
        async with asyncio.timeout(WAIT_SECONDS):
            while not sum(run.board.refused.values()):
                await asyncio.sleep(0.01)
        assert run.digests() == both
        await run.tell(role, AFTER)
        await run.until(
            *((AFTER_DIGEST, None) if role == "active" else (SHIPPED.digest, AFTER_DIGEST))
        )
        other = "shadow" if role == "active" else "active"
        assert run.board.refused == {role: 1, other: 0}


async def test_of_several_files_the_last_one_stands() -> None:
    async with running() as run:
        for value in (NEXT, b"{}", None, AFTER):
            await run.tell("active", value)
        await run.until(AFTER_DIGEST, None)
        assert run.told == [AFTER_DIGEST]
        assert not sum(run.board.refused.values())


async def settle(run: Run, tenant: str, value_usd: float) -> None:
    """Until every artifact has this value for the tenant."""
    async with asyncio.timeout(WAIT_SECONDS):
        while any(
            one.settings_of(tenant).value_usd != value_usd
            for one in (run.board.active, run.board.shadow)
            if one is not None
        ):
            await asyncio.sleep(0.01)


async def test_what_a_tenant_has_otherwise_is_read_on_every_artifact() -> None:
    async with running() as run:
        own = run.board.active.settings.value_usd
        await run.tell("shadow", AFTER)
        await run.until(SHIPPED.digest, AFTER_DIGEST)
        run.board.on_control("settings.acme", '{"quality_bias": 0.25}')
        await settle(run, "acme", 0.25)
        await run.tell("active", NEXT)
        await run.until(NEXT_DIGEST, AFTER_DIGEST)
        await settle(run, "acme", 0.25)
        await settle(run, "other", own)
        run.board.on_control("settings.acme", '{"quality_bias": 0.75}')
        await settle(run, "acme", 0.75)
        await run.tell("active", None)
        await run.until(SHIPPED.digest, AFTER_DIGEST)
        await settle(run, "acme", 0.75)
        run.board.on_control("settings.acme", None)
        await settle(run, "acme", own)


async def test_tables_that_fail_with_a_tenants_settings_keep_the_last_good_ones() -> None:
    def dialled(settings: RoutingSettings, bias: float | None) -> RoutingSettings:
        if bias == 1.0:
            raise ZeroDivisionError
        return undialled(settings, bias)

    async with running(replace(basis_of(SHIPPED), dialled=dialled)) as run:
        for bias in (0.25, 1.0, 0.75):
            run.board.on_control("settings.acme", f'{{"quality_bias": {bias}}}')
            await asyncio.sleep(0)
            if bias != 1.0:
                await settle(run, "acme", bias)


async def test_other_keys_are_not_ours() -> None:
    async with running() as run:
        await run.tell("third", NEXT)
        await run.tell("active", AFTER)
        await run.until(AFTER_DIGEST, None)


async def test_what_a_bucket_holds_is_used_as_soon_as_it_is_seen(nats_server: NatsServer) -> None:
    """Without the bus the own artifact decides; nobody waits for it."""
    async with open_bus(nats_server.url, name="test") as bus, running() as run:
        store = ControlStore(bus)
        watch = asyncio.ensure_future(store.watch(f"{ARTIFACT_KEY}*", run.board.on_control))
        try:
            assert run.digests() == (SHIPPED.digest, None)
            await nats_server.start()
            await store.put("artifact.active", NEXT.decode(), deadline_seconds=WAIT_SECONDS)
            await run.until(NEXT_DIGEST, None)
            await store.delete("artifact.active", deadline_seconds=WAIT_SECONDS)
            await run.until(SHIPPED.digest, None)
        finally:
            await end_task(watch)
