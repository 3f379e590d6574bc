"""Control-plane state in a JetStream key-value bucket, watched so that a change needs no restart.

Keys are dotted words: `mode.<tenant>` holds a tenant's mode, `settings.<tenant>` what it has otherwise than the
process, `artifact.active` and `artifact.shadow` a whole artifact file. Who set a value is told by a header
of its message, so that it is changed with the value and readers of values need not know of it. Rules: a
watch survives restarts of NATS and its absence at the start; it tells every key it finds, every change, and
every key that is gone; it tells nothing twice. The callback runs on the loop and must not block.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias

import msgspec
import nats.errors
from nats.js.api import Header, KeyValueConfig, StorageType
from nats.js.errors import (
    APIError,
    BucketNotFoundError,
    KeyNotFoundError,
    NotFoundError,
)
from nats.js.kv import KV_OP, KeyValue

from turnout.bus.connection import REQUEST_TIMEOUT_SECONDS, Bus
from turnout.errors import Unavailable
from turnout.facts import ChangeSource

_log = logging.getLogger(__name__)

# Old values of a key, to see who changed what.
BUCKET_HISTORY = 5
CONTROL_BUCKET = KeyValueConfig(
    bucket="turnout_control",
    history=BUCKET_HISTORY,
    # Modes of some thousand tenants, and artifacts; full means that a put is refused.
    max_bytes=16 * 1024 * 1024,
    storage=StorageType.FILE,
)
# How soon a watch notices that the connection is another one; changes themselves are pushed.
_RECONNECT_CHECK_SECONDS = 0.5
# A consumer may be lost without a reconnect (a cluster elects, an operator deletes it).
_REFRESH_SECONDS = 30.0
_RETRY_SECONDS = 0.5

# How long a cancelled task may take to end before it is cancelled again.
_CANCEL_AGAIN_SECONDS = 0.1
# How JetStream names what a bucket is made of.
_STREAM = "KV_{bucket}"
_SUBJECT = "$KV.{bucket}.{key}"
_SET_BY = "Turnout-Set-By"
# "Wrong last sequence", as a server with one writer and as a cluster says it.
_CHANGED_MEANWHILE = (10071, 10164)

OnChange: TypeAlias = Callable[[str, str | None], None]
"""Takes a key and its value, None when the key is gone."""


class SetBy(msgspec.Struct, frozen=True):
    """Who set a value.

    Attributes:
        name: of the person's router key, "local" without one; "" for the guardrail.
    """

    source: ChangeSource
    name: str = ""


@dataclass(frozen=True, slots=True)
class Stand:
    """A key as it is.

    Attributes:
        value: None when it has none.
        revision: another one after every change, removal included; 0 when there never was a value.
        changed_at: unix seconds of the last change, 0 without one.
        set_by: None where nobody has told.
    """

    value: str | None
    revision: int
    changed_at: float
    set_by: SetBy | None = None


NEVER_SET = Stand(None, 0, 0.0)


class _Watcher(Protocol):
    """A watcher of nats-py, which leaves it untyped."""

    def updates(self, timeout: float) -> Awaitable[object]: ...

    def stop(self) -> Awaitable[object]: ...


class _Watchable(Protocol):
    def watch(self, keys: str) -> Awaitable[_Watcher]: ...


class _Message(Protocol):
    """A message of nats-py, which leaves its headers half typed."""

    @property
    def seq(self) -> int | None: ...

    @property
    def data(self) -> bytes | None: ...

    @property
    def headers(self) -> Mapping[str, str] | None: ...

    @property
    def time(self) -> datetime | None: ...


class _Messages(Protocol):
    def get_last_msg(self, stream_name: str, subject: str) -> Awaitable[_Message]: ...

    def get_msg(
        self, stream_name: str, seq: int, subject: str, direct: bool, is_next: bool, /
    ) -> Awaitable[_Message]: ...


class _Buckets(Protocol):
    def create_key_value(self, config: KeyValueConfig) -> Awaitable[KeyValue]: ...


class ControlStore:
    """Reads, writes and watches a bucket, that of control unless told otherwise; made when first wanted."""

    def __init__(self, bus: Bus, config: KeyValueConfig = CONTROL_BUCKET) -> None:
        self._bus = bus
        self._config = config

    async def get(self, key: str, *, deadline_seconds: float) -> str | None:
        """The value of `key`, None when it has none. Raises `Unavailable` when NATS is away."""
        try:
            async with asyncio.timeout(deadline_seconds):
                entry = await (await self._bucket()).get(key)
        except KeyNotFoundError:
            return None
        except (nats.errors.Error, TimeoutError, OSError) as error:
            raise _unavailable(error) from error
        return None if entry.value is None else entry.value.decode()

    async def history(self, key: str, *, deadline_seconds: float) -> list[str]:
        """The values that `key` has had of late, the oldest first, also after it was removed; as many as the
        bucket keeps. Raises `Unavailable` when NATS is away.
        """
        entries: list[_Message] = []
        try:
            async with asyncio.timeout(deadline_seconds):
                messages = await self._bus.jetstream()
                with suppress(NotFoundError):
                    while True:
                        after = entries[-1].seq or 0 if entries else 0
                        entries.append(await _next(messages, self._config.bucket, key, after=after))
        except (nats.errors.Error, TimeoutError, OSError) as error:
            raise _unavailable(error) from error
        values = [one for one in entries if KV_OP not in (one.headers or {})]
        return [(one.data or b"").decode(errors="replace") for one in values]

    async def stand(self, key: str, *, deadline_seconds: float) -> Stand:
        """How `key` stands now. Raises `Unavailable` when NATS is away."""
        try:
            async with asyncio.timeout(deadline_seconds):
                entry = await _newest(await self._bus.jetstream(), self._config.bucket, key)
        except NotFoundError:
            return NEVER_SET
        except (nats.errors.Error, TimeoutError, OSError) as error:
            raise _unavailable(error) from error
        headers = entry.headers or {}
        return Stand(
            value=None if KV_OP in headers else (entry.data or b"").decode(errors="replace"),
            revision=entry.seq or 0,
            changed_at=entry.time.timestamp() if entry.time else 0.0,
            set_by=_told_by(headers),
        )

    async def put_unchanged(
        self, key: str, value: str, *, by: SetBy, revision: int, deadline_seconds: float
    ) -> bool:
        """Set `key` if it still stands at `revision`: of several who try, one does. Raises
        `Unavailable` when it is not known whether.
        """
        last = {Header.EXPECTED_LAST_SUBJECT_SEQUENCE.value: str(revision)}
        try:
            async with asyncio.timeout(deadline_seconds):
                await self._write(key, value, headers=_headers(by) | last)
        except APIError as error:
            if error.err_code in _CHANGED_MEANWHILE:
                return False
            raise _unavailable(error) from error
        except (nats.errors.Error, TimeoutError, OSError) as error:
            raise _unavailable(error) from error
        return True

    async def put(
        self, key: str, value: str, *, by: SetBy | None = None, deadline_seconds: float
    ) -> None:
        """Set `key`. Raises `Unavailable` when that is not acknowledged in time."""
        try:
            async with asyncio.timeout(deadline_seconds):
                await self._write(key, value, headers={} if by is None else _headers(by))
        except (nats.errors.Error, TimeoutError, OSError) as error:
            raise _unavailable(error) from error

    async def _write(self, key: str, value: str, *, headers: dict[str, str]) -> None:
        """The bucket's own `put` takes no headers."""
        await self._bucket()
        jetstream = await self._bus.jetstream()
        subject = _SUBJECT.format(bucket=self._config.bucket, key=key)
        await jetstream.publish(subject, value.encode(), headers=headers or None)

    async def delete(self, key: str, *, deadline_seconds: float) -> None:
        """Remove `key`. Raises `Unavailable` when that is not acknowledged in time."""
        try:
            async with asyncio.timeout(deadline_seconds):
                await (await self._bucket()).delete(key)
        except (nats.errors.Error, TimeoutError, OSError) as error:
            raise _unavailable(error) from error

    async def watch(self, keys: str, on_change: OnChange) -> None:
        """Tell `on_change` all about the keys that match `keys` ("mode.*"), until cancelled."""
        known: dict[str, int] = {}
        while True:
            try:
                await self._watch_once(keys, on_change, known)
            except (nats.errors.Error, TimeoutError, OSError) as error:
                _log.info(
                    "the watch of control keys is interrupted, starting again",
                    extra={"keys": keys, "error": f"{type(error).__name__}: {error}"},
                )
                await asyncio.sleep(_RETRY_SECONDS)

    async def _watch_once(self, keys: str, on_change: OnChange, known: dict[str, int]) -> None:
        """Watch over one connection; comes back when it is another one or a refresh is due."""
        bucket = await self._bucket()
        generation = self._bus.generation
        async with asyncio.timeout(REQUEST_TIMEOUT_SECONDS):
            watcher = await _watcher_of(bucket, keys)
        unseen: set[str] | None = set(known)
        refresh_at = asyncio.get_running_loop().time() + _REFRESH_SECONDS
        try:
            while self._bus.generation == generation:
                if asyncio.get_running_loop().time() >= refresh_at:
                    return
                try:
                    entry = await watcher.updates(timeout=_RECONNECT_CHECK_SECONDS)
                except nats.errors.TimeoutError:
                    continue
                if isinstance(entry, KeyValue.Entry):
                    _tell(entry, on_change, known)
                    if unseen is not None:
                        unseen.discard(entry.key)
                elif unseen is not None:
                    # The end of what there was at the start: keys not seen by now are gone.
                    for key in unseen:
                        del known[key]
                        on_change(key, None)
                    unseen = None
        finally:
            # A watcher that outlives its reader would make the drain of the connection wait.
            try:
                async with asyncio.timeout(REQUEST_TIMEOUT_SECONDS):
                    await watcher.stop()
            except (nats.errors.Error, TimeoutError, OSError):
                _log.debug("a watch of control keys was not stopped", extra={"keys": keys})

    async def _bucket(self) -> KeyValue:
        jetstream = await self._bus.jetstream()
        try:
            return await jetstream.key_value(self._config.bucket)
        except (BucketNotFoundError, NotFoundError):
            return await _create_bucket(jetstream, self._config)


