"""Signals to the services of a Turnout while agents use it, one process at a time.

The processes are found below `turnout serve` by their command line, so that a service with several
replicas loses each of them in turn. Signals are spread evenly over the run. Linux only.
"""

import os
import signal
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from loadtest import machine

SERVICES = ("scorer", "session-cache-tracker", "upstream-dispatcher", "telemetry", "ingress")

JOIN_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One signal to one process of a service; `replica` counts them from 0."""

    number: signal.Signals
    service: str
    replica: int = 0


@dataclass(slots=True)
class Sent:
    """What has been done to whom, to be told beside the figures."""

    lines: list[str] = field(default_factory=list)


def services_below(pid: int) -> dict[str, list[int]]:
    """The processes of each service, oldest first."""
    found: dict[str, list[int]] = {}
    for child in sorted(machine.children(pid)):
        service = service_of(words_of(child))
        if service:
            found.setdefault(service, []).append(child)
    return found


def service_of(words: Sequence[str]) -> str:
    """The service that a command line runs, "" for any other program."""
    if "run" not in words[:-1]:
        return ""
    name = words[words.index("run") + 1]
    return name if name in SERVICES and "turnout" in words else ""


def planned(pid: int, *, terminate: Sequence[str], kill: Sequence[str]) -> list[Fault]:
    """Every process of the named services ("all" names those that there are), SIGTERM first."""
    there = services_below(pid)
    found: list[Fault] = []
    for number, names in ((signal.SIGTERM, terminate), (signal.SIGKILL, kill)):
        wanted = SERVICES if "all" in names else tuple(names)
        for service in wanted:
            replicas = len(there.get(service, ()))
            found += [Fault(number, service, replica) for replica in range(replicas)]
    return found


@contextmanager
def during(pid: int, faults: Sequence[Fault], *, seconds: float) -> Generator[Sent]:
    """Send the faults, evenly spread over `seconds`, while the body runs."""
    sent, is_over = Sent(), threading.Event()
    pause = seconds / (len(faults) + 1)

    def send() -> None:
        for place, fault in enumerate(faults):
            if is_over.wait(pause):
                return
            sent.lines.append(f"{(place + 1) * pause:5.1f} s  {_send(pid, fault)}")

    thread = threading.Thread(target=send, name="faults")
    thread.start()
    try:
        yield sent
    finally:
        is_over.set()
        thread.join(JOIN_SECONDS)


def _send(pid: int, fault: Fault) -> str:
    told = f"{fault.number.name} to {fault.service}"
    # Replacements are younger: the oldest has not had its turn while there are as many as before.
    there = services_below(pid).get(fault.service, [])
    if not there:
        return f"{told}: it was not there"
    os.kill(there[0], fault.number)
    return f"{told} (one of {len(there)})"


def words_of(pid: int) -> list[str]:
    """The command line of a process, empty for one that is gone."""
    try:
        told = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return [word.decode("utf-8", "replace") for word in told.split(b"\0") if word]
