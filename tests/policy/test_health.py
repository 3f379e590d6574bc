"""Who is chosen while targets fail or have told us to stay away: by example, and for every scene."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from msgspec import structs

from tests.policy.scenes import (
    ANTHROPIC_CLIENT,
    ANTHROPIC_ENV,
    CATALOG,
    HAIKU,
    NOW,
    OPUS,
    SONNET,
    TABLES,
    Difference,
    PlainTables,
    decided,
    running,
    scene,
)
from tests.policy.test_switch_properties import found, made, outcome, scenes, tables_of
from turnout.policy.decision import FREE_WINDOWS, DecisionInputs
from turnout.policy.explain import explain
from turnout.policy.health import SHORT_SECONDS, UNFIT, unfit_targets
from turnout.policy.standing import TargetHealth, Unfit
from turnout.policy.targets import LACK_WORDS, reachable
from turnout.policy.thread import ThreadState

OWN, OPUS_AT = f"anthropic/{OPUS}@client", f"anthropic/{OPUS}@env"
SONNET_AT, HAIKU_AT = f"anthropic/{SONNET}@env", f"anthropic/{HAIKU}@env"
BOTH = (ANTHROPIC_CLIENT, ANTHROPIC_ENV)
ONE = (ANTHROPIC_ENV,)
STRONG_OPUS = replace(TABLES, qualities={OPUS: (0.99, 0.0)}, steps=20.0)


def down(
    *targets: str, state: Unfit = "ejected", seconds: float = 60.0
) -> tuple[TargetHealth, ...]:
    return tuple(TargetHealth(target, state, NOW + seconds) for target in targets)


@pytest.mark.parametrize("warm", [0, 29_000])
def test_a_thread_leaves_a_target_that_is_not_to_be_asked(warm: int) -> None:
    given: Difference = {
        "access": ONE,
        "candidates": (SONNET,),
        "state": running(OPUS_AT, warm=warm),
    }
    assert decided(STRONG_OPUS, **given).targets[0] == OPUS_AT
    without: Difference = {**given, "health": down(OPUS_AT)}
    decision = decided(STRONG_OPUS, **without)
    # The model that was asked for is still the first of those that stand by.
    assert decision.targets == (SONNET_AT, OPUS_AT)
    assert (decision.action, decision.reason) == ("switch", "only_eligible_target")
    assert found(decision, OPUS_AT).lacks == ("ejected",)


def test_of_several_others_the_best_is_chosen_and_the_reason_says_that_staying_was_no_choice() -> (
    None
):
    given: Difference = {
        "access": ONE,
        "candidates": (SONNET, HAIKU),
        "state": running(OPUS_AT, warm=29_000),
        "health": down(OPUS_AT),
    }
    decision = decided(**given)
    assert (decision.reason, decision.targets[0]) == ("unfit_incumbent", SONNET_AT)
    assert decision.reason in FREE_WINDOWS
    lines = explain(decision, scene(**given), catalog=CATALOG)
    assert (
        f"{OPUS_AT} is tried if others fail, though its calls fail or have become far slower."
        in lines
    )
    rule = "who served the thread is not to be asked now"
    assert any(
        line.startswith(f"{SONNET_AT} serves it (switch, unfit_incumbent): {rule}")
        for line in lines
    )


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"mode": "observe"}, "observe_mode"),
        ({"arm": "control"}, "control_arm"),
        ({"model": f"turnout/{OPUS}"}, "pinned_model"),
        ({"named": "honour"}, "honoured_name"),
        ({"kind": "title"}, "auxiliary_request"),
        ({"locks": {"main": OPUS}}, "locked_class"),
    ],
)
def test_what_was_asked_for_is_served_by_the_account_that_may_be_asked(
    given: Difference, reason: str
) -> None:
    for sick, served in (((), OWN), ((OWN,), OPUS_AT), ((OPUS_AT,), OWN), ((OWN, OPUS_AT), OWN)):
        whole: Difference = {"access": BOTH, "candidates": (HAIKU,), **given, "health": down(*sick)}
        decision = decided(STRONG_OPUS, **whole)
        assert (decision.reason, decision.targets[0]) == (reason, served), sick


def test_in_observe_mode_the_proposal_is_what_full_mode_would_do() -> None:
    decision = decided(
        STRONG_OPUS, access=ONE, candidates=(SONNET,), mode="observe", health=down(OPUS_AT)
    )
    assert (decision.targets, decision.proposal) == ((OPUS_AT,), SONNET_AT)


def test_who_serves_all_the_same_and_who_does_not_is_explained() -> None:
    given: Difference = {
        "access": ONE,
        "candidates": (SONNET, HAIKU),
        "mode": "observe",
        "health": (*down(OPUS_AT, state="throttled"), *down(SONNET_AT)),
    }
    lines = explain(decided(**given), scene(**given), catalog=CATALOG)
    assert f"{OPUS_AT} serves, though it has told us to come back later." in lines
    assert f"Not eligible: {SONNET_AT} (its calls fail or have become far slower)." in lines


def test_what_broke_off_goes_before_what_is_not_to_be_asked() -> None:
    state = ThreadState(broke_off=OWN)
    decision = decided(access=BOTH, mode="observe", state=state, health=down(OPUS_AT))
    assert decision.targets == (OWN, OPUS_AT)


@pytest.mark.parametrize(
    ("state", "seconds", "is_left"),
    [
        ("throttled", SHORT_SECONDS, False),
        ("throttled", SHORT_SECONDS + 0.1, True),
        ("ejected", 0.1, True),
        ("ejected", 0.0, False),
        ("ejected", -1.0, False),
    ],
)
def test_short_throttling_moves_no_thread(state: Unfit, seconds: float, is_left: bool) -> None:
    health = down(OPUS_AT, state=state, seconds=seconds)
    assert unfit_targets(health, now=NOW) == ({OPUS_AT: state} if is_left else {})
    decision = decided(
        STRONG_OPUS,
        access=ONE,
        candidates=(SONNET,),
        state=running(OPUS_AT, warm=29_000),
        health=health,
    )
    assert (decision.targets[0] == SONNET_AT) == is_left


@pytest.mark.parametrize("state", [ThreadState(), running(OPUS_AT), running(OPUS_AT, warm=29_000)])
def test_where_nobody_else_can_serve_nothing_is_left_out(state: ThreadState) -> None:
    given: Difference = {"access": ONE, "candidates": (SONNET,), "state": state}
    sick: Difference = {**given, "health": down(OPUS_AT, SONNET_AT)}
    assert decided(STRONG_OPUS, **sick) == decided(STRONG_OPUS, **given)


def test_every_reason_has_words() -> None:
    assert set(LACK_WORDS) >= UNFIT


@given(scenes, tables_of)
def test_nobody_is_chosen_who_is_not_to_be_asked_while_another_can_serve(
    inputs: DecisionInputs, tables: PlainTables
) -> None:
    decision = made(inputs, tables)
    assume(decision.candidates)
    unfit = unfit_targets(inputs.health, now=inputs.now)
    chosen = found(decision, decision.targets[0])
    if not UNFIT.isdisjoint(chosen.lacks):
        # Somebody else can, and what was asked for is served all the same.
        assert any(not one.lacks for one in decision.candidates)
        assert decision.action in ("passthrough", "pin") or decision.reason == "locked_class"
    for one in decision.candidates:
        assert UNFIT.isdisjoint(one.lacks) or one.target in unfit
    if decision.reason == "unfit_incumbent":
        assert not UNFIT.isdisjoint(found(decision, inputs.state.target).lacks)


@given(scenes, tables_of)
def test_what_has_ended_is_no_argument(inputs: DecisionInputs, tables: PlainTables) -> None:
    over = tuple(structs.replace(one, eligible_at=NOW - 1) for one in inputs.health)
    ended, none = structs.replace(inputs, health=over), structs.replace(inputs, health=())
    assert outcome(ended, tables) == outcome(none, tables)


@given(scenes, tables_of)
def test_who_could_be_asked_is_known_before_the_decision(
    inputs: DecisionInputs, tables: PlainTables
) -> None:
    decision = made(inputs, tables)
    known = reachable(
        inputs.features.requested_model,
        access=inputs.access,
        catalog=CATALOG,
        dialect=inputs.features.dialect,
        settings=inputs.settings,
    )
    assert {one.target for one in decision.candidates} <= set(known)
    assert set(decision.targets) <= set(known)
