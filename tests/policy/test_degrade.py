"""The decision without the scorer: whom the thread had, else what was asked for, else the nearest."""

import pytest
from msgspec.structs import replace

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
    Difference,
    decided,
    scene,
)
from turnout.capabilities import Needs
from turnout.errors import ContextTooLong, TurnoutError, UnknownModel, Unsupported
from turnout.policy.decision import Action, Decision
from turnout.policy.degrade import decide_without_scorer
from turnout.policy.request import StepKind
from turnout.policy.switch import FALLBACKS, UNQUESTIONED

OPUS_AT, SONNET_AT, HAIKU_AT = (f"anthropic/{name}@env" for name in (OPUS, SONNET, HAIKU))
GPT_AT, MINI_AT, BLIND_AT = f"openai/{GPT}@env", f"openai/{MINI}@env", f"deepseek/{BLIND}@env"
KEYS_BUT_ANTHROPIC = (OPENAI_ENV, DEEPSEEK_ENV)


def degraded(given: Difference, last_target: str = "") -> Decision:
    inputs = scene(**given)
    return decide_without_scorer(
        inputs.features,
        access=inputs.access,
        mode=inputs.mode,
        identity=inputs.identity,
        last_target=last_target,
        catalog=CATALOG,
        settings=inputs.settings,
    )


@pytest.mark.parametrize(
    ("given", "last", "action", "target"),
    [
        ({}, "", "passthrough", OPUS_AT),
        ({}, SONNET_AT, "stay", SONNET_AT),
        ({}, OPUS_AT, "stay", OPUS_AT),
        ({"model": "turnout/auto"}, GPT_AT, "stay", GPT_AT),
        ({"model": "turnout/auto"}, "", "passthrough", OPUS_AT),
        ({"model": f"turnout/{OPUS}"}, SONNET_AT, "pin", OPUS_AT),
        ({"model": SECRET}, "", "passthrough", f"openai/{SECRET}@env"),
        ({"model": "claude-fable-12"}, SONNET_AT, "passthrough", "anthropic/claude-fable-12@env"),
        # The control arm is served as asked, and so is all that the mode does not reach.
        ({"arm": "control"}, SONNET_AT, "passthrough", OPUS_AT),
        ({"arm": "treatment"}, SONNET_AT, "stay", SONNET_AT),
        ({"mode": "cache"}, SONNET_AT, "passthrough", OPUS_AT),
        ({"mode": "subagents"}, SONNET_AT, "passthrough", OPUS_AT),
        ({"mode": "subagents", "is_subagent": True}, SONNET_AT, "stay", SONNET_AT),
        ({"named": "honour"}, SONNET_AT, "passthrough", OPUS_AT),
        # Observe mode serves what was asked for.
        ({"mode": "observe"}, SONNET_AT, "passthrough", OPUS_AT),
        ({"mode": "observe", "model": "turnout/auto"}, SONNET_AT, "passthrough", OPUS_AT),
        # The last target must still be able and allowed to serve.
        ({"model": HAIKU}, OPUS_AT, "passthrough", HAIKU_AT),
        ({"prompt": 300_000}, HAIKU_AT, "passthrough", OPUS_AT),
        ({"needs": Needs(images=True)}, BLIND_AT, "passthrough", OPUS_AT),
        ({"access": (ANTHROPIC_ENV,)}, MINI_AT, "passthrough", OPUS_AT),
        ({"access": (ANTHROPIC_CLIENT,)}, SONNET_AT, "passthrough", f"anthropic/{OPUS}@client"),
        ({"candidates": ()}, SONNET_AT, "passthrough", OPUS_AT),
        # No key for what was asked for: the nearest price that may be chosen.
        ({"access": KEYS_BUT_ANTHROPIC}, "", "switch", MINI_AT),
        ({"access": KEYS_BUT_ANTHROPIC, "model": "turnout/auto"}, "", "switch", GPT_AT),
        (
            {"access": KEYS_BUT_ANTHROPIC, "model": "turnout/auto", "mode": "observe"},
            "",
            "switch",
            GPT_AT,
        ),
        (
            {"access": KEYS_BUT_ANTHROPIC, "model": "turnout/auto", "mode": "observe"},
            MINI_AT,
            "stay",
            MINI_AT,
        ),
    ],
)
def test_decides(given: Difference, last: str, action: Action, target: str) -> None:
    decision = degraded(given, last)
    assert (decision.action, decision.targets[0]) == (action, target)
    assert decision.reason == "scorer_unavailable"
    assert decision.degraded == ("scorer",)
    assert decision.proposal == target
    assert f"{decision.provider}/{decision.model}@" in target
    # Nothing was compared, so no figures are made up.
    assert decision.candidates == ()
    assert decision.artifact_digest == ""


@pytest.mark.parametrize("kind", sorted(UNQUESTIONED))
def test_requests_beside_the_thread_do_not_go_where_it_went(kind: StepKind) -> None:
    assert degraded({"kind": kind, "model": SONNET}, HAIKU_AT).model == SONNET


@pytest.mark.parametrize(
    ("given", "targets"),
    [
        ({"mode": "observe"}, (OPUS_AT,)),
        ({"model": f"turnout/{OPUS}"}, (OPUS_AT,)),
        ({}, (OPUS_AT, SONNET_AT, HAIKU_AT, MINI_AT)),
        ({"kind": "classification"}, (OPUS_AT,)),
        (
            {"mode": "observe", "access": (ANTHROPIC_CLIENT, ANTHROPIC_ENV, OPENAI_ENV)},
            (f"anthropic/{OPUS}@client", OPUS_AT),
        ),
        (
            {"mode": "observe", "model": "turnout/auto", "access": KEYS_BUT_ANTHROPIC},
            (GPT_AT,),
        ),
    ],
)
def test_who_is_tried_next(given: Difference, targets: tuple[str, ...]) -> None:
    decision = degraded(given)
    assert decision.targets == targets
    assert len(decision.targets) <= FALLBACKS + 1


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"model": "llama-70b"}, UnknownModel),
        ({"prompt": 2_500_000}, ContextTooLong),
        ({"prompt": 1_250_002, "mode": "observe"}, ContextTooLong),
        ({"access": ()}, Unsupported),
        ({"access": (), "model": "claude-fable-12"}, Unsupported),
        ({"access": KEYS_BUT_ANTHROPIC, "mode": "observe"}, Unsupported),
        ({"model": f"turnout/{BLIND}", "needs": Needs(images=True)}, Unsupported),
    ],
)
def test_refuses_as_the_full_policy_does(given: Difference, kind: type[TurnoutError]) -> None:
    with pytest.raises(kind) as ours:
        degraded(given)
    with pytest.raises(kind) as full:
        decided(**given)
    assert ours.value.message == full.value.message


def test_names_what_was_asked_for() -> None:
    auto = degraded({"model": "turnout/auto"}, SONNET_AT)
    assert (auto.requested_model, auto.baseline_model) == ("turnout/auto", OPUS)
    dated = degraded({"model": f"{OPUS}-20260101"})
    assert (dated.requested_model, dated.baseline_model) == (OPUS, OPUS)


def test_a_candidate_without_a_price_is_never_chosen() -> None:
    settings = replace(scene().settings, candidates=(SECRET,))
    with pytest.raises(Unsupported):
        decide_without_scorer(
            scene(model="turnout/auto").features,
            access=(OPENAI_ENV,),
            mode="full",
            identity=scene().identity,
            last_target="",
            catalog=CATALOG,
            settings=settings,
        )
