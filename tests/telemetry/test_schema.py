"""Migrations bring any older database up, once, and refuse what does not fit."""

from dataclasses import replace
from pathlib import Path

import pytest

from turnout.telemetry.schema import SchemaMismatch, load_migrations, migrate, render
from turnout.telemetry.tables import TABLES
from turnout.telemetry.warehouse import (
    Warehouse,
    WarehouseFailed,
    WarehouseSettings,
    open_warehouse,
)

pytestmark = pytest.mark.anyio


async def test_migrating_twice_changes_nothing(new_database: WarehouseSettings) -> None:
    migrations = load_migrations()
    async with open_warehouse(new_database) as warehouse:
        first = await migrate(warehouse, migrations)
        second = await migrate(warehouse, migrations)
        rows = await warehouse.rows("SELECT version, name FROM schema_migrations ORDER BY version")

    assert first == migrations
    assert second == []
    assert rows == [(migration.version, migration.name) for migration in migrations]


async def test_a_migration_that_broke_off_is_run_again(
    new_database: WarehouseSettings,
) -> None:
    first, *rest = load_migrations()
    async with open_warehouse(new_database) as warehouse:
        await migrate(warehouse, [first])
        statements = render(rest[0].template, database=new_database.database)
        await warehouse.command(statements[0])

        assert await migrate(warehouse, [first, *rest]) == rest


async def test_a_newer_schema_is_refused(warehouse: Warehouse) -> None:
    with pytest.raises(SchemaMismatch, match="this program knows 1"):
        await migrate(warehouse, load_migrations()[:1])


async def test_a_changed_migration_is_refused(warehouse: Warehouse) -> None:
    first, *rest = load_migrations()
    changed = replace(first, template=first.template + "\n-- another thought")
    with pytest.raises(SchemaMismatch, match="was changed after it was applied"):
        await migrate(warehouse, [changed, *rest])


async def test_an_absent_server_is_one_kind_of_error() -> None:
    with pytest.raises(WarehouseFailed):
        async with open_warehouse(WarehouseSettings(url="http://127.0.0.1:9")):
            pass


async def test_columns_are_those_of_the_tables(warehouse: Warehouse) -> None:
    for table in TABLES:
        rows = await warehouse.rows(
            "SELECT name, type FROM system.columns"
            f" WHERE database = '{warehouse.settings.database}' AND table = '{table.name}'"
        )
        wanted = {str(name): str(type_) for name, type_ in rows}
        # Filled by ClickHouse, or by a part of Turnout that is still to come.
        for name in ("day", "inserted_at", "request_hash", "standing"):
            wanted.pop(name, None)
        found = dict(table.columns)
        assert found == wanted, table.name
        assert len(found) == len(table.columns)


async def test_every_column_says_what_it_means(warehouse: Warehouse) -> None:
    silent = await warehouse.rows(
        "SELECT table, name FROM system.columns WHERE comment = '' AND table LIKE '%\\\\_raw'"
        f" AND database = '{warehouse.settings.database}'"
    )
    misleading = await warehouse.rows(
        "SELECT table, name FROM system.columns WHERE name IN ('input_tokens', 'prompt_tokens')"
        f" AND database = '{warehouse.settings.database}'"
    )

    assert silent == []
    assert misleading == []


def test_templates_render_for_a_cluster() -> None:
    statements = [
        statement
        for migration in load_migrations()
        for statement in render(migration.template, database="turnout", cluster="main")
    ]

    assert all("ON CLUSTER 'main'" in statement for statement in statements)
    assert all("${" not in statement for statement in statements)
    tables = [statement for statement in statements if "ENGINE" in statement]
    stored = [
        statement for statement in tables if "ENGINE = ReplicatedReplacingMergeTree" in statement
    ]
    spread = [statement for statement in tables if "ENGINE = Distributed('main', " in statement]
    assert stored
    assert len(spread) == len(stored)
    assert len(tables) == len(spread) + len(stored)


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(SchemaMismatch):
        render("", database="turnout; DROP DATABASE turnout")


@pytest.mark.parametrize("names", [("0001_a.sql", "0003_b.sql"), ("first.sql",)])
def test_misnumbered_files_are_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        (tmp_path / name).write_text("SELECT 1;\n")

    with pytest.raises(SchemaMismatch):
        load_migrations(tmp_path)
