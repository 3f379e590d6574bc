"""Looks at the outcomes of both arms again and again, and takes tenants that do worse one mode back.

Rules: evidence is of sessions that began since the tenant's control key last changed, so that it starts
anew after every change, a person's or ours; `policy/guardrail.py` judges it. The key is changed only if
it still stands as it did when it was read: of two replicas one drops, and a person who was faster is
not overruled. A mode never goes forward and never below observe. A look that fails is logged and made
up for by the next; a change whose fact NATS does not take is in the log alone.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import nats.errors

from turnout.bus.connection import Bus
from turnout.bus.control import ControlStore, SetBy, Stand
from turnout.bus.control_keys import MODE_KEY
from turnout.errors import Unavailable
from turnout.facts import ModeChanged
from turnout.policy.guardrail import NEVER, Comparison, Sample, compare, verdict_of
from turnout.policy.modes import MODES, as_mode, one_back
from turnout.policy.request import Mode
from turnout.telemetry.metrics import TelemetryMetrics
from turnout.telemetry.publish import publish
from turnout.telemetry.sql_files import sql_directory
from turnout.telemetry.warehouse import (
    Warehouse,
    WarehouseFailed,
    WarehouseSettings,
    open_warehouse,
)

_log = logging.getLogger(__name__)

RECENT_SECONDS: Final = 86_400.0
"""Who has not been served for a day is not harmed, and is looked at again once they are."""

LOOKBACK_SECONDS: Final = 90 * 86_400.0
"""Models and prompts of a quarter ago say little of now."""

CONTROL_SECONDS: Final = 5.0
"""For reading or changing a key; longer means NATS is away."""


@dataclass(frozen=True, slots=True)
class GuardrailSettings:
    """When a tenant goes one mode back; at a margin of 1 nobody does."""

    margin: float = 0.05
    confidence: float = 0.95
    interval_seconds: float = 300.0


class Guardrail:
    """The looks of one telemetry."""

    def __init__(
        self,
        settings: GuardrailSettings,
        *,
        bus: Bus,
        metrics: TelemetryMetrics,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._bus = bus
        self._store = ControlStore(bus)
        self._metrics = metrics
        self._clock = clock

    async def run(self, warehouse: WarehouseSettings, stop: asyncio.Event) -> None:
        """Look until `stop`, over a connection to ClickHouse of its own."""
        if self._settings.margin >= NEVER:
            return
        while not stop.is_set():
            try:
                async with open_warehouse(warehouse) as opened:
                    await self.look(opened)
            except (
                WarehouseFailed,
                Unavailable,
                nats.errors.Error,
                TimeoutError,
                OSError,
            ) as error:
                _log.warning(
                    "a look at the arms failed",
                    extra={"error": f"{type(error).__name__}: {error}"},
                )
            try:
                async with asyncio.timeout(self._settings.interval_seconds):
                    await stop.wait()
            except TimeoutError:
                continue

    async def look(self, warehouse: Warehouse) -> None:
        """Compare the arms of every tenant that was served lately, once."""
        rows = await warehouse.rows(_query("tenants", since=self._clock() - RECENT_SECONDS))
        seen: dict[str, set[Mode]] = {}
        for tenant, word in rows:
            mode = as_mode(str(word))
            if mode is not None:
                seen.setdefault(str(tenant), set()).add(mode)
        for tenant, modes in seen.items():
            await self._look_at(warehouse, tenant, modes)

    async def _look_at(self, warehouse: Warehouse, tenant: str, seen: set[Mode]) -> None:
        """`seen` are the modes that the tenant was lately in."""
        stand = await self._store.stand(MODE_KEY + tenant, deadline_seconds=CONTROL_SECONDS)
        if stand.value is not None:
            told = as_mode(stand.value)
            seen = set() if told is None else {told}
        if not seen:
            return
        *less, mode = sorted(seen, key=MODES.index)
        # Without a key a tenant's callers may differ: who has brought credentials starts in observe. A
        # key holds for all of them, so it takes nobody forward.
        back = less[0] if less else one_back(mode)
        if back == mode:
            return
        now = self._clock()
        since = max(stand.changed_at, now - LOOKBACK_SECONDS)
        rows = await warehouse.rows(_query("arms", since=since, tenant=tenant, mode=mode))
        arms = {str(arm): Sample(int(str(count)), float(str(sum_))) for arm, count, sum_ in rows}
        comparison = _compared(arms, confidence=self._settings.confidence)
        if (
            comparison is not None
            and verdict_of(comparison, margin=self._settings.margin) == "drop"
            and await self._drop(tenant, back, stand)
        ):
            await self._tell(self._change(tenant, mode, back, stand, comparison, now=now))

    async def _drop(self, tenant: str, mode: Mode, stand: Stand) -> bool:
        return await self._store.put_unchanged(
            MODE_KEY + tenant,
            mode,
            by=SetBy("guardrail"),
            revision=stand.revision,
            deadline_seconds=CONTROL_SECONDS,
        )

    def _change(
        self,
        tenant: str,
        mode: Mode,
        back: Mode,
        stand: Stand,
        comparison: Comparison,
        *,
        now: float,
    ) -> ModeChanged:
        return ModeChanged(
            event_id=f"guardrail:{tenant}:{stand.revision}:{stand.changed_at:.0f}",
            occurred_at=now,
            tenant=tenant,
            from_mode=mode,
            to_mode=back,
            source="guardrail",
            changed_by="",
            margin=self._settings.margin,
            confidence=self._settings.confidence,
            difference=comparison.difference,
            low=comparison.low,
            high=comparison.high,
            treatment_sessions=comparison.treatment.sessions,
            control_sessions=comparison.control.sessions,
        )

    async def _tell(self, change: ModeChanged) -> None:
        self._metrics.dropped(change.to_mode)
        _log.warning(
            "treated sessions came out worse than control; the tenant goes one mode back",
            extra={
                "tenant": change.tenant,
                "from_mode": change.from_mode,
                "to_mode": change.to_mode,
                "difference": change.difference,
                "low": change.low,
                "high": change.high,
                "treatment_sessions": change.treatment_sessions,
                "control_sessions": change.control_sessions,
            },
        )
        async with asyncio.timeout(CONTROL_SECONDS):
            await publish(await self._bus.jetstream(), [change], message_id=change.event_id)


def _compared(arms: Mapping[str, Sample], *, confidence: float) -> Comparison | None:
    nobody = Sample(0, 0.0)
    return compare(
        arms.get("treatment", nobody), arms.get("control", nobody), confidence=confidence
    )


def _query(name: str, *, since: float, tenant: str = "", mode: str = "") -> str:
    text = (sql_directory() / "guardrail" / f"{name}.sql").read_text(encoding="utf-8")
    words = {"${since}": str(math.ceil(since * 1e6)), "${tenant}": tenant, "${mode}": mode}
    for placeholder, word in words.items():
        text = text.replace(placeholder, word)
    return text
