"""Decide which target serves a request: stay, switch, pin or pass through, and say by which rule.

The order in which things are asked, first match decides:

    1. Is the model pinned (`turnout/<model>`)?                          pin
    2. Has the tenant locked a model for requests of this class?         stay or switch
    3. Is the name of a model to be honoured, or does the model asked
       for have no price, so that nothing can be compared with it?       passthrough
    4. Is this request worth choosing for (titles, classifications,
       probes and counts are not)?                                       passthrough
    5. Is the tracker's state missing? Without it nothing is switched.   passthrough
    6. Is the thread in trouble that a stronger model is worth its price
       for, or was it, and its cache is warm?                            escalate or stay
    7. Is there a warm incumbent? It is left only for a gain that pays
       for the move with margin.                                         stay or switch
    8. Else (new thread, cold cache, compaction, subagent start) the
       candidates compete on equal terms; now and then one is tried
       that may be the best. So they do where who served the thread is
       not to be asked now (policy/health.py).                           stay or switch
    9. Has the target that 7 or 8 choose broken off the thread's last
       answer? For this one request another one serves that is worth it
       (policy/break_off.py).                                            switch

What comes out is a proposal, the same in every mode and arm. In the control arm, and where the mode does
not go so far, what was asked for is served. Rules 3 to 5 serve it anyway. Where that is impossible (no key,
a window too small) and the mode or the name (`turnout/auto`) leaves us a choice, rules 6 to 9 find who serves
instead. Whatever fixes the model, of its targets the one that broke off the last answer comes last.

The function is pure: the same inputs give the same decision (RequestRouted holds them).
"""

from collections.abc import Set as AbstractSet
from typing import Final

import msgspec
from msgspec import structs

from turnout.catalog.catalog import Catalog
from turnout.catalog.models import Model
from turnout.policy.break_off import behind, elsewhere, names_of, stand_in
from turnout.policy.decision import (
    ESCALATING,
    Action,
    Candidate,
    Decision,
    DecisionInputs,
    Reason,
)
from turnout.policy.escalate import trouble_of
from turnout.policy.evidence import EscalationTable
from turnout.policy.explore import drawn
from turnout.policy.health import UNFIT, able, unfit_targets, without_unfit
from turnout.policy.incumbent import is_warm, pays
from turnout.policy.keep_warm import kept_warm
from turnout.policy.modes import bound_by, may_choose_model
from turnout.policy.prompt_terms import lifetime_to_write
from turnout.policy.rank import (
    Tables,
    by_target,
    candidates,
    cheapest_first,
    leeway_usd,
    outlook,
    ranked,
)
from turnout.policy.request import StepKind, TaskKind
from turnout.policy.targets import (
    AUTO,
    BOUND,
    PREFIX,
    Asked,
    all_options,
    asked_for,
    nobody_can,
    unpriced_targets,
    without_refusers,
)
from turnout.policy.thread import EPOCH_SHARE

FALLBACKS: Final = 3
"""Targets tried after the first; more only delays the error that the client must see."""

UNQUESTIONED: Final[frozenset[StepKind]] = frozenset(
    {"title", "classification", "probe", "token_count"}
)
"""Steps beside the thread, whose quality is no argument: served as asked."""

NEVER_ELSEWHERE: Final[StepKind] = "classification"
"""An answer that a harness reads by its first word. Claude Code asks so before a risky tool, and where
a chatty model answers it asks nine times more and refuses the tool: rather no answer, which it asks
for again, than another model's.
"""


_MAY_LACK: Final[frozenset[str]] = frozenset({"price", *UNFIT})
"""What a target of the model asked for may lack and still serve."""


class _Choice(msgspec.Struct, frozen=True, gc=False):
    action: Action
    reason: Reason
    target: str
    propensity: float = 1.0


class _Field(msgspec.Struct, frozen=True, gc=False):
    """Who can serve.

    Attributes:
        requested: targets of the model asked for that can, wherever it is served; its price may be unknown, and
            those that are not to be asked now come last.
        order: all that can and have a price, best first.
        locked: who can serve the model that the tenant has fixed for such requests.
        broken: names of the model whose answer broke off last.

    """

    asked: Asked
    asked_model: str
    requested: tuple[Candidate, ...]
    order: tuple[Candidate, ...]
    locked: tuple[Candidate, ...]
    broken: AbstractSet[str]


