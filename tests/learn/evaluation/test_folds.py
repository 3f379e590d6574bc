"""Which tasks are held out together."""

from collections import Counter

import pytest

from tests.learn.evaluation.bench import GENERALISTS, planted
from turnout.errors import InvalidRequest
from turnout.learn.evaluation.folds import FOLDS, folds_of
from turnout.learn.evaluation.tasks import Task


def task(item: str, repository: str) -> Task:
    return Task("openhands/gaia", item, "research", repository, "")


def test_single_tasks_are_dealt_over_all_folds() -> None:
    large = [task(f"django {number}", "django") for number in range(50)]
    singles = [task(str(number), str(number)) for number in range(2 * FOLDS)]
    folds = folds_of([*large, *singles])
    assert Counter(folds[one.repository] for one in singles) == dict.fromkeys(range(FOLDS), 2)


def test_repositories_fill_the_lightest_fold() -> None:
    sizes = {"a": 9, "b": 8, "c": 3, "d": 2, **{f"e{number}": 2 for number in range(8)}}
    folds = folds_of(
        task(f"{name} {at}", name) for name, size in sizes.items() for at in range(size)
    )
    loads = Counter[int]()
    for name, size in sizes.items():
        loads[folds[name]] += size
    assert sorted(loads.values()) == [2, 2, 2, 2, 2, 3, 4, 4, 8, 9]


def test_one_repository_leaves_nothing_to_fit_on() -> None:
    with pytest.raises(InvalidRequest, match="two repositories"):
        folds_of([task("1", "django"), task("2", "django")])


def test_a_repository_of_two_datasets_is_in_one_fold() -> None:
    folds = folds_of(planted(GENERALISTS).tasks)
    assert len(folds) == 6
    assert set(folds.values()) == set(range(6))
