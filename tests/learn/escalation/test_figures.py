"""What is said of signals whose effect was planted."""

import pytest

from tests.learn.escalation.scenes import call, checks, thread
from turnout.learn.escalation.figures import (
    Chance,
    SignalFigures,
    frameworks,
    persistence,
    signal_figures,
)
from turnout.learn.escalation.runs import Thread

STUCK = [thread(n, "gggrrrrrr.ggg" if n % 4 else "ggrgggrgg") for n in range(40)]
"""Three sessions of four that stay red for six checks."""
LUCK = [thread(n, "grggrggrgggrgg") for n in range(40)]
"""Red checks that say nothing of the next."""


def of(threads: list[Thread], name: str) -> SignalFigures:
    return next(one for one in signal_figures(threads) if one.name == name)


def test_how_often_red_follows_a_streak() -> None:
    rows = persistence([thread(0, "grrg"), thread(1, "g.r.g")])
    assert [(row.red.mean, row.red.seen) for row in rows[:4]] == [
        (1.0, 2),
        (pytest.approx(1 / 2), 2),
        (0.0, 1),
        (None, 0),
    ]
    # From four on it is one row.
    assert persistence([thread(0, "rrrrrrg")])[4].red.seen == 3


def test_the_interval_is_of_sessions_and_not_of_checks() -> None:
    spread = persistence([thread(n, "gr" if n % 2 else "gg") for n in range(40)])[0].red
    lumped = persistence([thread(0, "gr." * 20), thread(1, "gg." * 20)])[0].red
    assert width(lumped) > 2 * width(spread)


def width(chance: Chance) -> float:
    assert chance.low is not None
    assert chance.high is not None
    return chance.high - chance.low


def test_only_checks_of_one_framework() -> None:
    mixed = [*checks("gr"), *(call("failed", framework="bun") for _ in range(3))]
    assert persistence([thread(0, mixed)], framework="bun")[3].red.seen == 1
    assert frameworks([thread(0, mixed)], least=2) == ["bun", "go"]
    assert frameworks([thread(0, mixed)], least=3) == ["bun"]


def test_a_planted_effect_is_certain_and_luck_is_not() -> None:
    stuck = of(STUCK, "2 red checks")
    assert stuck.is_certain
    assert stuck.raises_red.low is not None
    assert stuck.raises_red.low > 0
    assert stuck.per_100_sessions == 75
    assert not of(LUCK, "1 red check").is_certain


def test_what_follows_a_signal() -> None:
    found = of([thread(0, "rr...g......"), thread(1, "rr........")], "2 red checks")
    assert found.behind.calls == 2
    assert found.lead_calls == 4
    assert found.never_green == 0.5
    assert found.behind.green_within[10].mean == 0.5
    assert found.behind.red_next.mean == 0.0
    assert found.behind.red_next.seen == 1


def test_a_signal_is_compared_with_its_like() -> None:
    threads = [thread(0, [*checks("g.r."), call()])]
    assert of(threads, "1 red check").otherwise.calls == 1
    assert of(threads, "same call 2 times").otherwise.calls == 4


def test_the_same_threads_give_the_same_figures() -> None:
    assert signal_figures(STUCK) == signal_figures(STUCK)
