"""The committed sample: what the generator draws, and tables that every command reads."""

import csv
import importlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sample import tasks, traces
from tests.sample.place import TABLES
from turnout import mixing
from turnout.catalog.catalog import parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.learn import calibration, kinds, train
from turnout.learn.audit import command as audit
from turnout.learn.escalation import command as escalation
from turnout.learn.evaluation import command as evaluation
from turnout.learn.parquet import load_table, table_of
from turnout.learn.replay import command as replay
from turnout.learn.replay.recorded import read_recorded

DRAWN = dict((*traces.tables(), *tasks.tables()))

LABELS = """[{"repo": "%s", "session": "%s", "thread": "%s", "turn": 0, "is_subagent": false,
 "is_first": true, "passes": ["bug_fix", "tests"], "kind": "bug_fix"}]"""


def rows(path: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = (
        importlib.import_module("pyarrow.parquet").read_table(str(path)).to_pylist()
    )
    return found


@pytest.mark.parametrize("name", DRAWN)
def test_the_committed_rows_are_those_that_the_generator_draws(name: str, tmp_path: Path) -> None:
    drawn = table_of(name, DRAWN[name])
    drawn.write(tmp_path)

    assert rows(TABLES / f"{name}.parquet") == rows(tmp_path / f"{name}.parquet")


def test_the_sample_is_small() -> None:
    assert sum(path.stat().st_size for path in TABLES.iterdir()) < 500_000


def _told(main: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert main(list(argv)) == 0
    return capsys.readouterr().out


def test_eval_scores_its_tasks(capsys: pytest.CaptureFixture[str], embedder_root: Path) -> None:
    files = (f"--{name}={TABLES / name}.parquet" for name in ("items", "outcomes", "models"))

    told = _told(evaluation.main, capsys, *files, "--resamples=10", f"--embedder={embedder_root}")

    assert "swe-bench-multimodal" in told
    assert "DeepSeek-V4-Pro".lower() in told.lower()
    assert "Accuracy, cost and time: coding" in told


def test_kinds_tells_labelled_turns_of_it(
    capsys: pytest.CaptureFixture[str], embedder_root: Path, tmp_path: Path
) -> None:
    row = {name: values[0] for name, values in DRAWN["trace_turns"].items()}
    labels = tmp_path / "labels.json"
    labels.write_text(LABELS % (row["repo"], row["session"], row["thread"]))

    told = _told(
        kinds.main,
        capsys,
        *(f"--traces={TABLES}", f"--labels={labels}", f"--embedder={embedder_root}", "--evidence"),
    )

    assert "labels: 1, of which 1 are in the tables" in told


def test_replay_walks_all_policies(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    decisions = tmp_path / "decisions.csv"

    told = _told(
        replay.main,
        capsys,
        *(f"--traces={TABLES}", "--candidates=claude-haiku-4-5", "--scenario=kind"),
        f"--decisions-out={decisions}",
    )

    assert "8 copied from another session" in told
    with decisions.open(newline="") as file:
        policies = {row["policy"] for row in csv.DictReader(file)}
    assert {"requested", "locked-kind", "ev-h3", "turnout"} <= policies


def test_replay_holds_sessions_out(capsys: pytest.CaptureFixture[str]) -> None:
    told = _told(
        replay.main,
        capsys,
        *(f"--traces={TABLES}", "--scenario=none", "--held-out", "--policies=turnout-no-route"),
    )

    assert replay.HELD_OUT in told


def test_calibration_finds_returns_of_both_providers(capsys: pytest.CaptureFixture[str]) -> None:
    told = _told(calibration.main, capsys, f"--traces={TABLES}")

    assert "anthropic" in told
    assert "openai" in told


def test_escalation_finds_checks(capsys: pytest.CaptureFixture[str]) -> None:
    told = _told(escalation.main, capsys, f"--traces={TABLES}")

    assert "go test" in told
    assert "3 red checks" in told


def test_mix_projects_its_threads(capsys: pytest.CaptureFixture[str]) -> None:
    told = _told(mixing.main, capsys, f"--traces={TABLES}")

    assert "recorded threads" in told


def test_an_artifact_is_trained_on_it(
    capsys: pytest.CaptureFixture[str], embedder_root: Path, tmp_path: Path
) -> None:
    out = tmp_path / "artifact.json"

    _told(train.main, capsys, f"--data={TABLES}", f"--out={out}", f"--embedder={embedder_root}")

    assert out.stat().st_size


def test_the_table_that_an_audit_writes_has_no_other_columns(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    home = Path(__file__).parent / "audit" / "home"
    _told(audit.main, capsys, str(home), f"--traces-out={tmp_path}")

    written = load_table(tmp_path, "trace_calls")

    assert set(written.columns) <= set(DRAWN["trace_calls"])
    assert read_recorded(written, parse_catalog(snapshot_bytes())).call_count
