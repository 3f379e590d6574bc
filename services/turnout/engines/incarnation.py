"""One process that stands for a child: started, waited for, heard, ended.

Rules: nothing here starts a process again; that is the supervisor's. Every wait has an end.
"""

import asyncio
import contextlib
import errno
import logging
import os
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from turnout.engines import launch
from turnout.engines.child import Child
from turnout.engines.failure import EngineFailed, EngineUnfit
from turnout.engines.handover import Line, open_line
from turnout.engines.journal import bound_log, last_line, open_log
from turnout.settings import HANDOVER_VARIABLE

# A probe is a connect and a few bytes on loopback.
PROBE_SECONDS = 2.0
# How often a starting child is asked: a tenth of the fastest engine's start.
PROBE_INTERVAL_SECONDS = 0.02
PORT_INTERVAL_SECONDS = 0.05
# After SIGKILL only the kernel stands between us and the exit.
KILL_SECONDS = 5.0

_log = logging.getLogger("turnout.engines")


@dataclass(slots=True, eq=False)
class Incarnation:
    """A running process.

    Attributes:
        line: what it says of itself; None for a program that says nothing.

    """

    child: Child
    log: Path
    process: asyncio.subprocess.Process
    line: Line | None

    @property
    def is_alive(self) -> bool:
        return self.process.returncode is None

    async def gone(self) -> int | None:
        """Wait until it says that it leaves (None) or ends (its exit status)."""
        ended = asyncio.ensure_future(self.process.wait())
        waits: set[asyncio.Future[int] | asyncio.Future[Literal[True]]] = {ended}
        if self.line is not None:
            waits.add(asyncio.ensure_future(self.line.heard["leaves"].wait()))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return ended.result() if ended.done() and not ended.cancelled() else None

    def replaced(self) -> None:
        """Tell it that a successor serves."""
        if self.line is not None:
            self.line.say("replaced")

    async def see_out(self) -> None:
        """Wait for the end of one that leaves; kill it when it takes too long."""
        await self._wait_or_kill(self.child.leave_seconds)

    async def stop(self) -> None:
        """Ask it to end, wait its grace, then kill it."""
        if not self.is_alive:
            self.close()
            return
        if self.line is not None:
            self.line.say("ends")
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(self.child.stop_signal)
        await self._wait_or_kill(self.child.stop_grace_seconds)

    async def _wait_or_kill(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.process.wait()
        except TimeoutError:
            _log.warning("engine killed, it did not stop in time name=%s", self.child.name)
            self.kill()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(KILL_SECONDS):
                    await self.process.wait()
        self.close()

    def kill(self) -> None:
        if self.is_alive:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()

    def close(self) -> None:
        if self.line is not None:
            self.line.close()

    async def wait_ready(self) -> None:
        """Raises `EngineFailed` when it ends or does not serve within its deadline."""
        child = self.child
        deadline = time.monotonic() + child.start_deadline_seconds
        while time.monotonic() < deadline:
            if self.process.returncode is not None:
                check_fit(self)
                raise EngineFailed(
                    f"{described(child)} ended with code {self.process.returncode} while starting"
                    f"{said(self.log)}; see {self.log}{_advice(child)}"
                )
            if await self._is_ready():
                return
            await asyncio.sleep(PROBE_INTERVAL_SECONDS)
        raise EngineFailed(
            f"{described(child)} did not answer within {child.start_deadline_seconds:g} s"
            f"{said(self.log)}; see {self.log}{_advice(child)}"
        )

    async def _is_ready(self) -> bool:
        probe = self.child.ready
        if probe is None:
            return self.line is not None and self.line.heard["serves"].is_set()
        with contextlib.suppress(OSError, EOFError, TimeoutError):
            async with asyncio.timeout(PROBE_SECONDS):
                return await probe()
        return False


async def incarnate(child: Child, log: Path) -> Incarnation:
    """Start the program. Raises `EngineFailed` when its port is another program's."""
    await _free_port(child)
    for directory in child.directories:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    bound_log(log)
    env = {**os.environ, **child.env}
    line: Line | None = None
    with contextlib.ExitStack() as stack:
        out = open_log(log)
        stack.callback(os.close, out)
        given = child.inherited
        if child.is_replaceable:
            ours, theirs = socket.socketpair()
            stack.callback(theirs.close)
            line = await open_line(ours)
            given = (*given, theirs.fileno())
            env[HANDOVER_VARIABLE] = str(theirs.fileno())
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-S",
            launch.__file__,
            str(os.getpid()),
            *child.argv,
            env=env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            pass_fds=given,
            # Its own session, so that a terminal's Ctrl-C reaches us only and we stop in order.
            start_new_session=True,
        )
    return Incarnation(child=child, log=log, process=process, line=line)


def check_fit(ended: Incarnation) -> None:
    """Raises `EngineUnfit` when it ended because starting it again does not help."""
    child, status = ended.child, ended.process.returncode
    if status is not None and status == child.unfit_status:
        raise EngineUnfit(f"{described(child)} cannot run{said(ended.log)}; see {ended.log}")


def described(child: Child) -> str:
    return child.name if child.endpoint is None else f"{child.name} ({child.endpoint.address})"


def said(log: Path) -> str:
    """The newest line of a log, in brackets."""
    line = last_line(log)
    return f" (it said: {line})" if line else ""


def _advice(child: Child) -> str:
    return "" if child.endpoint is None else f", or set {child.endpoint.setting}"


async def _free_port(child: Child) -> None:
    endpoint = child.endpoint
    if endpoint is None or endpoint.is_held:
        return
    deadline = time.monotonic() + child.port_patience_seconds
    while not _is_free(endpoint.host, endpoint.port):
        if time.monotonic() > deadline:
            raise EngineFailed(
                f"{child.name} cannot start: {endpoint.address} is taken by another program or"
                f" service; stop that one or set {endpoint.setting}"
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
