"""The decision when the scorer cannot be asked: the thread's last target, else what was asked for.

The same words and the same refusals as the full policy, without arithmetic. Pure.
"""

from collections.abc import Sequence

from turnout.catalog.catalog import Catalog
from turnout.policy.decision import Access, Candidate, Decision, RoutingSettings
from turnout.policy.request import Features, Mode
from turnout.policy.targets import asked_for, nobody_can, options


def decide_without_scorer(
    features: Features,
    *,
    access: Sequence[Access],
    mode: Mode,
    last_target: str,
    catalog: Catalog,
    settings: RoutingSettings,
) -> Decision:
    """Raises what `decide` raises when nobody can serve the request.

    `last_target` is who served the thread before, "" when that is not known; it is used in full
    mode only, as in observe mode nothing but the requested model is served.
    """
    asked = asked_for(features.requested_model, catalog, settings)
    if asked.model is None:
        targets = [
            f"{asked.provider}/{asked.name}@{way.credential}"
            for way in access
            if way.provider == asked.provider
        ]
        seen = []
    else:
        seen = options(asked.model, access=access, catalog=catalog, features=features)
        targets = [option.target.id for option in seen if not option.lacks]
    candidates = tuple(
        Candidate(
            target=option.target.id,
            model=option.model.id,
            provider=option.model.provider,
            lacks=option.lacks,
            warm_tokens=0.0,
            cost_now_usd=None,
            cost_to_go_usd=None,
            quality=0.0,
            quality_sd=0.0,
            score=None,
        )
        for option in seen
    )
    if mode == "full" and last_target and asked.freedom in ("free", "ceiling"):
        targets = [last_target, *(name for name in targets if name != last_target)]
    if not targets:
        raise nobody_can(seen, asked, features)
    provider, _, rest = targets[0].partition("/")
    return Decision(
        action="stay" if targets[0] == last_target else "passthrough",
        reason="scorer_unavailable",
        targets=tuple(targets),
        model=rest.rpartition("@")[0],
        provider=provider,
        requested_model=features.requested_model if asked.freedom == "free" else asked.name,
        baseline_model=asked.name,
        proposal=targets[0],
        horizon_steps=1.0,
        propensity=1.0,
        degraded=("scorer",),
        artifact_digest="",
        catalog_digest=catalog.digest,
        candidates=candidates,
    )
