"""Keeps the roll-up of session hours: counts the hours again that rows have come for.

Rules: an hour is counted as a whole from deduplicated rows and replaces its older count, so telling a
fact again, dying in the middle, or two replicas that count at once change no figure. How far it has
come is noted only after every hour is counted; views read what is not settled from the rows, so they
are exact however late this is.
"""

import asyncio
import logging

from turnout.telemetry.warehouse import Warehouse, WarehouseFailed

_log = logging.getLogger(__name__)

ROLLUP = "session_hours"
REFRESH_SECONDS = 60.0
"""What has come since is counted from the rows by every query; a minute of them is little."""

_FIRST = "day, hour, tenant, session"
_REST = (
    "harness, team, repository, branch, mode, arm, requested_model, baseline_model, served_provider,"
    " served_model, outcome, requests, unpriced_requests, unsaved_requests, attempts, switches,"
    " hedges, escalations, fresh_input, cache_read, cache_write, input_total, output, cost_usd,"
    " baseline_cost_usd, saving_usd, hedge_cost_usd, first_at, last_at"
)


async def refresh(warehouse: Warehouse) -> int:
    """Count every unsettled hour; answers how many days they were in.

    One day at a time: a day of a busy server fits the memory of an embedded one.
    """
    database = warehouse.settings.database
    rows = await warehouse.rows("SELECT toUnixTimestamp64Milli(now64(3))")
    started = int(str(rows[0][0]))
    rows = await warehouse.rows(
        "SELECT DISTINCT toString(toDate(hour, 'UTC')) AS day FROM unsettled_hours ORDER BY day"
    )
    days = [str(row[0]) for row in rows]
    table = warehouse.stored("session_hours_raw")
    for day in days:
        await warehouse.command(
            f"INSERT INTO {database}.{table} ({_FIRST}, {_REST})"  # noqa: S608 - names of our own
            f" SELECT {_FIRST}, {_REST} FROM {database}.session_hours_counted"
            f" WHERE day = '{day}' AND (tenant, hour) GLOBAL IN"
            f" (SELECT tenant, hour FROM {database}.unsettled_hours)"
        )
    if days:
        await warehouse.insert(
            "rollup_progress_raw",
            {"rollup": [ROLLUP], "covered_until": [started]},
            ["LowCardinality(String)", "DateTime64(3, 'UTC')"],
            token=f"{ROLLUP}-{started}",
        )
    return len(days)


async def refresh_regularly(warehouse: Warehouse, stop: asyncio.Event) -> None:
    """Refresh every minute until `stop`; a failure is said and made good by the next one."""
    while not stop.is_set():
        try:
            await refresh(warehouse)
        except WarehouseFailed as error:
            _log.warning("the roll-up was not refreshed", extra={"error": str(error)})
        try:
            async with asyncio.timeout(REFRESH_SECONDS):
                await stop.wait()
        except TimeoutError:
            continue
