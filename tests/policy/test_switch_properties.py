"""Properties of decisions that hold for every request, thread, table and setting."""

import math
from dataclasses import replace
from typing import get_args

from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec import structs

from tests.policy.scenes import (
    ANTHROPIC_CLIENT,
    ANTHROPIC_ENV,
    BLIND,
    CATALOG,
    DEEPSEEK_ENV,
    GPT,
    HAIKU,
    MINI,
    NOW,
    OPENAI_ENV,
    OPUS,
    SECRET,
    SONNET,
    PlainTables,
    running,
    scene,
    warm_at,
)
from turnout.capabilities import Needs
from turnout.catalog.token_families import in_tokens_of
from turnout.errors import TurnoutError
from turnout.events.v1 import facts_pb2
from turnout.facts import RequestRouted
from turnout.policy.ceiling import is_below
from turnout.policy.decision import (
    Candidate,
    Decision,
    DecisionInputs,
    NamedModel,
    RoutingSettings,
)
from turnout.policy.health import UNFIT
from turnout.policy.incumbent import margin_usd
from turnout.policy.latency import SIZES
from turnout.policy.modes import may_choose_model
from turnout.policy.rank import CAUTION
from turnout.policy.request import Arm, Mode, RequestClass, StepKind, TaskKind
from turnout.policy.standing import TargetHealth, TargetLatency, Unfit
from turnout.policy.switch import FALLBACKS, decide
from turnout.policy.targets import asked_for
from turnout.policy.thread import COLD_SHARE, EPOCH_SHARE, ThreadState
from turnout.protos import from_pb, to_pb

MODELS = (OPUS, SONNET, HAIKU, GPT, MINI, BLIND, SECRET)
TARGETS = (
    *(f"anthropic/{name}@env" for name in (OPUS, SONNET, HAIKU)),
    f"anthropic/{OPUS}@client",
    *(f"openai/{name}@env" for name in (GPT, MINI)),
    f"deepseek/{BLIND}@env",
    "gone/model@env",
    "",
)

tables_of = st.builds(
    PlainTables,
    qualities=st.dictionaries(
        st.sampled_from(MODELS), st.tuples(st.floats(0.01, 0.99), st.floats(0, 0.3))
    ),
    steps=st.floats(1, 200),
    growth=st.floats(0, 5_000),
    output=st.floats(1, 5_000),
    share=st.floats(0, 1),
)
warm_prefixes = st.builds(
    lambda target, tokens, share, left: warm_at(target, tokens, share=share, left=left),
    st.sampled_from(TARGETS),
    st.integers(0, 400_000),
    st.floats(0, 1),
    st.floats(-100, 3_600),
)
states = st.builds(
    ThreadState,
    steps=st.integers(0, 300),
    target=st.sampled_from(TARGETS),
    growth_tokens=st.floats(0, 9_000),
    output_tokens=st.floats(0, 9_000),
    kept_share=st.floats(0, 1),
    is_retry=st.booleans(),
    warm=st.lists(warm_prefixes, max_size=3).map(tuple),
    heads=st.lists(warm_prefixes, max_size=3).map(tuple),
)


scenes = st.builds(
    scene,
    model=st.sampled_from(
        ("turnout/auto", *MODELS, *(f"turnout/{name}" for name in MODELS), "claude-new")
    ),
    prompt=st.integers(0, 1_200_000),
    kind=st.sampled_from(get_args(StepKind)),
    request_class=st.sampled_from(get_args(RequestClass)),
    mode=st.sampled_from(get_args(Mode)),
    access=st.lists(
        st.sampled_from((ANTHROPIC_CLIENT, ANTHROPIC_ENV, OPENAI_ENV, DEEPSEEK_ENV)),
        unique=True,
        max_size=4,
    ).map(tuple),
    candidates=st.lists(st.sampled_from(MODELS), max_size=5).map(tuple),
    value_usd=st.floats(0.01, 200),
    margin=st.floats(0, 3),
    baseline=st.sampled_from((OPUS, HAIKU, GPT)),
    state=states,
    needs=st.builds(Needs, tools=st.booleans(), images=st.booleans()),
    degraded=st.sampled_from(((), ("tracker",), ("text",))),
    asks_one_hour=st.booleans(),
    head_tokens=st.integers(0, 40_000),
    draw=st.floats(0, 1, exclude_max=True),
    is_subagent=st.booleans(),
    arm=st.sampled_from(get_args(Arm)),
    named=st.sampled_from(get_args(NamedModel)),
    locks=st.dictionaries(
        st.sampled_from((*get_args(RequestClass), *get_args(TaskKind))),
        st.sampled_from(MODELS),
        max_size=2,
    ),
    exploration=st.floats(0, 0.5),
    lacks_breakpoints=st.booleans(),
    second_usd=st.floats(0, 1),
    health=st.lists(
        st.builds(
            TargetHealth,
            st.sampled_from(TARGETS),
            st.sampled_from(get_args(Unfit)),
            st.floats(NOW - 60, NOW + 600),
        ),
        max_size=3,
    ).map(tuple),
    latencies=st.lists(
        st.builds(
            TargetLatency, st.sampled_from(TARGETS), st.sampled_from(SIZES), st.floats(0.01, 100)
        ),
        max_size=6,
    ).map(tuple),
)


