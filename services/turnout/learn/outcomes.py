"""Benchmark rows as scores by benchmark and outcomes by task kind.

Rules of this module: pure over tables; which dataset stands for which kind is said here and
nowhere else; a model that ran in several harnesses counts once per item, with its mean.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from turnout.learn.abilities import Score
from turnout.learn.model_names import ModelNames
from turnout.learn.parquet import Table
from turnout.learn.success import Outcome
from turnout.policy.request import TASK_KINDS, TaskKind

DATASET_KINDS: Final[Mapping[str, TaskKind]] = {
    "openhands/swe-bench": "bug_fix",
    "openhands/swt-bench": "tests",
    "openhands/gaia": "research",
    # Libraries written from a specification, and front-end work from issues with pictures: what
    # we have that is closest to building something.
    "openhands/commit0": "feature",
    "openhands/swe-bench-multimodal": "feature",
}
"""What a dataset's tasks are. Others give scores for abilities only."""

OWN: Final = "own/"
"""Followed by a kind: outcomes of a tenant's own sessions about such tasks."""

_OWN_KINDS: Final[Mapping[str, TaskKind]] = {f"{OWN}{kind}": kind for kind in TASK_KINDS}

ITEM_COUNTS: Final[Mapping[str, float]] = {
    "swe-bench": 500,
    "swt-bench": 433,
    "gaia": 165,
    "commit0": 16,
    "swe-bench-multimodal": 102,
    "aider_polyglot": 225,
    "tau2_airline": 50,
    "tau2_retail": 114,
    "tau2_telecom": 114,
    "tau2_banking_knowledge": 97,
}
"""Tasks in each benchmark of model_priors, as their authors publish them."""

DEFAULT_ITEMS = 50.0
"""For benchmarks that are not listed: a small one."""

SCORED_DATASETS: Final = ("swebench_pro_public",)
"""Datasets of outcomes that have no aggregate row in model_priors."""


def read_scores(priors: Table, outcomes: Table, names: ModelNames) -> list[Score]:
    """One score per model and benchmark, means over harnesses and efforts."""
    shares: dict[tuple[str, str], list[float]] = {}
    scores = priors.numbers("score")
    for model, benchmark, score in zip(
        priors.texts("model"), priors.texts("benchmark"), scores.tolist(), strict=True
    ):
        plain = names.resolve(model)
        if plain is not None and not math.isnan(score):
            shares.setdefault((plain, benchmark), []).append(score / 100)
    items: dict[str, float] = dict(ITEM_COUNTS)
    for dataset, item_scores in _by_item(outcomes, names).items():
        if dataset in SCORED_DATASETS:
            by_model: dict[str, list[float]] = {}
            for (_, model), values in item_scores.items():
                by_model.setdefault(model, []).append(math.fsum(values) / len(values))
            for model, values in by_model.items():
                shares[model, dataset] = [math.fsum(values) / len(values)]
                items[dataset] = min(items.get(dataset, math.inf), len(values))
    return [
        Score(
            model=model,
            benchmark=benchmark,
            share=math.fsum(values) / len(values),
            items=items.get(benchmark, DEFAULT_ITEMS),
        )
        for (model, benchmark), values in sorted(shares.items())
    ]


def read_outcomes(
    outcomes: Table,
    items: Table,
    names: ModelNames,
    item_clusters: Mapping[tuple[str, str], int],
) -> list[Outcome]:
    """Every item by every model, of the datasets that stand for a kind."""
    groups = {
        (dataset, item): group
        for dataset, item, group in zip(
            items.texts("dataset"), items.texts("item_id"), items.texts("category"), strict=True
        )
    }
    rows: list[Outcome] = []
    for dataset, item_scores in sorted(_by_item(outcomes, names).items()):
        kind = _kind_of(dataset)
        if kind is not None:
            rows += [
                Outcome(
                    kind=kind,
                    item=f"{dataset}/{item}",
                    group=groups.get((dataset, item), ""),
                    model=model,
                    score=math.fsum(values) / len(values),
                    cluster=item_clusters.get((dataset, item), -1),
                )
                for (item, model), values in sorted(item_scores.items())
            ]
    return rows


def _kind_of(dataset: str) -> TaskKind | None:
    """None for a dataset that stands for no kind."""
    return _OWN_KINDS.get(dataset) or DATASET_KINDS.get(dataset)


def _by_item(
    outcomes: Table, names: ModelNames
) -> dict[str, dict[tuple[str, str], Sequence[float]]]:
    """By dataset, then by item and model: the scores of all harnesses."""
    found: dict[str, dict[tuple[str, str], list[float]]] = {}
    for dataset, item, model, score in zip(
        outcomes.texts("dataset"),
        outcomes.texts("item_id"),
        outcomes.texts("model"),
        outcomes.numbers("score").tolist(),
        strict=True,
    ):
        plain = names.resolve(model)
        if plain is not None and not math.isnan(score):
            found.setdefault(dataset, {}).setdefault((item, plain), []).append(score)
    return {dataset: dict(scores) for dataset, scores in found.items()}
