"""Decisions: tables of what is decided when, and properties that hold for every input."""

from dataclasses import replace

import pytest
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
    OPENAI_ENV,
    OPUS,
    SECRET,
    SONNET,
    TABLES,
    Difference,
    PlainTables,
    decided,
    running,
    scene,
)
from turnout.capabilities import Needs
from turnout.policy.decision import (
    Access,
    Action,
    Reason,
    RoutingSettings,
)
from turnout.policy.request import StepKind, TextSignal
from turnout.policy.switch import UNQUESTIONED, decide
from turnout.policy.thread import EPOCH_SHARE

OPUS_AT, SONNET_AT, HAIKU_AT = (f"anthropic/{name}@env" for name in (OPUS, SONNET, HAIKU))
GPT_AT, MINI_AT, BLIND_AT = f"openai/{GPT}@env", f"openai/{MINI}@env", f"deepseek/{BLIND}@env"

STRONG_OPUS = replace(TABLES, qualities={OPUS: (0.99, 0.0)}, steps=20.0)
"""Opus is worth its price."""
STRONG_HAIKU = replace(TABLES, qualities={HAIKU: (0.9, 0.0)})
"""Haiku is the best and among the cheapest."""
EQUALS = PlainTables(steps=1.0)
"""Nothing speaks for anybody but the price of one request."""

KEYS_BUT_ANTHROPIC = (OPENAI_ENV, DEEPSEEK_ENV)

ANTHROPIC = (OPUS, SONNET, HAIKU)

Case = tuple[PlainTables, Difference, Action, Reason, str]

