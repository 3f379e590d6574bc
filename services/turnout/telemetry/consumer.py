"""The consumer: facts from JetStream into ClickHouse, acknowledged after the insert.

Rules: a message is acknowledged only when every row of it is in ClickHouse. Batches are inserted one
after the other, in the order in which they were fetched; while one is inserted the next one is
fetched and decoded, and no third, so that what waits is bounded. While ClickHouse is away a batch is
held and inserted again with the same token, and the server is told now and then that both are being
worked on. A redelivery is harmless: the token drops it, or the sorting key does.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar

import nats.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, ConsumerInfo
from nats.js.errors import FetchTimeoutError, NotFoundError

from turnout.bus.connection import Bus, ensure_stream
from turnout.bus.subjects import ALL_SUBJECTS, STREAM
from turnout.observe.spans import Tracer
from turnout.telemetry.batch import UNDECODABLE, Block, BusMessage, blocks_of
from turnout.telemetry.metrics import TelemetryMetrics
from turnout.telemetry.spans import tell_inserted
from turnout.telemetry.warehouse import Warehouse, WarehouseFailed

_log = logging.getLogger(__name__)

T = TypeVar("T")

FetchFailed: TypeAlias = nats.errors.Error | TimeoutError | OSError

DURABLE = "telemetry-clickhouse"
# What a batch waits that was on its way to a telemetry that was killed. A batch that is held because
# ClickHouse is slow or away is renewed at a third of it.
ACK_WAIT_SECONDS = 6.0
# Two replicas with two full batches each and one on its way.
MAX_ACK_PENDING_MESSAGES = 1_000
# A fetch that a dying server has taken along is noticed this late; idle it costs one call a second.
FETCH_WAIT_SECONDS = 1.0
# Rows of decisions are twice as large as their messages, some more; the embedded ClickHouse takes 64 MiB
# at once.
BATCH_BYTES = 12 * 1024 * 1024
# What is decoded on the loop: some 60 facts, which take 3 ms.
INLINE_BYTES = 64 * 1024
FIRST_BACKOFF_SECONDS = 0.1
# Rows should be found within two seconds of ClickHouse coming back.
MAX_BACKOFF_SECONDS = 1.0
COMPLAINT_INTERVAL_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """How much is inserted at a time.

    Attributes:
        messages: bus messages per batch; a message holds up to 100 facts, so up to 10,000 rows.
        interval_seconds: a batch that was not full is followed by the next one this much later, so
            that ClickHouse gets few parts: one insert a second and table; each costs it 10 ms.
    """

    messages: int = 100
    interval_seconds: float = 1.0


class Subscription(Protocol):
    """What we use of a pull subscription that nats-py leaves half typed."""

    def fetch(self, batch: int, timeout: float) -> Awaitable[list[Msg]]: ...

    def unsubscribe(self) -> Awaitable[None]: ...


class _Consumers(Protocol):
    def add_consumer(self, stream: str, config: ConsumerConfig) -> Awaitable[ConsumerInfo]: ...

    def pull_subscribe_bind(self, *, durable: str, stream: str) -> Awaitable[Subscription]: ...


class Consumer:
    """One durable pull consumer, shared by all replicas of telemetry."""

    def __init__(
        self,
        *,
        bus: Bus,
        warehouse: Warehouse,
        metrics: TelemetryMetrics,
        settings: BatchSettings,
        tracer: Tracer | None = None,
    ) -> None:
        self._bus = bus
        self._warehouse = warehouse
        self._metrics = metrics
        self._settings = settings
        self._tracer = tracer
        self._complained_at: float | None = None
        self.is_consuming = False
        """Whether the newest fetch and the newest insert went well."""

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop`; the batch that is being inserted then is finished."""
        while not stop.is_set():
            try:
                await self._consume(stop)
            except (nats.errors.Error, TimeoutError, OSError) as error:
                self.is_consuming = False
                self._complain("facts cannot be fetched from NATS", error)
                await _pause(stop, MAX_BACKOFF_SECONDS)

    async def _consume(self, stop: asyncio.Event) -> None:
        """Consume over one connection; comes back when it is another one."""
        jetstream = await _unless_stopped(stop, self._bus.jetstream())
        if jetstream is None:
            return
        await ensure_stream(jetstream)
        subscription = await subscribe(jetstream)
        self.is_consuming = True
        try:
            failure = await self._keep_up(subscription, stop)
        finally:
            await _leave(subscription)
        if failure is not None:
            raise failure

    async def _keep_up(self, subscription: Subscription, stop: asyncio.Event) -> FetchFailed | None:
        """Fetch and insert over one connection; answers why nothing more could be fetched."""
        generation = self._bus.generation
        inserting: asyncio.Task[None] | None = None
        async with asyncio.TaskGroup() as tasks:
            while not stop.is_set() and self._bus.generation == generation:
                started = time.monotonic()
                try:
                    messages = await _unless_stopped(stop, self._fetch(subscription))
                except (nats.errors.Error, TimeoutError, OSError) as error:
                    # Not out of the group: what is being inserted is finished.
                    return error
                if not messages:
                    continue
                renewed = [
                    (batch, tasks.create_task(_renew_regularly(batch)))
                    for batch in batches_of(messages)
                ]
                for batch, renewing in renewed:
                    blocks = await _blocks(batch)
                    if inserting is not None:
                        await inserting
                    inserting = tasks.create_task(self._insert(batch, blocks, stop, renewing))
                if len(messages) < self._settings.messages:
                    rest = self._settings.interval_seconds - (time.monotonic() - started)
                    await _pause(stop, rest)
        return None

    async def _fetch(self, subscription: Subscription) -> list[Msg]:
        try:
            messages = await subscription.fetch(self._settings.messages, FETCH_WAIT_SECONDS)
        except (FetchTimeoutError, TimeoutError):
            # No news is what a timeout means here, or that the connection is being made anew.
            self.is_consuming = self._bus.is_connected
            return []
        self._metrics.pending(messages[-1].metadata.num_pending if messages else 0)
        return messages

    async def _insert(
        self,
        messages: Sequence[Msg],
        blocks: Sequence[Block],
        stop: asyncio.Event,
        renewing: asyncio.Task[None],
    ) -> None:
        """Insert a batch, however long it takes, and acknowledge it; or leave it for redelivery."""
        started, began = time.monotonic(), time.time()
        is_inserted = await self._insert_until(blocks, stop)
        renewing.cancel()
        if not is_inserted:
            return
        if self._tracer is not None:
            tell_inserted(
                self._tracer, blocks, messages=len(messages), began=began, ended=time.time()
            )
        for message in messages:
            await _tell_server(message.ack())
        self.is_consuming = True
        self._metrics.took(time.monotonic() - started)
        for block in blocks:
            self._metrics.inserted(block.table, block.rows)
            if block.table == UNDECODABLE:
                self._report_undecodable(block)

    async def _insert_until(self, blocks: Sequence[Block], stop: asyncio.Event) -> bool:
        """Insert all blocks; false when stopped before ClickHouse took them all."""
        backoff = FIRST_BACKOFF_SECONDS
        done: set[str] = set()
        while True:
            try:
                await self._insert_blocks(blocks, done)
            except WarehouseFailed as error:
                self.is_consuming = False
                self._metrics.insert_failed()
                self._complain("facts cannot be inserted, they stay on the bus", error)
            else:
                return True
            if stop.is_set():
                # Unacknowledged, the messages come again when telemetry is started again.
                return False
            await _pause(stop, backoff)
            backoff = min(backoff * 2, MAX_BACKOFF_SECONDS)

    async def _insert_blocks(self, blocks: Sequence[Block], done: set[str]) -> None:
        for block in blocks:
            if block.table not in done:
                await self._warehouse.insert(
                    block.table, block.columns, block.types, token=block.token
                )
                done.add(block.table)

    def _report_undecodable(self, block: Block) -> None:
        for subject, reason in zip(block.columns["subject"], block.columns["reason"], strict=True):
            self._metrics.undecodable(str(subject))
            _log.error(
                "a fact could not be read and is kept aside",
                extra={"subject": str(subject), "reason": str(reason)},
            )

    def _complain(self, message: str, error: Exception) -> None:
        now = time.monotonic()
        if self._complained_at is None or now - self._complained_at >= COMPLAINT_INTERVAL_SECONDS:
            self._complained_at = now
            _log.warning(message, extra={"error": f"{type(error).__name__}: {error}"})


