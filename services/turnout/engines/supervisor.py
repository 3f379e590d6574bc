"""Runs child processes: starts them in order, keeps them up, stops them in reverse order.

Rules:
* One supervisor per data directory, held by a lock that the kernel frees when the process dies.
* A child that dies unasked is started again at once, then with growing delays; after too many deaths
  in a minute `on_failed` is told once and the child is tried again a minute later. When `on_failed`
  raises, supervision ends with its error.
* A failure of the first start is an `EngineFailed` for the caller; nothing is left running.
* Children are killed by the kernel when this process dies (see `launch`).
* The event loop must run in a thread that lives as long as the children: Linux ties the death signal
  to the thread that forked, not to the process.
"""

import asyncio
import contextlib
import errno
import fcntl
import logging
import os
import socket
import sys
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from turnout.engines import launch
from turnout.engines.child import Child
from turnout.engines.failure import EngineFailed
from turnout.engines.journal import bound_log, last_line, log_path, open_log

# A probe is a connect and a few bytes on loopback.
PROBE_SECONDS = 2.0
# How often a starting child is asked: a tenth of the fastest engine's start.
PROBE_INTERVAL_SECONDS = 0.02
PORT_INTERVAL_SECONDS = 0.05
# First restart after 50 ms, so that a killed engine is back within about a second; then doubled.
BACKOFF_FIRST_SECONDS = 0.05
RESTARTS_PER_WINDOW = 6
RESTART_WINDOW_SECONDS = 60.0
# Logs grow by kilobytes an hour; looking this often keeps any flood within the bound's order.
LOG_CHECK_SECONDS = 15.0
# After SIGKILL only the kernel stands between us and the exit.
KILL_SECONDS = 5.0

_log = logging.getLogger("turnout.engines")


@dataclass(slots=True, eq=False)
class _Seat:
    """A child and the process that now stands for it."""

    child: Child
    log: Path
    process: asyncio.subprocess.Process | None = None
    is_stopping: bool = False
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
        process = self._seats[name].process
        return process.pid if process is not None and process.returncode is None else None

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
                group.create_task(self._keep_up(seat))
            group.create_task(self._bound_logs())

    async def stop(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for seat in self._seats.values():
                    group.create_task(self._stop_in_order(seat))
        finally:
            # Reached with children alive only when the stop itself was cancelled.
            for seat in self._seats.values():
                _signal(seat.process, kill=True)

    async def _start_in_order(self, seat: _Seat) -> None:
        for name in seat.child.after:
            if name in self._seats:
                await self._seats[name].started.wait()
        await _start(seat)
        seat.started.set()

    async def _stop_in_order(self, seat: _Seat) -> None:
        seat.is_stopping = True
        for other in self._seats.values():
            if seat.child.name in other.child.after:
                await other.stopped.wait()
        await _stop(seat)
        seat.stopped.set()

    async def _keep_up(self, seat: _Seat) -> None:
        while True:
            if seat.process is not None:
                code = await seat.process.wait()
                _log.warning("engine died name=%s code=%s", seat.child.name, code)
            seat.deaths.append(time.monotonic())
            await self._wait_before_restart(seat)
            seat.restarts += 1
            try:
                await _start(seat)
            except EngineFailed as failure:
                _log.warning("%s", failure.message)
                await _stop(seat)
            else:
                _log.info("engine restarted name=%s", seat.child.name)

    async def _wait_before_restart(self, seat: _Seat) -> None:
        since = time.monotonic() - RESTART_WINDOW_SECONDS
        recent = sum(1 for died_at in seat.deaths if died_at >= since)
        if recent <= RESTARTS_PER_WINDOW:
            doubled = BACKOFF_FIRST_SECONDS * 4 ** (recent - 1)
            await asyncio.sleep(min(seat.child.longest_backoff_seconds, doubled))
            return
        self._on_failed(
            EngineFailed(
                f"{_described(seat.child)} died {recent} times within"
                f" {RESTART_WINDOW_SECONDS:.0f} s and is tried again in"
                f" {RESTART_WINDOW_SECONDS:.0f} s{_said(seat)}; see {seat.log}"
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
    with _sole_use(data_dir), _one_error():
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
def _one_error() -> Generator[None]:
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


def _described(child: Child) -> str:
    return child.name if child.endpoint is None else f"{child.name} ({child.endpoint.address})"


def _said(seat: _Seat) -> str:
    line = last_line(seat.log)
    return f" (it said: {line})" if line else ""


async def _start(seat: _Seat) -> None:
    child = seat.child
    await _free_port(child)
    for directory in child.directories:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    bound_log(seat.log)
    out = open_log(seat.log)
    try:
        seat.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-S",
            launch.__file__,
            str(os.getpid()),
            *child.argv,
            env={**os.environ, **child.env},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            # Its own session, so that a terminal's Ctrl-C reaches us only and we stop in order.
            start_new_session=True,
        )
    finally:
        os.close(out)
    await _wait_ready(seat, seat.process)


async def _wait_ready(seat: _Seat, process: asyncio.subprocess.Process) -> None:
    child = seat.child
    deadline = time.monotonic() + child.start_deadline_seconds
    while time.monotonic() < deadline:
        if process.returncode is not None:
            raise EngineFailed(
                f"{_described(child)} ended with code {process.returncode} while starting"
                f"{_said(seat)}; see {seat.log}{_advice(child)}"
            )
        with contextlib.suppress(OSError, EOFError, TimeoutError):
            async with asyncio.timeout(PROBE_SECONDS):
                if await child.ready():
                    return
        await asyncio.sleep(PROBE_INTERVAL_SECONDS)
    raise EngineFailed(
        f"{_described(child)} did not answer within {child.start_deadline_seconds:g} s"
        f"{_said(seat)}; see {seat.log}{_advice(child)}"
    )


def _advice(child: Child) -> str:
    return "" if child.endpoint is None else f", or set {child.endpoint.setting}"


async def _free_port(child: Child) -> None:
    endpoint = child.endpoint
    if endpoint is None:
        return
    deadline = time.monotonic() + child.port_patience_seconds
    while not _is_free(endpoint.host, endpoint.port):
        if time.monotonic() > deadline:
            raise EngineFailed(
                f"{child.name} cannot start: {endpoint.address} is taken by another program;"
                f" stop that program or set {endpoint.setting}"
            )
        await asyncio.sleep(PORT_INTERVAL_SECONDS)


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # Without this, connections of a predecessor in TIME_WAIT would count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise EngineFailed(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return True


async def _stop(seat: _Seat) -> None:
    process = seat.process
    if process is None or process.returncode is not None:
        return
    _signal(process, kill=False, number=seat.child.stop_signal)
    try:
        async with asyncio.timeout(seat.child.stop_grace_seconds):
            await process.wait()
    except TimeoutError:
        _log.warning("engine killed, it did not stop in time name=%s", seat.child.name)
        _signal(process, kill=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(KILL_SECONDS):
                await process.wait()


def _signal(
    process: asyncio.subprocess.Process | None, *, kill: bool, number: int | None = None
) -> None:
    if process is None or process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        if kill:
            process.kill()
        elif number is not None:
            process.send_signal(number)
