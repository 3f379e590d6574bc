"""Chance of success by task kind and model, and what the text's cluster adds to it.

Rules of this module: pure numpy; every estimate is shrunk: a model on a kind to what its ability
predicts, a cluster to its kind. What does not carry over to repositories that were not trained on
is not kept at all.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InvalidRequest
from turnout.learn.abilities import logit
from turnout.policy.artifact import Ability, Estimate, KindScale
from turnout.policy.chance import logistic
from turnout.policy.request import TaskKind

Indices = NDArray[np.int64]
Numbers = NDArray[np.float64]

MEASURED: tuple[TaskKind, ...] = ("bug_fix", "feature", "research", "tests")
"""Kinds that a benchmark may cover."""

UNMEASURED: tuple[TaskKind, ...] = ("explore", "review", "docs", "other")
"""Kinds without a benchmark; they get the mean of the measured ones and its spread."""

OUTLIER_SDS = 2.5
"""A result this far from what the ability predicts is as likely a broken run as a true weakness
(several runs with near-zero shares are known to be), so its weight falls with the distance."""

LEAST_SD = 0.15
"""Logit: models differ from kind to kind by at least this, however few were measured."""

CLUSTER_PRIOR_ITEMS = 30.0
"""Items of a cluster that weigh as much as the kind's mean."""

LEAST_GROUPS = 3
"""Repositories needed to say anything about unseen ones."""

LEAST_EFFECT = 0.005
"""Smaller cluster effects change no decision and are left out."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One model's mean result on one item. `cluster` is -1 where the item has no text."""

    kind: TaskKind
    item: str
    group: str
    model: str
    score: float
    cluster: int


def fit_kinds(
    outcomes: Sequence[Outcome], abilities: Mapping[str, Ability]
) -> tuple[dict[TaskKind, KindScale], dict[TaskKind, dict[str, Estimate]]]:
    """How abilities turn into chances on each kind, and the table of measured pairs."""
    scales: dict[TaskKind, KindScale] = {}
    tables: dict[TaskKind, dict[str, Estimate]] = {}
    for kind in MEASURED:
        shares = shares_of(outcomes, kind)
        if not shares:
            continue
        gaps = np.array([logit(share) - abilities[m].mean for m, (share, _) in shares.items()])
        noise = np.array(
            [variance_of_share(share, n) + abilities[m].sd ** 2 for m, (share, n) in shares.items()]
        )
        # The median, for the broken runs' sake.
        easiness = float(np.median(gaps))
        spread = 1.4826 * float(np.median(np.abs(gaps - easiness)))
        sd = math.sqrt(max(LEAST_SD**2, spread**2 - float(np.median(noise))))
        items = len({outcome.item for outcome in outcomes if outcome.kind == kind})
        scales[kind] = KindScale(easiness=round(easiness, 4), sd=round(sd, 4), items=items)
        tables[kind] = {
            model: _shrunk(share, n, abilities[model], scales[kind])
            for model, (share, n) in sorted(shares.items())
        }
    if not scales:
        raise InvalidRequest("No outcome is of a dataset that stands for a task kind.")
    measured = [scale.easiness for scale in scales.values()]
    centre = float(np.mean(measured))
    typical = float(np.mean([scale.sd for scale in scales.values()]))
    for kind in (*MEASURED, *UNMEASURED):
        if kind in scales:
            continue
        sd = math.hypot(float(np.std(measured)), typical)
        scales[kind] = KindScale(easiness=round(centre, 4), sd=round(sd, 4), items=0)
    return scales, tables


