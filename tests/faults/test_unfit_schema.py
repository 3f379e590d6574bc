"""A data directory that a newer Turnout has migrated: one line and exit status 1, not a part that
dies again and again beside a product that looks well.
"""

import pytest

from tests.bus.servers import ClickHouseServer
from tests.faults.product import Product
from turnout.telemetry.schema import migrate
from turnout.telemetry.warehouse import WarehouseSettings, open_warehouse

pytestmark = pytest.mark.anyio

VERSION = 9_000


async def migrate_beyond(product: Product) -> None:
    """Record a migration that this program does not know."""
    server = ClickHouseServer(port=product.port("clickhouse"), data=product.data_dir)
    await server.start()
    try:
        told = WarehouseSettings(url=server.url, password=server.token)
        async with open_warehouse(told) as warehouse:
            await migrate(warehouse, [])
            await warehouse.insert(
                "schema_migrations",
                {"version": [VERSION], "name": ["9000_later"], "checksum": [""]},
                ["UInt32", "String", "String"],
                token="later",
            )
    finally:
        await server.kill()


@pytest.mark.parametrize("split", [False, True], ids=["one-process", "split"])
async def test_a_newer_schema_ends_the_product_with_its_reason(
    product: Product, split: bool
) -> None:
    product.split = split
    await migrate_beyond(product)
    await product.start(wait=False)
    assert await product.ended() == 1
    said = product.log.read_text().splitlines()
    assert said[-1].startswith("turnout: telemetry cannot run (it said: turnout: the ClickHouse")
    assert f"schema is at version {VERSION}, this program knows " in said[-1]
    assert "run the version of Turnout that migrated it, or a newer one" in said[-1]
    assert "Traceback" not in product.log.read_text()
