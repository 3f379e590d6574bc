"""`make bench-facts` in small: every fact through real engines and the real telemetry, once."""

import subprocess
import sys
from itertools import islice
from pathlib import Path

import msgspec

from loadtest.fact_mix import Mix, facts_of, filled, rows_of
from turnout.facts import RequestRouted

RUN_SECONDS = 240.0
"""It takes seven; engines start slowly on a busy machine."""


def test_the_bench_runs_and_finds_every_fact(tmp_path: Path) -> None:
    told = tmp_path / "facts.json"
    ended = subprocess.run(
        (
            *(sys.executable, "-m", "loadtest.facts", "--json", str(told)),
            *("--facts", "2000", "--rate", "300", "--seconds", "1"),
        ),
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    results = msgspec.json.decode(told.read_bytes())
    assert results["failure"] == ""
    assert results["steady"]["facts"] == 300
    assert len(results["targets"]) == 2


def test_a_mix_has_what_requests_leave() -> None:
    mix = Mix(seed=1, first=0, at=0.0)
    routed = next(facts_of(mix))
    assert isinstance(routed, RequestRouted)
    assert len(routed.decision.candidates) == 9
    ids = [fact.event_id for fact in islice(facts_of(mix), 1_000)]
    assert len(set(ids)) == 1_000
    messages = filled(mix, 1_000, spool="spool")
    assert len({message.id for message in messages}) == len(messages)
    assert rows_of(messages) == {
        "decisions_raw": 328,
        "attempts_raw": 328,
        "requests_raw": 327,
        "thread_switches_raw": 17,
    }
