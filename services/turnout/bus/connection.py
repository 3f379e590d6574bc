"""The connection to NATS: made when first wanted, kept for ever, drained at the end.

Rules: NATS may be absent at any time, the start included; waiting for it is the caller's choice,
with the caller's deadline. Every call to the server has a deadline. nats-py reconnects by itself;
`generation` counts the connections, for those who must start something anew after a reconnect.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager, suppress
from typing import Protocol

import nats
import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError, ServerError

from turnout.bus.subjects import ALL_SUBJECTS, STREAM

_log = logging.getLogger(__name__)

# nats-py takes whole seconds; a reconnect itself takes 5 ms on loopback.
RECONNECT_WAIT_SECONDS = 1
CONNECT_TIMEOUT_SECONDS = 2
# A dead peer is noticed after two pings; the default of two minutes would stall facts that long.
PING_INTERVAL_SECONDS = 10
# JetStream answers within a millisecond; a file store under pressure takes a few hundred.
REQUEST_TIMEOUT_SECONDS = 5.0
DRAIN_TIMEOUT_SECONDS = 5
# While the server is away an error comes with every attempt; the log says so at this rate.
COMPLAINT_INTERVAL_SECONDS = 10.0

# At 600 bytes a fact about 1.7 million facts; must stay below the server's own file limit.
STREAM_MAX_BYTES = 1024 * 1024 * 1024
# A publisher that comes back after a crash repeats its last window; ten minutes cover a restart.
DUPLICATE_WINDOW_SECONDS = 600.0
# A stream is made within milliseconds, on a busy disk within a second. Whoever is refused because
# somebody else is making the same one looks again, for as long as that may take and no longer: the
# refusal may as well mean that there really is no room.
MAKING_TRIES = 20
MAKING_SECONDS = 0.1


class _Streams(Protocol):
    """What we use of a JetStream context that nats-py leaves half typed."""

    def add_stream(self, config: StreamConfig) -> Awaitable[object]: ...


class _Connected(Protocol):
    """What we use of a client that nats-py leaves half typed."""

    def jetstream(self, *, timeout: float) -> JetStreamContext: ...


class Bus:
    """One connection of one process. Made by `open_bus`."""

    def __init__(self, url: str, *, name: str, token: str | None = None) -> None:
        self._url = url
        self._name = name
        self._token = token
        self._client = Client()
        self._connecting = asyncio.Lock()
        self._complained_at: float | None = None
        self.generation = 0

    @property
    def is_connected(self) -> bool:
        return self._client.is_connected

    async def jetstream(self) -> JetStreamContext:
        """The JetStream context, as soon as there has been a connection. Waits without end."""
        async with self._connecting:
            if self.generation == 0 or self._client.is_closed:
                # nats-py gives a connection up for good when the server refuses its credentials.
                self._client = Client()
                await self._connect()
        return _jetstream_of(self._client)

    async def _connect(self) -> None:
        try:
            await self._client.connect(
                servers=self._url.split(","),
                name=self._name,
                token=self._token,
                error_cb=self._on_error,
                disconnected_cb=self._on_disconnected,
                reconnected_cb=self._on_reconnected,
                max_reconnect_attempts=-1,
                reconnect_time_wait=RECONNECT_WAIT_SECONDS,
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
                ping_interval=PING_INTERVAL_SECONDS,
                drain_timeout=DRAIN_TIMEOUT_SECONDS,
            )
        except asyncio.CancelledError:
            await self._client.close()
            raise
        self.generation += 1
        _log.info("connected to NATS", extra={"connection": self._name})

    async def _on_error(self, error: Exception) -> None:
        now = time.monotonic()
        if self._complained_at is None or now - self._complained_at >= COMPLAINT_INTERVAL_SECONDS:
            self._complained_at = now
            _log.warning(
                "NATS is not reachable or reports an error; trying again",
                extra={"connection": self._name, "error": f"{type(error).__name__}: {error}"},
            )

    async def _on_disconnected(self) -> None:
        _log.info("disconnected from NATS", extra={"connection": self._name})

    async def _on_reconnected(self) -> None:
        self.generation += 1
        _log.info("connected to NATS again", extra={"connection": self._name})

    async def close(self) -> None:
        """Drain and close, within the drain deadline."""
        if self._client.is_closed or self.generation == 0:
            return
        try:
            if self._client.is_connected:
                async with asyncio.timeout(DRAIN_TIMEOUT_SECONDS):
                    await self._client.drain()
        except (nats.errors.Error, TimeoutError, OSError) as error:
            _log.info("NATS was not drained", extra={"error": f"{type(error).__name__}: {error}"})
        finally:
            await self._client.close()


@asynccontextmanager
async def open_bus(url: str, *, name: str, token: str | None = None) -> AsyncGenerator[Bus]:
    """A bus that connects when it is first used and is drained at the end."""
    bus = Bus(url, name=name, token=token)
    try:
        yield bus
    finally:
        await bus.close()


async def ensure_stream(
    jetstream: JetStreamContext, *, max_bytes: int = STREAM_MAX_BYTES, replicas: int = 1
) -> None:
    """Make the facts stream if there is none; an existing one is left as its operator has it.

    A fact leaves the stream when telemetry has acknowledged it, so what counts against the limit is
    what ClickHouse lacks. The price: nobody else consumes; who wants facts asks ClickHouse.
    A full stream refuses new facts (`discard=new`): they stay in the spools, where they are bounded
    and counted, instead of pushing out facts that ClickHouse has not seen.
    """
    config = StreamConfig(
        name=STREAM,
        subjects=[ALL_SUBJECTS],
        retention=RetentionPolicy.WORK_QUEUE,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_bytes=max_bytes,
        num_replicas=replicas,
        duplicate_window=DUPLICATE_WINDOW_SECONDS,
    )
    for tries_left in reversed(range(MAKING_TRIES)):
        with suppress(NotFoundError):
            await jetstream.stream_info(STREAM)
            return
        try:
            await _add_stream(jetstream, config)
        except ServerError:
            # While two make it at once the server counts its size twice, and may refuse the second.
            if not tries_left:
                raise
            await asyncio.sleep(MAKING_SECONDS)
        else:
            return


def _jetstream_of(client: _Connected) -> JetStreamContext:
    return client.jetstream(timeout=REQUEST_TIMEOUT_SECONDS)


async def _add_stream(jetstream: _Streams, config: StreamConfig) -> None:
    await jetstream.add_stream(config)
