"""How long tables keep their rows: a TTL on the day of the fact, made to follow the settings.

Rules: 0 days means for ever. What is in force is read from the table itself, so that applying it
again changes nothing, and another setting is in force after the next start of telemetry.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from turnout.telemetry.warehouse import Warehouse

_IN_FORCE = re.compile(r"TTL day \+ toIntervalDay\((\d+)\)")


@dataclass(frozen=True, slots=True)
class Retention:
    """Days that the rows of a family of tables are kept; 0 means for ever."""

    requests: int = 0
    decisions: int = 0
    outcomes: int = 0
    rollups: int = 0
    undecodable: int = 0

    def days(self) -> Mapping[str, int]:
        """By table."""
        return {
            "requests_raw": self.requests,
            "attempts_raw": self.requests,
            "thread_switches_raw": self.requests,
            "decisions_raw": self.decisions,
            "shadow_decisions_raw": self.decisions,
            "outcomes_raw": self.outcomes,
            "mode_changes_raw": self.outcomes,
            "settings_changes_raw": self.outcomes,
            "session_hours_raw": self.rollups,
            # Few, and what is spent by hour is summed from them.
            "keep_warm_reads_raw": self.rollups,
            "undecodable_facts_raw": self.undecodable,
        }


async def apply_retention(warehouse: Warehouse, retention: Retention) -> dict[str, int]:
    """Bring the tables' TTLs in line; answers the days of those that were changed."""
    settings = warehouse.settings
    on_cluster = f" ON CLUSTER '{settings.cluster}'" if settings.cluster else ""
    rows = await warehouse.rows(
        f"SELECT name, engine_full FROM system.tables WHERE database = '{settings.database}'"  # noqa: S608 - checked when the schema was made
    )
    engines = {str(name): str(engine) for name, engine in rows}
    changed: dict[str, int] = {}
    for table, days in retention.days().items():
        found = _IN_FORCE.search(engines[table])
        if days == (int(found[1]) if found else 0):
            continue
        change = f"MODIFY TTL day + INTERVAL {days} DAY" if days else "REMOVE TTL"
        await warehouse.command(f"ALTER TABLE {settings.database}.{table}{on_cluster} {change}")
        changed[table] = days
    return changed
