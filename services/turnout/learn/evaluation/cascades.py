"""A weak model first, a check of what it did, and a strong model where the check says that it failed.

Rules of this module: a check of accuracy a is right with probability a, whatever the weak model has done, and
nothing is drawn: what is expected of each task is computed. Right work that fails the check is done again and may
be lost; wrong work that passes is kept. The weak attempt is paid in any case, and the strong model starts from
scratch: its whole own cost and time come on top, nothing of the first attempt helps it. The check itself costs nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from turnout.errors import InvalidRequest
from turnout.learn.evaluation.boards import Board, Routed, Scope
from turnout.learn.evaluation.curves import hull
from turnout.learn.evaluation.standings import Draws, Interval, Point, points

CHECK_ACCURACIES: Final = tuple(step / 20 for step in range(10, 21))
"""From a coin's to an oracle's."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A cascade with a check of `check_accuracy`.

    Attributes:
        escalated: share of tasks that the strong model did too.
        over_hull: accuracy above mixing single models at the same cost, in points; beyond the
            hull's end, above its best.
    """

    check_accuracy: float
    point: Point
    escalated: float
    over_hull: Interval


@dataclass(frozen=True, slots=True)
class Cascade:
    scope: str
    without: tuple[str, ...]
    weak: str
    strong: str
    checked: tuple[Checked, ...]


def cascades(
    board: Board, scope: Scope, draws: Draws, pairs: Sequence[tuple[str, str]]
) -> list[Cascade]:
    """Of the pairs, weak model first, whose models the board has."""
    return [
        Cascade(
            scope=scope.name,
            without=tuple(sorted(scope.without)),
            weak=weak,
            strong=strong,
            checked=tuple(
                _checked(board, draws, board.models.index(weak), board.models.index(strong), at)
                for at in CHECK_ACCURACIES
            ),
        )
        for weak, strong in pairs
        if weak in board.models and strong in board.models
    ]


def parse_pair(written: str) -> tuple[str, str]:
    """Raises `InvalidRequest` when these are no two models."""
    names = tuple(name.strip() for name in written.split(","))
    match names:
        case (weak, strong) if weak and strong and weak != strong:
            return weak, strong
        case _:
            raise InvalidRequest(f"A cascade is WEAK,STRONG, two models; found {written}.")


def _checked(board: Board, draws: Draws, weak: int, strong: int, accuracy: float) -> Checked:
    solved = board.scores[:, weak]
    escalates = solved * (1 - accuracy) + (1 - solved) * accuracy
    found = Routed(
        scores=(solved * accuracy + escalates * board.scores[:, strong])[:, np.newaxis],
        costs=(board.costs[:, weak] + escalates * board.costs[:, strong])[:, np.newaxis],
        seconds=(board.seconds[:, weak] + escalates * board.seconds[:, strong])[:, np.newaxis],
    )
    corners = hull(board.weights @ board.costs, board.weights @ board.scores).places

    def over_hull(row: int) -> float:
        weights = draws.weights[row]
        mixed = hull(weights @ board.costs[:, corners], weights @ board.scores[:, corners])
        gap = weights @ found.scores - mixed.accuracy_at(weights @ found.costs)
        return 100.0 * float(gap[0])

    (point,) = points(board, (f"{accuracy:g}",), found, (0,))
    return Checked(
        check_accuracy=accuracy,
        point=point,
        escalated=float(board.weights @ escalates),
        over_hull=draws.interval(over_hull),
    )
