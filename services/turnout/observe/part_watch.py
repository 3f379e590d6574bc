"""Asks regularly which parts can be used, and keeps the answer as a gauge.

A scrape must not wait for a part that is down; so it is asked on the side, as `/ready` asks.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from prometheus_client import Gauge

INTERVAL_SECONDS = 5.0
"""Below the usual 15 s between scrapes; one look at the tracker each time."""

ASK_SECONDS = 2.0
"""More than the parts' own deadlines together take."""

USABLE = "ok"
"""What a part that can be used says."""

_LOG = logging.getLogger(__name__)


async def watch_parts(
    ask: Callable[[], Awaitable[dict[str, str]]],
    gauge: Gauge,
    *,
    interval_seconds: float = INTERVAL_SECONDS,
) -> None:
    """Ask again and again until cancelled."""
    while True:
        try:
            async with asyncio.timeout(ASK_SECONDS):
                found = await ask()
        except Exception as reason:  # noqa: BLE001 - a task boundary: watching must not end serving
            _LOG.warning("parts cannot be asked", extra={"error": type(reason).__name__})
        else:
            for part, state in found.items():
                gauge.labels(part).set(state == USABLE)
        await asyncio.sleep(interval_seconds)
