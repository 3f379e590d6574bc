"""`turnout replay` as it is run."""

import csv
from pathlib import Path

import msgspec
import pytest

from tests.learn.replay.tables import row, write_rows
from tests.learn.sample_tables import write
from turnout.__main__ import main
from turnout.learn.replay.command import COLUMNS
from turnout.learn.replay.named import NAMES, WITHOUT_KINDS


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    # Its first request has found a head of another thread's.
    main_thread = [row(0, cache_read=4_000.0, cache_write_5m=6_000.0), *map(row, range(1, 6))]
    subagent = [
        row(idx, thread="sub", is_subagent=True, output_tokens=7.0 + idx) for idx in range(4)
    ]
    write_rows(tmp_path, *main_thread, *subagent)
    return tmp_path


def run(traces: Path, *options: str) -> int:
    return main(["replay", "--traces", str(traces), *options])


def test_a_table_of_all_policies(traces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(traces) == 0
    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert f"{len(WITHOUT_KINDS)} policies took " in told.err
    assert lines[0] == "10 calls in 2 threads; left out: none."
    known = list(WITHOUT_KINDS)
    assert [line.split()[0] for line in lines[4 : 4 + len(known)]] == known


def test_what_tasks_are_about_is_read_from_what_was_typed(
    traces: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--candidates", "claude-haiku-4-5", "--scenario", "kind", "--json")
    assert run(traces, *options, "--policies", "cheapest") == 1
    assert "trace_turns.parquet" in capsys.readouterr().err
    turns: dict[str, list[object]] = {
        "repo": ["r", "r"],
        "session": ["s", "s"],
        "thread": ["main", "sub"],
        "turn": [0, 0],
        "prompt": [
            "Fix the crash when the configuration file is empty.",
            "Update the README with the new installation steps.",
        ],
    }
    write(traces, "trace_turns", turns)
    assert run(traces, *options) == 0
    found = msgspec.json.decode(capsys.readouterr().out)["policies"]
    assert [one["policy"] for one in found] == list(NAMES)
    usd = {one["policy"]: one["usd"] for one in found}
    # The subagent writes documentation.
    assert usd["locked-kind"] == usd["cheapest"] == usd["subagents-cheap"] < usd["requested"]


def test_a_table_without_calls_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "trace_calls", {name: [] for name in row()})
    assert run(tmp_path) == 1
    assert "No call is left to replay" in capsys.readouterr().err


def test_json(traces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = (
        "--policies",
        "subagents-cheap,turnout",
        "--candidates",
        "claude-haiku-4-5",
        "--json",
    )
    assert run(traces, *options) == 0
    told = msgspec.json.decode(capsys.readouterr().out)
    assert [one["policy"] for one in told["policies"]] == [
        "requested",
        "subagents-cheap",
        "turnout",
    ]
    assert (told["scenario"], told["candidates"]) == ("subagents", ["claude-haiku-4-5"])
    requested, subagents, _turnout = (one["usd"] for one in told["policies"])
    assert told["best_usd"] <= subagents < requested


def test_every_dollar_can_be_computed_again_from_the_decisions(
    traces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "decisions.csv"
    options = (
        "--policies",
        "best-fixed,cheapest,turnout-no-route",
        "--candidates",
        "claude-haiku-4-5",
        "--json",
    )
    assert run(traces, *options, "--decisions-out", str(out)) == 0
    told = msgspec.json.decode(capsys.readouterr().out)
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    # By million tokens, as Anthropic publishes them: fresh, read, written for 5 minutes and 1 hour, output.
    prices = {
        "claude-opus-4-8": (5.0, 0.5, {"5m": 6.25, "1h": 10.0}, 25.0),
        "claude-haiku-4-5": (1.0, 0.1, {"5m": 1.25, "1h": 2.0}, 5.0),
    }
    for one in told["policies"]:
        usd = 0.0
        for call in rows:
            if call["policy"] != one["policy"]:
                continue
            fresh, read, written, output = prices[call["model"]]
            usd += float(call["keep_warm_usd"])
            usd += (
                float(call["fresh_input"]) * fresh
                + float(call["cache_read"]) * read
                + float(call["cache_write"]) * written.get(call["lifetime"], 0.0)
                + float(call["output"]) * output
            ) / 1e6
        assert usd == pytest.approx(one["usd"], abs=1e-6)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--policies", "best"), "There is no policy best"),
        (("--scenario", "some"), "There is no scenario some"),
        (("--candidates", "nobody"), "The catalog has no model nobody"),
        (("--harness", "codex"), "No call is left to replay"),
        (("--decisions-out", "/nowhere/x.csv"), "turnout: /nowhere/x.csv cannot be written"),
    ],
)
def test_a_mistake_is_one_line(
    traces: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], reason: str
) -> None:
    assert run(traces, *options) == 1
    told = capsys.readouterr().err
    assert reason in told
    assert told.count("\n") == 1


def test_a_directory_without_the_table_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path) == 1
    assert "trace_calls.parquet cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("verbosity", ["0", "-1", "nan", "inf", "much"])
def test_a_verbosity_is_a_number_above_nothing(
    traces: Path, capsys: pytest.CaptureFixture[str], verbosity: str
) -> None:
    with pytest.raises(SystemExit):
        run(traces, f"--verbosity={verbosity}")
    assert f"--verbosity: {verbosity} is no number above 0" in capsys.readouterr().err
