"""The chain of bare hops answers what the upstream says."""

import socket
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from loadtest import load, machine
from loadtest.load import Ask
from loadtest.machine import Started

WAIT_SECONDS = 60.0


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Generator[Started]:
    logs: Path = tmp_path_factory.mktemp("chain")
    first = machine.free_range(5)
    upstream, edge = f"http://127.0.0.1:{first}", f"http://127.0.0.1:{first + 1}"
    with (
        machine.running(
            (sys.executable, "-m", "loadtest.upstream", "--port", str(first)),
            url=upstream,
            ready_path="/stats",
            log=logs / "upstream.log",
            cpu=None,
        ),
        machine.running(
            (
                *(sys.executable, "-m", "loadtest.chain", "--port", str(first + 1)),
                *("--upstream", upstream),
            ),
            url=edge,
            ready_path="/ready",
            log=logs / "chain.log",
            cpu=None,
        ) as started,
    ):
        yield started


@pytest.mark.anyio
@pytest.mark.parametrize("stream", [False, True])
async def test_bodies_pass_through_every_process(chain: Started, stream: bool) -> None:
    asked = Ask(
        url=chain.url,
        dialect="anthropic_messages",
        size="60 kB",
        stream=stream,
        connections=2,
        seconds=0.3,
    )
    result = await load.measure(asked)
    assert (result.errors, result.last_error) == (0, "")
    assert len(machine.children(chain.pid)) == 3


def test_its_processes_end_with_it(tmp_path: Path) -> None:
    first = machine.free_range(4)
    process = subprocess.Popen(
        (
            *(sys.executable, "-m", "loadtest.chain", "--port", str(first)),
            *("--upstream", "http://127.0.0.1:9"),
        )
    )
    due = time.monotonic() + WAIT_SECONDS
    with socket.socket() as probe:
        while probe.connect_ex(("127.0.0.1", first)):
            assert process.poll() is None
            assert time.monotonic() < due
            time.sleep(machine.POLL_SECONDS)
    behind = machine.children(process.pid)
    process.kill()
    process.wait(WAIT_SECONDS)
    for pid in behind:
        # Their files under /proc go when the last of them has ended.
        subprocess.run(
            ("tail", f"--pid={pid}", "-f", "/dev/null"), check=True, timeout=WAIT_SECONDS
        )
