"""Derives the agents' own signals from the facts, again and again, and publishes them as outcomes.

Rules: they go over the bus like every outcome, and the consumer inserts them. What was derived before
and is in ClickHouse is left alone, so that a run that has nothing new publishes nothing; ids follow
from the step, so that two replicas that derive at once do no harm. There is no spool: a run that
fails is logged and made up for by the next; consuming facts never waits for it.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import nats.errors
from nats.js import JetStreamContext

from turnout.bus.connection import Bus
from turnout.bus.publisher import MAX_MESSAGE_FACTS
from turnout.facts import OutcomeReported
from turnout.telemetry.publish import publish
from turnout.telemetry.signals import (
    ABANDONED_SECONDS,
    SOURCE,
    LeftStep,
    RepeatedPrompt,
    signals_of,
)
from turnout.telemetry.sql_files import sql_directory
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

PUBLISH_SECONDS: Final = 60.0
"""Of a whole run: a thousand messages at most, at a millisecond each; longer means NATS is away."""

MOST_SIGNALS: Final = 50_000
"""Per query and run; the oldest first, so that the rest comes with the next runs."""


async def derive_regularly(
    settings: WarehouseSettings,
    bus: Bus,
    stop: asyncio.Event,
    *,
    clock: Callable[[], float] = time.time,
) -> None:
    """Derive until `stop`, over a connection to ClickHouse of its own."""
    while not stop.is_set():
        try:
            async with open_warehouse(settings) as warehouse:
                found = await derive(warehouse, now=clock())
            if found:
                async with asyncio.timeout(PUBLISH_SECONDS):
                    await publish_all(await bus.jetstream(), found)
        except (WarehouseFailed, nats.errors.Error, TimeoutError, OSError) as error:
            _log.warning(
                "signals could not be derived",
                extra={"error": f"{type(error).__name__}: {error}"},
            )
        try:
            async with asyncio.timeout(INTERVAL_SECONDS):
                await stop.wait()
        except TimeoutError:
            continue


async def derive(warehouse: Warehouse, *, now: float) -> list[OutcomeReported]:
    """The outcomes that ClickHouse does not have yet."""
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
    return [fact for fact in found if (fact.event_id, fact.kind) not in known]


async def publish_all(jetstream: JetStreamContext, facts: Sequence[OutcomeReported]) -> None:
    """Publish outcomes, each message until it is acknowledged or fails."""
    for first in range(0, len(facts), MAX_MESSAGE_FACTS):
        message = facts[first : first + MAX_MESSAGE_FACTS]
        names = ",".join(f"{fact.event_id}:{fact.kind}" for fact in message)
        digest = hashlib.sha256(names.encode()).hexdigest()
        await publish(jetstream, message, message_id=f"signals-{digest}")


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
