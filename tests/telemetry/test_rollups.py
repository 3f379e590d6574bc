"""The roll-ups say what the rows say: before they are made, after, and when facts are told again."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from tests.bus import samples
from tests.telemetry.telling import tell
from turnout.facts import RequestCompleted
from turnout.telemetry.rollups import refresh
from turnout.telemetry.schema import load_migrations, migrate
from turnout.telemetry.warehouse import Warehouse, WarehouseSettings, open_warehouse

pytestmark = pytest.mark.anyio

HOUR = 3600.0
DAY = 24 * HOUR

BY_HOUR = (
    "SELECT toString(hour), sum(requests), sum(cost_usd), sum(cache_read) FROM requests_by_hour"
    " GROUP BY hour ORDER BY hour"
)
BY_DAY = (
    "SELECT toString(day), sum(requests), sum(cost_usd), sum(saving_usd) FROM requests_by_day"
    " GROUP BY day ORDER BY day"
)


def requests() -> list[RequestCompleted]:
    first = samples.completed("r1")
    return [
        first,
        replace(samples.completed("r2"), occurred_at=first.occurred_at + 60),
        replace(samples.completed("r3"), occurred_at=first.occurred_at + HOUR),
        replace(
            samples.completed("r4"),
            occurred_at=first.occurred_at + DAY,
            cost_usd=None,
            usage=None,
        ),
    ]


HOURS = [
    ("2026-03-10 12:00:00", 2, Decimal("0.125"), 180_000),
    ("2026-03-10 13:00:00", 1, Decimal("0.0625"), 90_000),
    ("2026-03-11 12:00:00", 1, None, None),
]
DAYS = [("2026-03-10", 3, Decimal("0.1875"), Decimal("0.1875")), ("2026-03-11", 1, None, None)]


async def age(warehouse: Warehouse) -> None:
    """Let all rows have been inserted two hours ago, long before the roll-up was made."""
    database = warehouse.settings.database
    earlier = "SELECT * REPLACE (inserted_at - INTERVAL 2 HOUR AS inserted_at)"
    for statement in (
        f"CREATE TABLE {database}.aside AS {database}.requests_raw ENGINE = Memory",
        f"INSERT INTO {database}.aside {earlier} FROM {database}.requests_raw",
        f"TRUNCATE TABLE {database}.requests_raw",
        f"INSERT INTO {database}.requests_raw SELECT * FROM {database}.aside",
        f"DROP TABLE {database}.aside",
    ):
        await warehouse.command(statement)


async def counted(warehouse: Warehouse) -> int:
    rows = await warehouse.rows("SELECT sum(requests) FROM session_hours_raw")
    return int(str(rows[0][0]))


async def test_they_are_exact_before_and_after_they_are_made(warehouse: Warehouse) -> None:
    await tell(warehouse, requests())

    assert await warehouse.rows(BY_HOUR) == HOURS
    assert await refresh(warehouse) == 2
    assert await counted(warehouse) == 4
    assert await warehouse.rows(BY_HOUR) == HOURS
    assert await warehouse.rows(BY_DAY) == DAYS


async def test_settled_hours_come_from_the_roll_up_alone(warehouse: Warehouse) -> None:
    await tell(warehouse, requests())
    await refresh(warehouse)
    await age(warehouse)
    assert await warehouse.rows("SELECT count() FROM unsettled_hours") == [(0,)]
    await warehouse.command(f"TRUNCATE TABLE {warehouse.settings.database}.requests_raw")

    assert await warehouse.rows(BY_HOUR) == HOURS
    assert await warehouse.rows(BY_DAY) == DAYS


async def test_a_redelivery_after_the_window_changes_nothing(
    new_database: WarehouseSettings,
) -> None:
    async with open_warehouse(new_database) as warehouse:
        await migrate(warehouse, load_migrations())
        await tell(warehouse, requests())
        await refresh(warehouse)
        await age(warehouse)
        # The table remembers one token only, and that becomes another one's.
        await warehouse.command(
            f"ALTER TABLE {warehouse.settings.database}.requests_raw"
            " MODIFY SETTING non_replicated_deduplication_window = 1"
        )
        await tell(warehouse, requests()[:1], sequence=500)
        await tell(warehouse, requests())

        rows = await warehouse.rows("SELECT count() FROM requests_raw")
        assert await warehouse.rows(BY_HOUR) == HOURS, "before the roll-up is made again"
        await refresh(warehouse)
        assert await warehouse.rows(BY_HOUR) == HOURS, "after"
        assert int(str(rows[0][0])) > len(requests()), "the copies are there, and count nothing"


async def test_a_fact_that_comes_late_is_counted_at_once(warehouse: Warehouse) -> None:
    await tell(warehouse, requests()[1:])
    await refresh(warehouse)
    await age(warehouse)
    await tell(warehouse, requests()[:1], sequence=100)

    assert await warehouse.rows(BY_HOUR) == HOURS
    await refresh(warehouse)
    assert await warehouse.rows(BY_HOUR) == HOURS


async def test_a_count_of_fewer_rows_does_not_replace_a_fuller_one(warehouse: Warehouse) -> None:
    await tell(warehouse, requests())
    await refresh(warehouse)
    await warehouse.command(f"TRUNCATE TABLE {warehouse.settings.database}.requests_raw")
    await tell(warehouse, requests()[:1], sequence=100)
    await refresh(warehouse)
    await age(warehouse)

    assert await warehouse.rows(BY_HOUR) == HOURS


async def test_nothing_new_is_nothing_to_do(warehouse: Warehouse) -> None:
    assert await refresh(warehouse) == 0
