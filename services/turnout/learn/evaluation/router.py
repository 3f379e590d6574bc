"""A router fitted on a part of the tasks, by the code that trains the artifact, asked by the rule of live requests.

Rules of this module: nothing of a task that is not in the part enters the fit: abilities, chances, costs and what
texts add are all its own. Costs are of whole tasks, so a model without a bill on a kind does not compete for it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InvalidRequest
from turnout.learn import abilities, clusters, success
from turnout.learn.evaluation.tasks import Run, Task
from turnout.learn.texts import embedded
from turnout.learn.train import CLUSTERS
from turnout.policy.artifact import (
    FORMAT,
    Artifact,
    ArtifactContent,
    Provenance,
    TextTables,
)
from turnout.policy.evidence import EscalationTable
from turnout.policy.kind_doubt import doubts_from
from turnout.policy.rank import score_usd
from turnout.policy.request import TaskKind
from turnout.scorer.embedder import Encoder
from turnout.scorer.tokens import cut

Indices = NDArray[np.int64]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Router:
    """`costs_usd`: a whole task, expected, by kind and model. `clusters`: of all tasks with a text."""

    chances: Artifact
    costs_usd: Mapping[tuple[TaskKind, str], float]
    clusters: Mapping[Task, int]

    def doubting(
        self,
        confusion: Mapping[TaskKind, Mapping[TaskKind, float]],
        prior: Mapping[TaskKind, float],
    ) -> "Router":
        """The same router where kinds are told so, of tasks of which so many are of each kind."""
        content = replace(self.chances.content, kind_doubts=doubts_from(confusion, prior))
        return replace(self, chances=Artifact(content=content, digest=""))

    def abstains(self, task: Task) -> bool:
        """Whether the text of a task changes nothing in what its kind says."""
        cluster = self.clusters.get(task, -1)
        return cluster < 0 or not self.chances.content.cluster_effects[cluster]

    def picks(
        self, kind: TaskKind, models: Sequence[str], values: Numbers, *, cluster: int = -1
    ) -> Indices:
        """The place of the best model by each value of a success."""
        costs = [self._cost_usd(kind, model) for model in models]
        scores = np.full((len(values), len(models)), -math.inf)
        for at, (model, cost) in enumerate(zip(models, costs, strict=True)):
            if cost is None:
                continue
            mean, sd = self.chances.quality(model=model, task_kind=kind, cluster=cluster)
            scores[:, at] = [
                score_usd(value_usd=value, quality=mean, quality_sd=sd, cost_usd=cost)
                for value in values.tolist()
            ]
        if np.isneginf(scores).all():
            raise InvalidRequest(f"Of the tasks to fit on, no model has a bill on {kind}.")
        best: Indices = scores.argmax(axis=1)
        return best

    def _cost_usd(self, told: TaskKind, model: str) -> float | None:
        """None where it is not known of every kind that it may be."""
        row = self.chances.content.kind_doubts.get(told, {told: 1.0})
        costs = [(share, self._cost_of_kind_usd(kind, model)) for kind, share in row.items()]
        known = [share * cost for share, cost in costs if cost is not None]
        return math.fsum(known) if len(known) == len(costs) else None

    def _cost_of_kind_usd(self, kind: TaskKind, model: str) -> float | None:
        """On a kind of which there are no bills, the mean of the others."""
        if any(kind == priced for priced, _ in self.costs_usd):
            return self.costs_usd.get((kind, model))
        known = [cost for (_, name), cost in self.costs_usd.items() if name == model]
        return math.fsum(known) / len(known) if known else None


def fit_router(runs: Sequence[Run], tasks: Sequence[Task], texts: Mapping[str, Numbers]) -> Router:
    """From `runs` alone; `tasks` are all that may be asked about. `texts` are vectors by prompt."""
    placed = _clusters({run.task for run in runs}, tasks, texts)
    outcomes = [
        success.Outcome(
            kind=run.task.kind,
            item=f"{run.task.dataset}/{run.task.item}",
            group=run.task.repository,
            model=run.model,
            score=run.score,
            cluster=placed.get(run.task, -1),
        )
        for run in runs
        if run.task.kind is not None
    ]
    known = abilities.fit_abilities(_scores(runs))
    kinds, table = success.fit_kinds(outcomes, known)
    effects, _ = success.fit_cluster_effects(outcomes, max(placed.values(), default=-1) + 1)
    content = ArtifactContent(
        format=FORMAT,
        created="",
        embedder_digest="",
        text=TextTables(
            dimensions=0,
            centroids="",
            kind_weights="",
            kinds=(),
            cues=(),
            kind_margin=0.0,
            members=(),
        ),
        kinds=kinds,
        abilities=known,
        population=abilities.population(known),
        price=abilities.fit_price_line(known, {}),
        success=table,
        cluster_effects=effects,
        kind_doubts={},
        step_edges=(),
        steps={},
        gap_edges_seconds=(),
        hits=(),
        first_requests=(),
        idle_edges_seconds=(),
        idle_gaps={},
        escalation=EscalationTable(
            failing_checks=0, error_streak=0, green_gain=0.0, staying_red=(), checks=()
        ),
        provenance=Provenance(
            data=(), tools={}, parameters={}, measures={}, catalog_digest="", licences=(), card=()
        ),
    )
    return Router(Artifact(content=content, digest=""), _costs(runs), placed)


def text_vectors(
    tasks: Sequence[Task], load_encoder: Callable[[], Encoder]
) -> Mapping[str, Numbers]:
    """By prompt. The encoder is loaded only where there is a prompt."""
    prompts = sorted({task.prompt for task in tasks if task.kind and cut(task.prompt)})
    if not prompts:
        return {}
    return dict(zip(prompts, embedded(prompts, load_encoder()), strict=True))


def _clusters(
    seen: set[Task], tasks: Sequence[Task], texts: Mapping[str, Numbers]
) -> Mapping[Task, int]:
    """Of all tasks with a text, in clusters of those that were seen."""
    known = sorted({task.prompt for task in seen} & texts.keys())
    asked = [task for task in tasks if task.prompt in texts]
    if not known or not asked:
        return {}
    centroids, _ = clusters.k_means(
        np.array([texts[prompt] for prompt in known]), min(CLUSTERS, len(known))
    )
    vectors = np.array([texts[task.prompt] for task in asked])
    return dict(zip(asked, (vectors @ centroids.T).argmax(axis=1).tolist(), strict=True))


def _scores(runs: Sequence[Run]) -> list[abilities.Score]:
    by_dataset: dict[tuple[str, str], list[float]] = {}
    for run in runs:
        by_dataset.setdefault((run.model, run.task.dataset), []).append(run.score)
    return [
        abilities.Score(
            model=model,
            benchmark=dataset,
            share=math.fsum(values) / len(values),
            items=len(values),
        )
        for (model, dataset), values in sorted(by_dataset.items())
    ]


def _costs(runs: Sequence[Run]) -> dict[tuple[TaskKind, str], float]:
    bills: dict[tuple[TaskKind, str], list[float]] = {}
    for run in runs:
        if run.task.kind is not None and not math.isnan(run.cost_usd):
            bills.setdefault((run.task.kind, run.model), []).append(run.cost_usd)
    return {key: math.fsum(values) / len(values) for key, values in sorted(bills.items())}
