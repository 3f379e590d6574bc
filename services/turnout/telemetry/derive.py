"""Derives the agents' own signals from the facts, again and again, and puts them beside the outcomes.

Rules: what was derived before is left alone, so that a run that has nothing new inserts nothing, and
two replicas that derive at once do no harm. A run that fails is logged and made up for by the next;
consuming facts never waits for it.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from turnout.events.v1 import facts_pb2
from turnout.facts import OutcomeReported
from turnout.protos import to_pb
from turnout.telemetry.metrics import TelemetryMetrics
from turnout.telemetry.signals import (
    ABANDONED_SECONDS,
    SOURCE,
    LeftStep,
    RepeatedPrompt,
    signals_of,
)
from turnout.telemetry.sql_files import sql_directory
from turnout.telemetry.tables import OUTCOMES
from turnout.telemetry.warehouse import (
    Warehouse,
    WarehouseFailed,
    WarehouseSettings,
    open_warehouse,
)

_log = logging.getLogger(__name__)

INTERVAL_SECONDS: Final = 600.0
"""Signals are read by the day; a run reads the main steps of three days."""

LOOKBACK_SECONDS: Final = 3 * 86_400.0
"""A session counts as abandoned after a day; two more for a telemetry that was away."""

MOST_SIGNALS: Final = 50_000
"""Per query and run; the oldest first, so that the rest comes with the next runs."""


async def derive_regularly(
    settings: WarehouseSettings,
    stop: asyncio.Event,
    metrics: TelemetryMetrics,
    *,
    clock: Callable[[], float] = time.time,
) -> None:
    """Derive until `stop`, over a connection of its own."""
    while not stop.is_set():
        try:
            async with open_warehouse(settings) as warehouse:
                rows = await derive(warehouse, now=clock())
        except WarehouseFailed as error:
            _log.warning("signals could not be derived", extra={"error": str(error)})
        else:
            if rows:
                metrics.inserted(OUTCOMES.name, rows)
        try:
            async with asyncio.timeout(INTERVAL_SECONDS):
                await stop.wait()
        except TimeoutError:
            continue


async def derive(warehouse: Warehouse, *, now: float) -> int:
    """Insert what is new; answers how many outcomes that was."""
    since = int(now - LOOKBACK_SECONDS)
    left = await warehouse.rows(_query("left_steps", since))
    repeated = await warehouse.rows(_query("repeated_prompts", since))
    found = signals_of(
        msgspec.convert(left, list[LeftStep], strict=False),
        msgspec.convert(repeated, list[RepeatedPrompt], strict=False),
        now=now,
    )
    known = {
        (str(event_id), str(kind))
        for event_id, kind in await warehouse.rows(
            f"SELECT event_id, kind FROM outcomes WHERE source = '{SOURCE}'"  # noqa: S608  (ours)
            f" AND occurred_at >= fromUnixTimestamp({since})"
        )
    }
    new = [fact for fact in found if (fact.event_id, fact.kind) not in known]
    if new:
        await _insert(warehouse, new)
    return len(new)


async def _insert(warehouse: Warehouse, facts: Sequence[OutcomeReported]) -> None:
    names = ",".join(f"{fact.event_id}:{fact.kind}" for fact in facts)
    await warehouse.insert(
        OUTCOMES.name,
        OUTCOMES.build([to_pb(fact, facts_pb2.OutcomeReported) for fact in facts]),
        OUTCOMES.types,
        token=f"signals-{hashlib.sha256(names.encode()).hexdigest()}",
    )


def _query(name: str, since: int) -> str:
    text = (sql_directory() / "signals" / f"{name}.sql").read_text(encoding="utf-8")
    words = {
        "${since}": str(since),
        "${idle}": str(ABANDONED_SECONDS),
        "${most}": str(MOST_SIGNALS),
    }
    for placeholder, word in words.items():
        text = text.replace(placeholder, word)
    return text