CASES: dict[str, Case] = {
    # What the model name says.
    "pin": (STRONG_HAIKU, {"model": f"turnout/{OPUS}"}, "pin", "pinned_model", OPUS_AT),
    "pin in observe mode": (
        STRONG_HAIKU,
        {"model": f"turnout/{OPUS}", "mode": "observe"},
        "pin",
        "pinned_model",
        OPUS_AT,
    ),
    "pin of a model without a price": (
        STRONG_HAIKU,
        {"model": f"turnout/{SECRET}"},
        "pin",
        "pinned_model",
        f"openai/{SECRET}@env",
    ),
    "pin against a warm incumbent": (
        STRONG_HAIKU,
        {"model": f"turnout/{OPUS}", "state": running(HAIKU_AT, warm=29_000)},
        "pin",
        "pinned_model",
        OPUS_AT,
    ),
    "auto": (
        STRONG_HAIKU,
        {"model": "turnout/auto"},
        "switch",
        "free_window_new_thread",
        HAIKU_AT,
    ),
    "auto may go above the baseline": (
        replace(STRONG_HAIKU, qualities={GPT: (0.99, 0.0)}, steps=5.0),
        {"model": "turnout/auto", "baseline": HAIKU},
        "switch",
        "free_window_new_thread",
        GPT_AT,
    ),
    "a name is a ceiling": (
        replace(STRONG_HAIKU, qualities={OPUS: (0.99, 0.0), GPT: (0.99, 0.0)}, steps=5.0),
        {"model": HAIKU, "candidates": (OPUS, GPT)},
        "stay",
        "only_eligible_target",
        HAIKU_AT,
    ),
    "a dated name is the model": (
        STRONG_OPUS,
        {"model": f"{OPUS}-20260101"},
        "stay",
        "free_window_new_thread",
        OPUS_AT,
    ),
    "a vendor's model that is not in the catalog": (
        STRONG_HAIKU,
        {"model": "claude-fable-12"},
        "passthrough",
        "unpriced_model",
        "anthropic/claude-fable-12@env",
    ),
    "a model without a price": (
        STRONG_HAIKU,
        {"model": SECRET},
        "passthrough",
        "unpriced_model",
        f"openai/{SECRET}@env",
    ),
    "a name that is to be honoured": (
        STRONG_HAIKU,
        {"named": "honour"},
        "passthrough",
        "honoured_name",
        OPUS_AT,
    ),
    "auto is free where names are honoured": (
        STRONG_HAIKU,
        {"named": "honour", "model": "turnout/auto"},
        "switch",
        "free_window_new_thread",
        HAIKU_AT,
    ),
    "a name that is only the baseline": (
        replace(STRONG_HAIKU, qualities={GPT: (0.99, 0.0)}, steps=5.0),
        {"named": "baseline", "model": HAIKU},
        "switch",
        "free_window_new_thread",
        GPT_AT,
    ),
    # What the tenant has locked.
    "a locked task kind": (
        STRONG_OPUS,
        {"locks": {"bug_fix": SONNET}},
        "switch",
        "locked_class",
        SONNET_AT,
    ),
    "a lock by another name of its model": (
        STRONG_OPUS,
        {"locks": {"bug_fix": f"{SONNET}-20260101"}},
        "switch",
        "locked_class",
        SONNET_AT,
    ),
    "a locked class goes before a locked kind": (
        STRONG_OPUS,
        {
            "locks": {"bug_fix": SONNET, "subagent": HAIKU},
            "request_class": "subagent",
            "is_subagent": True,
        },
        "switch",
        "locked_class",
        HAIKU_AT,
    ),
    "a lock leaves a warm incumbent": (
        STRONG_OPUS,
        {"locks": {"main": SONNET}, "state": running(OPUS_AT, warm=29_000)},
        "switch",
        "locked_class",
        SONNET_AT,
    ),
    "a lock of another class": (
        STRONG_OPUS,
        {"locks": {"subagent": HAIKU, "docs": HAIKU}},
        "stay",
        "free_window_new_thread",
        OPUS_AT,
    ),
    "a lock may cost more than what was asked for": (
        STRONG_HAIKU,
        {"locks": {"bug_fix": OPUS}, "model": HAIKU, "candidates": ()},
        "switch",
        "locked_class",
        OPUS_AT,
    ),
    "a lock goes before an honoured name": (
        STRONG_OPUS,
        {"locks": {"main": SONNET}, "named": "honour"},
        "switch",
        "locked_class",
        SONNET_AT,
    ),
    "a pin goes before a lock": (
        STRONG_OPUS,
        {"locks": {"main": SONNET}, "model": f"turnout/{OPUS}"},
        "pin",
        "pinned_model",
        OPUS_AT,
    ),
    "a lock whose model cannot serve": (
        STRONG_OPUS,
        {"locks": {"main": BLIND}, "needs": Needs(tools=True)},
        "stay",
        "free_window_new_thread",
        OPUS_AT,
    ),
    "titles by a lock": (
        STRONG_OPUS,
        {"locks": {"auxiliary": HAIKU}, "kind": "title", "request_class": "auxiliary"},
        "switch",
        "locked_class",
        HAIKU_AT,
    ),
    "a title is about no task": (
        STRONG_OPUS,
        {"locks": {"bug_fix": HAIKU}, "kind": "title", "request_class": "auxiliary"},
        "passthrough",
        "auxiliary_request",
        OPUS_AT,
    ),
    "a safety classifier by no lock": (
        STRONG_OPUS,
        {"locks": {"auxiliary": HAIKU}, "kind": "classification", "request_class": "auxiliary"},
        "passthrough",
        "auxiliary_request",
        OPUS_AT,
    ),
    # How far arm and mode go.
    "the control arm": (STRONG_HAIKU, {"arm": "control"}, "passthrough", "control_arm", OPUS_AT),
    "the control arm and a lock": (
        STRONG_HAIKU,
        {"arm": "control", "locks": {"main": SONNET}},
        "passthrough",
        "control_arm",
        OPUS_AT,
    ),
    "auto in the control arm": (
        STRONG_HAIKU,
        {"arm": "control", "model": "turnout/auto"},
        "passthrough",
        "control_arm",
        OPUS_AT,
    ),
    "the treatment arm": (
        STRONG_HAIKU,
        {"arm": "treatment"},
        "switch",
        "free_window_new_thread",
        HAIKU_AT,
    ),
    "cache mode": (STRONG_HAIKU, {"mode": "cache"}, "passthrough", "cache_mode", OPUS_AT),
    "a main thread in subagents mode": (
        STRONG_HAIKU,
        {"mode": "subagents"},
        "passthrough",
        "subagents_mode",
        OPUS_AT,
    ),
    "a subagent in subagents mode": (
        STRONG_HAIKU,
        {"mode": "subagents", "is_subagent": True, "request_class": "subagent"},
        "switch",
        "free_window_new_thread",
        HAIKU_AT,
    ),
    # What success is worth.
    "nothing": (
        STRONG_OPUS,
        {"value_usd": 0.0},
        "switch",
        "free_window_new_thread",
        BLIND_AT,
    ),
    "more than anything costs": (
        PlainTables(qualities={OPUS: (0.52, 0.0), SONNET: (0.51, 0.0)}),
        {"value_usd": 1e9},
        "stay",
        "free_window_new_thread",
        OPUS_AT,
    ),
    # Who has refused the thread before.
    "a refusal is not asked for again": (
        STRONG_HAIKU,
        {"state": structs.replace(running(OPUS_AT), refused=(HAIKU_AT,)), "candidates": (HAIKU,)},
        "stay",
        "only_eligible_target",
        OPUS_AT,
    ),
    "a warm incumbent that has refused is left": (
        STRONG_HAIKU,
        {
            "model": "turnout/auto",
            "state": structs.replace(running(HAIKU_AT, warm=29_000), refused=(HAIKU_AT,)),
            "candidates": (HAIKU,),
        },
        "switch",
        "only_eligible_target",
        OPUS_AT,
    ),
    "who has refused may be asked for by name": (
        STRONG_HAIKU,
        {"model": HAIKU, "state": structs.replace(running(OPUS_AT), refused=(HAIKU_AT,))},
        "switch",
        "free_window_cold_cache",
        HAIKU_AT,
    ),
    "who has refused is asked where nobody else is left": (
        STRONG_HAIKU,
        {
            "model": "turnout/auto",
            "state": structs.replace(running(OPUS_AT), refused=(HAIKU_AT, OPUS_AT)),
            "candidates": (HAIKU,),
        },
        "switch",
        "free_window_cold_cache",
        HAIKU_AT,
    ),
    # Whom there is a key for.
    "no key for what was asked for": (
        STRONG_HAIKU,
        {"access": KEYS_BUT_ANTHROPIC, "needs": Needs(tools=True)},
        "switch",
        "no_eligible_requested_target",
        MINI_AT,
    ),
    "auto without a key for the baseline, in observe mode": (
        STRONG_HAIKU,
        {
            "access": KEYS_BUT_ANTHROPIC,
            "model": "turnout/auto",
            "mode": "observe",
            "needs": Needs(tools=True),
            "candidates": (MINI,),
        },
        "switch",
        "no_eligible_requested_target",
        MINI_AT,
    ),
    "auto in observe mode stays where it is warm": (
        replace(STRONG_HAIKU, qualities={GPT: (0.6, 0.0)}),
        {
            "access": KEYS_BUT_ANTHROPIC,
            "model": "turnout/auto",
            "mode": "observe",
            "state": running(BLIND_AT, warm=29_000),
        },
        "stay",
        "warm_incumbent",
        BLIND_AT,
    ),
    # Modes.
    "observe": (STRONG_HAIKU, {"mode": "observe"}, "passthrough", "observe_mode", OPUS_AT),
    "observe with a warm incumbent elsewhere": (
        STRONG_HAIKU,
        {"mode": "observe", "state": running(HAIKU_AT, warm=29_000)},
        "passthrough",
        "observe_mode",
        OPUS_AT,
    ),
    "auto in observe mode is the baseline": (
        STRONG_HAIKU,
        {"mode": "observe", "model": "turnout/auto"},
        "passthrough",
        "observe_mode",
        OPUS_AT,
    ),
    # Warm incumbents.
    "a warm incumbent stays": (
        EQUALS,
        {"prompt": 100_000, "state": running(OPUS_AT, warm=99_000), "candidates": ANTHROPIC},
        "stay",
        "warm_incumbent",
        OPUS_AT,
    ),
    "a warm incumbent is left even for one request where a cold prompt costs less": (
        EQUALS,
        {"prompt": 100_000, "state": running(OPUS_AT, warm=99_000)},
        "switch",
        "gain_exceeds_break_even",
        BLIND_AT,
    ),
    "a warm incumbent that is not what was asked for stays": (
        replace(EQUALS, qualities={OPUS: (0.51, 0.0)}),
        {
            "prompt": 100_000,
            "state": running(SONNET_AT, warm=99_000),
            "candidates": ANTHROPIC,
        },
        "stay",
        "warm_incumbent",
        SONNET_AT,
    ),
    "a warm incumbent is left for a gain that pays": (
        STRONG_HAIKU,
        {"prompt": 100_000, "state": running(OPUS_AT, warm=99_000)},
        "switch",
        "gain_exceeds_break_even",
        HAIKU_AT,
    ),
    "a gain within the margin does not pay": (
        STRONG_HAIKU,
        {"prompt": 100_000, "state": running(OPUS_AT, warm=99_000), "margin": 1_000.0},
        "stay",
        "warm_incumbent",
        OPUS_AT,
    ),
    "an incumbent above the ceiling is none": (
        STRONG_OPUS,
        {"model": HAIKU, "candidates": (OPUS,), "state": running(OPUS_AT, warm=29_000)},
        "switch",
        "only_eligible_target",
        HAIKU_AT,
    ),
    "an incumbent without a key is none": (
        STRONG_OPUS,
        {"access": (ANTHROPIC_ENV,), "state": running(GPT_AT, warm=29_000)},
        "switch",
        "free_window_cold_cache",
        OPUS_AT,
    ),
    "an incumbent that cannot serve this request is none": (
        STRONG_OPUS,
        {"needs": Needs(images=True), "state": running(BLIND_AT, warm=29_000)},
        "switch",
        "free_window_cold_cache",
        OPUS_AT,
    ),
    # Free windows.
    "a new thread stays with what is worth its price": (
        STRONG_OPUS,
        {},
        "stay",
        "free_window_new_thread",
        OPUS_AT,
    ),
    "a new thread switches": (
        STRONG_HAIKU,
        {},
        "switch",
        "free_window_new_thread",
        HAIKU_AT,
    ),
    "a new subagent": (
        STRONG_HAIKU,
        {"kind": "subagent_start", "is_subagent": True, "request_class": "subagent"},
        "switch",
        "free_window_new_thread",
        HAIKU_AT,
    ),
    "a cold cache": (
        STRONG_HAIKU,
        {"state": running(OPUS_AT)},
        "switch",
        "free_window_cold_cache",
        HAIKU_AT,
    ),
    "a cache that has just expired": (
        STRONG_HAIKU,
        {"state": running(OPUS_AT, warm=29_000, left=0.0)},
        "switch",
        "free_window_cold_cache",
        HAIKU_AT,
    ),
    "a cache with little of the prompt": (
        STRONG_HAIKU,
        {"prompt": 100_000, "state": running(OPUS_AT, warm=19_000), "margin": 1_000.0},
        "switch",
        "free_window_cold_cache",
        HAIKU_AT,
    ),
    "a cold cache at the best there is": (
        STRONG_HAIKU,
        {"state": running(HAIKU_AT)},
        "stay",
        "free_window_cold_cache",
        HAIKU_AT,
    ),
    "the request that compacts": (
        STRONG_HAIKU,
        {"kind": "compaction", "state": running(OPUS_AT, warm=29_000), "margin": 1_000.0},
        "switch",
        "free_window_compaction",
        HAIKU_AT,
    ),
    "the request that compacts reads what is warm": (
        EQUALS,
        {
            "kind": "compaction",
            "prompt": 150_000,
            "state": running(SONNET_AT, warm=149_000),
            "candidates": ANTHROPIC,
        },
        "stay",
        "free_window_compaction",
        SONNET_AT,
    ),
    "the first request after a compaction": (
        STRONG_HAIKU,
        {"state": running(OPUS_AT, warm=29_000, kept=EPOCH_SHARE - 0.01), "margin": 1_000.0},
        "switch",
        "free_window_compaction",
        HAIKU_AT,
    ),
    "a prompt that is shorter in the incumbent's tokens is warm by those": (
        EQUALS,
        {"prompt": 100_000, "state": running(MINI_AT, warm=14_000), "margin": 1_000.0},
        "stay",
        "warm_incumbent",
        MINI_AT,
    ),
    "an edit of the newest messages is no compaction": (
        EQUALS,
        {
            "prompt": 100_000,
            "state": running(OPUS_AT, warm=95_000, kept=EPOCH_SHARE),
            "candidates": ANTHROPIC,
        },
        "stay",
        "warm_incumbent",
        OPUS_AT,
    ),
    "only one model can": (
        STRONG_HAIKU,
        {"access": (ANTHROPIC_ENV, ANTHROPIC_CLIENT), "candidates": ()},
        "stay",
        "only_eligible_target",
        OPUS_AT,
    ),
    # Requests beside the thread.
    "a title": (
        STRONG_HAIKU,
        {"kind": "title", "request_class": "auxiliary"},
        "passthrough",
        "auxiliary_request",
        OPUS_AT,
    ),
    "an auxiliary request of any step": (
        STRONG_HAIKU,
        {"request_class": "auxiliary"},
        "passthrough",
        "auxiliary_request",
        OPUS_AT,
    ),
    "a title that nobody asked for can serve goes to the cheapest": (
        replace(STRONG_HAIKU, qualities={GPT: (0.99, 0.0)}, steps=1.0),
        {
            "kind": "title",
            "request_class": "auxiliary",
            "access": KEYS_BUT_ANTHROPIC,
            "model": "turnout/auto",
        },
        "switch",
        "no_eligible_requested_target",
        BLIND_AT,
    ),
    # What is missing.
    "the tracker is missing": (
        STRONG_HAIKU,
        {"degraded": ("tracker",)},
        "passthrough",
        "tracker_unavailable",
        OPUS_AT,
    ),
    "the tracker is missing and so is the key": (
        STRONG_HAIKU,
        {"degraded": ("tracker",), "access": KEYS_BUT_ANTHROPIC},
        "switch",
        "no_eligible_requested_target",
        BLIND_AT,
    ),
    "the text is missing": (
        STRONG_HAIKU,
        {"degraded": ("text",), "text": TextSignal(skipped="late")},
        "switch",
        "free_window_new_thread",
        HAIKU_AT,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_decides(case: Case) -> None:
    tables, given, action, reason, target = case
    decision = decided(tables, **given)
    assert (decision.action, decision.reason, decision.targets[0]) == (action, reason, target)


@pytest.mark.parametrize("kind", sorted(UNQUESTIONED))
@pytest.mark.parametrize("mode", ["observe", "full"])
def test_requests_beside_the_thread_are_served_as_asked(kind: StepKind, mode: str) -> None:
    decision = decided(STRONG_HAIKU, kind=kind, mode="full" if mode == "full" else "observe")
    assert (decision.action, decision.reason) == ("passthrough", "auxiliary_request")
    assert decision.model == OPUS


def test_a_title_of_a_warm_thread_does_not_move_to_its_model() -> None:
    state = running(SONNET_AT, warm=29_000)
    assert decided(kind="title", model=HAIKU, state=state).targets[0] == HAIKU_AT


def test_observe_mode_says_what_full_mode_would_do() -> None:
    full = decided(STRONG_HAIKU)
    observed = decided(STRONG_HAIKU, mode="observe")
    assert observed.proposal == full.targets[0] == full.proposal == HAIKU_AT
    assert observed.candidates == full.candidates


def test_a_break_even_is_a_matter_of_steps() -> None:
    """Leaving a warm Opus for an equal Sonnet at 100k tokens pays after about 13 calls, and the
    margin asks for some more.
    """
    state = running(OPUS_AT, warm=100_000)

    def serves(steps: float, margin: float) -> str:
        return decided(
            PlainTables(steps=steps, growth=700.0, share=1.0),
            prompt=100_000,
            state=state,
            candidates=(SONNET,),
            margin=margin,
        ).model

    assert [serves(steps, 0.0) for steps in (5.0, 10.0, 20.0)] == [OPUS, OPUS, SONNET]
    assert [serves(steps, 0.5) for steps in (15.0, 30.0)] == [OPUS, SONNET]


def test_the_decision_carries_what_it_was_made_with() -> None:
    decision = decided(STRONG_HAIKU, degraded=("text",), model="turnout/auto")
    assert decision.requested_model == "turnout/auto"
    assert decision.baseline_model == OPUS
    assert decision.horizon_steps == STRONG_HAIKU.steps
    assert decision.propensity == 1.0
    assert decision.degraded == ("text",)
    assert decision.artifact_digest == STRONG_HAIKU.digest
    assert decision.catalog_digest == CATALOG.digest
    assert (decision.model, decision.provider) == (HAIKU, "anthropic")


def test_an_alias_is_told_as_the_model() -> None:
    decision = decided(model=f"{OPUS}-20260101")
    assert decision.requested_model == decision.baseline_model == OPUS


# Fallbacks.

BOTH = (ANTHROPIC_CLIENT, ANTHROPIC_ENV, OPENAI_ENV, DEEPSEEK_ENV)
OWN = f"anthropic/{OPUS}@client"


@pytest.mark.parametrize(
    ("given", "fallbacks"),
    [
        # Observe and a pin: the same model by the other credential, nothing else.
        ({"mode": "observe"}, (OPUS_AT,)),
        ({"mode": "observe", "model": "turnout/auto"}, (OPUS_AT,)),
        ({"model": f"turnout/{OPUS}"}, (OPUS_AT,)),
        ({"mode": "observe", "access": (ANTHROPIC_ENV,)}, ()),
        ({"model": "claude-fable-12"}, ("anthropic/claude-fable-12@env",)),
        # Full: what was asked for, the chosen model by the other credential, then by score.
        ({}, (OWN, OPUS_AT, HAIKU_AT)),
        # Passing through: the rest by score, or by price where quality is no argument.
        ({"degraded": ("tracker",)}, (OPUS_AT, f"anthropic/{HAIKU}@client", HAIKU_AT)),
        ({"kind": "title"}, (OPUS_AT, BLIND_AT, MINI_AT)),
        # A safety classifier's answer is read by its first word: no other model ever gives it.
        ({"kind": "classification"}, (OPUS_AT,)),
        ({"kind": "classification", "access": (ANTHROPIC_ENV, OPENAI_ENV)}, ()),
    ],
)
def test_who_is_tried_next(given: Difference, fallbacks: tuple[str, ...]) -> None:
    whole: Difference = {"access": BOTH, **given}
    decision = decided(STRONG_HAIKU, **whole)
    assert decision.targets[1:] == fallbacks


def test_the_same_model_by_another_key_is_tried_no_sooner_than_a_better_one() -> None:
    thread = running(HAIKU_AT, warm=60_000, steps=5, kept=1.0)
    decision = decided(PlainTables(), access=BOTH, prompt=60_000, margin=100.0, state=thread)
    assert decision.targets == (HAIKU_AT, OWN, OPUS_AT, BLIND_AT)


def test_fallbacks_of_auto_in_observe_mode_without_the_baseline_keep_to_the_model() -> None:
    decision = decided(
        model="turnout/auto",
        mode="observe",
        access=(Access("openai", "client"), OPENAI_ENV, DEEPSEEK_ENV),
        candidates=(MINI, BLIND),
        needs=Needs(tools=True),
    )
    assert decision.targets == (f"openai/{MINI}@client", MINI_AT)


def test_default_candidates_are_none() -> None:
    """A library user who names no candidates gets what was asked for, never a surprise."""
    inputs = structs.replace(scene(), settings=RoutingSettings(baseline_model=OPUS))
    assert decide(inputs, catalog=CATALOG, tables=STRONG_HAIKU).targets == (OPUS_AT,)