def decide(inputs: DecisionInputs, *, catalog: Catalog, tables: Tables) -> Decision:
    """The decision. Raises `UnknownModel`, `Unsupported` or `ContextTooLong` when nobody can
    serve the request.
    """
    features = inputs.features
    asked = asked_for(features.requested_model, catalog, inputs.settings)
    if asked.model is None:
        return _unpriced(inputs, asked, catalog=catalog, tables=tables)
    view = outlook(inputs, tables, asked=asked.model.id)
    is_pinned = asked.freedom == "pinned"
    locked = None if is_pinned else locked_model(inputs, view.task_kind, catalog)
    options = all_options(
        asked,
        access=inputs.access,
        catalog=catalog,
        features=features,
        settings=inputs.settings,
        locked=locked,
    )
    seen = without_refusers(options, asked, inputs.state.refused)
    compared = candidates(seen, inputs=inputs, view=view, catalog=catalog, tables=tables)
    if inputs.health:
        compared = without_unfit(compared, unfit_targets(inputs.health, now=inputs.now))
    same = {one.id for one in catalog.alike(asked.model)}
    field = _Field(
        asked=asked,
        asked_model=asked.model.id,
        requested=able(compared, same, _MAY_LACK, inputs),
        order=tuple((cheapest_first if _is_cheap(inputs) else ranked)(compared)),
        locked=able(compared, {locked.id}, UNFIT, inputs) if locked else (),
        broken=names_of(inputs.state.broke_off, catalog),
    )
    may_choose = _is_free(inputs) or asked.freedom == "free"
    if not field.requested and not (may_choose and field.order):
        considered = [one for one in seen if may_choose or one.model.id in same]
        raise nobody_can(considered, asked, features)
    proposed = _propose(inputs, field, tables.escalation)
    choice = _within_mode(inputs, proposed, field)
    chosen = by_target(compared)[choice.target]
    served = catalog.models[chosen.model]
    alike = {one.id for one in catalog.alike(served)}
    following = _fallbacks(choice, alike, inputs, field)
    return Decision(
        action=choice.action,
        reason=choice.reason,
        targets=(choice.target, *following),
        model=chosen.model,
        provider=chosen.provider,
        requested_model=features.requested_model if asked.freedom == "free" else asked.name,
        baseline_model=asked.name,
        proposal=proposed.target,
        horizon_steps=view.steps,
        propensity=choice.propensity,
        degraded=inputs.degraded,
        artifact_digest=tables.digest,
        catalog_digest=catalog.digest,
        candidates=tuple(compared),
        write_lifetime=lifetime_to_write(
            inputs, served, steps=view.steps, catalog=catalog, tables=tables
        ),
        task_kind=view.task_kind,
        keep_warm=kept_warm(inputs, served, steps=view.steps, catalog=catalog, tables=tables),
        second_usd=inputs.settings.second_usd,
        equivalents=tuple(
            one.target
            for one in compared
            if one.target in following and one.model in alike and one.model != served.id
        ),
    )


def text_matters(requested_model: str, step_kind: StepKind) -> bool:
    """Whether the text can change the decision: not for a pinned model, nor beside the thread, nor
    where it is a harness's order to compact.
    """
    is_pinned = requested_model.startswith(PREFIX) and requested_model != AUTO
    return not is_pinned and step_kind not in UNQUESTIONED and step_kind != "compaction"


def _propose(inputs: DecisionInputs, field: _Field, table: EscalationTable) -> _Choice:
    """What the policy would do if the mode let it."""
    if field.locked:
        fixed = field.locked[0]
        return _Choice(_moved(inputs, field, fixed), "locked_class", fixed.target)
    if field.requested:
        as_asked = _as_asked(inputs, field)
        if as_asked is not None:
            return as_asked
    trouble = trouble_of(
        inputs,
        field.order,
        table,
        asked_model=field.asked_model,
        is_warm=lambda incumbent: is_warm(inputs, incumbent),
    )
    if trouble is None:
        return _by_value(inputs, field)
    if trouble.target:
        taken = by_target(field.order)[trouble.target]
        if taken.target == inputs.state.broke_off:
            taken = elsewhere(taken, field.order, field.broken) or taken
        is_new = trouble.reason in ESCALATING
        action: Action = "escalate" if is_new else _moved(inputs, field, taken)
        return _Choice(action, trouble.reason, taken.target, trouble.propensity)
    usual = _by_value(inputs, field)
    return structs.replace(
        usual, reason=trouble.reason, propensity=trouble.propensity * usual.propensity
    )


def _by_value(inputs: DecisionInputs, field: _Field) -> _Choice:
    """Rules 7 to 9."""
    usual = _by_gain(inputs, field)
    if usual.target != inputs.state.broke_off:
        return usual
    broken = by_target(field.order)[usual.target]
    other = stand_in(broken, field.order, field.broken, inputs.settings)
    if other is None:
        return usual
    return _Choice(_moved(inputs, field, other), "broke_off", other.target)


def _by_gain(inputs: DecisionInputs, field: _Field) -> _Choice:
    """Rules 7 and 8."""
    order = field.order
    best = order[0]
    incumbent = by_target(order).get(inputs.state.target)
    if incumbent is not None and is_warm(inputs, incumbent):
        if best.target != incumbent.target and pays(inputs, best, incumbent):
            return _Choice("switch", "gain_exceeds_break_even", best.target)
        return _Choice("stay", "warm_incumbent", incumbent.target)
    if not field.requested:
        return _Choice(_moved(inputs, field, best), "no_eligible_requested_target", best.target)
    if all(one.model == best.model for one in order):
        return _Choice(_moved(inputs, field, best), "only_eligible_target", best.target)
    return _explored(inputs, field)


