"""Runs child processes: starts them in order, keeps them up, stops them in reverse order.

Rules:
* One supervisor per data directory, held by a lock that the kernel frees when the process dies.
* A child that dies unasked is started again at once, then with growing delays; after too many deaths
  in a minute `on_failed` is told once and the child is tried again a minute later. When `on_failed`
  raises, supervision ends with its error.
* A child that ends with its `unfit_status` is not started again: supervision ends with `EngineUnfit`.
* A child that says it leaves is replaced at once: its successor starts beside it, and when that serves
  the old one is told, so that it ends when what it has under way has ended. That is no death.
* A failure of the first start is an `EngineFailed` for the caller; nothing is left running.
* Children are killed by the kernel when this process dies (see `launch`).
* The event loop must run in a thread that lives as long as the children: Linux ties the death signal
  to the thread that forked, not to the process.
"""

import asyncio
import contextlib
import fcntl
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from turnout.engines.child import Child
from turnout.engines.failure import EngineFailed, EngineUnfit
from turnout.engines.incarnation import Incarnation, check_fit, described, incarnate, said
from turnout.engines.journal import bound_log, log_path

# First restart after 50 ms, so that a killed engine is back within about a second; then doubled.
BACKOFF_FIRST_SECONDS = 0.05
RESTARTS_PER_WINDOW = 6
RESTART_WINDOW_SECONDS = 60.0
# Logs grow by kilobytes an hour; looking this often keeps any flood within the bound's order.
LOG_CHECK_SECONDS = 15.0

_log = logging.getLogger("turnout.engines")


@dataclass(slots=True, eq=False)
class _Seat:
    """A child, the process that now stands for it, and those that it has replaced."""

    child: Child
    log: Path
    now: Incarnation | None = None
    leaving: list[Incarnation] = field(default_factory=list)
    restarts: int = 0
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=RESTARTS_PER_WINDOW + 1))
    started: asyncio.Event = field(default_factory=asyncio.Event)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)