async def _blocks(messages: Sequence[Msg]) -> list[Block]:
    """The blocks of a batch. A large one is made in a thread: it would hold the loop for 0.2 s."""
    found = [bus_message(message) for message in messages]
    if sum(len(message.payload) for message in found) < INLINE_BYTES:
        return blocks_of(found)
    return await asyncio.to_thread(blocks_of, found)


def batches_of(messages: Sequence[Msg]) -> list[list[Msg]]:
    """What was fetched at once, in as many batches as its size asks for."""
    batches: list[list[Msg]] = [[]]
    size = 0
    for message in messages:
        if batches[-1] and size + len(message.data) > BATCH_BYTES:
            batches.append([])
            size = 0
        batches[-1].append(message)
        size += len(message.data)
    return batches


def bus_message(message: Msg) -> BusMessage:
    metadata = message.metadata
    return BusMessage(
        subject=message.subject,
        sequence=metadata.sequence.stream,
        stored_at=metadata.timestamp.timestamp(),
        payload=message.data,
    )


async def subscribe(jetstream: JetStreamContext) -> Subscription:
    """Bind to the durable consumer, which is made if there is none."""
    try:
        await jetstream.consumer_info(STREAM, DURABLE)
    except NotFoundError:
        await _add_consumer(
            jetstream,
            ConsumerConfig(
                durable_name=DURABLE,
                filter_subject=ALL_SUBJECTS,
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=ACK_WAIT_SECONDS,
                max_ack_pending=MAX_ACK_PENDING_MESSAGES,
            ),
        )
    return await _bind(jetstream)