def _explored(inputs: DecisionInputs, field: _Field) -> _Choice:
    """The best at a free window, or one that may be."""
    settings = inputs.settings
    # A draw that rule 9 might undo would have another chance than the one that is recorded.
    is_certain = _is_unquestioned(inputs) or inputs.state.broke_off != ""
    found = drawn(
        field.order,
        leeway_usd=leeway_usd(settings),
        share=0.0 if is_certain else settings.exploration,
        draw=inputs.draw,
    )
    reason: Reason = "exploration" if found.is_explored else _window(inputs, field)
    action = _moved(inputs, field, found.candidate)
    return _Choice(action, reason, found.candidate.target, found.propensity)


def locked_model(inputs: DecisionInputs, task_kind: TaskKind, catalog: Catalog) -> Model | None:
    """The model that the tenant has fixed for requests of this class."""
    if inputs.features.step_kind == NEVER_ELSEWHERE:
        return None
    models = {one.applies_to: one.model for one in inputs.settings.locks}
    name = models.get(inputs.identity.request_class, "")
    if not name and not _is_unquestioned(inputs):
        # Requests beside the thread are about no task.
        name = models.get(task_kind, "")
    return catalog.resolve(name) if name else None


def _as_asked(inputs: DecisionInputs, field: _Field) -> _Choice | None:
    """The rules that serve what was asked for whatever else there is; None when none applies."""
    asked = field.requested[0]
    first = asked.target
    if field.asked.freedom == "pinned":
        return _Choice("pin", "pinned_model", first)
    if field.asked.freedom == "honoured":
        return _Choice("passthrough", "honoured_name", first)
    if "price" in asked.lacks and (field.asked.freedom != "free" or not field.order):
        return _Choice("passthrough", "unpriced_model", first)
    if _is_unquestioned(inputs):
        return _Choice("passthrough", "auxiliary_request", first)
    if "tracker" in inputs.degraded:
        return _Choice("passthrough", "tracker_unavailable", first)
    return None


def _is_free(inputs: DecisionInputs) -> bool:
    return may_choose_model(inputs.mode, inputs.identity)


def _is_unquestioned(inputs: DecisionInputs) -> bool:
    return inputs.identity.request_class == "auxiliary" or inputs.features.step_kind in UNQUESTIONED


def _is_cheap(inputs: DecisionInputs) -> bool:
    return _is_unquestioned(inputs) and inputs.features.step_kind != NEVER_ELSEWHERE


def _moved(inputs: DecisionInputs, field: _Field, best: Candidate) -> Action:
    """Staying is being served by the same target as the last time, or as asked when new."""
    if inputs.state.target:
        return "stay" if best.target == inputs.state.target else "switch"
    return "stay" if best.model == field.asked_model else "switch"


def _is_unfit_incumbent(inputs: DecisionInputs, field: _Field) -> bool:
    incumbent = inputs.state.target
    unfit = unfit_targets(inputs.health, now=inputs.now)
    return incumbent in unfit and incumbent not in by_target(field.order)


def _window(inputs: DecisionInputs, field: _Field) -> Reason:
    if inputs.features.step_kind == "compaction":
        return "free_window_compaction"
    if not inputs.state.steps:
        return "free_window_new_thread"
    if inputs.state.kept_share < EPOCH_SHARE:
        return "free_window_compaction"
    if inputs.health and _is_unfit_incumbent(inputs, field):
        return "unfit_incumbent"
    return "free_window_cold_cache"


def _within_mode(inputs: DecisionInputs, proposed: _Choice, field: _Field) -> _Choice:
    """What arm and mode allow: where they do not go so far, what was asked for is served, whatever was
    proposed.

    Only where the choice was left to us (`turnout/auto`) and the baseline cannot serve, the
    proposal stands.
    """
    if _is_free(inputs) or not field.requested or proposed.action in ("pin", "passthrough"):
        return proposed
    return _Choice("passthrough", bound_by(inputs.mode, inputs.identity), field.requested[0].target)


def _fallbacks(
    choice: _Choice, alike: AbstractSet[str], inputs: DecisionInputs, field: _Field
) -> tuple[str, ...]:
    """Who is tried next: the model asked for, then the others in their order; where mode or step allow no other
    model, the chosen one by another credential or elsewhere.
    """
    may_go_elsewhere = (
        _is_free(inputs)
        and field.asked.freedom not in BOUND
        and inputs.features.step_kind != NEVER_ELSEWHERE
    )
    others = [one for one in field.order if may_go_elsewhere or one.model in alike]
    names = [one.target for one in (*field.requested, *others)]
    unique = dict.fromkeys(name for name in names if name != choice.target)
    return tuple(unique)[:FALLBACKS]


def _unpriced(
    inputs: DecisionInputs, asked: Asked, *, catalog: Catalog, tables: Tables
) -> Decision:
    """A vendor's model that the catalog does not have: served as asked, at a cost we do not know."""
    targets = behind(unpriced_targets(asked, inputs.access), inputs.state.broke_off)
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