class Supervisor:
    """The running children. Made by `supervising`, never directly."""

    def __init__(
        self,
        children: Sequence[Child],
        *,
        data_dir: Path,
        on_failed: Callable[[EngineFailed], None],
    ) -> None:
        self._seats = {
            child.name: _Seat(child=child, log=log_path(data_dir, child.name)) for child in children
        }
        self._on_failed = on_failed

    def pid(self, name: str) -> int | None:
        """The process id of a child, None while it is down."""
        now = self._seats[name].now
        return now.process.pid if now is not None and now.is_alive else None

    def restarts(self, name: str) -> int:
        """How often a child was started again since the first start."""
        return self._seats[name].restarts

    async def start(self) -> None:
        async with asyncio.TaskGroup() as group:
            for seat in self._seats.values():
                group.create_task(self._start_in_order(seat))

    async def watch(self) -> None:
        """Keep every child up until cancelled or until `on_failed` raises."""
        async with asyncio.TaskGroup() as group:
            for seat in self._seats.values():
                group.create_task(self._keep_up(seat, group))
            group.create_task(self._bound_logs())

    async def stop(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for seat in self._seats.values():
                    group.create_task(self._stop_in_order(seat))
        finally:
            # Reached with children alive only when the stop itself was cancelled.
            for seat in self._seats.values():
                for one in _processes(seat):
                    one.kill()

    async def _start_in_order(self, seat: _Seat) -> None:
        for name in seat.child.after:
            if name in self._seats:
                await self._seats[name].started.wait()
        await _start(seat)
        seat.started.set()

    async def _stop_in_order(self, seat: _Seat) -> None:
        for other in self._seats.values():
            if seat.child.name in other.child.after:
                await other.stopped.wait()
        async with asyncio.TaskGroup() as group:
            for one in _processes(seat):
                group.create_task(one.stop())
        seat.stopped.set()

    async def _keep_up(self, seat: _Seat, group: asyncio.TaskGroup) -> None:
        while True:
            now = seat.now
            code = 0 if now is None else await now.gone()
            if now is not None and code is None:
                _log.info("engine leaves name=%s pid=%s", seat.child.name, now.process.pid)
                seat.now = None
                seat.leaving.append(now)
                group.create_task(self._see_out(seat, now))
            else:
                if now is not None:
                    now.close()
                    check_fit(now)
                    _log.warning("engine died name=%s code=%s", seat.child.name, code)
                seat.deaths.append(time.monotonic())
                await self._wait_before_restart(seat)
            seat.restarts += 1
            try:
                await _start(seat)
            except EngineUnfit:
                raise
            except EngineFailed as failure:
                _log.warning("%s", failure.message)
                await _drop(seat)
            else:
                _log.info("engine restarted name=%s", seat.child.name)
                for one in seat.leaving:
                    one.replaced()

    async def _see_out(self, seat: _Seat, leaving: Incarnation) -> None:
        await leaving.see_out()
        seat.leaving.remove(leaving)
        _log.info("engine left name=%s pid=%s", seat.child.name, leaving.process.pid)

    async def _wait_before_restart(self, seat: _Seat) -> None:
        since = time.monotonic() - RESTART_WINDOW_SECONDS
        recent = sum(1 for died_at in seat.deaths if died_at >= since)
        if recent <= RESTARTS_PER_WINDOW:
            doubled = BACKOFF_FIRST_SECONDS * 4 ** (recent - 1)
            await asyncio.sleep(min(seat.child.longest_backoff_seconds, doubled))
            return
        self._on_failed(
            EngineFailed(
                f"{described(seat.child)} died {recent} times within"
                f" {RESTART_WINDOW_SECONDS:.0f} s and is tried again in"
                f" {RESTART_WINDOW_SECONDS:.0f} s{said(seat.log)}; see {seat.log}"
            )
        )
        await asyncio.sleep(RESTART_WINDOW_SECONDS)

    async def _bound_logs(self) -> None:
        while True:
            await asyncio.sleep(LOG_CHECK_SECONDS)
            for seat in self._seats.values():
                bound_log(seat.log)


@contextlib.asynccontextmanager
async def supervising(
    children: Sequence[Child],
    *,
    data_dir: Path,
    on_failed: Callable[[EngineFailed], None] | None = None,
) -> AsyncGenerator[Supervisor]:
    """Run the children for the length of the block.

    Without `on_failed` a child that cannot be kept up ends the block with its `EngineFailed`.
    """
    supervisor = Supervisor(children, data_dir=data_dir, on_failed=on_failed or _raise)
    with _sole_use(data_dir), one_error():
        try:
            await supervisor.start()
            async with asyncio.TaskGroup() as group:
                watch = group.create_task(supervisor.watch())
                try:
                    yield supervisor
                finally:
                    watch.cancel()
        finally:
            await supervisor.stop()


def _raise(failure: EngineFailed) -> None:
    raise failure


@contextlib.contextmanager
def one_error() -> Generator[None]:
    """Let an error out as itself: a task group wraps its own error and even the block's."""
    try:
        yield
    except ExceptionGroup as group:
        raise _unwrapped(group) from None


def _unwrapped(error: Exception) -> Exception:
    match error:
        case ExceptionGroup(exceptions=[EngineFailed() as failure, *_]):
            return failure  # engines that fail together have one cause, or one will do for a start
        case ExceptionGroup(exceptions=[Exception() as only]):
            return _unwrapped(only)
        case _:
            return error


@contextlib.contextmanager
def _sole_use(data_dir: Path) -> Generator[None]:
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "engines.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EngineFailed(
                f"{data_dir} is in use by another turnout; stop it or set TURNOUT_DATA_DIR"
            ) from None
        yield


def _processes(seat: _Seat) -> list[Incarnation]:
    return [*seat.leaving, *([] if seat.now is None else [seat.now])]


async def _start(seat: _Seat) -> None:
    seat.now = await incarnate(seat.child, seat.log)
    await seat.now.wait_ready()


async def _drop(seat: _Seat) -> None:
    """End a process that did not come to serve."""
    if seat.now is not None:
        await seat.now.stop()
        seat.now = None
