"""A router fitted on a part of the tasks."""

import numpy as np
import pytest

from tests.learn.evaluation.bench import GENERALISTS, SPECIALISTS, SWE, SWT, planted
from tests.learn.sample_tables import WordEncoder
from turnout.errors import InvalidRequest
from turnout.learn.evaluation.router import fit_router, text_vectors
from turnout.learn.evaluation.tasks import Run, Task
from turnout.learn.success import LEAST_GROUPS
from turnout.policy.rank import CAUTION

MODELS = ("fixer", "large", "tester")


def test_the_cheapest_is_chosen_when_a_success_is_worth_nothing_and_the_best_when_it_is_worth_all() -> (
    None
):
    found = planted(GENERALISTS)
    router = fit_router(found.runs, found.tasks, {})
    models = ("large", "middle", "small")
    picks = router.picks("bug_fix", models, np.array([0.0, 1.0, 1_000.0]))
    assert [models[at] for at in picks] == ["small", "middle", "large"]


def test_the_choice_is_the_one_of_live_requests() -> None:
    """Value times cautious quality, less cost: just below its price the better model is not chosen."""
    found = planted(SPECIALISTS)
    router = fit_router(found.runs, found.tasks, {})
    (fixer, large), costs = (
        [
            router.chances.quality(model=name, task_kind="tests", cluster=-1)
            for name in ("fixer", "large")
        ],
        (0.1, 1.0),
    )
    better = (large[0] - CAUTION * large[1]) - (fixer[0] - CAUTION * fixer[1])
    worth = (costs[1] - costs[0]) / better
    picks = router.picks("tests", ("fixer", "large"), np.array([worth * 0.99, worth * 1.01]))
    assert picks.tolist() == [0, 1]


def test_each_kind_has_its_own_model() -> None:
    found = planted(SPECIALISTS)
    router = fit_router(found.runs, found.tasks, {})
    picks = [router.picks(kind, MODELS, np.array([2.0])) for kind in ("bug_fix", "tests")]
    assert [MODELS[at[0]] for at in picks] == ["fixer", "tester"]


def test_a_kind_that_no_benchmark_covers_costs_what_the_others_do() -> None:
    found = planted({SWE: {"a": (5, 0.2), "b": (5, 0.3)}, SWT: {"a": (5, 0.6), "b": (5, 0.3)}})
    router = fit_router(found.runs, found.tasks, {})
    assert router.picks("docs", ("a", "b"), np.array([0.0])).tolist() == [1]


def test_a_model_without_a_bill_does_not_compete() -> None:
    found = planted(SPECIALISTS)
    runs = [
        Run(run.task, run.model, run.score, float("nan"), run.seconds)
        if run.model == "fixer"
        else run
        for run in found.runs
    ]
    router = fit_router(runs, found.tasks, {})
    assert "fixer" not in {
        MODELS[at] for at in router.picks("bug_fix", MODELS, np.geomspace(0.01, 100, 9))
    }
    with pytest.raises(InvalidRequest, match="no model has a bill on bug_fix"):
        router.picks("bug_fix", ("fixer",), np.array([1.0]))


def worded(task: Task) -> Task:
    """Even tasks are about one thing, odd ones about another."""
    words = "parser crash" if int(task.item) % 2 else "template loading"
    return Task(task.dataset, task.item, task.kind, task.repository, words)


def test_text_counts_where_it_carries_over_to_other_repositories() -> None:
    """One model solves the even tasks and the other the odd ones, in every repository."""
    tasks = [
        worded(Task(SWE, str(number), "bug_fix", f"repository{number // 10}", ""))
        for number in range(10 * LEAST_GROUPS)
    ]
    runs = [
        Run(task, model, float(int(task.item) % 2 == odd), 0.1, 1.0)
        for task in tasks
        for model, odd in (("even", 0), ("odd", 1))
    ]
    router = fit_router(runs, tasks, text_vectors(tasks, WordEncoder))
    assert not router.abstains(tasks[0])
    models = ("even", "odd")
    for task in tasks[:2]:
        (pick,) = router.picks("bug_fix", models, np.array([1.0]), cluster=router.clusters[task])
        assert pick == int(task.item) % 2


def test_text_that_says_nothing_is_left_out() -> None:
    found = planted(GENERALISTS)
    tasks = {task: worded(task) for task in found.tasks}
    runs = [
        Run(tasks[run.task], run.model, run.score, run.cost_usd, run.seconds) for run in found.runs
    ]
    router = fit_router(runs, list(tasks.values()), text_vectors(list(tasks.values()), WordEncoder))
    assert all(map(router.abstains, tasks.values()))


def test_a_task_without_text_is_abstained_from_and_loads_no_encoder() -> None:
    def no_encoder() -> WordEncoder:
        raise AssertionError

    found = planted(GENERALISTS)
    texts = text_vectors(found.tasks, no_encoder)
    assert fit_router(found.runs, found.tasks, texts).abstains(found.tasks[0])
