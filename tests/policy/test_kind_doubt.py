"""What a told kind is worth: Bayes' rule by hand, and what no confusion can do."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.policy.kind_doubt import doubts_from, weighed
from turnout.policy.request import TaskKind

KINDS: tuple[TaskKind, ...] = get_args(TaskKind)


def quality(kind: TaskKind) -> tuple[float, float]:
    return {"tests": (0.2, 0.1), "docs": (0.8, 0.3)}.get(kind, (0.5, 0.0))


def test_bayes_rule() -> None:
    doubts = doubts_from(
        {"tests": {"tests": 0.9, "docs": 0.1}, "docs": {"docs": 0.5, "tests": 0.5}},
        {"tests": 0.25, "docs": 0.75},
    )
    assert doubts["tests"] == pytest.approx({"tests": 0.375, "docs": 0.625})
    assert doubts["docs"] == pytest.approx({"tests": 0.0625, "docs": 0.9375})
    assert weighed(doubts, "tests", quality) == pytest.approx((0.575, 0.225))


def test_who_is_never_wrong_is_believed() -> None:
    assert doubts_from({}, {"tests": 0.5, "docs": 0.5}) == {
        "tests": {"tests": 1.0},
        "docs": {"docs": 1.0},
    }
    assert weighed({}, "tests", quality) == (0.2, 0.1)


shares = st.dictionaries(st.sampled_from(KINDS), st.floats(0.01, 1), min_size=1)


@given(st.dictionaries(st.sampled_from(KINDS), shares), shares)
def test_chances_sum_to_one_and_quality_stays_between_the_kinds(
    confusion: dict[TaskKind, dict[TaskKind, float]], prior: dict[TaskKind, float]
) -> None:
    for told, row in doubts_from(confusion, prior).items():
        assert sum(row.values()) == pytest.approx(1.0)
        assert row.keys() <= prior.keys()
        mean, _ = weighed({told: row}, told, quality)
        means = [quality(kind)[0] for kind in row]
        assert min(means) - 1e-9 <= mean <= max(means) + 1e-9
