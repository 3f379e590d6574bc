"""The publisher: takes windows of facts from the spool to JetStream, in order, until acknowledged.

Rules: message ids follow from the spool positions alone, so that what is published again after a
crash is dropped by the server; a window is left only when every message of it is acknowledged; a
publish without an answer is given up at a deadline and made again. When NATS is away facts stay in
the spool and the wait between attempts grows to `MAX_BACKOFF_SECONDS`.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import nats.errors
from nats.js import JetStreamContext
from nats.js.errors import NoStreamResponseError

from turnout.bus.connection import Bus, ensure_stream
from turnout.bus.directory import SpoolDirectory, Window
from turnout.bus.metrics import BusMetrics
from turnout.bus.records import Record
from turnout.bus.spool import FSYNC_INTERVAL_SECONDS, Spool
from turnout.bus.subjects import BY_KIND, SCHEMA_HEADER, SCHEMA_VERSION, STREAM
from turnout.events.v1 import facts_pb2

_log = logging.getLogger(__name__)

# Facts that arrive within this time share messages: at 100 requests/s 60 facts in 3 messages. A cycle
# costs about a millisecond whatever is in it.
LINGER_SECONDS = 0.2
# 50 facts in one 30 kB message cost 0.25 ms, acknowledgement included, 50 messages 10 ms.
MAX_MESSAGE_FACTS = 100
MAX_MESSAGE_BYTES = 256 * 1024
# JetStream acknowledges in 0.2 ms. When the server dies an unanswered publish costs this much time.
ACK_TIMEOUT_SECONDS = 2.0
FIRST_BACKOFF_SECONDS = 0.1
# A row should be found within two seconds of NATS coming back.
MAX_BACKOFF_SECONDS = 1.0
COMPLAINT_INTERVAL_SECONDS = 10.0
# What a stop waits for the rest of the spool; what is left is adopted by the next start.
DRAIN_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Message:
    """One bus message: facts of one subject."""

    subject: str
    id: str
    payload: bytes
    traceparent: str
    facts: int


def messages_of(window: Window) -> list[Message]:
    """The messages of a window; the same window always gives the same messages."""
    groups: list[list[Record]] = []
    open_groups: dict[int, tuple[list[Record], int]] = {}
    for record in window.records:
        if record.kind not in BY_KIND:
            # A newer version wrote it and was rolled back; its facts mean nothing to us.
            _log.error("spool record of an unknown kind passed over", extra={"kind": record.kind})
            continue
        length = len(record.payload)
        group, size = open_groups.get(record.kind, (None, 0))
        if group is None or len(group) >= MAX_MESSAGE_FACTS or size + length > MAX_MESSAGE_BYTES:
            fresh: list[Record] = []
            groups.append(fresh)
            group, size = fresh, 0
        group.append(record)
        open_groups[record.kind] = (group, size + length)
    stem = f"{window.spool}.{window.start.segment}.{window.start.offset}.{window.until.offset}"
    return [_message(group, id=f"{stem}.{index}") for index, group in enumerate(groups)]


def _message(records: Sequence[Record], *, id: str) -> Message:  # noqa: A002 - the header's own word
    route = BY_KIND[records[0].kind]
    first = route.message.FromString(records[0].payload)
    traceparent: object = getattr(first, "traceparent", "")
    batch = facts_pb2.FactBatch(facts=[record.payload for record in records])
    return Message(
        subject=route.subject,
        id=id,
        payload=batch.SerializeToString(),
        traceparent=str(traceparent),
        facts=len(records),
    )


class Publisher:
    """One per process, beside its spool."""

    def __init__(
        self,
        *,
        spool: Spool,
        bus: Bus,
        metrics: BusMetrics,
        linger_seconds: float = LINGER_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spool = spool
        self._bus = bus
        self._metrics = metrics
        self._linger_seconds = linger_seconds
        self._clock = clock
        self._backoff_seconds = 0.0
        self._complained_at: float | None = None
        self._has_stream = False
        self._progress_at = clock()

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop`, then what is left, as far as `DRAIN_SECONDS` go."""
        async with asyncio.TaskGroup() as tasks:
            flusher = tasks.create_task(self._sync_regularly())
            stopping = tasks.create_task(stop.wait())
            publishing = tasks.create_task(self._publish_for_ever())
            await stopping
            publishing.cancel()
            flusher.cancel()
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._publish_all()
        except TimeoutError:
            _log.warning("facts stay in the spool until the next start")
        await self._spool.sync()

    async def _sync_regularly(self) -> None:
        while True:
            await asyncio.sleep(FSYNC_INTERVAL_SECONDS)
            if self._spool.own.done != self._spool.tail:
                # What NATS has is in its file store; only facts it lacks are worth a flush.
                self._metrics.waiting(self._clock() - self._progress_at)
                await self._spool.sync()
            else:
                self._metrics.waiting(0)
            self._metrics.spool_bytes(self._spool.size_bytes)

    async def _publish_for_ever(self) -> None:
        while True:
            try:
                await self._publish_all()
                if not self._spool.appended.is_set():
                    self._spool.own.settle()
                    self._progress_at = self._clock()
            except OSError as error:
                # The spool's own disk; the bus's errors are dealt with message by message.
                await self._back_off(error)
                continue
            await self._spool.appended.wait()
            self._spool.appended.clear()
            await asyncio.sleep(self._linger_seconds)

    async def _publish_all(self) -> None:
        """Publish until nothing is left; own facts and those of adopted directories in turn."""
        while True:
            is_own_empty = not await self._publish_next(self._spool.own)
            for directory in self._spool.adopted[:1]:
                if not await self._publish_next(directory):
                    directory.remove()
                    self._spool.adopted.remove(directory)
                    self._spool.measure()
            if is_own_empty and not self._spool.adopted:
                return

    async def _publish_next(self, directory: SpoolDirectory) -> bool:
        """Publish the next window of a directory; false when it has none."""
        tail = self._spool.tail if directory is self._spool.own else None
        segment = directory.done.segment
        window = directory.window(tail=tail)
        if directory.done.segment != segment:
            self._spool.measure()
        if window is None:
            return False
        directory.begin(window)
        by_subject: dict[str, list[Message]] = {}
        for message in messages_of(window):
            by_subject.setdefault(message.subject, []).append(message)
        # Subjects side by side share the writes to the socket; within one the order is kept.
        async with asyncio.TaskGroup() as tasks:
            for messages in by_subject.values():
                tasks.create_task(self._publish_in_order(messages))
        directory.finish(window)
        return True

    async def _publish_in_order(self, messages: Sequence[Message]) -> None:
        for message in messages:
            await self._publish(message)

    async def _publish(self, message: Message) -> None:
        """Publish one message, however long it takes."""
        headers = {"Nats-Msg-Id": message.id, SCHEMA_HEADER: SCHEMA_VERSION}
        if message.traceparent:
            headers["traceparent"] = message.traceparent
        while True:
            try:
                jetstream = await self._ready_stream()
                await jetstream.publish(
                    message.subject,
                    message.payload,
                    timeout=ACK_TIMEOUT_SECONDS,
                    stream=STREAM,
                    headers=headers,
                )
            except (nats.errors.Error, TimeoutError, OSError) as error:
                await self._back_off(error)
                continue
            self._backoff_seconds = 0.0
            self._progress_at = self._clock()
            self._metrics.published(message.facts)
            return

    async def _ready_stream(self) -> JetStreamContext:
        jetstream = await self._bus.jetstream()
        if not self._bus.is_connected:
            # A request made now would lie in the client's buffer until its deadline.
            raise nats.errors.ConnectionReconnectingError
        if not self._has_stream:
            await ensure_stream(jetstream)
            self._has_stream = True
        return jetstream

    async def _back_off(self, error: Exception) -> None:
        self._metrics.publish_failed()
        if isinstance(error, NoStreamResponseError):
            # Also what a server answers while JetStream is starting.
            self._has_stream = False
        now = self._clock()
        if self._complained_at is None or now - self._complained_at >= COMPLAINT_INTERVAL_SECONDS:
            self._complained_at = now
            _log.warning(
                "facts cannot be published, they stay in the spool",
                extra={
                    "error": f"{type(error).__name__}: {error}",
                    "bytes": self._spool.size_bytes,
                },
            )
        self._backoff_seconds = min(
            max(FIRST_BACKOFF_SECONDS, self._backoff_seconds * 2), MAX_BACKOFF_SECONDS
        )
        await asyncio.sleep(self._backoff_seconds)
