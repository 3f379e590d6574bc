"""What an evaluation finds where the answer is planted."""

import numpy as np
import pytest

from tests.learn.evaluation.bench import (
    GAIA,
    GENERALISTS,
    SPECIALISTS,
    SWE,
    SWT,
    planted,
)
from turnout.errors import InvalidRequest
from turnout.learn.evaluation.boards import Confusion, Scope, foresee, lay_out
from turnout.learn.evaluation.folds import folds_of
from turnout.learn.evaluation.report import Report, evaluate
from turnout.learn.evaluation.standings import Interval, Standing
from turnout.learn.evaluation.tasks import Run, Runs, Task

NOT_CONFUSED: Confusion = {}

MIXED_UP: Confusion = {
    "bug_fix": {"bug_fix": 0.5, "tests": 0.5},
    "tests": {"bug_fix": 0.5, "tests": 0.5},
}


def found_in(
    found: Runs,
    *,
    without: frozenset[str] = frozenset(),
    confusion: Confusion = NOT_CONFUSED,
    seed: int = 1,
) -> Report:
    return evaluate(
        found, {}, pairs=[], without=[without], confusion=confusion, seed=seed, resamples=50
    )


def coding(pools: tuple[Standing, ...] | None) -> Standing:
    assert pools is not None
    return next(one for one in pools if one.scope == "coding" and not one.is_alike)


def holds(interval: Interval, value: float) -> bool:
    """But for the last digits of sums."""
    return interval.low - 1e-9 <= value <= interval.high + 1e-9


def test_a_router_that_is_told_the_kind_beats_every_mix() -> None:
    """Two cheap specialists: 90 % at the price of one that solves 65 %."""
    standing = coding(found_in(planted(SPECIALISTS)).pools)
    assert standing.gain.low > 10.0
    assert standing.gain.value == pytest.approx(standing.best_gain, abs=0.2)
    assert standing.greatest_saving.value == pytest.approx(0.9)
    assert standing.router[-1].accuracy == pytest.approx(0.9)
    assert standing.router[-1].cost_usd == pytest.approx(0.1)


def test_a_kind_that_says_nothing_gains_nothing() -> None:
    standing = coding(found_in(planted(GENERALISTS)).pools)
    assert holds(standing.gain, 0.0)
    assert standing.best_gain == pytest.approx(0.0, abs=1e-9)
    assert standing.abstains == pytest.approx(1.0)
    assert standing.text_gain == Interval(0.0, 0.0, 0.0)


def test_within_one_kind_a_router_is_a_mix_of_models() -> None:
    for standing in found_in(planted(SPECIALISTS)).kinds:
        assert holds(standing.gain, 0.0)


def test_a_mix_that_was_foreseen_is_no_better_than_the_hull() -> None:
    """The models change places in one repository, which nobody foresees who fits on the others."""
    found = planted({SWE: {"small": (4, 0.1), "large": (9, 1.0)}})
    turned = {"small": "large", "large": "small"}
    runs = tuple(
        Run(run.task, turned[run.model], run.score, run.cost_usd, run.seconds)
        if run.task.repository == "repository0"
        else run
        for run in found.runs
    )
    (standing,) = found_in(Runs(found.tasks, runs, {})).kinds
    assert holds(standing.over_foreseen, 0.0)
    board = lay_out(runs, Scope("swe-bench", (SWE,)))
    assert board is not None
    folds = folds_of(found.tasks)
    early = foresee(board, folds, np.array([0.0, 100.0]))
    in_first = np.array([task.repository == "repository0" for task in board.tasks])
    large = board.models.index("large")
    assert (early.scores[:, 1] == board.scores[:, large]).all()
    assert early.scores[in_first, 1].mean() == pytest.approx(0.4)


def test_a_classifier_that_tosses_a_coin_takes_the_gain_away() -> None:
    report = found_in(planted(SPECIALISTS), confusion=MIXED_UP)
    assert coding(report.pools).gain.value > 10.0
    assert coding(report.confused).gain.value == pytest.approx(0.0, abs=0.5)
    unmistaken = found_in(planted(SPECIALISTS))
    assert unmistaken.confused == unmistaken.pools


