"""Migrations: numbered .sql files, forward only, recorded with their checksums.

Rules: each statement may be run again (IF NOT EXISTS, OR REPLACE), so that a crash in the middle, or
two replicas that start together, do no harm. A file that was applied never changes afterwards, and a
schema that is newer than this program is refused: both are one clear error.
"""

import hashlib
import logging
import re
from dataclasses import dataclass
from pathlib import Path

from turnout.errors import TurnoutError
from turnout.telemetry.sql_files import sql_directory
from turnout.telemetry.warehouse import Warehouse, WarehouseSettings

_log = logging.getLogger(__name__)

_NUMBERED = re.compile(r"(\d{4})_(\w+)\.sql")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_COMMENT = re.compile(r"^\s*--.*$", re.MULTILINE)
_ONLY_CLUSTER = re.compile(r"^-- only on a cluster$", re.MULTILINE)

_RECORDS = """
CREATE TABLE IF NOT EXISTS ${database}.schema_migrations ${on_cluster}
(
    version UInt32 COMMENT 'Number of the migration file',
    name String COMMENT 'Name of the migration file',
    checksum String COMMENT 'SHA-256 of the file as it was applied',
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When it was applied, UTC'
)
ENGINE = ${records}
ORDER BY version
COMMENT 'Which migrations this database has seen'
"""


class SchemaMismatch(TurnoutError):
    """The database and this program do not belong together; waiting does not help."""


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    template: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.template.encode()).hexdigest()


def load_migrations(directory: Path | None = None) -> list[Migration]:
    """The migrations in the order of their numbers."""
    found: list[Migration] = []
    for path in sorted((directory or sql_directory()).glob("*.sql")):
        matched = _NUMBERED.fullmatch(path.name)
        if matched is None:
            raise SchemaMismatch(f"{path.name} is no migration; a name like 0003_words.sql is")
        found.append(Migration(int(matched[1]), path.stem, path.read_text(encoding="utf-8")))
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise SchemaMismatch("migrations must be numbered 0001, 0002, ... without gaps")
    return found


def render(template: str, *, database: str, cluster: str = "") -> list[str]:
    """The statements of a template, for one server or for a cluster of them."""
    for name in (database, cluster or "none"):
        if not _NAME.fullmatch(name):
            raise SchemaMismatch(f"{name!r} is no name for a database or cluster")
    words = {
        "${database}": database,
        "${cluster}": cluster,
        "${on_cluster}": f"ON CLUSTER '{cluster}'" if cluster else "",
        "${replicated}": "Replicated" if cluster else "",
        "${everywhere}": "distributed" if cluster else "raw",
        "${global}": "GLOBAL" if cluster else "",
    }
    for placeholder, word in words.items():
        template = template.replace(placeholder, word)
    statements = [part.strip().removesuffix(";") for part in template.split(";\n")]
    return [
        part
        for part in statements
        if _COMMENT.sub("", part).strip() and (cluster or not _ONLY_CLUSTER.search(part))
    ]


def records_template(*, cluster: str) -> str:
    """The table of applied migrations: on a cluster one that all its servers share."""
    engine = "ReplacingMergeTree"
    if cluster:
        path = "/clickhouse/tables/turnout/${database}/schema_migrations"
        engine = f"ReplicatedReplacingMergeTree('{path}', '{{shard}}-{{replica}}')"
    return _RECORDS.replace("${records}", engine)


async def migrate(warehouse: Warehouse, migrations: list[Migration]) -> list[Migration]:
    """Bring the database up to the newest migration; answers those that were applied now.

    Raises `SchemaMismatch` when the database is newer or a migration was changed afterwards.
    """
    settings = warehouse.settings
    on_cluster = f" ON CLUSTER '{settings.cluster}'" if settings.cluster else ""
    await warehouse.command(f"CREATE DATABASE IF NOT EXISTS {settings.database}{on_cluster}")
    for statement in _rendered(records_template(cluster=settings.cluster), settings):
        await warehouse.command(statement)
    applied = await _applied(warehouse)
    newest = len(migrations)
    if applied and max(applied) > newest:
        raise SchemaMismatch(
            f"the ClickHouse schema is at version {max(applied)}, this program knows {newest}:"
            " run the version of Turnout that migrated it, or a newer one"
        )
    pending: list[Migration] = []
    for migration in migrations:
        checksum = applied.get(migration.version)
        if checksum is None:
            pending.append(migration)
        elif checksum != migration.checksum:
            raise SchemaMismatch(
                f"migration {migration.name} was changed after it was applied:"
                " put it back and write the change as a new file"
            )
    for migration in pending:
        for statement in _rendered(migration.template, settings):
            await warehouse.command(statement)
        await warehouse.insert(
            "schema_migrations",
            {
                "version": [migration.version],
                "name": [migration.name],
                "checksum": [migration.checksum],
            },
            ["UInt32", "String", "String"],
            token=f"{migration.name}-{migration.checksum}",
        )
        _log.info("migrated the ClickHouse schema", extra={"migration": migration.name})
    return pending


def _rendered(template: str, settings: WarehouseSettings) -> list[str]:
    return render(template, database=settings.database, cluster=settings.cluster)


async def _applied(warehouse: Warehouse) -> dict[int, str]:
    rows = await warehouse.rows("SELECT version, checksum FROM schema_migrations FINAL")
    return {int(str(version)): str(checksum) for version, checksum in rows}
