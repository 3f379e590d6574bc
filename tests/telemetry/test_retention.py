"""The settings say how long rows are kept, and changing them changes it."""

import pytest
from msgspec.structs import replace

from tests.bus import samples
from tests.telemetry.telling import tell
from turnout.telemetry.retention import Retention, apply_retention
from turnout.telemetry.schema import load_migrations, migrate
from turnout.telemetry.warehouse import Warehouse, WarehouseSettings, open_warehouse

pytestmark = pytest.mark.anyio


async def kept(warehouse: Warehouse, table: str) -> str:
    rows = await warehouse.rows(
        f"SELECT extract(engine_full, 'TTL (.*?) SETTINGS') FROM system.tables"
        f" WHERE database = '{warehouse.settings.database}' AND name = '{table}'"
    )
    return str(rows[0][0])


async def test_changing_the_setting_changes_the_table(
    new_database: WarehouseSettings,
) -> None:
    async with open_warehouse(new_database) as warehouse:
        await migrate(warehouse, load_migrations())
        assert await apply_retention(warehouse, Retention()) == {}
        assert await kept(warehouse, "decisions_raw") == ""

        ninety = Retention(decisions=90, requests=400)
        changed = await apply_retention(warehouse, ninety)
        assert changed == {
            "requests_raw": 400,
            "attempts_raw": 400,
            "thread_switches_raw": 400,
            "decisions_raw": 90,
            "shadow_decisions_raw": 90,
        }
        assert await kept(warehouse, "decisions_raw") == "day + toIntervalDay(90)"
        assert await apply_retention(warehouse, ninety) == {}

        assert await apply_retention(warehouse, Retention(requests=400, decisions=30)) == {
            "decisions_raw": 30,
            "shadow_decisions_raw": 30,
        }
        assert await kept(warehouse, "decisions_raw") == "day + toIntervalDay(30)"

        assert await apply_retention(warehouse, Retention(requests=400)) == {
            "decisions_raw": 0,
            "shadow_decisions_raw": 0,
        }
        assert await kept(warehouse, "decisions_raw") == ""


async def test_what_is_older_is_dropped(new_database: WarehouseSettings) -> None:
    async with open_warehouse(new_database) as warehouse:
        await migrate(warehouse, load_migrations())
        rows = await warehouse.rows("SELECT toUnixTimestamp(now())")
        now = float(str(rows[0][0]))
        old = replace(samples.completed("old"), occurred_at=now - 10 * 86_400)
        new = replace(samples.completed("new"), occurred_at=now)
        await tell(warehouse, [old, new])
        await apply_retention(warehouse, Retention(requests=5))
        await warehouse.command(f"OPTIMIZE TABLE {new_database.database}.requests_raw FINAL")

        assert await warehouse.rows("SELECT request_id FROM requests") == [("new",)]


def test_every_table_of_facts_belongs_to_a_family() -> None:
    stored = {
        line.split(".")[1].split(" ")[0]
        for migration in load_migrations()
        for line in migration.template.splitlines()
        if line.startswith("CREATE TABLE") and "_raw " in line
    }

    assert set(Retention().days()) == stored - {"rollup_progress_raw"}