def test_the_same_seed_gives_the_same_report_and_another_other_intervals() -> None:
    found = planted(SPECIALISTS)
    first, again, other = (coding(found_in(found, seed=seed).pools) for seed in (1, 1, 2))
    assert first == again
    assert first.gain.value == other.gain.value
    assert first.gain != other.gain


def test_nothing_of_a_repository_reaches_the_router_that_is_asked_about_it() -> None:
    """Each repository is solved by the model that fails in the other, which the other cannot tell."""
    tasks = tuple(
        Task(SWE, f"{repository}{number}", "bug_fix", repository, "")
        for repository in ("first", "second")
        for number in range(30)
    )
    # Where a success is worth nothing the cheapest is served, which is neither.
    costs = {"first": 0.1, "second": 0.1, "cheap": 0.05}
    runs = tuple(
        Run(task, model, float(task.repository == model), cost, 1.0)
        for task in tasks
        for model, cost in costs.items()
    )
    (standing,) = found_in(Runs(tasks, runs, {})).kinds
    assert [one.accuracy for one in standing.hull] == pytest.approx([0.0, 0.5])
    assert [one.accuracy for one in standing.router] == [0.0]


def test_everything_is_told_with_all_models_and_without_some() -> None:
    report = found_in(planted(SPECIALISTS), without=frozenset({"large"}))
    for standings in (report.kinds, report.pools):
        assert {one.without for one in standings} == {(), ("large",)}
    best = {one.without: one.hull[-1].name for one in report.pools if not one.is_alike}
    assert best[()] == "large"
    assert best["large",] in {"fixer", "tester"}


def test_kinds_can_weigh_alike_whatever_their_tasks() -> None:
    found = planted(SPECIALISTS)
    runs = tuple(run for run in found.runs if run.task.dataset == SWE or int(run.task.item) >= 30)
    pools = found_in(Runs(found.tasks, runs, {})).pools
    (alike,) = (one for one in pools if one.is_alike)
    accuracy = {one.name: one.accuracy for one in alike.singles}
    assert alike.tasks == 90
    assert accuracy["fixer"] == pytest.approx((0.9 + 0.0) / 2, abs=0.2)
    assert accuracy["fixer"] < {one.name: one.accuracy for one in coding(pools).singles}["fixer"]


def test_a_dataset_of_few_tasks_is_told_and_not_looked_at() -> None:
    found = planted({**SPECIALISTS, GAIA: {"large": (9, 1.0)}})
    runs = tuple(run for run in found.runs if run.task.dataset != GAIA or int(run.task.item) < 9)
    report = found_in(Runs(found.tasks, runs, {}))
    assert report.too_small == {GAIA: 9}
    assert [one.scope for one in report.kinds] == ["swe-bench", "swt-bench"]
    few = tuple(run for run in runs if int(run.task.item) < 9)
    with pytest.raises(InvalidRequest, match="has 30 tasks"):
        found_in(Runs(found.tasks, few, {}))


def test_a_model_that_lacks_most_tasks_is_left_out_and_a_missing_run_is_the_models_mean() -> None:
    found = planted(GENERALISTS)
    runs = tuple(
        run
        for run in found.runs
        if (run.model != "small" or int(run.task.item) < 20)
        and (run.model != "middle" or int(run.task.item) >= 6)
    )
    board = lay_out(runs, Scope("both", (SWE, SWT)))
    assert board is not None
    assert board.models == ("large", "middle")
    kept = [run.score for run in runs if run.model == "middle"]
    assert board.weights @ board.scores[:, 1] == pytest.approx(sum(kept) / len(kept))


def test_seconds_are_told_where_a_model_was_timed() -> None:
    (timed, untimed) = (
        coding(found_in(planted(SPECIALISTS, seconds=seconds)).pools)
        for seconds in (100.0, float("nan"))
    )
    assert {round(one.seconds or 0.0) for one in timed.router} == {100}
    assert {one.seconds for one in untimed.router} == {None}
