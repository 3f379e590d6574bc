"""Decide which target serves a request: stay, switch, pin or pass through, and say by which rule.

The order in which things are asked, first match decides:

    1. Is the model pinned (`turnout/<model>`)?                          pin
    2. Is it a vendor's model that we have no price of?                  passthrough
    3. Does the mode let us choose, and is this request worth choosing
       for (titles, classifications, probes and counts are not)?         passthrough
    4. Is the tracker's state missing? Without it nothing is switched.   passthrough
    5. Is there a warm incumbent? It is left only for a gain that pays
       for the move with margin.                                         stay or switch
    6. Else (new thread, cold cache, compaction, subagent start) the
       candidates compete on equal terms.                                stay or switch

The function is pure: the same inputs give the same decision (RequestRouted holds them).
"""

from dataclasses import dataclass

from turnout.catalog.catalog import Catalog
from turnout.policy.decision import Action, Candidate, Decision, DecisionInputs, Reason
from turnout.policy.rank import Tables, by_target, candidate, outlook, ranked
from turnout.policy.targets import Asked, Option, asked_for, nobody_can, options

FALLBACKS = 3
"""Targets tried after the first; more only delays the error that the client must see."""

COLD_SHARE = 0.2
"""A prefix of which less than this share is expected warm is a cold one."""

EPOCH_SHARE = 0.5
"""When less of the last prompt than this is kept, the thread has been compacted."""

_UNQUESTIONED = frozenset({"title", "classification", "probe", "token_count"})


@dataclass(frozen=True, slots=True)
class _Choice:
    action: Action
    reason: Reason
    target: str


def decide(inputs: DecisionInputs, *, catalog: Catalog, tables: Tables) -> Decision:
    """The decision. Raises `UnknownModel`, `Unsupported` or `ContextTooLong` when nobody can
    serve the request.
    """
    features = inputs.features
    asked = asked_for(features.requested_model, catalog, inputs.settings)
    if asked.model is None:
        return _unpriced(inputs, asked, catalog=catalog, tables=tables)
    view = outlook(features, inputs.state, inputs.identity.harness, tables)
    seen = _options(inputs, asked, catalog)
    candidates = [
        candidate(
            option,
            features=features,
            state=inputs.state,
            text=inputs.text,
            view=view,
            settings=inputs.settings,
            catalog=catalog,
            tables=tables,
            now=inputs.now,
        )
        for option in seen
    ]
    usable = [one for one in candidates if not _refused(one, asked)]
    requested = [one.target for one in usable if one.model == asked.model.id]
    if not usable or not (requested or inputs.mode == "full" or asked.freedom == "free"):
        raise nobody_can(
            [option for option in seen if option.model.id == asked.model.id], asked, features
        )
    order = ranked(candidates)
    proposed = _propose(inputs, asked, order, requested)
    choice = _within_mode(inputs, proposed, requested, order)
    chosen = by_target(candidates)[choice.target]
    return Decision(
        action=choice.action,
        reason=choice.reason,
        targets=(choice.target, *_fallbacks(choice, inputs, requested, order)),
        model=chosen.model,
        provider=chosen.provider,
        requested_model=features.requested_model if asked.freedom == "free" else asked.name,
        baseline_model=asked.name,
        proposal=proposed.target,
        horizon_steps=view.steps,
        propensity=1.0,
        degraded=inputs.degraded,
        artifact_digest=tables.digest,
        catalog_digest=catalog.digest,
        candidates=tuple(candidates),
    )


def _options(inputs: DecisionInputs, asked: Asked, catalog: Catalog) -> list[Option]:
    """What was asked for, then what may be chosen instead."""
    assert asked.model is not None
    models = {asked.model.id: asked.model}
    if asked.freedom != "pinned":
        for name in inputs.settings.candidates:
            model = catalog.resolve(name)
            if model is not None:
                models.setdefault(model.id, model)
    ceiling = asked.model if asked.freedom == "ceiling" else None
    return [
        option
        for model in models.values()
        for option in options(
            model,
            access=inputs.access,
            catalog=catalog,
            features=inputs.features,
            ceiling=ceiling,
        )
    ]


def _refused(one: Candidate, asked: Asked) -> bool:
    """Nothing but an unknown price may be lacking, and that only in what was asked for."""
    assert asked.model is not None
    return bool(set(one.lacks) - {"price"}) or (
        "price" in one.lacks and one.model != asked.model.id
    )


