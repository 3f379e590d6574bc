"""Facts from the spool to ClickHouse over real engines, each of which is killed in turn."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import nats
import pytest
from msgspec.structs import replace
from nats.aio.client import Client
from nats.aio.msg import Msg
from prometheus_client import CollectorRegistry

from tests.bus import samples
from tests.bus.servers import ClickHouseServer, NatsServer
from turnout.bus.connection import ensure_stream, open_bus
from turnout.bus.metrics import BusMetrics
from turnout.bus.publisher import Publisher
from turnout.bus.spool import SpoolFactSink, open_spool
from turnout.bus.subjects import STREAM
from turnout.telemetry.batch import blocks_of
from turnout.telemetry.consumer import (
    BATCH_BYTES,
    BatchSettings,
    batches_of,
    bus_message,
    subscribe,
)
from turnout.telemetry.metrics import TelemetryMetrics
from turnout.telemetry.service import Telemetry, TelemetrySettings
from turnout.telemetry.warehouse import WarehouseSettings, open_warehouse

pytestmark = pytest.mark.anyio

DEADLINE_SECONDS = 30.0
FAST = BatchSettings(messages=20, interval_seconds=0.02)


@asynccontextmanager
async def publishing(parent: Path, url: str) -> AsyncGenerator[SpoolFactSink]:
    metrics = BusMetrics(CollectorRegistry())
    spool = open_spool(parent / "spool", service="test", metrics=metrics)
    stop = asyncio.Event()
    try:
        async with open_bus(url, name="publisher") as bus, asyncio.TaskGroup() as tasks:
            publisher = Publisher(spool=spool, bus=bus, metrics=metrics, linger_seconds=0.0)
            tasks.create_task(publisher.run(stop))
            yield SpoolFactSink(spool, metrics=metrics)
            stop.set()
    finally:
        spool.close()


@asynccontextmanager
async def consuming(url: str, warehouse: WarehouseSettings) -> AsyncGenerator[Telemetry]:
    settings = TelemetrySettings(nats_url=url, warehouse=warehouse, batch=FAST)
    telemetry = Telemetry(settings, TelemetryMetrics(CollectorRegistry()))
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(telemetry.run(stop))
        yield telemetry
        stop.set()


async def figures(settings: WarehouseSettings) -> tuple[int, int, Decimal | None]:
    """Rows as stored with their copies, requests, and the cost of the roll-up."""
    async with open_warehouse(settings) as warehouse:
        stored = await warehouse.rows("SELECT count() FROM requests_raw")
        rows = await warehouse.rows("SELECT sum(requests), sum(cost_usd) FROM cost_by_day")
    requests, cost = rows[0]
    assert cost is None or isinstance(cost, Decimal)
    return int(str(stored[0][0])), int(str(requests)), cost


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not await condition():
            await asyncio.sleep(0.05)


async def until_requests(settings: WarehouseSettings, count: int) -> None:
    async def arrived() -> bool:
        try:
            return (await figures(settings))[1] >= count
        except Exception:  # noqa: BLE001 - the database may not be there yet
            return False

    await until(arrived)


async def is_drained(url: str) -> bool:
    """Whether every message has been acknowledged."""
    client = await nats.connect(url)
    try:
        info = await client.jetstream().consumer_info(STREAM, "telemetry-clickhouse")
        return (info.num_pending, info.num_ack_pending) == (0, 0)
    finally:
        await client.close()


async def test_every_fact_arrives_in_its_table(
    tmp_path: Path, nats_server: NatsServer, warehouse_settings: WarehouseSettings
) -> None:
    await nats_server.start()
    async with (
        publishing(tmp_path, nats_server.url) as sink,
        consuming(nats_server.url, warehouse_settings) as telemetry,
    ):
        for fact in (
            samples.routed(),
            samples.attempt(),
            samples.completed(),
            samples.switched(),
            samples.outcome(),
            samples.shadowed(),
            samples.mode_changed(),
            samples.settings_changed(),
            samples.kept_warm(),
        ):
            sink.record(fact)
        await until_requests(warehouse_settings, 1)
        await until(lambda: is_drained(nats_server.url))
        assert telemetry.waiting_for() == ()
    async with open_warehouse(warehouse_settings) as warehouse:
        for view in (
            *("requests", "attempts", "decisions", "thread_switches", "outcomes"),
            "shadow_decisions",
            "mode_changes",
            "settings_changes",
            "keep_warm_reads",
        ):
            assert await warehouse.rows(f"SELECT count() FROM {view}") == [(1,)], view
        row = await warehouse.rows(
            "SELECT tenant, session, toUnixTimestamp64Micro(occurred_at), fresh_input, cache_read,"
            " cache_write, input_total, output, cost_usd, toString(day), stream FROM requests"
        )
    assert row == [
        (
            "acme",
            "session-1",
            round((samples.NOON + 4.6) * 1e6),
            100,
            90_000,
            1_200,
            91_300,
            400,
            Decimal("0.0625"),
            "2026-03-10",
            True,
        )
    ]


@pytest.mark.parametrize("is_late_first", [True, False])
async def test_a_decision_made_without_the_scorer_stands_over_a_late_one(
    tmp_path: Path,
    nats_server: NatsServer,
    warehouse_settings: WarehouseSettings,
    is_late_first: bool,
) -> None:
    await nats_server.start()
    late = samples.routed()
    alone = replace(late, decision=replace(late.decision, degraded=("scorer",)))
    async with (
        publishing(tmp_path, nats_server.url) as sink,
        consuming(nats_server.url, warehouse_settings),
    ):
        for fact in (late, alone) if is_late_first else (alone, late):
            sink.record(fact)
        sink.record(samples.completed())
        await until_requests(warehouse_settings, 1)
        await until(lambda: is_drained(nats_server.url))
    async with open_warehouse(warehouse_settings) as warehouse:
        assert await warehouse.rows("SELECT degraded FROM decisions") == [(["scorer"],)]


async def test_publishing_everything_again_changes_no_figure(
    tmp_path: Path, nats_server: NatsServer, warehouse_settings: WarehouseSettings
) -> None:
    await nats_server.start()
    facts = [samples.completed(f"request-{number}") for number in range(50)]
    async with (
        publishing(tmp_path, nats_server.url) as sink,
        consuming(nats_server.url, warehouse_settings),
    ):
        for fact in facts:
            sink.record(fact)
        await until_requests(warehouse_settings, 50)
        before = await figures(warehouse_settings)
        # Told again by a service that has forgotten that it told it: other message ids, same events.
        for fact in facts:
            sink.record(fact)

        async def stored_twice() -> bool:
            return (await figures(warehouse_settings))[0] > before[0]

        await until(stored_twice)
        await until(lambda: is_drained(nats_server.url))
        after = await figures(warehouse_settings)

    assert before[1:] == after[1:] == (50, Decimal("3.125"))


async def test_a_batch_inserted_but_not_acknowledged_counts_once(
    tmp_path: Path, nats_server: NatsServer, warehouse_settings: WarehouseSettings
) -> None:
    """As when telemetry dies between the insert and the acknowledgement."""
    await nats_server.start()
    async with (
        publishing(tmp_path, nats_server.url) as sink,
        open_bus(nats_server.url, name="dying") as bus,
        open_warehouse(warehouse_settings) as warehouse,
    ):
        for number in range(30):
            sink.record(samples.completed(f"request-{number}"))
        jetstream = await bus.jetstream()
        await ensure_stream(jetstream)
        subscription = await subscribe(jetstream)
        told = 0
        while told < 30:
            messages = await subscription.fetch(10, DEADLINE_SECONDS)
            for block in blocks_of([bus_message(message) for message in messages]):
                told += block.rows
                await warehouse.insert(block.table, block.columns, block.types, token=block.token)
            for message in messages:
                await message.nak()
    before = await figures(warehouse_settings)

    async with consuming(nats_server.url, warehouse_settings):
        await until(lambda: is_drained(nats_server.url))
    after = await figures(warehouse_settings)

    assert before[1:] == after[1:] == (30, Decimal("1.875"))


async def test_what_is_acknowledged_leaves_the_stream(
    tmp_path: Path, nats_server: NatsServer, warehouse_settings: WarehouseSettings
) -> None:
    await nats_server.start()
    async with (
        publishing(tmp_path, nats_server.url) as sink,
        consuming(nats_server.url, warehouse_settings),
    ):
        sink.record(samples.completed())
        await until_requests(warehouse_settings, 1)
        await until(lambda: is_drained(nats_server.url))
        client = await nats.connect(nats_server.url)
        state = (await client.jetstream().stream_info(STREAM)).state
        await client.close()

    assert state.messages == 0


async def test_engines_may_die_and_come_back_at_any_time(
    tmp_path: Path, nats_server: NatsServer, own_clickhouse: ClickHouseServer
) -> None:
    settings = WarehouseSettings(url=own_clickhouse.url, password=own_clickhouse.token)
    async with (
        publishing(tmp_path, nats_server.url) as sink,
        consuming(nats_server.url, settings) as telemetry,
    ):
        sent = 0

        def send(count: int) -> None:
            nonlocal sent
            for _ in range(count):
                sink.record(samples.completed(f"request-{sent}"))
                sent += 1

        send(20)
        assert telemetry.waiting_for() == ("clickhouse",)
        await nats_server.start()
        send(20)
        await own_clickhouse.start()
        await until_requests(settings, sent)
        await own_clickhouse.kill()
        send(20)
        await nats_server.kill()
        send(20)
        await own_clickhouse.start()
        await nats_server.start()
        send(20)
        await until_requests(settings, sent)
        await until(lambda: is_drained(nats_server.url))
        _, requests, cost = await figures(settings)

    assert requests == sent == 100
    assert cost == Decimal("6.25")


async def test_garbage_is_kept_aside_and_holds_nobody_up(
    tmp_path: Path, nats_server: NatsServer, warehouse_settings: WarehouseSettings
) -> None:
    await nats_server.start()
    async with (
        publishing(tmp_path, nats_server.url) as sink,
        consuming(nats_server.url, warehouse_settings),
    ):
        client = await nats.connect(nats_server.url)
        jetstream = client.jetstream()

        async def has_stream() -> bool:
            try:
                await jetstream.stream_info(STREAM)
            except nats.js.errors.NotFoundError:
                return False
            return True

        await until(has_stream)
        await jetstream.publish("turnout.request.completed", b"\xff\xff no batch")
        await jetstream.publish("turnout.some.thing", b"of the future")
        await client.close()
        sink.record(replace(samples.completed(), cost_usd=float("nan")))
        sink.record(samples.completed("good"))
        await until_requests(warehouse_settings, 1)
        await until(lambda: is_drained(nats_server.url))
    async with open_warehouse(warehouse_settings) as warehouse:
        aside = await warehouse.rows("SELECT subject FROM undecodable_facts ORDER BY subject")
    assert aside == [
        ("turnout.request.completed",),
        ("turnout.request.completed",),
        ("turnout.some.thing",),
    ]


async def test_stopping_while_nothing_is_there_is_quick(
    nats_server: NatsServer, own_clickhouse: ClickHouseServer
) -> None:
    settings = WarehouseSettings(url=own_clickhouse.url, password=own_clickhouse.token)
    async with asyncio.timeout(5):
        async with consuming(nats_server.url, settings):
            await asyncio.sleep(0)


def test_what_is_too_large_for_one_insert_is_inserted_in_turn() -> None:
    third = Msg(Client(), subject="turnout.request.routed", data=b"x" * (BATCH_BYTES // 3))
    larger = Msg(Client(), subject="turnout.request.routed", data=b"x" * (BATCH_BYTES + 1))
    assert batches_of([third] * 4) == [[third] * 3, [third]]
    assert batches_of([third, larger, third]) == [[third], [larger], [third]]
