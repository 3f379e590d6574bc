"""Who serves the request after an answer that broke off: by example, and for every scene."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tests.policy.scenes import (
    ANTHROPIC_CLIENT,
    ANTHROPIC_ENV,
    CATALOG,
    HAIKU,
    OPUS,
    SONNET,
    TABLES,
    Difference,
    PlainTables,
    decided,
    running,
    scene,
)
from tests.policy.test_switch_properties import TARGETS, found, made, outcome, scenes, tables_of
from turnout.policy.break_off import asked_again_usd, behind
from turnout.policy.decision import ENDS_ESCALATION, FREE_WINDOWS, Decision, DecisionInputs
from turnout.policy.explain import explain
from turnout.policy.thread import ThreadState

OWN, OPUS_AT = f"anthropic/{OPUS}@client", f"anthropic/{OPUS}@env"
SONNET_AT, HAIKU_AT = f"anthropic/{SONNET}@env", f"anthropic/{HAIKU}@env"
BOTH = (ANTHROPIC_CLIENT, ANTHROPIC_ENV)
ONE = (ANTHROPIC_ENV,)

CLOSE = replace(TABLES, qualities={OPUS: (0.80, 0.0), SONNET: (0.785, 0.0)}, steps=1.0)
"""Opus is abler by 15 cents, for requests that are the last ones."""


_MAY_BE_LEFT = FREE_WINDOWS | {"warm_incumbent", "gain_exceeds_break_even"}


def broken(target: str, *, warm: int = 0, by: str = "") -> ThreadState:
    return structs.replace(running(target, warm=warm), broke_off=by or target)


def served(given: Difference, state: ThreadState, tables: PlainTables = CLOSE) -> Decision:
    whole: Difference = {**given, "state": state}
    return decided(tables, **whole)


@pytest.mark.parametrize("warm", [0, 149_000])
def test_the_same_model_by_another_account_stands_in(warm: int) -> None:
    given: Difference = {"prompt": 150_000, "access": BOTH, "candidates": ()}
    before = served(given, running(OWN, warm=warm))
    assert before.targets[0] == OWN
    after = served(given, broken(OWN, warm=warm))
    assert (after.action, after.reason, after.targets) == ("switch", "broke_off", (OPUS_AT, OWN))


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"mode": "observe"}, "observe_mode"),
        ({"mode": "cache"}, "cache_mode"),
        ({"arm": "control"}, "control_arm"),
        ({"model": f"turnout/{OPUS}"}, "pinned_model"),
        ({"named": "honour"}, "honoured_name"),
        ({"locks": {"main": OPUS}}, "locked_class"),
        ({"model": "claude-fable-12"}, "unpriced_model"),
    ],
)
def test_where_the_model_is_fixed_another_account_of_it_serves(
    given: Difference, reason: str
) -> None:
    whole: Difference = {"access": BOTH, **given}
    model = "claude-fable-12" if reason == "unpriced_model" else OPUS
    own, other = f"anthropic/{model}@client", f"anthropic/{model}@env"
    assert served(whole, running(own)).targets[0] == own
    decision = served(whole, broken(own))
    assert (decision.reason, decision.targets[:2]) == (reason, (other, own))


def test_where_the_model_is_fixed_and_has_one_account_it_is_asked_again() -> None:
    decision = served({"mode": "observe", "access": ONE}, broken(OPUS_AT))
    assert decision.targets == (OPUS_AT,)


@pytest.mark.parametrize(
    ("prompt", "warm", "by", "reason"),
    [
        # By Sonnet 15 cents are lost, less what it saves; by asking again half of a minute's worth.
        (20_000, 19_000, SONNET_AT, "broke_off"),
        (20_000, 0, SONNET_AT, "broke_off"),
        # The cold prompt alone would cost more than the answer that may break off again.
        (150_000, 149_000, OPUS_AT, "warm_incumbent"),
    ],
)
def test_another_model_stands_in_where_it_costs_less_than_asking_again(
    prompt: int, warm: int, by: str, reason: str
) -> None:
    given: Difference = {"prompt": prompt, "access": ONE, "candidates": (SONNET,)}
    before = served(given, running(OPUS_AT, warm=warm))
    assert before.targets[0] == OPUS_AT
    after = served(given, broken(OPUS_AT, warm=warm))
    assert (after.targets[0], after.reason) == (by, reason)


def test_a_target_that_would_not_serve_is_not_asked_about() -> None:
    given: Difference = {"prompt": 20_000, "access": ONE, "candidates": (SONNET,)}
    state = running(OPUS_AT, warm=19_000)
    decision = served(given, structs.replace(state, broke_off=SONNET_AT))
    assert decision == served(given, state)


def test_a_thread_that_was_escalated_keeps_its_model_by_another_account() -> None:
    given: Difference = {"prompt": 20_000, "access": BOTH, "candidates": (HAIKU,)}
    escalated = structs.replace(broken(OPUS_AT, warm=19_000), escalated_at=1.0)
    decision = served(given, escalated)
    assert (decision.action, decision.reason) == ("switch", "escalated_before")
    assert decision.targets[0] == OWN
    alone = served({**given, "access": ONE}, escalated)
    assert (alone.action, alone.targets[0]) == ("stay", OPUS_AT)


def test_leaving_what_broke_off_ends_an_escalation() -> None:
    assert FREE_WINDOWS < ENDS_ESCALATION
    assert "broke_off" in ENDS_ESCALATION
    assert "warm_incumbent" not in ENDS_ESCALATION


def test_nothing_is_drawn_after_an_answer_that_broke_off() -> None:
    """What stands in would have another chance than the one that a draw records."""
    wide = PlainTables(qualities={OPUS: (0.8, 0.2), SONNET: (0.79, 0.2)}, steps=1.0)
    given: Difference = {"access": ONE, "candidates": (SONNET,), "exploration": 0.5, "draw": 0.01}
    assert served(given, running(OPUS_AT), wide).propensity < 1.0
    assert served(given, broken(OPUS_AT), wide).propensity == 1.0


def told(given: Difference) -> list[str]:
    return explain(decided(CLOSE, **given), scene(**given), catalog=CATALOG)


def test_an_answer_that_broke_off_is_explained() -> None:
    given: Difference = {"prompt": 20_000, "access": ONE, "candidates": (SONNET,)}
    lines = told({**given, "state": broken(OPUS_AT, warm=19_000)})
    assert f"Its last answer, by {OPUS_AT}, broke off." in lines
    assert any(line.startswith(f"{SONNET_AT} serves it (switch, broke_off): ") for line in lines)
    assert (
        f"{SONNET_AT} scores $0.21 less, no more than the $0.26 which asking {OPUS_AT} again is"
        " expected to lose."
    ) in lines


def test_another_account_that_stands_in_is_explained() -> None:
    lines = told({"access": BOTH, "candidates": (), "state": broken(OWN)})
    assert f"{OPUS_AT} is the same model by another account." in lines


def test_what_is_asked_again_is_explained() -> None:
    given: Difference = {"prompt": 150_000, "access": ONE, "candidates": (SONNET,)}
    lines = told({**given, "state": broken(OPUS_AT, warm=149_000)})
    assert any(
        line.startswith("Whoever else can serve it scores less by more than the $")
        for line in lines
    )
    assert not any("asking" in line for line in told({**given, "state": running(OPUS_AT)}))


@given(scenes, tables_of, st.sampled_from(TARGETS))
def test_what_broke_off_is_left_where_another_is_worth_it_and_only_there(
    inputs: DecisionInputs, tables: PlainTables, broke_off: str
) -> None:
    state = structs.replace(inputs.state, broke_off=broke_off)
    decision = made(structs.replace(inputs, state=state), tables)
    others = [
        one for one in decision.candidates if one.score is not None and one.target != broke_off
    ]
    if decision.reason == "broke_off":
        left = found(decision, broke_off)
        taken = found(decision, decision.targets[0])
        assert taken in others
        assert left.score is not None
        assert taken.score is not None
        loss = left.score - taken.score
        assert taken.model == left.model or loss <= asked_again_usd(left, inputs.settings)
    elif decision.reason in _MAY_BE_LEFT and decision.targets[0] == broke_off:
        left = found(decision, broke_off)
        assert left.score is not None
        worth = left.score - asked_again_usd(left, inputs.settings)
        assert not any(one.model == left.model for one in others)
        assert all(one.score is not None and one.score < worth for one in others)


@given(scenes, tables_of)
def test_a_target_that_nobody_can_ask_changes_nothing(
    inputs: DecisionInputs, tables: PlainTables
) -> None:
    inputs = structs.replace(inputs, settings=structs.replace(inputs.settings, exploration=0.0))
    gone = structs.replace(inputs.state, broke_off="gone/model@env")
    assert outcome(structs.replace(inputs, state=gone), tables) == outcome(inputs, tables)


@given(st.lists(st.sampled_from(TARGETS), unique=True), st.sampled_from(TARGETS))
def test_what_broke_off_comes_last_and_the_rest_keep_their_order(
    targets: list[str], broke_off: str
) -> None:
    ordered = behind(targets, broke_off)
    assert [one for one in ordered if one != broke_off] == [
        one for one in targets if one != broke_off
    ]
    assert broke_off not in ordered[:-1]
    assert sorted(ordered) == sorted(targets)
