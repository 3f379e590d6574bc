"""`turnout escalation` as it is run."""

from pathlib import Path

import msgspec
import pytest

from tests.learn.sample_tables import write_calls, write_events, write_tools
from turnout.__main__ import main
from turnout.learn.escalation.signals import SIGNALS


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    write_calls(tmp_path)
    write_tools(tmp_path)
    write_events(tmp_path, 3)
    return tmp_path


def run(traces: Path, *options: str) -> int:
    return main(["escalation", "--traces", str(traces), *options])


def test_a_table_of_all_signals(traces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(traces) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(
        "55 calls in 10 threads of 10 sessions; 2 calls ran a check with a verdict.\n"
    )
    for name in SIGNALS:
        assert printed.count(f" {name} ") == 2 or printed.count(f"{name} ") >= 2
    assert "\nEscalates: nothing.\n" in printed
    (never,) = [line for line in printed.splitlines() if line.startswith("Never seen here")]
    assert "refused answer" in never
    assert "1 red check" not in never
    assert "\nNot in such tables: task lists" in printed


def test_json(traces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(traces, "--json", "--cheap", "claude-haiku-5-5", "--value-usd", "5") == 0
    told = msgspec.json.decode(capsys.readouterr().out)
    assert (told["cheap"], told["strong"], told["value_usd"]) == (
        "claude-haiku-5-5",
        "claude-opus-5-5",
        5.0,
    )
    assert [one["name"] for one in told["signals"]] == list(SIGNALS)
    assert told["table"]["failing_checks"] == 0
    assert told["held_out"]["table"]["failing_checks"] == 0


def test_a_missing_table_is_named(traces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (traces / "trace_tools.parquet").unlink()
    assert run(traces) == 1
    assert "trace_tools.parquet cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("cheap", ["claude-opus-5-5", "claude-haiku-5-5"])
def test_the_cheaper_one_serves_first(
    traces: Path, cheap: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(traces, "--cheap", cheap, "--strong", "claude-haiku-5-5") == 1
    told = capsys.readouterr().err
    assert told.startswith(f"turnout: {cheap} costs no less than claude-haiku-5-5 ($")
    assert "--cheap has to name the cheaper one" in told


@pytest.mark.parametrize("value", ["-1", "much", "inf"])
def test_a_value_is_a_number(traces: Path, value: str) -> None:
    with pytest.raises(SystemExit):
        run(traces, "--value-usd", value)
