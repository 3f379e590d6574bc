"""What a tenant's own sessions add to the chances of success that benchmarks tell.

Rules of this module: pure; own tasks are as hard as they are, so of an own result only its distance to those of
the other models counts: a model without another to stand beside teaches nothing. How hard own tasks are is
taken from the other models alone, so that no result is counted for itself.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from turnout.learn.abilities import logit
from turnout.learn.success import Outcome, shares_of, variance_of_share
from turnout.policy.artifact import Ability, Estimate, KindScale
from turnout.policy.chance import logistic
from turnout.policy.request import TASK_KINDS, TaskKind

_LEAST_SD: Final = 5e-5
"""What artifacts round to nothing."""


def with_own(
    table: Mapping[TaskKind, Mapping[str, Estimate]],
    *,
    scales: Mapping[TaskKind, KindScale],
    abilities: Mapping[str, Ability],
    outcomes: Sequence[Outcome],
) -> dict[TaskKind, dict[str, Estimate]]:
    """The table with the tenant's own `outcomes` in it; models of which no ability is known are left out."""
    told: dict[TaskKind, dict[str, Estimate]] = {kind: dict(one) for kind, one in table.items()}
    for kind in TASK_KINDS:
        shares = {m: one for m, one in shares_of(outcomes, kind).items() if m in abilities}
        if len(shares) < 2:
            continue
        priors = {
            model: _prior(told.get(kind, {}).get(model), abilities[model], scales[kind])
            for model in shares
        }
        for model, (share, items) in shares.items():
            others = [
                (
                    logit(shares[other][0]) - priors[other][0],
                    variance_of_share(*shares[other]) + priors[other][1],
                )
                for other in shares
                if other != model
            ]
            level, level_variance = _pooled(others)
            mean, variance = _pooled(
                [
                    priors[model],
                    (logit(share) - level, variance_of_share(share, items) + level_variance),
                ]
            )
            known = told.setdefault(kind, {}).get(model)
            told[kind][model] = _estimate(
                mean, variance, items=items + (known.items if known else 0)
            )
    return told


def _prior(known: Estimate | None, ability: Ability, scale: KindScale) -> tuple[float, float]:
    """Mean and variance of the logit before own results."""
    if known is None:
        return ability.mean + scale.easiness, ability.sd**2 + scale.sd**2
    mean = logit(known.mean)
    slope = logistic(mean) * (1.0 - logistic(mean))
    return mean, (max(known.sd, _LEAST_SD) / slope) ** 2


def _pooled(parts: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Mean and variance of independent tellings of one number, each by its precision."""
    precision = math.fsum(1.0 / variance for _, variance in parts)
    return math.fsum(mean / variance for mean, variance in parts) / precision, 1.0 / precision


def _estimate(mean: float, variance: float, *, items: int) -> Estimate:
    chance = logistic(mean)
    return Estimate(
        mean=round(chance, 4),
        sd=round(chance * (1.0 - chance) * math.sqrt(variance), 4),
        items=items,
    )
