"""Exploration: who may be tried, and that the chances that are recorded are those of the draws."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.scenes import (
    CATALOG,
    GPT,
    HAIKU,
    OPUS,
    SONNET,
    Difference,
    PlainTables,
    decided,
    running,
)
from turnout.policy.decision import Candidate
from turnout.policy.explore import drawn, plausible

UNSURE = PlainTables(
    qualities={OPUS: (0.8, 0.0), SONNET: (0.75, 0.2), HAIKU: (0.3, 0.01)}, steps=5.0
)
"""Sonnet may be the best; Haiku is surely not."""
THREE: Difference = {"candidates": (OPUS, SONNET, HAIKU), "value_usd": 20.0}


def candidate(model: str, score: float, sd: float = 0.0, credential: str = "env") -> Candidate:
    return Candidate(
        target=f"p/{model}@{credential}",
        model=model,
        provider="p",
        lacks=(),
        warm_tokens=0.0,
        cost_now_usd=0.0,
        cost_to_go_usd=0.0,
        quality=0.5,
        quality_sd=sd,
        score=score,
    )


def test_only_what_may_be_the_best_is_tried_and_a_model_once() -> None:
    order = [
        candidate("best", 5.0),
        candidate("best", 5.0, credential="client"),
        candidate("near", 4.0, sd=0.1),
        candidate("sure", 4.0, sd=0.01),
        candidate("far", 1.0, sd=0.1),
    ]
    assert [one.target for one in plausible(order, leeway_usd=10.0)] == ["p/best@env", "p/near@env"]


candidates = st.lists(
    st.builds(candidate, st.sampled_from("abcdef"), st.floats(-10, 10), st.floats(0, 0.5)),
    min_size=1,
    max_size=8,
).map(lambda some: sorted(some, key=lambda one: -(one.score or 0.0)))


@given(candidates, st.floats(0, 0.5), st.floats(0, 50))
def test_propensities_are_the_chances_of_the_draws(
    order: list[Candidate], share: float, leeway: float
) -> None:
    draws = 400
    counts: Counter[str] = Counter()
    told: dict[str, float] = {}
    for at in range(draws):
        found = drawn(order, leeway_usd=leeway, share=share, draw=(at + 0.5) / draws)
        assert found.is_explored == (found.candidate.target != order[0].target)
        assert told.setdefault(found.candidate.target, found.propensity) == found.propensity
        counts[found.candidate.target] += 1
    for target, propensity in told.items():
        assert counts[target] / draws == pytest.approx(propensity, abs=2.0 / draws)


def test_a_free_window_tries_another_model_and_says_with_what_chance() -> None:
    exploring: Difference = {**THREE, "exploration": 0.1, "draw": 0.07}
    tried = decided(UNSURE, **exploring)
    assert (tried.action, tried.reason, tried.model) == ("switch", "exploration", SONNET)
    assert tried.propensity == pytest.approx(0.05)
    usual: Difference = {**exploring, "draw": 0.5}
    best = decided(UNSURE, **usual)
    assert (best.reason, best.model) == ("free_window_new_thread", OPUS)
    assert best.propensity == pytest.approx(0.95)


@pytest.mark.parametrize(
    "given",
    [
        {"state": running(f"anthropic/{OPUS}@env", warm=29_000)},
        {"kind": "title"},
        {"model": f"turnout/{OPUS}"},
        {"named": "honour"},
        {"locks": {"main": OPUS}},
        {"degraded": ("tracker",)},
    ],
)
def test_nothing_is_tried_elsewhere(given: Difference) -> None:
    whole: Difference = {**THREE, "exploration": 0.5, "draw": 0.3, **given}
    decision = decided(UNSURE, **whole)
    assert decision.model == OPUS
    assert decision.propensity == 1.0
    assert decision.proposal == decision.targets[0]


@pytest.mark.parametrize("given", [{"mode": "observe"}, {"mode": "subagents"}, {"arm": "control"}])
def test_what_would_be_tried_is_not_served_where_mode_or_arm_forbid_it(given: Difference) -> None:
    whole: Difference = {**THREE, "exploration": 0.5, "draw": 0.3, **given}
    decision = decided(UNSURE, **whole)
    assert (decision.model, decision.propensity) == (OPUS, 1.0)
    assert decision.proposal == f"anthropic/{SONNET}@env"


def test_no_ceiling_is_broken() -> None:
    decision = decided(
        PlainTables(qualities={SONNET: (0.6, 0.3), OPUS: (0.9, 0.3), GPT: (0.9, 0.3)}),
        model=SONNET,
        exploration=0.5,
        draw=0.49,
        candidates=(OPUS, GPT, SONNET),
        value_usd=50.0,
    )
    assert CATALOG.models[decision.model].id == SONNET