def fit_cluster_effects(
    outcomes: Sequence[Outcome], clusters: int
) -> tuple[tuple[dict[str, float], ...], float]:
    """What each cluster adds per model, and the slope by which that carried over.

    Only what sets models apart counts: an item that all find hard changes no choice. Every group
    (repository) is predicted from the others; the effects are scaled by the slope of what was
    found on what was predicted, less two standard errors. At 0, which is what text has shown so
    far within one kind, the clusters abstain.
    """
    rows = [outcome for outcome in outcomes if outcome.cluster >= 0]
    groups = sorted({row.group for row in rows})
    if len(groups) < LEAST_GROUPS:
        return tuple({} for _ in range(clusters)), 0.0
    models = sorted({row.model for row in rows})
    model = np.array([models.index(row.model) for row in rows])
    cluster = np.array([row.cluster for row in rows])
    group = np.array([groups.index(row.group) for row in rows])
    residual = _residuals(rows)
    products, squares = np.zeros(len(groups)), np.zeros(len(groups))
    for held in range(len(groups)):
        train, test = group != held, group == held
        effects = _effects(cluster[train], model[train], residual[train], clusters, len(models))
        predicted = effects[cluster[test], model[test]]
        products[held] = float((predicted * residual[test]).sum())
        squares[held] = float((predicted**2).sum())
    slope = _lower_slope(products, squares)
    effects = slope * _effects(cluster, model, residual, clusters, len(models))
    kept = tuple(
        {
            name: round(float(row[index]), 4)
            for index, name in enumerate(models)
            if abs(row[index]) >= LEAST_EFFECT
        }
        for row in effects
    )
    return kept, slope


def shares_of(outcomes: Sequence[Outcome], kind: TaskKind) -> dict[str, tuple[float, int]]:
    """By model: mean over items, each item once, and how many items."""
    by_model: dict[str, list[float]] = {}
    for outcome in outcomes:
        if outcome.kind == kind:
            by_model.setdefault(outcome.model, []).append(outcome.score)
    return {model: (math.fsum(one) / len(one), len(one)) for model, one in sorted(by_model.items())}


def variance_of_share(share: float, items: int) -> float:
    """Of a share's logit; half an item is added on both sides, so that 0 and 1 have one."""
    kept = (share * items + 0.5) / (items + 1)
    return 1 / (items * kept * (1 - kept))


def _shrunk(share: float, items: int, ability: Ability, scale: KindScale) -> Estimate:
    """Normal prior and normal likelihood on the logit, brought back to a chance."""
    prior = ability.mean + scale.easiness
    prior_variance = ability.sd**2 + scale.sd**2
    variance = variance_of_share(share, items)
    distance = abs(logit(share) - prior) / math.sqrt(prior_variance + variance)
    if distance > OUTLIER_SDS:
        variance = max(variance, prior_variance) * (distance / OUTLIER_SDS) ** 2
    weight = prior_variance / (prior_variance + variance)
    mean = logistic(prior + weight * (logit(share) - prior))
    sd = math.sqrt(prior_variance * variance / (prior_variance + variance))
    return Estimate(mean=round(mean, 4), sd=round(mean * (1 - mean) * sd, 4), items=items)


def _residuals(rows: Sequence[Outcome]) -> Numbers:
    """Scores less what the item gave all models and what the model gave on this kind."""
    score = np.array([row.score for row in rows])
    item = _index([row.item for row in rows])
    pair = _index([f"{row.kind} {row.model}" for row in rows])
    centred = score - _means(item, score)[item]
    return centred - _means(pair, centred)[pair]


def _index(names: Sequence[str]) -> Indices:
    places = {name: at for at, name in enumerate(sorted(set(names)))}
    return np.array([places[name] for name in names])


def _means(index: Indices, values: Numbers) -> Numbers:
    return np.bincount(index, weights=values) / np.maximum(np.bincount(index), 1)


def _lower_slope(products: Numbers, squares: Numbers) -> float:
    """Slope through the origin less two standard errors, by leaving groups out; from 0 to 1."""
    if float(squares.sum()) <= 0:
        return 0.0
    slope = float(products.sum() / squares.sum())
    rest = squares.sum() - squares
    if float(rest.min()) <= 0:
        return 0.0
    without = (products.sum() - products) / rest
    count = len(products)
    error = math.sqrt((count - 1) / count * float(((without - without.mean()) ** 2).sum()))
    return min(max(slope - 2 * error, 0.0), 1.0)


def _effects(
    cluster: Indices,
    model: Indices,
    residual: Numbers,
    clusters: int,
    models: int,
) -> Numbers:
    """Mean residual by cluster and model, shrunk by how few items stand behind it."""
    index = cluster * models + model
    sums = np.bincount(index, weights=residual, minlength=clusters * models)
    counts = np.bincount(index, minlength=clusters * models)
    return (sums / (counts + CLUSTER_PRIOR_ITEMS)).reshape(clusters, models)
