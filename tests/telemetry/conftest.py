"""Real NATS and ClickHouse that tests may kill and start again.

ClickHouse takes two seconds to start: one server serves all tests that do not kill it, each in a
database of its own.
"""

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bus.servers import ClickHouseServer, NatsServer
from turnout.engines.free_ports import free_port
from turnout.telemetry.schema import load_migrations, migrate
from turnout.telemetry.warehouse import Warehouse, WarehouseSettings, open_warehouse


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
async def shared_clickhouse(
    anyio_backend: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ClickHouseServer]:
    server = ClickHouseServer(port=free_port(), data=tmp_path_factory.mktemp("clickhouse"))
    await server.start()
    try:
        yield server
    finally:
        await server.kill()


@pytest.fixture
async def warehouse_settings(
    shared_clickhouse: ClickHouseServer,
) -> AsyncIterator[WarehouseSettings]:
    """Of a database that is gone after the test: hundreds of them with all tables would not fit into the
    memory that the server may have.
    """
    settings = WarehouseSettings(
        url=shared_clickhouse.url,
        password=shared_clickhouse.token,
        database=f"test_{uuid.uuid4().hex}",
    )
    yield settings
    async with open_warehouse(replace(settings, database="default")) as opened:
        await opened.command(f"DROP DATABASE IF EXISTS {settings.database} SYNC")


@pytest.fixture
async def warehouse(warehouse_settings: WarehouseSettings) -> AsyncIterator[Warehouse]:
    """With its tables made."""
    async with open_warehouse(warehouse_settings) as opened:
        await migrate(opened, load_migrations())
        yield opened


@pytest.fixture
async def own_clickhouse(anyio_backend: str, tmp_path: Path) -> AsyncIterator[ClickHouseServer]:
    """Not started, for tests that start and kill it themselves."""
    server = ClickHouseServer(port=free_port(), data=tmp_path / "engine")
    try:
        yield server
    finally:
        await server.kill()


@pytest.fixture
async def nats_server(anyio_backend: str, tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(port=free_port(), store=tmp_path / "jetstream")
    try:
        yield server
    finally:
        await server.kill()
