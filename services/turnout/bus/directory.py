"""One spool directory on disk: its segments, its cursor, its lock.

    <parent>/.lock              held while directories are made or adopted
    <parent>/<name>/lock        held by the process that writes or drains this directory
    <parent>/<name>/00000001.segment ...
    <parent>/<name>/cursor      what has been published

Rules: segments are only ever appended to, by one process, and a new process starts a new directory:
a position in a directory never means another record. The cursor names a window, the records between
`done` and `until`; a window is written down before it is published, so that after a crash the same
window is published again, with the same message ids.
"""

import fcntl
import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from turnout.bus.cursor import Cursor, Position
from turnout.bus.records import HEADER_BYTES, MAX_PAYLOAD_BYTES, Record, scan

_log = logging.getLogger(__name__)

# One window is one cycle of the publisher; larger than any record, small enough to hold twice.
WINDOW_BYTES = 512 * 1024
assert WINDOW_BYTES > HEADER_BYTES + MAX_PAYLOAD_BYTES

_SUFFIX = ".segment"
_DIRECTORY_MODE = 0o700
_FILE_MODE = 0o600


@dataclass(frozen=True, slots=True)
class Window:
    """Records between two positions of one segment, published as a whole."""

    spool: str
    start: Position
    until: Position
    records: tuple[Record, ...]


def try_lock(path: Path) -> int | None:
    """A descriptor that holds the lock of `path`, or None when another process holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def wait_lock(path: Path) -> int:
    """A descriptor that holds the lock of `path`, however long others hold it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


class SpoolDirectory:
    """Reads a spool directory in order. Built by `open_directory`, closed by `close`."""

    def __init__(self, path: Path, lock: int, *, on_lost: Callable[[int], None]) -> None:
        """`on_lost` counts bytes of records that can never be read."""
        self.on_lost = on_lost
        self.path = path
        self.name = path.name
        self._lock = lock
        self._reading: tuple[int, int] | None = None
        first = Position(min(self.segments(), default=1), 0)
        self._cursor = Cursor(path / "cursor")
        # Publishing from the beginning again is safe: what the bus or ClickHouse has seen is dropped
        # there.
        done, until = self._cursor.read() or (first, first)
        self._done, self._until = max(done, first), max(until, first)

    @property
    def done(self) -> Position:
        """Everything before it is published."""
        return self._done

    def segments(self) -> list[int]:
        """Numbers of the segments on disk, ascending."""
        return sorted(
            int(entry.stem) for entry in self.path.glob(f"*{_SUFFIX}") if entry.stem.isdigit()
        )

    def segment_path(self, number: int) -> Path:
        return self.path / f"{number:08d}{_SUFFIX}"

    def size_bytes(self) -> int:
        return sum(self.segment_path(number).stat().st_size for number in self.segments())

    def window(self, *, tail: Position | None) -> Window | None:
        """The next records to publish, or None when there are none.

        `tail` is where the writer stands; None for a directory that nobody writes to. Segments
        that have been published whole are removed on the way.
        """
        while True:
            is_active = tail is not None and tail.segment == self._done.segment
            window = self._window_of(tail.offset if tail is not None and is_active else None)
            if window is not None:
                return window
            if is_active or not self._step_to_next_segment():
                return None

    def _window_of(self, size: int | None) -> Window | None:
        """The next window of the segment at `done`, which holds `size` bytes; None for all."""
        file = self._open_segment(self._done.segment)
        if file is None:
            return None
        size = os.fstat(file).st_size if size is None else size
        start = self._done
        is_told = self._until > start and self._until.segment == start.segment
        limit = min(size, self._until.offset) if is_told else size
        while start.offset < limit:
            stop = limit if is_told else min(limit, start.offset + WINDOW_BYTES)
            data = os.pread(file, stop - start.offset, start.offset)
            found = scan(data, start=start.offset, is_whole=stop == limit)
            # A window that was begun and is read again has said so before.
            if found.lost_bytes and not is_told:
                self.on_lost(found.lost_bytes)
                _log.error(
                    "spool segment is damaged: records were passed over",
                    extra={"spool": self.name, "bytes": found.lost_bytes},
                )
            until = Position(start.segment, found.end)
            if found.records:
                return Window(self.name, start, until, found.records)
            if found.end == start.offset:
                return None
            start = self._done = until
        return None

    def _open_segment(self, number: int) -> int | None:
        """A descriptor to read a segment with, kept open while it is read; None without the file."""
        if self._reading is not None and self._reading[0] == number:
            return self._reading[1]
        self._close_segment()
        try:
            file = os.open(self.segment_path(number), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        self._reading = (number, file)
        return file

    def _close_segment(self) -> None:
        if self._reading is not None:
            os.close(self._reading[1])
            self._reading = None

    def _step_to_next_segment(self) -> bool:
        """Leave the segment at `done` behind; false when it is the last one."""
        number = self._done.segment
        later = [segment for segment in self.segments() if segment > number]
        if not later:
            return False
        self._done = self._until = Position(later[0], 0)
        self.settle()
        # What is open keeps its room on disk.
        self._close_segment()
        for segment in range(number, later[0]):
            self.segment_path(segment).unlink(missing_ok=True)
        return True

    def reserve(self) -> None:
        """Make sure that publishing can be written down. Raises `OSError`."""
        self._cursor.reserve()

    def begin(self, window: Window) -> None:
        """Write down that `window` is about to be published."""
        self._until = window.until
        self._cursor.write(done=window.start, until=window.until)

    def finish(self, window: Window) -> None:
        """Everything in `window` has been acknowledged. Reaches the disk with the next window."""
        self._done = window.until

    def settle(self) -> None:
        """Write down how far publishing has come."""
        self._cursor.write(done=self._done, until=max(self._done, self._until))

    def remove(self) -> None:
        """Delete the directory, which has been published whole."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.close()

    def close(self) -> None:
        """Give up the lock; the directory may be adopted from now on."""
        self._close_segment()
        self._cursor.close()
        os.close(self._lock)


def make_directory(parent: Path, name: str, *, on_lost: Callable[[int], None]) -> SpoolDirectory:
    """A new, empty directory of ours. The caller holds the lock of `parent`."""
    path = parent / name
    path.mkdir(mode=_DIRECTORY_MODE)
    lock = try_lock(path / "lock")
    assert lock is not None, "nobody else knows of a directory that was made just now"
    return SpoolDirectory(path, lock, on_lost=on_lost)


def adopt_directories(parent: Path, *, on_lost: Callable[[int], None]) -> list[SpoolDirectory]:
    """Directories whose processes are gone, oldest first. The caller holds the lock of `parent`."""
    adopted: list[SpoolDirectory] = []
    entries = [entry for entry in parent.iterdir() if entry.is_dir()]
    for path in sorted(entries, key=lambda entry: (entry.stat().st_mtime_ns, entry.name)):
        lock = try_lock(path / "lock")
        if lock is not None:
            adopted.append(SpoolDirectory(path, lock, on_lost=on_lost))
    return adopted


def create_segment(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE)


def truncate_torn_tail(directory: SpoolDirectory) -> int:
    """Cut what a crash left half written off the last segment; answers how many bytes."""
    numbers = directory.segments()
    if not numbers:
        return 0
    path = directory.segment_path(numbers[-1])
    data = path.read_bytes()
    found = scan(data, start=0, is_whole=True)
    end = found.records[-1].end if found.records else 0
    torn = len(data) - end
    if torn:
        os.truncate(path, end)
        directory.on_lost(torn)
        _log.warning(
            "spool segment had a torn end, cut off",
            extra={"path": str(path), "bytes": torn},
        )
    return torn
