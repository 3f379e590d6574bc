"""A simulated provider running as its own process, for the tests that speak to it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

REST_SECONDS = 5.0
POLL_SECONDS = 0.02
SERVICES = Path(__file__).parents[2] / "services"


@contextmanager
def running(*options: str) -> Iterator[str]:
    """Its address; the process ends with the block."""
    command = [sys.executable, "-m", "turnout.simulator", "--port", "0", *options]
    environment = os.environ | {"PYTHONPATH": str(SERVICES)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


def log(base: str) -> dict[str, object]:
    answer: dict[str, object] = httpx.get(f"{base}/simulate/log").json()
    return answer


def log_at_rest(base: str) -> dict[str, object]:
    """The log once nothing is in flight any more, or as it is when the patience is over."""
    until = time.monotonic() + REST_SECONDS
    while (seen := log(base))["in_flight"] and time.monotonic() < until:
        time.sleep(POLL_SECONDS)
    return seen