def _propose(
    inputs: DecisionInputs, asked: Asked, order: list[Candidate], requested: list[str]
) -> _Choice:
    """What the policy would do if the mode let it."""
    if asked.freedom == "pinned":
        return _Choice("pin", "pinned_model", requested[0])
    if not order:
        return _Choice("passthrough", "only_eligible_target", requested[0])
    if _is_unquestioned(inputs) and requested:
        return _Choice("passthrough", "auxiliary_request", requested[0])
    if "tracker" in inputs.degraded and requested:
        return _Choice("passthrough", "tracker_unavailable", requested[0])
    incumbent = by_target(order).get(inputs.state.target)
    best = order[0]
    if incumbent is not None and _is_warm(inputs, incumbent):
        if best.target != incumbent.target and _pays(inputs, best, incumbent):
            return _Choice("switch", "gain_exceeds_break_even", best.target)
        return _Choice("stay", "warm_incumbent", incumbent.target)
    if len(order) == 1:
        return _Choice(_moved(inputs, best), "only_eligible_target", best.target)
    return _Choice(_moved(inputs, best), _window(inputs), best.target)


def _is_unquestioned(inputs: DecisionInputs) -> bool:
    return (
        inputs.identity.request_class == "auxiliary" or inputs.features.step_kind in _UNQUESTIONED
    )


def _is_warm(inputs: DecisionInputs, incumbent: Candidate) -> bool:
    if inputs.features.step_kind == "compaction" or inputs.state.kept_share < EPOCH_SHARE:
        return False
    prompt = max(1, inputs.features.needs.prompt_tokens_estimate)
    return incumbent.warm_tokens >= COLD_SHARE * prompt


def _pays(inputs: DecisionInputs, best: Candidate, incumbent: Candidate) -> bool:
    """The gain over the horizon exceeds the price of the move by the margin.

    Both scores hold the whole cost to go, the cold prompt at the new target included, so a
    positive difference is the break-even; the margin is a share of what the move costs now.
    """
    if best.score is None or incumbent.score is None:
        return False
    return best.score - incumbent.score > inputs.settings.switch_margin * (best.cost_now_usd or 0.0)


def _moved(inputs: DecisionInputs, best: Candidate) -> Action:
    """Staying is being served by the same target as the last time, or as asked when new."""
    if inputs.state.target:
        return "stay" if best.target == inputs.state.target else "switch"
    return "stay" if best.model == inputs.features.requested_model else "switch"


def _window(inputs: DecisionInputs) -> Reason:
    if inputs.features.step_kind == "compaction" or (
        inputs.state.steps and inputs.state.kept_share < EPOCH_SHARE
    ):
        return "free_window_compaction"
    if not inputs.state.steps:
        return "free_window_new_thread"
    return "free_window_cold_cache"


def _within_mode(
    inputs: DecisionInputs,
    proposed: _Choice,
    requested: list[str],
    order: list[Candidate],
) -> _Choice:
    """What the mode allows: in observe mode what was asked for is served, whatever was proposed.

    Only where the choice was left to us (`turnout/auto`) and the baseline cannot serve does the
    best candidate that can, and the reason says so.
    """
    if inputs.mode == "full" or proposed.action == "pin":
        return proposed
    if requested:
        reason: Reason = proposed.reason if proposed.action == "passthrough" else "observe_mode"
        return _Choice("passthrough", reason, requested[0])
    return _Choice("switch", "no_eligible_requested_target", order[0].target)


def _fallbacks(
    choice: _Choice, inputs: DecisionInputs, requested: list[str], order: list[Candidate]
) -> tuple[str, ...]:
    """Who is tried next: the asked-for model first, then, where the mode allows it, by score."""
    names = list(requested)
    if inputs.mode == "full" and choice.action != "pin":
        names += [one.target for one in order]
    unique = dict.fromkeys(name for name in names if name != choice.target)
    return tuple(unique)[:FALLBACKS]


def _unpriced(
    inputs: DecisionInputs, asked: Asked, *, catalog: Catalog, tables: Tables
) -> Decision:
    """A vendor's model that the catalog does not have: served as asked, at a cost we do not know."""
    targets = tuple(
        f"{asked.provider}/{asked.name}@{way.credential}"
        for way in inputs.access
        if way.provider == asked.provider
    )
    if not targets:
        raise nobody_can((), asked, inputs.features)
    return Decision(
        action="passthrough",
        reason="unpriced_model",
        targets=targets,
        model=asked.name,
        provider=asked.provider,
        requested_model=asked.name,
        baseline_model=asked.name,
        proposal=targets[0],
        horizon_steps=1.0,
        propensity=1.0,
        degraded=inputs.degraded,
        artifact_digest=tables.digest,
        catalog_digest=catalog.digest,
    )
