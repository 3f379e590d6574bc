"""One ability per model from many benchmarks, and a guess for models that no benchmark knows.

Rules of this module: pure numpy, closed form and fixed numbers of rounds, so that the same scores
give the same abilities.

    logit(score of m on b) = ability(m) + easiness(b) + noise(b)

with a normal prior on abilities. A benchmark that disagrees with the others gets more noise, so it
counts for less.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from turnout.learn.model_names import family, predecessor
from turnout.policy.artifact import Ability, PriceLine

ROUNDS = 30
"""Of re-estimating the variances; they settle within ten."""

SCORE_FLOOR = 0.02
"""Scores are kept this far from 0 and 1, where a logit says more than the benchmark does."""

NOISE_FLOOR = 0.05
"""Least variance of a benchmark's logit: every benchmark is only a proxy."""

FAMILY_DRIFT_SD = 0.4
"""Logit per generation between a model and the relative it is guessed from."""

EASINESS_PRIOR_VARIANCE = 100.0
"""Benchmarks may be as hard as they like."""


@dataclass(frozen=True, slots=True)
class Score:
    """`share` solved of `items`."""

    model: str
    benchmark: str
    share: float
    items: float


def logit(share: float) -> float:
    kept = min(max(share, SCORE_FLOOR), 1 - SCORE_FLOOR)
    return math.log(kept / (1 - kept))


def fit_abilities(scores: Sequence[Score]) -> dict[str, Ability]:
    """Abilities of all models with a score, centred on zero."""
    models = sorted({score.model for score in scores})
    benchmarks = sorted({score.benchmark for score in scores})
    rows = np.array([models.index(score.model) for score in scores])
    columns = np.array([benchmarks.index(score.benchmark) for score in scores])
    values = np.array([logit(score.share) for score in scores])
    sampling = np.array([_sampling_variance(score) for score in scores])
    noise = np.full(len(benchmarks), 0.25)
    spread = 1.0
    ability = np.zeros(len(models))
    variance = np.ones(len(models))
    for _ in range(ROUNDS):
        ability, easiness, variance = _solve(
            rows, columns, values, sampling + noise[columns], len(models), len(benchmarks), spread
        )
        shift = float(ability.mean())
        ability, easiness = ability - shift, easiness + shift
        residual = values - ability[rows] - easiness[columns]
        # The ability itself is uncertain, which the residual hides; its variance is added back.
        excess = residual**2 + variance[rows] - sampling
        for index in range(len(benchmarks)):
            noise[index] = max(NOISE_FLOOR, float(excess[columns == index].mean()))
        spread = float((ability**2 + variance).mean())
    counts = np.bincount(rows, minlength=len(models))
    return {
        model: Ability(
            mean=round(float(ability[index]), 4),
            sd=round(math.sqrt(float(variance[index])), 4),
            source="benchmarks",
            scores=int(counts[index]),
        )
        for index, model in enumerate(models)
    }


def population(abilities: Mapping[str, Ability]) -> Ability:
    """A model of which nothing is known: any of those with scores."""
    means = np.array([ability.mean for ability in abilities.values()])
    return Ability(
        mean=round(float(means.mean()), 4),
        sd=round(float(means.std()), 4),
        source="population",
        scores=0,
    )


def fit_price_line(abilities: Mapping[str, Ability], prices: Mapping[str, float]) -> PriceLine:
    """Ability over the logarithm of the output price, of models that have both."""
    models = sorted(model for model in abilities if prices.get(model, 0) > 0)
    means = np.array([abilities[model].mean for model in models])
    if len(models) < 3:
        everyone = np.array([ability.mean for ability in abilities.values()])
        return PriceLine(
            intercept=round(float(everyone.mean()), 4),
            slope=0.0,
            sd=round(float(everyone.std()) or 1.0, 4),
        )
    logs = np.array([math.log(prices[model]) for model in models])
    slope = float(((logs - logs.mean()) * (means - means.mean())).sum()) / max(
        float(((logs - logs.mean()) ** 2).sum()), 1e-9
    )
    intercept = float(means.mean()) - slope * float(logs.mean())
    residual = means - intercept - slope * logs
    return PriceLine(
        intercept=round(intercept, 4),
        slope=round(slope, 4),
        sd=round(math.sqrt(float((residual**2).sum()) / (len(models) - 2)), 4),
    )


def guess_abilities(
    known: Mapping[str, Ability], prices: Mapping[str, float | None], line: PriceLine
) -> dict[str, Ability]:
    """Abilities of catalog models without scores, from an older relative and the list price."""
    guessed: dict[str, Ability] = {}
    for model in sorted(set(prices) - set(known)):
        guesses: list[tuple[float, float]] = []
        relative = predecessor(model, known)
        if relative is not None:
            sd = math.hypot(
                known[relative].sd, FAMILY_DRIFT_SD * (1 + _generations(model, relative))
            )
            guesses.append((known[relative].mean, sd))
        price = prices[model]
        if price is not None and price > 0:
            guesses.append((line.intercept + line.slope * math.log(price), line.sd))
        if not guesses:
            continue
        weights = [sd**-2 for _, sd in guesses]
        mean = sum(weight * one for weight, (one, _) in zip(weights, guesses, strict=True))
        guessed[model] = Ability(
            mean=round(mean / sum(weights), 4),
            sd=round(sum(weights) ** -0.5, 4),
            source="price" if relative is None else "family",
            scores=0,
        )
    return guessed


def _sampling_variance(score: Score) -> float:
    """Of the logit of a share, by the delta method."""
    kept = min(max(score.share, SCORE_FLOOR), 1 - SCORE_FLOOR)
    return 1 / (max(score.items, 1.0) * kept * (1 - kept))


def _generations(model: str, relative: str) -> int:
    own, other = family(model)[1], family(relative)[1]
    return abs(own[0] - other[0]) if own and other else 1


def _solve(
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    values: NDArray[np.float64],
    variances: NDArray[np.float64],
    models: int,
    benchmarks: int,
    spread: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Posterior means of abilities and easinesses, and the variances of the abilities."""
    size = models + benchmarks
    precision = np.zeros((size, size))
    right = np.zeros(size)
    precision[range(models), range(models)] = 1 / max(spread, 1e-3)
    precision[range(models, size), range(models, size)] = 1 / EASINESS_PRIOR_VARIANCE
    for row, column, value, variance in zip(rows, columns + models, values, variances, strict=True):
        weight = 1 / variance
        precision[row, row] += weight
        precision[column, column] += weight
        precision[row, column] += weight
        precision[column, row] += weight
        right[row] += weight * value
        right[column] += weight * value
    covariance = np.linalg.inv(precision)
    means = covariance @ right
    return means[:models], means[models:], np.diag(covariance)[:models].astype(np.float64)
