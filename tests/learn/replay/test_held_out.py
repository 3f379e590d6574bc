"""Policies that were told nothing of the sessions that they serve."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from tests.learn.replay.scenes import OPUS, catalog, tables, thread, walk_of
from tests.learn.replay.tables import START, row, write_rows
from turnout.__main__ import main
from turnout.learn.parquet import load_table
from turnout.learn.replay.held_out import (
    PARTS,
    HeldOut,
    part_of,
    tables_without_each_part,
)
from turnout.learn.replay.named import policy_of
from turnout.learn.replay.policies import AsRequested
from turnout.policy.artifact import Artifact

SESSIONS = 40


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    """Those of part 0 pause for twenty minutes before each call, the others never do."""
    calls = [
        row(
            idx,
            session=f"s{number}",
            ts=START + timedelta(days=number, hours=idx),
            gap_s=(1_200.0 if part_of("r", f"s{number}") == 0 else 8.0) if idx else None,
        )
        for number in range(SESSIONS)
        for idx in range(6)
    ]
    write_rows(tmp_path, *calls)
    return tmp_path


def test_each_part_is_told_of_the_others_alone(traces: Path) -> None:
    told = tables_without_each_part(load_table(traces, "trace_calls"), tables())
    sizes = [
        sum(part_of("r", f"s{number}") == part for number in range(SESSIONS))
        for part in range(PARTS)
    ]
    assert min(sizes) > 0
    assert [one.content.idle_gaps["any"]["main"].calls for one in told] == [
        6 * (SESSIONS - size) for size in sizes
    ]
    pauses = [
        one.idle_share(harness="claude_code", is_subagent=False, ends_turn=None, seconds=600.0)
        for one in told
    ]
    # Only what was fitted without part 0 knows of no pause but those after the last calls.
    assert pauses[0] == min(pauses) < 0.5 * pauses[1]
    assert [one.content.success for one in told] == [tables().content.success] * PARTS


def test_a_session_is_served_by_the_tables_of_its_part() -> None:
    def make(artifact: Artifact) -> AsRequested:
        return AsRequested("x", main="1h" if artifact is theirs else "5m")

    recorded = thread(())
    theirs = Artifact(content=tables().content, digest="theirs")
    given = [tables()] * PARTS
    given[part_of(recorded.repo, recorded.session)] = theirs
    (rows,) = walk_of(recorded).run(HeldOut(make, given))
    assert [(one.model, one.lifetime) for one in rows] == [(OPUS, "1h")]


def test_what_keeps_a_prefix_warm_is_asked_of_them_too() -> None:
    recorded = thread((5_000.0,), ends_turn=True)
    held_out = HeldOut(
        lambda known: policy_of("turnout-no-route", seed=1, catalog=catalog(), tables=known),
        [tables()] * PARTS,
    )
    (rows,) = walk_of(recorded).run(held_out)
    assert held_out.name == "turnout-no-route"
    assert rows[1].keep_warm_reads > 0


def test_one_session_has_no_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(tmp_path, *(row(idx) for idx in range(3)))
    assert main(["replay", "--traces", str(tmp_path), "--held-out"]) == 1
    assert capsys.readouterr().err.startswith("turnout: --held-out serves sessions by what others")


def test_the_command(traces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = ["replay", "--traces", str(traces), "--policies", "turnout-no-route", "--held-out"]
    assert main(told) == 0
    assert "Every session served by what others tell" in capsys.readouterr().out
    assert main([*told, "--json"]) == 0
    assert msgspec.json.decode(capsys.readouterr().out)["held_out"] is True
