"""When each signal fires."""

import pytest

from tests.learn.escalation.scenes import call, checks
from turnout.dialects.answer_end import AnswerEnd
from turnout.learn.escalation.signals import SIGNALS, red_streaks


def test_streaks_are_of_checks_and_not_of_calls() -> None:
    assert red_streaks(checks("r.r.grr")) == [1, -1, 2, -1, 0, 1, 2]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("1 red check", [0, 5]),
        ("2 red checks", [2, 6]),
        ("3 red checks", [3]),
        ("4 red checks", []),
    ],
)
def test_a_streak_of_red_checks_fires_once_an_episode(name: str, expected: list[int]) -> None:
    assert SIGNALS[name](checks("r.rrgrr.")) == expected


def test_red_checks_are_no_tool_errors() -> None:
    errors = [call(used=str(n), has_error=True) for n in range(3)]
    red = [call("failed", used=str(n), has_error=True) for n in range(3)]
    assert SIGNALS["2 steps with a tool error"](errors) == [1]
    assert SIGNALS["3 steps with a tool error"](errors) == [2]
    assert SIGNALS["2 steps with a tool error"](red) == []
    # A call without tools ends no streak.
    assert SIGNALS["2 steps with a tool error"]([errors[0], call(), errors[1]]) == [2]
    assert SIGNALS["2 steps with a tool error"]([errors[0], call(used="x"), errors[1]]) == []


def test_the_same_call_again() -> None:
    calls = [call(used=name) for name in ("a", "a", "b", "b", "b", "a")]
    assert SIGNALS["same call 2 times"](calls) == [1, 3]
    assert SIGNALS["same call 3 times"](calls) == [4]


def test_edits_of_one_file_are_counted_in_a_window() -> None:
    loop = [call(used="e", edited="f") for _ in range(5)]
    assert SIGNALS["4 edits of a file in 12 calls"](loop) == [3]
    others = [call(used="e", edited=str(n)) for n in range(5)]
    assert SIGNALS["4 edits of a file in 12 calls"](others) == []
    spread = [one for edit in loop for one in (edit, call(), call(), call())]
    assert SIGNALS["4 edits of a file in 12 calls"](spread) == []


def test_interruptions_and_corrections() -> None:
    calls = [call(), call(is_interrupted=True), call(is_corrected=True)]
    assert SIGNALS["interrupted"](calls) == [1]
    assert SIGNALS["taken back by the user"](calls) == [2]


def test_answers_that_were_none() -> None:
    ends: tuple[AnswerEnd, ...] = ("", "refused", "empty", "cut", "refused")
    calls = [call(ended=ended) for ended in ends]
    assert SIGNALS["refused answer"](calls) == [1, 4]
    assert SIGNALS["empty answer"](calls) == [2]
    assert SIGNALS["answer cut at a limit"](calls) == [3]
