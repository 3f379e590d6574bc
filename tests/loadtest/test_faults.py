"""Which processes are services, and that signals reach them while something else runs."""

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


WAIT = "import sys; sys.stdin.read()"

SERVE = f"""
import subprocess, sys
argv = [sys.executable, "-c", {WAIT!r}, "-m", "turnout", "run", "scorer"]
service = subprocess.Popen(argv, stdin=sys.stdin)
print("serving", flush=True)
sys.exit(-service.wait())
"""
"""Ends with the number of the signal that its service was ended by."""


@pytest.fixture
def product() -> Generator["subprocess.Popen[bytes]"]:
    """Something that has one child, which is called like a service."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"serving\n"
        yield process
        process.kill()


def test_signals_reach_the_processes_of_a_service(product: "subprocess.Popen[bytes]") -> None:
    planned = faults.planned(product.pid, terminate=("all",), kill=())
    assert planned == [Fault(signal.SIGTERM, "scorer")]
    with faults.during(product.pid, planned, seconds=0.2) as sent:
        assert product.wait(WAIT_SECONDS) == signal.SIGTERM
    assert [line.split("  ")[-1] for line in sent.lines] == ["SIGTERM to scorer (one of 1)"]


def test_what_is_over_is_sent_nothing(product: "subprocess.Popen[bytes]") -> None:
    planned = faults.planned(product.pid, terminate=(), kill=("scorer",))
    with faults.during(product.pid, planned, seconds=3_600.0) as sent:
        pass
    assert sent.lines == []
    assert product.poll() is None
