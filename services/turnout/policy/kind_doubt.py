"""What the word of whoever tells task kinds is worth: by each kind that is told, the chance of every kind that
the thread may really be about. Pure.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from turnout.policy.request import TaskKind

Doubts: TypeAlias = Mapping[TaskKind, Mapping[TaskKind, float]]
"""By the kind that is told; a kind that is not in it is what is told."""


def doubts_from(
    confusion: Mapping[TaskKind, Mapping[TaskKind, float]], prior: Mapping[TaskKind, float]
) -> dict[TaskKind, dict[TaskKind, float]]:
    """Bayes' rule: `confusion` has what is told of each kind, `prior` how frequent each is. A kind of which
    it is not known what is told is told rightly.
    """
    joint: dict[TaskKind, dict[TaskKind, float]] = {}
    for kind, share in prior.items():
        for told, chance in confusion.get(kind, {kind: 1.0}).items():
            if share * chance > 0.0:
                joint.setdefault(told, {})[kind] = share * chance
    return {
        told: {kind: mass / sum(row.values()) for kind, mass in row.items()}
        for told, row in joint.items()
    }


def weighed(
    doubts: Doubts, told: TaskKind, of_kind: Callable[[TaskKind], tuple[float, float]]
) -> tuple[float, float]:
    """Mean quality over the kinds that it may be, and the mean of their standard deviations: how much
    harder one kind is than another is the same for all candidates, and no reason for caution.
    """
    row = doubts.get(told)
    if row is None:
        return of_kind(told)
    found = [(share, *of_kind(kind)) for kind, share in row.items()]
    return (
        sum(share * mean for share, mean, _ in found),
        sum(share * sd for share, _, sd in found),
    )
