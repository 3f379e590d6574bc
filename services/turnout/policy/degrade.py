"""The decision when the scorer cannot be asked: the thread's last target, else what was asked for.

The same words and the same refusals as the full policy, without arithmetic: no candidate is named,
because none was compared. Pure.
"""

from collections.abc import Sequence

from turnout.catalog.catalog import Catalog
from turnout.policy.decision import Access, Action, Decision, RoutingSettings
from turnout.policy.modes import may_choose_model
from turnout.policy.request import Features, Identity, Mode
from turnout.policy.switch import FALLBACKS, NEVER_ELSEWHERE, UNQUESTIONED
from turnout.policy.targets import (
    BOUND,
    Asked,
    Option,
    all_options,
    asked_for,
    nobody_can,
    unpriced_targets,
)


def decide_without_scorer(
    features: Features,
    *,
    access: Sequence[Access],
    mode: Mode,
    identity: Identity,
    last_target: str,
    catalog: Catalog,
    settings: RoutingSettings,
) -> Decision:
    """Raises what `decide` raises when nobody can serve the request.

    `last_target` is who served the thread before, "" when that is not known. It serves again where
    the mode lets us choose and it still can (capabilities, ceiling, credential); elsewhere, and for
    requests beside the thread, nothing but the model asked for is served.
    """
    asked = asked_for(features.requested_model, catalog, settings)
    if asked.model is None:
        targets = unpriced_targets(asked, access)
        if not targets:
            raise nobody_can((), asked, features)
        return _decision(asked, targets, features, catalog, last_target="")
    seen = all_options(asked, access=access, catalog=catalog, features=features, settings=settings)
    able = [option for option in seen if not option.lacks]
    requested = [option for option in able if option.model.origin == asked.model.origin]
    last = [option for option in able if option.target == last_target]
    others = _nearest(able, asked)
    if features.step_kind in UNQUESTIONED:
        last = []
    is_free = may_choose_model(mode, identity)
    if asked.freedom == "free" and not is_free and not requested:
        first = (last or others)[:1]
        order = [*first, *(one for one in able if first and one.model.id == first[0].model.id)]
    elif (
        not is_free
        or asked.freedom in BOUND
        or (requested and features.step_kind == NEVER_ELSEWHERE)
    ):
        order = requested
    else:
        order = [*last, *requested, *others]
    if not order:
        may_choose = is_free or asked.freedom == "free"
        considered = [one for one in seen if may_choose or one.model.origin == asked.model.origin]
        raise nobody_can(considered, asked, features)
    unique = tuple(dict.fromkeys(option.target for option in order))
    return _decision(asked, unique[: FALLBACKS + 1], features, catalog, last_target=last_target)


def _nearest(able: Sequence[Option], asked: Asked) -> list[Option]:
    """Those with a price, nearest first to the output price of what was asked for: without
    arithmetic, the price is the best guess at a model of the same strength.
    """
    wanted = (None if asked.model is None else asked.model.prices.output) or 0.0
    priced = [
        (abs(option.model.prices.output - wanted), option)
        for option in able
        if option.model.prices.output is not None
    ]
    return [option for _, option in sorted(priced, key=lambda pair: pair[0])]


def _decision(
    asked: Asked,
    targets: tuple[str, ...],
    features: Features,
    catalog: Catalog,
    *,
    last_target: str,
) -> Decision:
    provider, _, rest = targets[0].partition("/")
    model = rest.rpartition("@")[0]
    return Decision(
        action=_action(asked, model, is_last=targets[0] == last_target),
        reason="scorer_unavailable",
        targets=targets,
        model=model,
        provider=provider,
        requested_model=features.requested_model if asked.freedom == "free" else asked.name,
        baseline_model=asked.name,
        proposal=targets[0],
        horizon_steps=1.0,
        propensity=1.0,
        degraded=("scorer",),
        artifact_digest="",
        catalog_digest=catalog.digest,
    )


def _action(asked: Asked, model: str, *, is_last: bool) -> Action:
    if asked.freedom == "pinned":
        return "pin"
    if model != asked.name:
        return "stay" if is_last else "switch"
    return "stay" if is_last else "passthrough"
