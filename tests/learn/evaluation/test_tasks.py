"""What is read from the tables of items, outcomes and models."""

import math
from pathlib import Path

import pytest

from tests.learn.evaluation.bench import GAIA, item, outcome, read
from turnout.errors import InvalidRequest

ITEMS = [item(number) for number in range(10)]


def test_harnesses_of_a_model_are_averaged(tmp_path: Path) -> None:
    outcomes = [outcome(), outcome(agent="acp", score=0.0, cost_usd=1.5)]
    (run,) = read(tmp_path, items=ITEMS, outcomes=outcomes).runs
    assert (run.model, run.score, run.cost_usd) == ("claude-opus-4-8", 0.5, 1.0)


@pytest.mark.parametrize("bill", [None, 0.0])
def test_a_missing_bill_is_no_cost(tmp_path: Path, bill: float | None) -> None:
    outcomes = [outcome(number, cost_usd=0.5 if number else bill) for number in range(10)]
    found = read(tmp_path, items=ITEMS, outcomes=outcomes)
    assert math.isnan(found.runs[0].cost_usd)
    assert [run.score for run in found.runs] == [1.0] * 10


def test_a_harness_without_bills_is_left_out_with_its_scores(tmp_path: Path) -> None:
    unpriced = [outcome(number, agent="acp", score=0.0, cost_usd=None) for number in range(10)]
    priced = [outcome(number) for number in range(10)]
    found = read(tmp_path, items=ITEMS, outcomes=[*unpriced, *priced])
    assert [run.score for run in found.runs] == [1.0] * 10
    assert found.left_out == {"of harnesses without bills": 10}


def test_datasets_that_stand_for_no_kind_need_no_bills(tmp_path: Path) -> None:
    """Their scores say something of abilities."""
    items = [*ITEMS, item(dataset="swebench_pro_public")]
    outcomes = [outcome(), outcome(dataset="swebench_pro_public", cost_usd=None)]
    found = read(tmp_path, items=items, outcomes=outcomes)
    assert [run.task.kind for run in found.runs] == ["bug_fix", None]


def test_where_all_items_have_one_category_each_stands_for_itself(tmp_path: Path) -> None:
    items = [item(number, dataset=GAIA, category="gaia") for number in range(2)]
    found = read(tmp_path, items=[*ITEMS, *items], outcomes=[outcome()])
    assert [task.repository for task in found.tasks[-3:]] == [
        "repository3",
        f"{GAIA}/0",
        f"{GAIA}/1",
    ]


def test_rows_that_say_nothing_are_counted(tmp_path: Path) -> None:
    outcomes = [
        outcome(),
        outcome(1, score=None),
        outcome(99),
        outcome(model="claude-opus-4-8 + gpt-5.5"),
    ]
    assert read(tmp_path, items=ITEMS, outcomes=outcomes).left_out == {
        "of unknown items": 1,
        "of more than one model": 1,
        "without a score": 1,
    }


def test_seconds_are_the_runs_own_or_else_the_models_on_the_benchmark(tmp_path: Path) -> None:
    model = {
        "model": "claude-opus-4-8",
        "agent": "openhands",
        "swe-bench_runtime_s": 200.0,
        "gaia_runtime_s": 900.0,
    }
    outcomes = [outcome(0, seconds=50.0), outcome(1), outcome(2, agent="acp")]
    found = read(tmp_path, items=ITEMS, outcomes=outcomes, models=[model])
    assert [run.seconds for run in found.runs[:2]] == [50.0, 200.0]
    assert math.isnan(found.runs[2].seconds)


def test_a_score_that_is_no_share_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="expected a share from 0 to 1, found 74"):
        read(tmp_path, items=ITEMS, outcomes=[outcome(score=74.0)])


def test_a_column_that_is_missing_is_named(tmp_path: Path) -> None:
    bare = {name: value for name, value in outcome().items() if name != "cost_usd"}
    with pytest.raises(InvalidRequest, match=r"outcomes.parquet has no column cost_usd"):
        read(tmp_path, items=ITEMS, outcomes=[bare])


def test_tables_without_a_priced_run_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="no run with a score and a bill"):
        read(tmp_path, items=ITEMS, outcomes=[outcome(cost_usd=None)])
