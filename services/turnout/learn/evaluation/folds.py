"""Which tasks are scored together by a router that was fitted on the others.

Rules of this module: pure; all tasks of a repository, of whatever dataset, are in one fold; the same tasks give
the same folds.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from turnout.errors import InvalidRequest
from turnout.learn.evaluation.tasks import Task

FOLDS: Final = 10
"""Nine tenths are left to fit on, as far as repositories can be cut that way."""


def folds_of(tasks: Iterable[Task]) -> dict[str, int]:
    """By repository. Raises `InvalidRequest` where there is nothing to hold out."""
    sizes = Counter(task.repository for task in tasks)
    if len(sizes) < 2:
        raise InvalidRequest("Items of two repositories are needed: one to fit on, one to score.")
    loads = [0] * min(FOLDS, len(sizes))
    folds: dict[str, int] = {}
    for repository, size in sorted(sizes.items(), key=lambda one: (-one[1], one[0])):
        if size > 1:
            folds[repository] = loads.index(min(loads))
            loads[folds[repository]] += size
    # Dealt in turn and not to the lightest: a dataset of single tasks is in every fold alike.
    singles = sorted(repository for repository, size in sizes.items() if size == 1)
    return folds | {repository: at % len(loads) for at, repository in enumerate(singles)}
