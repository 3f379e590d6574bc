"""What the supervisor needs to know about one child process; data only.

Rules: a description is frozen and complete, so that starting it again after a crash needs nothing
else; it holds no process, no socket and no path that is not in it.
"""

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

# A probe answers whether the child serves now. It is called again and again until the start
# deadline; it must come back by itself within PROBE_SECONDS, else it is cancelled.
Probe: TypeAlias = Callable[[], Awaitable[bool]]

# An engine starts in 0.1 s (Valkey) to 2 s (ClickHouse); recovery of a large store takes longer.
START_DEADLINE_SECONDS = 30.0
# Valkey writes its append-only file out, ClickHouse finishes its running queries.
STOP_GRACE_SECONDS = 10.0
# How long a taken port may stay taken: the engines of a parent killed a moment ago need a little
# time to give their memory back before the kernel frees their ports.
PORT_PATIENCE_SECONDS = 3.0
# Between restarts of a child that keeps dying.
LONGEST_BACKOFF_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a child listens, and how a user moves it."""

    port: int
    setting: str
    """What to change when the port is taken, as the user writes it."""
    host: str = "127.0.0.1"
    is_held: bool = False
    """Whether the parent holds the port for its child, so that nobody else can take it."""

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Child:
    name: str
    argv: tuple[str, ...]
    """The program, as an absolute path, and its arguments."""
    ready: Probe | None
    """How to tell that it serves; None for a program that says so itself (`handover`)."""
    endpoint: Endpoint | None = None
    env: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Added to the environment of this process. Not shown in messages: it may hold a secret."""
    inherited: tuple[int, ...] = ()
    """Descriptors of the parent that the program keeps, under the same numbers."""
    directories: tuple[Path, ...] = ()
    """Created before the start, readable by the owner only."""
    after: tuple[str, ...] = ()
    """Children that must be ready before this one starts, and that stop after it."""
    is_replaceable: bool = False
    """Whether it says when it serves and leaves (`handover`), and can stand beside its successor."""
    leave_seconds: float = STOP_GRACE_SECONDS
    """How long one that has been replaced may take to end."""
    unfit_status: int | None = None
    """Exit status with which it says that starting it again does not help."""
    stop_signal: signal.Signals = signal.SIGTERM
    stop_grace_seconds: float = STOP_GRACE_SECONDS
    start_deadline_seconds: float = START_DEADLINE_SECONDS
    port_patience_seconds: float = PORT_PATIENCE_SECONDS
    longest_backoff_seconds: float = LONGEST_BACKOFF_SECONDS
