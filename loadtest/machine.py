"""Processes of the bench: started on one CPU, watched through /proc, ended.

Linux only, as it reads /proc and the clocks of other processes. CPU time is user plus system time of
a process with all its threads.
"""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from turnout.engines.free_ports import HIGHEST, LOWEST

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

START_SECONDS = 60.0
"""LiteLLM takes nine seconds on an idle machine."""

STOP_SECONDS = 40.0
"""Longer than the grace that a gateway gives its streams and children."""

POLL_SECONDS = 0.1

QUIET_CPUS = 0.1
"""A tree of processes that uses less of a CPU has finished what a run left behind."""

QUIET_WAIT_SECONDS = 8.0

FREE_RANGE_TRIES = 50


class NotStarted(Exception):
    """A process of the bench did not come up; the message has the end of its log."""


@dataclass(frozen=True, slots=True)
class Cpus:
    """Who runs where: the gateway alone, everything else beside it."""

    gateway: int
    load: int

    @classmethod
    def of_this_machine(cls) -> "Cpus":
        usable = sorted(os.sched_getaffinity(0))
        return cls(gateway=usable[0], load=usable[-1])

    @property
    def are_apart(self) -> bool:
        return self.gateway != self.load


@dataclass(frozen=True, slots=True)
class Started:
    """A process that answers."""

    pid: int
    url: str


def end_when_told() -> None:
    """SIGTERM ends a run as an interrupt does, so that what it has started is stopped; for the main thread."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


@contextmanager
def running(
    argv: Sequence[str],
    *,
    url: str,
    ready_path: str,
    log: Path,
    cpu: int | None,
    env: Mapping[str, str] | None = None,
) -> Generator[Started]:
    """A process from its first answer on; stopped at the end. Raises `NotStarted`."""
    told = {**os.environ, **(env or {})}
    affinity = {cpu} if cpu is not None else os.sched_getaffinity(0)
    before = os.sched_getaffinity(0)
    with log.open("wb") as output:
        os.sched_setaffinity(0, affinity)
        try:
            process = subprocess.Popen(
                argv, env=told, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        finally:
            os.sched_setaffinity(0, before)
    try:
        _wait_for_answer(process, url + ready_path, log)
        yield Started(pid=process.pid, url=url)
    finally:
        _stop(process)


def _wait_for_answer(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    due = time.monotonic() + START_SECONDS
    while time.monotonic() < due:
        if process.poll() is not None:
            raise NotStarted(f"{url} ended with status {process.returncode}:\n{_tail(log)}")
        try:
            answer = httpx.get(url, timeout=2.0, trust_env=False)
        except httpx.TransportError:
            pass
        else:
            # A service that waits for its parts says so with a 5xx.
            if answer.status_code < 500:
                return
        time.sleep(POLL_SECONDS)
    raise NotStarted(f"{url} did not answer within {START_SECONDS:g} s:\n{_tail(log)}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        print(f"process {process.pid} did not stop by itself", file=sys.stderr)
        process.kill()
        process.wait()


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]


def free_range(count: int) -> int:
    """The first of `count` ports in a row that nobody listens on now. Raises `NotStarted`."""
    for _ in range(FREE_RANGE_TRIES):
        first = random.SystemRandom().randrange(LOWEST, HIGHEST - count)
        if all(_is_free(first + more) for more in range(count)):
            return first
    raise NotStarted(f"there are no {count} free ports in a row")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def children(pid: int) -> list[int]:
    """All processes below `pid`, without itself."""
    below: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields:
                below.setdefault(int(fields[1]), []).append(int(entry.name))
    found: list[int] = []
    ahead = list(below.get(pid, ()))
    while ahead:
        child = ahead.pop()
        found.append(child)
        ahead += below.get(child, ())
    return found


def move(pids: Sequence[int], cpu: int) -> None:
    """Let processes that run already go on elsewhere, with all their threads."""
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), {cpu})


def cpu_seconds(pid: int) -> float:
    """To the nanosecond, where /proc/PID/stat counts ticks of 10 ms; 0.0 for a process that is gone."""
    try:
        # The clock that clock_getcpuclockid(3) names; see CPUCLOCK_SCHED in Linux's posix-timers.
        return time.clock_gettime(~pid << 3 | 2)
    except OSError:
        return 0.0


def resident_bytes(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[21]) * PAGE_BYTES if fields else 0


def shared_out_bytes(pid: int) -> int:
    """Proportional set size: pages that several processes share count in parts, so that sums are
    true. 0 for a process that is gone.
    """
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def title(pid: int) -> str:
    """Something short to call a process by, from its command line."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return "gone"
    program = Path(words[0].decode("utf-8", "replace")).name
    if not program.startswith("python"):
        return program
    told = [word.decode("utf-8", "replace") for word in words[1:] if word]
    if "-m" in told:
        module = told[told.index("-m") + 1 :]
        rest = [word for word in module[1:3] if not word.startswith("-") and "/" not in word]
        return " ".join([module[0], *rest])
    return Path(told[0]).name if told else program


def settle(pids: Sequence[int]) -> None:
    """Wait until the processes have finished what the last run left behind, or long enough."""
    due = time.monotonic() + QUIET_WAIT_SECONDS
    while time.monotonic() < due:
        before = sum(cpu_seconds(pid) for pid in pids)
        time.sleep(0.3)
        if (sum(cpu_seconds(pid) for pid in pids) - before) / 0.3 < QUIET_CPUS:
            return


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name, which may hold spaces; empty if it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return text.rpartition(")")[2].split()
