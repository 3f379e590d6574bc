"""What ClickHouse has of a soak's requests, once nothing more is on its way to it."""

import asyncio
import time
from collections.abc import Collection

import httpx
import msgspec
import nats.errors

from loadtest.soak_report import Rows
from turnout.bus.connection import open_bus
from turnout.bus.subjects import STREAM
from turnout.telemetry.consumer import DURABLE

ARRIVE_SECONDS = 120.0
"""What telemetry held when it was killed comes again after 6 s; a pause of the supervisor is a minute."""

QUERY_SECONDS = 60.0
POLL_SECONDS = 0.5

MINE = "(SELECT request_id FROM requests WHERE ticket = {ticket:String})"

REQUESTS = """
SELECT request_id, count(), toUInt64(1) FROM requests WHERE ticket = {ticket:String} GROUP BY request_id
"""
DECISIONS = f"""
SELECT request_id, count(), toUInt64(1) FROM decisions WHERE request_id IN {MINE} GROUP BY request_id
"""
ATTEMPTS = f"""
SELECT request_id, count(), uniqExact(event_id) FROM attempts WHERE request_id IN {MINE}
GROUP BY request_id
"""
UNDECODABLE = "SELECT '', count(), toUInt64(1) FROM undecodable_facts"


class NoRows(Exception):
    """ClickHouse or NATS cannot be asked; the message says why."""


class _Answer(msgspec.Struct, frozen=True):
    data: list[tuple[str, int, int]]


async def arrived(
    *, clickhouse_url: str, nats_url: str, ticket: str, wanted: Collection[str]
) -> Rows:
    """The rows once those of all the wanted requests are there and the bus is empty, or long enough after."""
    due = time.monotonic() + ARRIVE_SECONDS
    async with httpx.AsyncClient(
        base_url=clickhouse_url, timeout=QUERY_SECONDS, trust_env=False
    ) as client:
        while True:
            is_late = time.monotonic() >= due
            try:
                is_empty = await _is_empty(nats_url)
                found = await _counted(client, REQUESTS, ticket)
                if is_late or (is_empty and all(one in found for one in wanted)):
                    return await _rows(client, ticket)
            except (NoRows, httpx.TransportError, nats.errors.Error, OSError) as reason:
                if is_late:
                    raise NoRows(f"the rows cannot be counted: {reason!r}") from None
            await asyncio.sleep(POLL_SECONDS)


async def _rows(client: httpx.AsyncClient, ticket: str) -> Rows:
    requests = await _counted(client, REQUESTS, ticket)
    decisions = await _counted(client, DECISIONS, ticket)
    undecodable = await _counted(client, UNDECODABLE, ticket)
    return Rows(
        requests={told: rows for told, (rows, _) in requests.items()},
        attempts=await _counted(client, ATTEMPTS, ticket),
        decisions={told: rows for told, (rows, _) in decisions.items()},
        undecodable=undecodable[""][0],
    )


async def _is_empty(url: str) -> bool:
    """Whether telemetry has acknowledged every message on the bus."""
    async with asyncio.timeout(QUERY_SECONDS), open_bus(url, name="soak") as bus:
        told = await (await bus.jetstream()).consumer_info(STREAM, DURABLE)
    return not told.num_pending and not told.num_ack_pending


async def _counted(client: httpx.AsyncClient, sql: str, ticket: str) -> dict[str, tuple[int, int]]:
    answer = await client.post(
        "/",
        params={
            "database": "turnout",
            "param_ticket": ticket,
            "default_format": "JSONCompact",
            "output_format_json_quote_64bit_integers": "0",
        },
        content=sql,
    )
    if answer.is_error:
        raise NoRows(f"ClickHouse said {answer.status_code}: {answer.text[:300]}")
    rows = msgspec.json.decode(answer.content, type=_Answer).data
    return {told: (count, different) for told, count, different in rows}
