"""The spool: facts are accepted by appending them to a local file, whatever else is down.

Rules: a fact that `record` has taken survives the death of this process, because it has been handed
to the kernel before `record` returns; a power failure loses at most `FSYNC_INTERVAL_SECONDS` of
what was not yet published. `record` never raises and never waits for the network. The spool is
bounded; what does not fit is counted, and said in the log once per `COMPLAINT_INTERVAL_SECONDS`.
All calls come from one thread, the event loop's.
"""

import asyncio
import errno
import logging
import os
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from turnout.bus.cursor import Position
from turnout.bus.directory import (
    SpoolDirectory,
    adopt_directories,
    create_segment,
    make_directory,
    truncate_torn_tail,
    wait_lock,
)
from turnout.bus.metrics import BusMetrics, DropReason
from turnout.bus.records import MAX_PAYLOAD_BYTES, encode_record
from turnout.bus.subjects import BY_FACT, BY_KIND
from turnout.facts import Fact
from turnout.protos import to_pb

_log = logging.getLogger(__name__)

# One gibibyte holds about 1.5 million facts: a day of a team's traffic without a bus.
MAX_SPOOL_BYTES = 1024 * 1024 * 1024
# Published segments are removed whole; small ones give disk back early, each costs a file.
SEGMENT_BYTES = 4 * 1024 * 1024
# A full spool gets room back by whole segments, so it must consist of several.
MIN_SEGMENTS = 4
# What a power failure may lose of facts that NATS has not taken; a fsync costs 1 to 20 ms of disk.
FSYNC_INTERVAL_SECONDS = 1.0
# A full disk drops facts at the request rate; the log says so at this rate.
COMPLAINT_INTERVAL_SECONDS = 10.0
# Rolled segments that wait for their fsync; beyond that the kernel writes them when it likes.
_MAX_UNSYNCED_SEGMENTS = 8


