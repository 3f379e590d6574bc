"""Which processes are services, and that signals reach them while something else runs."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator

import pytest

from loadtest import faults
from loadtest.faults import Fault

WAIT_SECONDS = 30.0


@pytest.mark.parametrize(
    ("words", "service"),
    [
        ("python -m turnout run scorer", "scorer"),
        ("/x/bin/turnout run ingress", ""),
        ("python -m turnout serve --split", ""),
        ("python -m turnout.engines run scorer", ""),
        ("python -m turnout run", ""),
        ("", ""),
    ],
)
def test_a_service_is_known_by_its_command_line(words: str, service: str) -> None:
    assert faults.service_of(words.split()) == service


@pytest.fixture
def service() -> Generator["subprocess.Popen[bytes]"]:
    """Something below this process that is called like a service."""
    wait = "import sys; sys.stdin.read()"
    argv = [sys.executable, "-c", wait, "-m", "turnout", "run", "scorer"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_signals_reach_the_processes_of_a_service(service: "subprocess.Popen[bytes]") -> None:
    planned = faults.planned(os.getpid(), terminate=("all",), kill=())
    assert planned == [Fault(signal.SIGTERM, "scorer")]
    with faults.during(os.getpid(), planned, seconds=0.2) as sent:
        assert service.wait(WAIT_SECONDS) == -signal.SIGTERM
    assert [line.split("  ")[-1] for line in sent.lines] == ["SIGTERM to scorer (one of 1)"]


def test_what_is_over_is_sent_nothing(service: "subprocess.Popen[bytes]") -> None:
    planned = faults.planned(os.getpid(), terminate=(), kill=("scorer",))
    with faults.during(os.getpid(), planned, seconds=3_600.0) as sent:
        pass
    assert sent.lines == []
    assert service.poll() is None
