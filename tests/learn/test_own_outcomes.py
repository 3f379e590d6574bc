"""Own sessions beside benchmarks: only what sets models apart is learnt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.learn.own_outcomes import with_own
from turnout.learn.success import Outcome
from turnout.policy.artifact import Ability, Estimate, KindScale
from turnout.policy.request import TASK_KINDS, TaskKind

ABILITY = Ability(mean=0.0, sd=0.5, source="benchmarks", scores=5)
ABILITIES = {"a": ABILITY, "b": ABILITY, "c": ABILITY}
SCALES = {kind: KindScale(easiness=0.0, sd=0.5, items=100) for kind in TASK_KINDS}
TABLE: dict[TaskKind, dict[str, Estimate]] = {
    "bug_fix": {"a": Estimate(mean=0.6, sd=0.03, items=100)}
}


def outcomes(**results: tuple[int, int]) -> list[Outcome]:
    """By model: sessions that went well, of how many."""
    return [
        Outcome(
            kind="bug_fix",
            item=f"{model}{number}",
            group="",
            model=model,
            score=float(number < well),
            cluster=-1,
        )
        for model, (well, sessions) in results.items()
        for number in range(sessions)
    ]


def learnt(**results: tuple[int, int]) -> dict[str, Estimate]:
    found = with_own(TABLE, scales=SCALES, abilities=ABILITIES, outcomes=outcomes(**results))
    return found["bug_fix"]


def test_a_model_alone_teaches_nothing_however_well_it_does() -> None:
    assert learnt(a=(200, 200)) == TABLE["bug_fix"]


def test_easy_tasks_make_nobody_better() -> None:
    easy, hard = learnt(a=(180, 200), b=(180, 200)), learnt(a=(20, 200), b=(20, 200))
    for model in ("a", "b"):
        assert easy[model].mean == pytest.approx(hard[model].mean, abs=0.001)


def test_who_does_better_than_the_others_rises_and_they_fall() -> None:
    told = learnt(a=(180, 200), b=(60, 200))
    alike = learnt(a=(120, 200), b=(120, 200))
    assert told["a"].mean > alike["a"].mean
    assert told["b"].mean < alike["b"].mean
    assert told["a"].items == 300
    assert told["b"].items == 200


def test_the_more_sessions_the_more_they_count_and_the_less_is_in_doubt() -> None:
    few, many = learnt(a=(6, 10), b=(1, 10)), learnt(a=(600, 1_000), b=(100, 1_000))
    assert many["b"].mean < few["b"].mean
    assert many["b"].sd < few["b"].sd


def test_models_of_which_no_ability_is_known_are_left_out() -> None:
    assert "d" not in learnt(a=(5, 10), b=(5, 10), d=(9, 10))


@given(
    results=st.lists(
        st.integers(1, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
        min_size=3,
        max_size=3,
    )
)
def test_chances_stay_chances(results: list[tuple[int, int]]) -> None:
    for one in learnt(**dict(zip("abc", results, strict=True))).values():
        assert 0.0 <= one.mean <= 1.0
        assert 0.0 <= one.sd <= 0.5
