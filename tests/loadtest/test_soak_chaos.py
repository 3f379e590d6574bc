"""What a soak does, and to whom: the same for the same seed, everything in turn, within what is kept up."""

import asyncio
import signal
import subprocess
import sys
from collections import Counter

import pytest

from loadtest import soak_chaos
from loadtest.soak_chaos import Done, Harm, schedule
from turnout.engines.free_ports import free_port
from turnout.engines.supervisor import RESTART_WINDOW_SECONDS, RESTARTS_PER_WINDOW

WAIT_SECONDS = 30.0


def drawn(seed: int, *, every: float = 5.0, is_split: bool = True) -> tuple[Harm, ...]:
    return schedule(seed, seconds=1_000.0, every_seconds=every, is_split=is_split)


def test_a_schedule_follows_from_its_seed() -> None:
    assert drawn(7) == drawn(7)
    assert drawn(7) != drawn(8)


def test_every_harm_has_its_turn_before_one_comes_again() -> None:
    deeds = [(harm.deed, harm.part) for harm in drawn(3)]
    kinds = len(set(deeds))
    assert Counter(deeds[:kinds]) == Counter(set(deeds))
    assert Counter(deeds[kinds : 2 * kinds]) == Counter(set(deeds))
    parts = {part for _, part in deeds}
    assert parts == {
        *("nats", "valkey", "clickhouse", "provider", "turnout"),
        *("ingress", "scorer", "session-cache-tracker", "upstream-dispatcher", "telemetry"),
    }


def test_in_one_process_only_what_is_a_process_is_harmed() -> None:
    parts = {harm.part for harm in drawn(3, is_split=False)}
    assert parts == {"nats", "valkey", "clickhouse", "provider", "turnout", "telemetry"}


@pytest.mark.parametrize("is_split", [True, False])
@pytest.mark.parametrize("seed", range(20))
def test_no_part_dies_as_often_as_makes_the_supervisor_pause(*, seed: int, is_split: bool) -> None:
    harms = drawn(seed, every=soak_chaos.LEAST_SECONDS_BETWEEN, is_split=is_split)
    for harm in harms:
        until = harm.at_seconds + RESTART_WINDOW_SECONDS
        deaths = [
            one
            for one in harms
            if one.part == harm.part
            and one.deed in ("kill", "terminate")
            and harm.at_seconds <= one.at_seconds < until
        ]
        assert len(deaths) <= RESTARTS_PER_WINDOW


def test_harms_end_before_the_load_does() -> None:
    ends = [harm.at_seconds + harm.pause_seconds for harm in drawn(5, every=8.0)]
    assert max(ends) < 1_000.0
    assert min(ends) > 0.0


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["/x/nats-server", "--config", "/x/nats.conf"], "nats"),
        (["/x/valkey-server 127.0.0.1:6379"], "valkey"),
        (["python", "-m", "turnout.engines.clickhouse"], "clickhouse"),
        (["python", "-m", "turnout.simulator", "--port", "8089"], "provider"),
        (["python", "-m", "turnout", "run", "scorer"], "scorer"),
        (["python", "/x/launch.py", "7", "python", "-m", "turnout", "run", "scorer"], ""),
        (["python", "-m", "pytest"], ""),
        ([], ""),
    ],
)
def test_a_part_is_known_by_its_command_line(words: list[str], part: str) -> None:
    assert soak_chaos.part_of(words) == part


WAIT = "import sys; sys.stdin.read()"

SERVE = f"""
import subprocess, sys
argv = [sys.executable, "-c", {WAIT!r}, "-m", "turnout", "run", "ingress"]
service = subprocess.Popen(argv, stdin=sys.stdin)
print("serving", flush=True)
sys.exit(-service.wait())
"""
"""Ends with the number of the signal that its service was ended by."""


async def do(product: "subprocess.Popen[bytes]", *harms: Harm) -> Done:
    said: list[str] = []
    done = await soak_chaos.do_all(harms, pid=product.pid, valkey_port=free_port(), say=said.append)
    assert said == done.lines
    return done


def test_what_was_done_is_told() -> None:
    harms = (
        Harm(0.0, "pause", "ingress", pause_seconds=0.05),
        Harm(0.0, "kill", "scorer"),
        Harm(0.0, "flush", "valkey"),
        Harm(0.2, "kill", "ingress"),
    )
    with subprocess.Popen(
        [sys.executable, "-c", SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as product:
        try:
            assert product.stdout is not None
            assert product.stdout.readline() == b"serving\n"
            done = asyncio.run(do(product, *harms))
            assert product.wait(WAIT_SECONDS) == signal.SIGKILL
        finally:
            product.kill()
    assert sorted(done.lines) == [
        "   0.0 s  flush     valkey: it was not there (ConnectionRefusedError)",
        "   0.0 s  kill      scorer: it was not there",
        "   0.0 s  pause     ingress for 0.1 s",
        "   0.2 s  kill      ingress",
    ]
    [(killed_at, gone_at)] = done.edge_kills
    assert killed_at <= gone_at