warm_scenes = st.builds(
    scene,
    model=st.sampled_from(("turnout/auto", OPUS)),
    # In the incumbent's own tokens up to half as many more, and its window may be 200,000.
    prompt=st.integers(1, 130_000),
    kind=st.sampled_from(("user_input", "tool_continuation", "compaction")),
    value_usd=st.floats(0.01, 200),
    margin=st.floats(0, 3),
    state=st.builds(
        running,
        st.sampled_from([f"anthropic/{name}@env" for name in (OPUS, SONNET, HAIKU)]),
        warm=st.integers(0, 150_000),
        steps=st.integers(1, 300),
        kept=st.floats(0, 1),
    ),
    draw=st.floats(0, 1, exclude_max=True),
)
"""Threads that have a target whose cache holds some of the prompt, and others to go to."""

fresh_scenes = st.builds(
    scene,
    model=st.sampled_from(("turnout/auto", OPUS, SONNET, HAIKU)),
    prompt=st.integers(1, 130_000),
    kind=st.sampled_from(("user_input", "subagent_start")),
    value_usd=st.floats(0.01, 200),
    asks_one_hour=st.booleans(),
)
"""New threads."""


def outcome(inputs: DecisionInputs, tables: PlainTables) -> Decision | str:
    """The decision, or the message of the refusal."""
    try:
        return decide(inputs, catalog=CATALOG, tables=tables)
    except TurnoutError as refused:
        return refused.message


def made(inputs: DecisionInputs, tables: PlainTables) -> Decision:
    """The decision; scenes that are refused are not drawn."""
    decision = outcome(inputs, tables)
    assume(not isinstance(decision, str))
    assert not isinstance(decision, str)
    return decision


def found(decision: Decision, target: str) -> Candidate:
    return next(one for one in decision.candidates if one.target == target)


@given(scenes, tables_of)
def test_the_same_inputs_give_the_same_decision(
    inputs: DecisionInputs, tables: PlainTables
) -> None:
    assert outcome(inputs, tables) == outcome(structs.replace(inputs), replace(tables))


@given(scenes, tables_of)
def test_every_decision_is_whole(inputs: DecisionInputs, tables: PlainTables) -> None:
    decision = outcome(inputs, tables)
    if isinstance(decision, str):
        assert decision
        return
    assert decision.targets
    assert len(set(decision.targets)) == len(decision.targets) <= FALLBACKS + 1
    assert decision.targets[0].startswith(f"{decision.provider}/{decision.model}@")
    ways = {f"{way.provider}@{way.credential}" for way in inputs.access}
    for target in (*decision.targets, decision.proposal):
        assert f"{target.partition('/')[0]}@{target.rpartition('@')[2]}" in ways
    if may_choose_model(inputs.mode, inputs.identity):
        assert decision.proposal == decision.targets[0]
    assert 0.0 < decision.propensity <= 1.0
    for one in decision.candidates:
        if one.cost_to_go_usd is not None:
            assert one.cost_now_usd is not None
            assert math.isfinite(one.cost_to_go_usd)
            assert 0.0 <= one.cost_now_usd <= one.cost_to_go_usd
        assert (one.score is None) == bool(one.lacks)
        if one.target in decision.targets:
            assert set(one.lacks) <= {"price", *UNFIT}


@given(scenes, tables_of)
def test_serves_within_the_arm_the_mode_the_pin_and_the_ceiling(
    inputs: DecisionInputs, tables: PlainTables
) -> None:
    decision = made(inputs, tables)
    assume(decision.candidates)
    asked = asked_for(inputs.features.requested_model, CATALOG, inputs.settings)
    assert asked.model is not None
    is_free = may_choose_model(inputs.mode, inputs.identity)
    locked = {one.model for one in inputs.settings.locks}
    served = [found(decision, target).model for target in decision.targets]
    if asked.freedom == "pinned":
        assert set(served) == {asked.model.id}
    elif asked.freedom == "free":
        can = [one for one in decision.candidates if one.model == asked.model.id and not one.lacks]
        assert is_free or set(served) == {asked.model.id if can else decision.model}
    elif not is_free:
        assert set(served) == {asked.model.id}
    elif asked.freedom == "honoured":
        assert set(served) <= {asked.model.id, *locked}
    elif asked.freedom == "ceiling":
        for name in served:
            prices = CATALOG.models[name].prices
            assert name in (asked.model.id, *locked) or is_below(prices, asked.model.prices)
    for name in served:
        assert name in (asked.model.id, *inputs.settings.candidates, *locked)