async def _add_consumer(consumers: _Consumers, config: ConsumerConfig) -> None:
    await consumers.add_consumer(STREAM, config)


async def _bind(consumers: _Consumers) -> Subscription:
    return await consumers.pull_subscribe_bind(durable=DURABLE, stream=STREAM)


async def _leave(subscription: Subscription) -> None:
    try:
        await subscription.unsubscribe()
    except (nats.errors.Error, TimeoutError, OSError) as error:
        _log.debug("the subscription was gone", extra={"error": type(error).__name__})


async def _tell_server(message: Awaitable[None]) -> None:
    """Send an acknowledgement; one that is lost means a redelivery, which is harmless."""
    try:
        await message
    except (nats.errors.Error, TimeoutError, OSError) as error:
        _log.debug("an acknowledgement was not sent", extra={"error": type(error).__name__})


async def _renew_regularly(messages: Sequence[Msg]) -> None:
    """Tell the server again and again that the messages are being worked on."""
    while True:
        await asyncio.sleep(ACK_WAIT_SECONDS / 3)
        for message in messages:
            await _tell_server(message.in_progress())


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            await stop.wait()
    except TimeoutError:
        return


async def _unless_stopped(stop: asyncio.Event, waiting: Coroutine[object, object, T]) -> T | None:
    """What `waiting` answers, or None as soon as `stop` is set."""
    async with asyncio.TaskGroup() as tasks:
        answer = tasks.create_task(waiting)
        stopping = tasks.create_task(stop.wait())
        await asyncio.wait({answer, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        answer.cancel()
    return None if answer.cancelled() else answer.result()