class Spool:
    """Appends to this process's directory; knows the directories that others left behind."""

    def __init__(
        self,
        *,
        own: SpoolDirectory,
        adopted: list[SpoolDirectory],
        metrics: BusMetrics,
        max_bytes: int,
        segment_bytes: int = SEGMENT_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.own = own
        self.adopted = adopted
        self.appended = asyncio.Event()
        """Set by every append; the publisher clears it."""
        self._metrics = metrics
        self._max_bytes = max_bytes
        self._segment_bytes = segment_bytes
        self._clock = clock
        self._segment = 1
        self._offset = 0
        self._file = create_segment(own.segment_path(1))
        self._unsynced: list[int] = []
        self._is_reserved = False
        self._is_dirty = False
        self._is_closed = False
        # Counted when appending and again whenever segments are removed, not on every append.
        self._older_bytes = sum(directory.size_bytes() for directory in adopted)
        self._complained_at: float | None = None
        self._unsaid_drops = 0
        self._full_at: float | None = None

    @property
    def is_full(self) -> bool:
        """Whether a fact was lost for want of room a moment ago; a smaller one may still fit."""
        since = self._full_at
        return since is not None and self._clock() - since < COMPLAINT_INTERVAL_SECONDS

    @property
    def tail(self) -> Position:
        return Position(self._segment, self._offset)

    @property
    def size_bytes(self) -> int:
        return self._older_bytes + self._offset

    def append(self, kind: int, payload: bytes) -> bool:
        """Take a record; false when it was dropped, which has then been counted and logged."""
        if len(payload) > MAX_PAYLOAD_BYTES:
            return self.drop("too_large", f"a fact of {len(payload)} bytes")
        record = encode_record(kind, payload)
        if not self._has_room(len(record)):
            return self.drop("spool_full", f"the spool holds {self.size_bytes} bytes")
        try:
            self._write(record)
        except OSError as error:
            self._leave_segment()
            return self.drop("disk_error", str(error))
        return True

    def append_all(self, records: Sequence[tuple[int, bytes]]) -> Sequence[tuple[int, bytes]]:
        """Take records of a kind and a payload each, in one write where they fit together. Those that were
        taken.
        """
        data = b"".join([encode_record(kind, payload) for kind, payload in records])
        if len(data) <= MAX_PAYLOAD_BYTES and self._has_room(len(data)):
            with suppress(OSError):
                self._write(data)
                return records
        # Some may fit, and each of the others is to be told of.
        return [one for one in records if self.append(*one)]

    def _has_room(self, size: int) -> bool:
        if self.size_bytes + size <= self._max_bytes:
            return True
        self.measure()
        return self.size_bytes + size <= self._max_bytes

    def _write(self, data: bytes) -> None:
        """All of it, or nothing with `OSError`."""
        if not self._is_reserved:
            self.own.reserve()
            self._is_reserved = True
        if self._offset >= self._segment_bytes:
            self._roll()
        written = os.write(self._file, data)
        if written != len(data):
            os.ftruncate(self._file, self._offset)
            os.lseek(self._file, self._offset, os.SEEK_SET)
            raise OSError(errno.ENOSPC, "the disk took only a part of a record")
        self._offset += written
        self._is_dirty = True
        self.appended.set()

    def drop(self, reason: DropReason, detail: str) -> Literal[False]:
        """Count a fact that is lost, and say so unless that was said a moment ago."""
        self._metrics.dropped(reason)
        self._unsaid_drops += 1
        now = self._clock()
        if reason in ("spool_full", "disk_error"):
            self._full_at = now
        if self._complained_at is None or now - self._complained_at >= COMPLAINT_INTERVAL_SECONDS:
            self._complained_at = now
            _log.error(
                "facts are lost: the spool cannot take them",
                extra={"reason": reason, "error": detail, "dropped": self._unsaid_drops},
            )
            self._unsaid_drops = 0
        return False

    def _roll(self) -> None:
        file = create_segment(self.own.segment_path(self._segment + 1))
        if len(self._unsynced) < _MAX_UNSYNCED_SEGMENTS:
            self._unsynced.append(self._file)
        else:
            os.close(self._file)
        self._file = file
        self._segment += 1
        self._older_bytes += self._offset
        self._offset = 0

    def _leave_segment(self) -> None:
        """A segment is removed once nobody writes to it: a disk that is full before the segment is
        would stay so for ever.
        """
        if self._offset:
            with suppress(OSError):
                self._roll()
                self.appended.set()

    def measure(self) -> None:
        """Count the bytes on disk anew, after segments have been removed."""
        self._let_go_of_removed()
        kept = sum(directory.size_bytes() for directory in self.adopted)
        self._older_bytes = kept + self.own.size_bytes() - self._offset
        self._metrics.spool_bytes(self.size_bytes)

    def _let_go_of_removed(self) -> None:
        """What is open keeps its room on disk."""
        removed = [file for file in self._unsynced if not os.fstat(file).st_nlink]
        for file in removed:
            self._unsynced.remove(file)
            os.close(file)

    async def sync(self) -> None:
        """Flush to disk what was appended since the last call; the loop does not wait for it."""
        if not self._is_dirty and not self._unsynced:
            return
        self._is_dirty = False
        files = [*self._unsynced, os.dup(self._file)]
        self._unsynced = []
        await asyncio.to_thread(_flush_and_close, files)

    def close(self) -> None:
        """Leave the directory to whoever starts next; remove it when all of it is published."""
        if self._is_closed:
            return
        self._is_closed = True
        for file in (*self._unsynced, self._file):
            os.close(file)
        self._unsynced = []
        for directory in self.adopted:
            directory.settle()
            directory.close()
        if self.own.done == self.tail:
            self.own.remove()
        else:
            self.own.settle()
            self.own.close()


def _flush_and_close(files: list[int]) -> None:
    for file in files:
        try:
            os.fdatasync(file)
        except OSError as error:
            _log.warning("a spool segment could not be flushed", extra={"error": str(error)})
        finally:
            os.close(file)


def open_spool(
    parent: Path,
    *,
    service: str,
    metrics: BusMetrics,
    max_bytes: int = MAX_SPOOL_BYTES,
    segment_bytes: int = SEGMENT_BYTES,
    clock: Callable[[], float] = time.monotonic,
) -> Spool:
    """Make a directory for this process and adopt those whose processes are gone."""
    metrics.spool_limit(max_bytes)
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = wait_lock(parent / ".lock")
    try:
        adopted = adopt_directories(parent, on_lost=metrics.lost)
        own = make_directory(parent, f"{service}-{uuid.uuid4().hex}", on_lost=metrics.lost)
    finally:
        os.close(lock)
    for directory in adopted:
        truncate_torn_tail(directory)
        _log.info("adopting the spool of a process that is gone", extra={"spool": directory.name})
    return Spool(
        own=own,
        adopted=adopted,
        metrics=metrics,
        max_bytes=max_bytes,
        segment_bytes=min(segment_bytes, max(1, max_bytes // MIN_SEGMENTS)),
        clock=clock,
    )


class SpoolFactSink:
    """A `FactSink` that appends to the spool; the publisher takes it from there."""

    def __init__(self, spool: Spool, *, metrics: BusMetrics) -> None:
        self._spool = spool
        self._recorded = {kind: metrics.recorder(route.name) for kind, route in BY_KIND.items()}

    def record(self, *facts: Fact) -> None:
        records: list[tuple[int, bytes]] = []
        for fact in facts:
            route = BY_FACT[type(fact)]
            try:
                payload = to_pb(fact, route.message).SerializeToString()
            except Exception as error:  # noqa: BLE001 - a fact must never fail the request it is about
                told = f"{type(fact).__name__}: {type(error).__name__}: {error}"
                self._spool.drop("invalid", told)
            else:
                records.append((route.kind, payload))
        for kind, _ in self._spool.append_all(records):
            self._recorded[kind]()
