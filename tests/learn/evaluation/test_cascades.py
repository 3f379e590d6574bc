"""A weak model, a check, and a strong one."""

import pytest

from tests.learn.evaluation.bench import SWE, planted
from turnout.errors import InvalidRequest
from turnout.learn.evaluation.boards import Scope, lay_out
from turnout.learn.evaluation.cascades import Cascade, cascades, parse_pair
from turnout.learn.evaluation.standings import draw
from turnout.learn.evaluation.tasks import Runs

SCOPE = Scope("swe-bench", (SWE,))


def cascade(found: Runs, *pair: str) -> Cascade:
    board = lay_out(found.runs, SCOPE)
    assert board is not None
    (weak, strong) = pair
    (one,) = cascades(board, SCOPE, draw(board, seed=1, resamples=20), [(weak, strong)])
    return one


@pytest.mark.parametrize(
    ("check", "escalated", "accuracy"),
    [
        # Of ten tasks the weak model solves six and the strong one those and three more.
        (1.0, 0.4, 0.9),
        # 1.2 of the six are done again, solved as before; of the four 3.2 are, three of them solvable.
        (0.8, 0.12 + 0.32, 0.6 + 0.24),
        (0.5, 0.5, 0.6 + 0.15),
    ],
)
def test_both_attempts_are_paid_and_the_check_errs_both_ways(
    check: float, escalated: float, accuracy: float
) -> None:
    found = planted({SWE: {"weak": (6, 0.1), "strong": (9, 1.0)}}, seconds=60.0)
    (one,) = (
        one for one in cascade(found, "weak", "strong").checked if one.check_accuracy == check
    )
    assert one.escalated == pytest.approx(escalated)
    assert one.point.accuracy == pytest.approx(accuracy)
    assert one.point.cost_usd == pytest.approx(0.1 + escalated * 1.0)
    assert one.point.seconds == pytest.approx(60.0 * (1 + escalated))


def test_right_work_that_fails_the_check_may_be_lost() -> None:
    """The strong model solves nothing, so every escalation of a success costs it."""
    found = planted({SWE: {"weak": (5, 0.1), "strong": (0, 1.0)}})
    accuracies = {
        one.check_accuracy: one.point.accuracy for one in cascade(found, "weak", "strong").checked
    }
    assert accuracies[1.0] == pytest.approx(0.5)
    assert accuracies[0.8] == pytest.approx(0.4)


def test_a_cascade_rises_with_its_check_from_below_the_hull_to_above_it() -> None:
    found = planted({SWE: {"weak": (6, 0.1), "strong": (9, 1.0)}})
    over = [one.over_hull for one in cascade(found, "weak", "strong").checked]
    assert [one.value for one in over] == sorted(one.value for one in over)
    assert over[0].high < 0 < over[-1].low


def test_a_pair_without_runs_is_left_out() -> None:
    board = lay_out(planted({SWE: {"weak": (6, 0.1)}}).runs, SCOPE)
    assert board is not None
    assert cascades(board, SCOPE, draw(board, seed=1, resamples=2), [("weak", "strong")]) == []


@pytest.mark.parametrize("written", ["weak", "weak,", "a,b,c", "a,a", ""])
def test_a_cascade_is_of_two_models(written: str) -> None:
    with pytest.raises(InvalidRequest, match="WEAK,STRONG"):
        parse_pair(written)
    assert parse_pair("weak, strong") == ("weak", "strong")
