"""Telemetry as a service: waits for its engines, migrates, consumes, keeps the roll-up, stops.

Rules: NATS and ClickHouse may be absent at the start and at any time later; until both are there
`waiting_for` says what is missing. A schema that does not fit is an error that ends the service,
because waiting does not help.
"""

import asyncio
import logging
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from turnout.bus.connection import open_bus
from turnout.observe.spans import Tracer
from turnout.telemetry.consumer import BatchSettings, Consumer
from turnout.telemetry.derive import derive_regularly
from turnout.telemetry.guardrail import Guardrail, GuardrailSettings
from turnout.telemetry.metrics import TelemetryMetrics
from turnout.telemetry.retention import Retention, apply_retention
from turnout.telemetry.rollups import refresh_regularly
from turnout.telemetry.schema import load_migrations, migrate
from turnout.telemetry.warehouse import (
    Warehouse,
    WarehouseFailed,
    WarehouseSettings,
    open_warehouse,
)

_log = logging.getLogger(__name__)

RETRY_SECONDS = 0.5
# An embedded ClickHouse takes two seconds to start; silence until then is no news.
_COMPLAIN_EVERY = 20


@dataclass(frozen=True, slots=True)
class TelemetrySettings:
    nats_url: str = "nats://127.0.0.1:4222"
    nats_token: str | None = field(default=None, repr=False)
    warehouse: WarehouseSettings = field(default_factory=WarehouseSettings)
    batch: BatchSettings = field(default_factory=BatchSettings)
    retention: Retention = field(default_factory=Retention)
    guardrail: GuardrailSettings = field(default_factory=GuardrailSettings)


class Telemetry:
    """The service; one `run` per instance."""

    def __init__(
        self,
        settings: TelemetrySettings,
        metrics: TelemetryMetrics,
        *,
        tracer: Tracer | None = None,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._tracer = tracer
        self._warehouse: Warehouse | None = None
        self._consumer: Consumer | None = None

    @property
    def warehouse(self) -> Warehouse | None:
        """For queries; None until the schema is in place."""
        return self._warehouse

    def waiting_for(self) -> tuple[str, ...]:
        """What is missing for readiness; empty when ready."""
        if self._warehouse is None:
            return ("clickhouse",)
        if self._consumer is None or not self._consumer.is_consuming:
            return ("facts",)
        return ()

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`. Raises `SchemaMismatch` when the database is not ours to migrate."""
        async with AsyncExitStack() as stack:
            warehouse = await self._open(stack, stop)
            if warehouse is None:
                return
            bus = await stack.enter_async_context(
                open_bus(self._settings.nats_url, name="telemetry", token=self._settings.nats_token)
            )
            self._warehouse = warehouse
            self._consumer = Consumer(
                bus=bus,
                warehouse=warehouse,
                metrics=self._metrics,
                settings=self._settings.batch,
                tracer=self._tracer,
            )
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(refresh_regularly(warehouse, stop))
                    deriving = tasks.create_task(
                        derive_regularly(self._settings.warehouse, bus, stop)
                    )
                    guardrail = Guardrail(self._settings.guardrail, bus=bus, metrics=self._metrics)
                    guarding = tasks.create_task(guardrail.run(self._settings.warehouse, stop))
                    await self._consumer.run(stop)
                    # A long query is no reason to stop late; the next start asks it again.
                    deriving.cancel()
                    guarding.cancel()
            finally:
                self._warehouse = self._consumer = None

    async def _open(self, stack: AsyncExitStack, stop: asyncio.Event) -> Warehouse | None:
        """A migrated warehouse, or None when stopped before there was one."""
        tries = 0
        while not stop.is_set():
            opening = AsyncExitStack()
            try:
                warehouse = await opening.enter_async_context(
                    open_warehouse(self._settings.warehouse)
                )
                await migrate(warehouse, load_migrations())
                for table, days in (
                    await apply_retention(warehouse, self._settings.retention)
                ).items():
                    _log.info("retention changed", extra={"table": table, "days": days})
            except WarehouseFailed as error:
                await opening.aclose()
                if tries % _COMPLAIN_EVERY == 0:
                    _log.warning("waiting for ClickHouse", extra={"error": str(error)})
                tries += 1
                try:
                    async with asyncio.timeout(RETRY_SECONDS):
                        await stop.wait()
                except TimeoutError:
                    continue
            except BaseException:
                await opening.aclose()
                raise
            else:
                stack.push_async_exit(opening)
                return warehouse
        return None


async def run(
    settings: TelemetrySettings, stop: asyncio.Event, *, metrics: TelemetryMetrics
) -> None:
    """Run telemetry until `stop` is set."""
    await Telemetry(settings, metrics).run(stop)