async def end_task(task: asyncio.Task[None]) -> None:
    """Cancel until it is over: before Python 3.12 `asyncio.wait_for`, which nats-py waits with, loses
    a cancellation that comes together with what was waited for (python/cpython#86296).
    """
    while not task.done():
        task.cancel()
        await asyncio.wait((task,), timeout=_CANCEL_AGAIN_SECONDS)


def _tell(entry: KeyValue.Entry, on_change: OnChange, known: dict[str, int]) -> None:
    if entry.operation is not None:
        if known.pop(entry.key, None) is not None:
            on_change(entry.key, None)
        return
    revision = entry.revision or 0
    if known.get(entry.key) != revision:
        known[entry.key] = revision
        on_change(entry.key, (entry.value or b"").decode(errors="replace"))


def _headers(by: SetBy) -> dict[str, str]:
    # In ASCII and on one line, whatever the name of a key is.
    return {_SET_BY: json.dumps(msgspec.to_builtins(by))}


def _told_by(headers: Mapping[str, str]) -> SetBy | None:
    try:
        return msgspec.json.decode(headers.get(_SET_BY, ""), type=SetBy)
    except msgspec.MsgspecError:
        return None


def _unavailable(error: Exception) -> Unavailable:
    return Unavailable(
        f"the control store does not answer ({type(error).__name__}); is NATS running?"
    )


async def _newest(messages: _Messages, bucket: str, key: str) -> _Message:
    """The bucket's own `get` does not tell the time of a value."""
    return await messages.get_last_msg(
        _STREAM.format(bucket=bucket), _SUBJECT.format(bucket=bucket, key=key)
    )


async def _next(messages: _Messages, bucket: str, key: str, *, after: int) -> _Message:
    """One by one: the bucket's own `history` watches, and takes what it has not heard yet for what is not there."""
    direct, is_next = False, True
    return await messages.get_msg(
        _STREAM.format(bucket=bucket),
        after + 1,
        _SUBJECT.format(bucket=bucket, key=key),
        direct,
        is_next,
    )


async def _watcher_of(bucket: _Watchable, keys: str) -> _Watcher:
    return await bucket.watch(keys)


async def _create_bucket(buckets: _Buckets, config: KeyValueConfig) -> KeyValue:
    return await buckets.create_key_value(config)
