"""`turnout eval` as it is run."""

from pathlib import Path

import msgspec
import pytest

from tests.learn.evaluation.bench import SPECIALISTS, SWE, write_planted
from tests.learn.sample_tables import WordEncoder
from turnout.__main__ import main
from turnout.learn.evaluation.command import CONFUSION, Told, run


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    write_planted(tmp_path, SPECIALISTS)
    return tmp_path


def evaluated(tables: Path, *options: str) -> int:
    files = (
        "--items",
        str(tables / "items.parquet"),
        "--outcomes",
        str(tables / "outcomes.parquet"),
    )
    return main(["eval", *files, "--resamples", "20", *options])


def test_tables_of_kinds_pools_and_cascades(
    tables: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluated(tables, "--cascade", "fixer,large") == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("Every task by a router fitted without its repository, in 6 parts.")
    heads = [
        "Within one kind",
        "Several kinds, the kind told",
        "Cascades, the check right in 80%",
        "fixer, then large: coding",
        "Accuracy, cost and time: coding",
    ]
    assert [line for line in told if line in heads] == heads
    assert sum(line.startswith("       1.00 ") for line in told) == 1


def test_what_a_single_benchmark_cannot_show_has_no_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_planted(tmp_path, {SWE: SPECIALISTS[SWE]})
    assert evaluated(tmp_path, "--out", str(tmp_path / "out")) == 0
    told = capsys.readouterr().out
    assert "Within one kind" in told
    assert "Accuracy, cost and time: swe-bench" in told
    assert "Several kinds" not in told
    assert "Cascades" not in told
    assert (tmp_path / "out" / "accuracy_against_cost_swe-bench.png").exists()


def test_json(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluated(tables, "--json", "--cascade", "fixer,large") == 0
    told = msgspec.json.decode(capsys.readouterr().out)
    assert [one["scope"] for one in told["kinds"]] == ["swe-bench", "swt-bench"]
    assert [one["is_alike"] for one in told["pools"]] == [False, True]
    assert told["pools"][0]["gain"]["value"] > 10
    assert {one["scope"] for one in told["cascades"]} == {"swe-bench", "swt-bench", "coding"}
    # The shipped artifact tells kinds less well than one that knows them.
    assert told["confused"][0]["gain"]["value"] < told["pools"][0]["gain"]["value"]


def test_models_are_left_out(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluated(tables, "--json", "--without", "fixer,large", "--without", "fixer") == 0
    told = msgspec.json.decode(capsys.readouterr().out)
    assert [one["without"] for one in told["kinds"]] == [
        *2 * [[]],
        *2 * [["fixer", "large"]],
        *2 * [["fixer"]],
    ]


def test_by_default_the_suspect_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_planted(tmp_path, {SWE: {"large": (9, 1.0), "claude-fable-5": (10, 2.0)}})
    assert evaluated(tmp_path, "--json") == 0
    told = msgspec.json.decode(capsys.readouterr().out)
    assert [one["without"] for one in told["kinds"]] == [[], ["claude-fable-5"]]


def test_default_cascades_without_runs_are_left_out(
    tables: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluated(tables, "--json") == 0
    assert msgspec.json.decode(capsys.readouterr().out)["cascades"] == []


def test_charts_stand_beside_the_json(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tables / "out"
    assert evaluated(tables, "--json", "--out", str(out), "--cascade", "fixer,large") == 0
    # Nothing was timed, so there is no chart of seconds.
    assert sorted(path.name for path in out.iterdir()) == [
        "accuracy_against_cost_coding.png",
        "accuracy_against_cost_coding.svg",
        "cascades_over_check_coding.png",
        "cascades_over_check_coding.svg",
        "eval.json",
    ]
    assert (out / "eval.json").read_text() == capsys.readouterr().out


def test_a_confusion_is_read_from_a_file(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tables / "confusion.json"

    def gain(written: str) -> float:
        file.write_text(written)
        assert evaluated(tables, "--json", "--confusion", str(file)) == 0
        told = msgspec.json.decode(capsys.readouterr().out)
        confused: float = told["confused"][0]["gain"]["value"]
        assert confused <= told["pools"][0]["gain"]["value"] + 1e-9
        return confused

    # Who tells one kind for the other is understood; who says the same of both says nothing.
    assert gain('{"tests": {"bug_fix": 1.0}, "bug_fix": {"tests": 1.0}}') > 10.0
    assert abs(gain('{"tests": {"bug_fix": 1.0}}')) < 0.5


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("[]", "is no object of shares by kind and kind told"),
        ('{"bugfix": {"tests": 1.0}}', "is no object of shares by kind and kind told"),
        ('{"tests": {"tests": 0.6}}', "tests: expected shares that sum to 1"),
        ('{"tests": {"tests": 1.5, "docs": -0.5}}', "tests: expected shares that sum to 1"),
    ],
)
def test_a_confusion_that_is_none_is_an_error(
    tables: Path, capsys: pytest.CaptureFixture[str], written: str, said: str
) -> None:
    (tables / "confusion.json").write_text(written)
    assert evaluated(tables, "--confusion", str(tables / "confusion.json")) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--cascade", "fixer"), "A cascade is WEAK,STRONG, two models; found fixer."),
        (("--cascade", "fixer,claude-x"), "outcomes.parquet has no priced run of claude-x."),
        (("--without", "claude-x"), "outcomes.parquet has no priced run of claude-x."),
        (("--models", "nowhere.parquet"), "nowhere.parquet cannot be read"),
        (("--confusion", "nowhere.json"), "nowhere.json cannot be read"),
    ],
)
def test_what_cannot_be_done_is_said(
    tables: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], said: str
) -> None:
    assert evaluated(tables, *options) == 1
    assert said in capsys.readouterr().err


def test_prompts_are_embedded(tmp_path: Path) -> None:
    write_planted(tmp_path, SPECIALISTS, prompt="the parser crashes")
    loaded: list[WordEncoder] = []

    def load_encoder() -> WordEncoder:
        loaded.append(WordEncoder())
        return loaded[0]

    told = Told(
        items=tmp_path / "items.parquet",
        outcomes=tmp_path / "outcomes.parquet",
        models=None,
        confusion=CONFUSION,
        pairs=(),
        without=(),
        seed=1,
        resamples=20,
        json=True,
        out=None,
        embedder=tmp_path,
    )
    assert run(told, load_encoder).kinds[0].abstains == pytest.approx(1.0)
    assert len(loaded) == 1