@given(scenes, tables_of)
def test_the_control_arm_is_served_as_in_observe_mode(
    inputs: DecisionInputs, tables: PlainTables
) -> None:
    """No policy touches it: not the mode, the locks, the dial, the margin, the draw or the candidates."""
    control = structs.replace(inputs, identity=structs.replace(inputs.identity, arm="control"))
    untouched = structs.replace(
        control,
        latencies=(),
        mode="observe",
        draw=0.0,
        settings=RoutingSettings(baseline_model=inputs.settings.baseline_model),
    )
    decision, other = outcome(control, tables), outcome(untouched, tables)
    assume(not isinstance(other, str))
    assert not isinstance(decision, str)
    assert not isinstance(other, str)
    assert decision.targets == other.targets


@given(scenes, tables_of, st.sampled_from(get_args(Mode)), st.sampled_from(get_args(Arm)))
def test_a_proposal_and_its_arithmetic_are_those_of_full_mode(
    inputs: DecisionInputs, tables: PlainTables, mode: Mode, arm: Arm
) -> None:
    """Mode and arm say what is done, not what would be best."""
    free = structs.replace(
        inputs, mode="full", identity=structs.replace(inputs.identity, arm="treatment")
    )
    bound = structs.replace(inputs, mode=mode, identity=structs.replace(inputs.identity, arm=arm))
    full, other = made(free, tables), made(bound, tables)
    assert other.candidates == full.candidates
    assert other.proposal == full.proposal == full.targets[0]


@given(fresh_scenes, tables_of, st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_higher_value_never_buys_less_quality(
    inputs: DecisionInputs, tables: PlainTables, one: float, other: float
) -> None:
    less, more = (
        made(
            structs.replace(inputs, settings=structs.replace(inputs.settings, value_usd=value)),
            tables,
        )
        for value in sorted((one, other))
    )
    chosen = [found(decision, decision.proposal) for decision in (less, more)]
    pessimistic = [one.quality - CAUTION * one.quality_sd for one in chosen]
    assert pessimistic[0] <= pessimistic[1] + 1e-9


@given(warm_scenes, tables_of)
def test_a_warm_incumbent_is_left_only_for_a_gain_beyond_the_margin(
    inputs: DecisionInputs, tables: PlainTables
) -> None:
    decision = made(inputs, tables)
    incumbent = found(decision, inputs.state.target)
    chosen = found(decision, decision.targets[0])
    assume(chosen.target != incumbent.target)
    assert incumbent.score is not None
    assert chosen.score is not None
    if decision.reason == "gain_exceeds_break_even":
        assert chosen.score - incumbent.score > margin_usd(inputs, chosen) >= 0.0
        return
    features = inputs.features
    # What is warm is counted in the incumbent's own tokens.
    prompt = in_tokens_of(
        features.needs.prompt_tokens_estimate,
        counted_for=features.requested_model,
        model=incumbent.model,
    )
    assert (
        incumbent.warm_tokens < COLD_SHARE * prompt
        or inputs.state.kept_share < EPOCH_SHARE
        or features.step_kind == "compaction"
    )


@given(scenes, tables_of)
def test_without_the_tracker_nothing_is_switched(
    inputs: DecisionInputs, tables: PlainTables
) -> None:
    blind = structs.replace(inputs, state=ThreadState(), degraded=("tracker",), mode="full")
    decision = made(blind, tables)
    assume(decision.reason not in ("no_eligible_requested_target", "locked_class"))
    assert decision.model == decision.baseline_model


@given(scenes, tables_of)
def test_a_recorded_decision_can_be_made_again(inputs: DecisionInputs, tables: PlainTables) -> None:
    decision = made(inputs, tables)
    fact = RequestRouted(
        event_id="r:routed",
        occurred_at=NOW,
        request_id="r",
        traceparent="",
        inputs=inputs,
        decision=decision,
        look_seconds=0.001,
        embed_seconds=0.002,
        decide_seconds=0.0001,
    )
    sent = to_pb(fact, facts_pb2.RequestRouted).SerializeToString()
    told = from_pb(RequestRouted, facts_pb2.RequestRouted.FromString(sent))
    assert told == fact
    assert decide(told.inputs, catalog=CATALOG, tables=tables) == told.decision
