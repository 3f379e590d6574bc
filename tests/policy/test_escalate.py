"""When a thread is given a stronger model, which one, and how long it keeps it."""

from dataclasses import replace
from typing import Unpack, get_args

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec import structs

from tests.policy.scenes import (
    CATALOG,
    GPT,
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
from tests.policy.test_switch_properties import made, scenes, tables_of
from turnout.dialects.answer_end import AnswerEnd
from turnout.policy.checks import Verdict
from turnout.policy.decision import ESCALATING, Decision, DecisionInputs, Reason
from turnout.policy.escalate import LEFT_ALONE_SHARE, evidence
from turnout.policy.evidence import EscalationTable
from turnout.policy.explain import explain
from turnout.policy.incumbent import is_warm
from turnout.policy.switch import decide
from turnout.policy.targets import asked_for
from turnout.policy.thread import ThreadState

AT_THREE = EscalationTable(
    failing_checks=3, error_streak=0, green_gain=0.5, staying_red=(), checks=()
)
ON = replace(TABLES, escalation=AT_THREE, steps=5.0)
ERRORS_ON = replace(ON, escalation=replace(AT_THREE, failing_checks=0, error_streak=2))

HAIKUS = f"anthropic/{HAIKU}@env"
OPUSES = f"anthropic/{OPUS}@env"


def red(count: int, *, target: str = HAIKUS, warm: int = 30_000, steps: int = 20) -> ThreadState:
    """A running thread with so many red checks before this request's."""
    return structs.replace(running(target, warm=warm, steps=steps), failing_checks=count)


def served(tables: PlainTables = ON, **given: Unpack[Difference]) -> Decision:
    """A step whose check came out red, in a warm thread."""
    given.setdefault("kind", "tool_continuation")
    given.setdefault("check", "failed")
    given.setdefault("value_usd", 1.0)
    return decided(tables, **given)


@pytest.mark.parametrize(
    ("before", "action"), [(0, "stay"), (1, "stay"), (2, "escalate"), (3, "escalate")]
)
def test_the_third_red_check_escalates(before: int, action: str) -> None:
    decision = served(state=red(before))
    assert decision.action == action
    assert (decision.reason == "failing_checks") == (action == "escalate")


def test_the_ablest_takes_over() -> None:
    decision = served(state=red(2))
    # Opus and GPT are as able; what was asked for comes first.
    assert (decision.model, decision.propensity) == (OPUS, 1 - LEFT_ALONE_SHARE)
    abler = replace(ON, qualities={**ON.qualities, GPT: (0.9, 0.0)})
    assert served(abler, model="turnout/auto", state=red(2), value_usd=10.0).model == GPT


def test_only_who_is_surely_abler_takes_over() -> None:
    unsure = {HAIKU: (0.6, 0.0), OPUS: (0.7, 0.3), SONNET: (0.65, 0.02)}
    decision = served(replace(ON, qualities=unsure), state=red(2), candidates=(HAIKU, SONNET))
    assert decision.model == SONNET
    nobody = {HAIKU: (0.9, 0.0), OPUS: (0.7, 0.0)}
    decision = served(replace(ON, qualities=nobody), state=red(2), candidates=(HAIKU,))
    assert (decision.action, decision.model) == ("stay", HAIKU)


def test_who_costs_more_than_it_is_worth_does_not() -> None:
    worthless = replace(ON, escalation=replace(AT_THREE, green_gain=0.0))
    assert served(worthless, state=red(2)).action == "stay"
    assert served(state=red(2), value_usd=0.01).action != "escalate"


def test_nothing_is_above_the_ablest() -> None:
    decision = served(state=red(2, target=OPUSES))
    assert (decision.action, decision.reason) == ("stay", "warm_incumbent")


def test_red_before_is_no_reason_without_a_red_check_now() -> None:
    assert served(state=red(5), check="").action == "stay"
    assert served(state=red(5), check="passed").action == "stay"


def test_a_table_that_says_nothing_escalates_nothing() -> None:
    assert served(replace(ON, escalation=TABLES.escalation), state=red(8)).action == "stay"


def test_a_streak_of_errors_where_the_table_says_so() -> None:
    once = structs.replace(red(0), tool_errors=1)
    assert served(ERRORS_ON, state=once, check="", errors=1).reason == "error_streak"
    assert served(ERRORS_ON, state=red(0), check="", errors=1).action == "stay"
    assert served(ERRORS_ON, state=once, check="failed", errors=1).action == "stay"
    assert served(state=once, check="", errors=1).action == "stay"
    # The thread's count has what a retry brings again.
    again = structs.replace(once, is_retry=True)
    assert served(ERRORS_ON, state=again, check="", errors=1).action == "stay"


def without_answer(ended: AnswerEnd, *, target: str = HAIKUS) -> ThreadState:
    return structs.replace(running(target, warm=30_000), last_end=ended)


@pytest.mark.parametrize(
    ("ended", "reason"), [("refused", "refused_answer"), ("empty", "empty_answer")]
)
def test_who_gave_no_answer_is_left_for_who_was_asked(ended: AnswerEnd, reason: Reason) -> None:
    # Haiku for the rest would pay, but for the answer that it did not give.
    decision = served(replace(ON, steps=5.0), state=without_answer(ended), check="")
    assert (decision.action, decision.reason, decision.model) == ("escalate", reason, OPUS)
    assert decision.propensity == 1 - LEFT_ALONE_SHARE
    free = served(model="turnout/auto", baseline=SONNET, state=without_answer(ended), check="")
    assert (free.reason, free.model) == (reason, SONNET)


@pytest.mark.parametrize("ended", ["", "cut"])
def test_a_limit_of_tokens_is_no_evidence(ended: AnswerEnd) -> None:
    assert served(state=without_answer(ended), check="").action == "stay"


def test_a_refusal_of_who_was_asked_for_says_nothing() -> None:
    asked = without_answer("refused", target=OPUSES)
    assert served(state=asked, check="").reason == "warm_incumbent"


def test_nobody_goes_back_to_who_is_less_able_or_costs_more_than_success_is_worth() -> None:
    refused = without_answer("refused")
    weaker = replace(ON, qualities={**ON.qualities, OPUS: (0.3, 0.0), HAIKU: (0.6, 0.0)})
    assert served(weaker, state=refused, check="").action == "stay"
    assert served(state=refused, check="", value_usd=0.1).action != "escalate"


def test_who_was_left_alone_after_a_refusal_stays_so() -> None:
    state = without_answer("refused")
    reasons = {served(state=state, check="", draw=n / 200).reason for n in range(200)}
    assert reasons == {"refused_answer", "left_alone"}
    left = structs.replace(state, is_left_alone=True)
    assert served(state=left, check="").reason == "warm_incumbent"


def test_a_request_beside_the_thread_goes_as_asked_after_a_refusal() -> None:
    decision = served(
        state=without_answer("refused"), check="", kind="title", request_class="auxiliary"
    )
    assert decision.action == "passthrough"


def test_a_thread_keeps_its_stronger_model_while_it_is_warm() -> None:
    # Haiku for the rest would pay, but for the trouble that it was in.
    cheap = replace(ON, steps=300.0)
    escalated = structs.replace(running(OPUSES, warm=30_000), escalated_at=1.0)
    assert served(cheap, state=running(OPUSES, warm=30_000), check="").action == "switch"
    kept = served(cheap, state=escalated, check="")
    assert (kept.action, kept.reason, kept.model) == ("stay", "escalated_before", OPUS)
    cold = structs.replace(running(OPUSES), escalated_at=1.0)
    assert served(cheap, state=cold, check="").reason == "free_window_cold_cache"
    compacted = structs.replace(running(OPUSES, warm=30_000, kept=0.1), escalated_at=1.0)
    assert served(cheap, state=compacted, check="").reason == "free_window_compaction"


def test_who_was_escalated_is_not_asked_again_before_a_free_window() -> None:
    """A second step up would pay for a second cold prompt, and a draw would spoil what the first one tells."""
    warm = structs.replace(red(2), escalated_at=1.0)
    for draw in (0.0, 0.3, 0.9):
        kept = served(state=warm, draw=draw)
        assert (kept.action, kept.reason) == ("stay", "escalated_before")
    cold = structs.replace(warm, warm=())
    assert served(state=cold).action == "escalate"


def test_a_tenth_is_left_alone_and_marked() -> None:
    draws = [n / 2_000 for n in range(2_000)]
    decisions = [served(state=red(2), draw=draw) for draw in draws]
    left = [one for one in decisions if one.reason == "left_alone"]
    assert len(left) / len(decisions) == pytest.approx(LEFT_ALONE_SHARE, abs=0.02)
    assert {(one.action, one.model, one.propensity) for one in left} == {
        ("stay", HAIKU, LEFT_ALONE_SHARE)
    }
    # The draw that is small for another purpose is not small for this one.
    assert 0 < sum(one.reason == "left_alone" for one in decisions[:500]) < 100


@pytest.mark.parametrize("draw", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_who_is_left_alone_stays_so(draw: float) -> None:
    state = structs.replace(red(4), is_left_alone=True)
    decision = served(state=state, draw=draw)
    assert (decision.action, decision.reason) == ("stay", "warm_incumbent")


def test_a_person_can_read_why() -> None:
    inputs = scene(kind="tool_continuation", check="failed", value_usd=1.0, state=red(2))
    lines = explain(decide(inputs, catalog=CATALOG, tables=ON), inputs, catalog=CATALOG)
    assert "Its checks came out red 3 times in a row." in lines
    assert any("(escalate, failing_checks): its checks stay red" in line for line in lines)
    inputs = scene(state=without_answer("refused"), value_usd=1.0)
    lines = explain(decide(inputs, catalog=CATALOG, tables=ON), inputs, catalog=CATALOG)
    assert "Its last answer was a refusal." in lines
    assert any("was asked for and is taken to be abler" in line for line in lines)


NO_STRONGER = "No stronger model takes over: "
UNSURE = replace(ON, qualities={HAIKU: (0.6, 0.0), OPUS: (0.7, 0.3)})
NEVER = replace(ON, escalation=replace(AT_THREE, failing_checks=0))


@pytest.mark.parametrize(
    ("tables", "state", "differs", "said"),
    [
        (
            ON,
            red(1),
            {},
            "By the tables a stronger model takes over from 3 red checks in a row on.",
        ),
        (
            NEVER,
            red(2),
            {},
            "By the tables a stronger model takes over for no number of red checks.",
        ),
        (
            UNSURE,
            red(2),
            {},
            f"{NO_STRONGER}none that can serve it is surely abler than {HAIKU}: {OPUS} with 0.55 (0.5 sd taken"
            " off) against 0.60.",
        ),
        (
            ON,
            red(2, target=OPUSES),
            {"candidates": ()},
            f"{NO_STRONGER}none that can serve it is surely abler than {OPUS}.",
        ),
        (
            ON,
            red(2),
            {"value_usd": 0.01},
            f"{NO_STRONGER}{OPUS} is surely abler than {HAIKU} and costs $0.31 more to go, and checks that turn"
            " green are worth $0.0050.",
        ),
        (
            ON,
            structs.replace(red(2), is_left_alone=True),
            {},
            "A draw has left this thread as it is, so that what escalating is worth can be measured.",
        ),
    ],
)
def test_red_checks_that_escalate_nothing_say_why(
    tables: PlainTables, state: ThreadState, differs: Difference, said: str
) -> None:
    given: Difference = {
        "kind": "tool_continuation",
        "check": "failed",
        "value_usd": 1.0,
        "candidates": (HAIKU,),
        "state": state,
        **differs,
    }
    inputs = scene(**given)
    decision = decide(inputs, catalog=CATALOG, tables=tables)
    lines = explain(decision, inputs, catalog=CATALOG, escalation=tables.escalation)
    assert said in lines


def test_without_the_tables_the_cost_of_who_is_abler_is_told() -> None:
    inputs = scene(
        kind="tool_continuation", check="failed", value_usd=1.0, state=red(1), candidates=(HAIKU,)
    )
    lines = explain(decide(inputs, catalog=CATALOG, tables=ON), inputs, catalog=CATALOG)
    assert [line for line in lines if "surely abler" in line] == [
        f"{OPUS} is surely abler than {HAIKU} and costs $0.31 more to go; it takes over where checks are red often"
        " enough and that is within what green ones are worth (`turnout escalation`)."
    ]


def with_trouble(
    inputs: DecisionInputs,
    count: int,
    errors: int,
    check: Verdict,
    is_retry: bool,
    escalated_at: float,
    is_left_alone: bool,
    last_end: AnswerEnd,
) -> DecisionInputs:
    return structs.replace(
        inputs,
        features=structs.replace(inputs.features, check=check, step_tool_errors=errors),
        state=structs.replace(
            inputs.state,
            failing_checks=count,
            tool_errors=count,
            is_retry=is_retry,
            escalated_at=escalated_at,
            is_left_alone=is_left_alone,
            last_end=last_end,
        ),
    )


def with_table(tables: PlainTables, checks: int, errors: int, gain: float) -> PlainTables:
    table = replace(AT_THREE, failing_checks=checks, error_streak=errors, green_gain=gain)
    return replace(tables, escalation=table)


in_trouble = st.builds(
    with_trouble,
    scenes,
    st.integers(0, 8),
    st.integers(0, 2),
    st.sampled_from(get_args(Verdict)),
    st.booleans(),
    st.sampled_from((0.0, 1.0)),
    st.booleans(),
    st.sampled_from(get_args(AnswerEnd)),
)
tables_on = st.builds(with_table, tables_of, st.integers(0, 4), st.integers(0, 4), st.floats(0, 1))


@given(in_trouble, tables_on)
def test_escalating_is_within_pin_ceiling_and_mode(
    inputs: DecisionInputs, tables: PlainTables
) -> None:
    decision = made(inputs, tables)
    asked = asked_for(inputs.features.requested_model, CATALOG, inputs.settings)
    if decision.action == "escalate":
        assert asked.freedom != "pinned"
        assert inputs.mode == "full" or asked.freedom == "free"
        assert inputs.identity.request_class != "auxiliary"
        assert "tracker" not in inputs.degraded
    if inputs.mode == "observe" and asked.freedom == "ceiling":
        assert decision.action in {"passthrough", "pin"}


@given(in_trouble, tables_on)
def test_escalating_has_a_reason_and_goes_upwards(
    inputs: DecisionInputs, tables: PlainTables
) -> None:
    decision = made(inputs, tables)
    assert (decision.action == "escalate") == (decision.reason in ESCALATING)
    if decision.reason in (*ESCALATING, "left_alone"):
        assert evidence(inputs, tables.escalation) is not None
        assert not inputs.state.is_left_alone
    if decision.action == "escalate":
        by_target = {one.target: one for one in decision.candidates}
        before, after = by_target[inputs.state.target], by_target[decision.targets[0]]
        assert after.quality > before.quality
        assert not after.lacks
    if decision.reason == "escalated_before":
        by_target = {one.target: one for one in decision.candidates}
        assert decision.targets[0] == inputs.state.target
        assert is_warm(inputs, by_target[inputs.state.target])


@given(in_trouble, tables_on)
def test_a_longer_streak_is_no_weaker_reason(inputs: DecisionInputs, tables: PlainTables) -> None:
    longer = structs.replace(
        inputs,
        state=structs.replace(
            inputs.state,
            failing_checks=inputs.state.failing_checks + 1,
            tool_errors=inputs.state.tool_errors + 1,
        ),
    )
    if evidence(inputs, tables.escalation) is not None:
        assert evidence(longer, tables.escalation) is not None
        assert made(longer, tables).reason == made(inputs, tables).reason


@given(in_trouble, tables_on)
def test_without_trouble_nothing_is_decided_otherwise(
    inputs: DecisionInputs, tables: PlainTables
) -> None:
    calm = structs.replace(
        inputs, state=structs.replace(inputs.state, escalated_at=0.0, last_end="cut")
    )
    assume(evidence(calm, tables.escalation) is None)
    off = replace(tables, escalation=TABLES.escalation)
    assert made(calm, tables) == made(calm, off)
