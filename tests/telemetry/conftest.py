"""Real NATS and ClickHouse that tests may kill and start again.

ClickHouse takes two seconds to start, and its tables as long to make: one server and one database serve
all tests that neither kill the one nor change the other.
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


def settings_of(server: ClickHouseServer) -> WarehouseSettings:
    """Of a database that no other test uses."""
    return WarehouseSettings(
        url=server.url, password=server.token, database=f"test_{uuid.uuid4().hex}"
    )


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
async def new_database(shared_clickhouse: ClickHouseServer) -> AsyncIterator[WarehouseSettings]:
    """Without tables, for tests that make or change them. It is gone after the test: hundreds of them with all
    tables would not fit into the memory that the server may have.
    """
    settings = settings_of(shared_clickhouse)
    yield settings
    async with open_warehouse(replace(settings, database="default")) as opened:
        await opened.command(f"DROP DATABASE IF EXISTS {settings.database} SYNC")


@pytest.fixture(scope="session")
async def migrated(shared_clickhouse: ClickHouseServer) -> AsyncIterator[Warehouse]:
    """One database with its tables, since making them takes longer than most tests."""
    async with open_warehouse(settings_of(shared_clickhouse)) as opened:
        await migrate(opened, load_migrations())
        yield opened


@pytest.fixture
async def warehouse(migrated: Warehouse) -> AsyncIterator[Warehouse]:
    """With tables that are empty, and which are as they were before when the test has changed nothing but rows."""
    yield migrated
    await migrated.command(
        f"TRUNCATE TABLES FROM {migrated.settings.database} NOT LIKE 'schema_migrations'"
    )


@pytest.fixture
def warehouse_settings(warehouse: Warehouse) -> WarehouseSettings:
    """For telemetry that connects by itself."""
    return warehouse.settings


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
