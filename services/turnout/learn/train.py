"""Trains the artifact: `turnout train --data DIR [--out FILE]`.

Rules of this module: the same files, catalog and embedder give the same bytes on the same machine;
no text of a prompt enters the artifact, only centroids of many; every number that is not from the
data is a named constant and stands in the artifact's provenance.
"""

import argparse
import importlib.metadata
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from turnout.catalog.catalog import Catalog, parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.errors import TurnoutError
from turnout.learn import (
    abilities,
    card,
    clusters,
    hits,
    idle_gaps,
    success,
    task_kinds,
    traces,
)
from turnout.learn.escalation import fit, runs
from turnout.learn.first_requests import read_first_requests, typical
from turnout.learn.kind_labels import SHIPPED, Label, Labelled, find_texts, load_labels
from turnout.learn.kinds import PRIOR_TURNS, doubts_of, tell, tell_crossed
from turnout.learn.model_names import ModelNames
from turnout.learn.outcomes import read_outcomes, read_scores
from turnout.learn.own_outcomes import with_own
from turnout.learn.parquet import Table, load_table
from turnout.learn.texts import Texts, base64_of, embedded, read_texts
from turnout.learn.thread_kinds import read_thread_kinds
from turnout.policy.artifact import (
    FORMAT,
    Ability,
    ArtifactContent,
    DataFile,
    PriceLine,
    Provenance,
    TextTables,
    encode_artifact,
)
from turnout.policy.cache import GAP_EDGES_SECONDS
from turnout.policy.request import TaskKind
from turnout.scorer.embedder import Encoder
from turnout.scorer.embedder_files import EMBEDDER_DIGEST, default_root, load_embedder_files
from turnout.scorer.onnx_encoder import OnnxEncoder
from turnout.scorer.text_cues import CUE_SIZE, CUES
from turnout.scorer.text_reader import ClusterReader

DEFAULT_OUT = Path(__file__).parents[1] / "scorer" / "artifact.json"
"""The file that ships with the package."""

CLUSTERS = 24
"""Enough to tell kinds of ask apart; more would only split one kind's words, which predict
nothing."""

TABLES = (
    *("items", "outcomes", "model_priors"),
    *("trace_calls", "trace_turns", "trace_tools", "trace_events"),
)

OWN_TABLES = ("trace_calls", "items", "outcomes")

LICENCES = (
    "OpenHands index results: MIT",
    "SWE-bench prompts, terminal-bench adapters: Apache-2.0",
    "SWE-bench Pro: MIT",
    "tau2 leaderboard and Aider polyglot: published aggregates",
    "traces of entireio/cli, entireio/git-sync, EntityProcess/agentv: MIT",
    "traces of PackmindHub/context-evaluator: Apache-2.0",
    "embedder: sentence-transformers/all-MiniLM-L6-v2, Apache-2.0",
)


@dataclass(frozen=True, slots=True, eq=False)
class _TextModel:
    tables: TextTables
    item_clusters: dict[tuple[str, str], int]
    kinds: dict[str, TaskKind]
    doubts: dict[TaskKind, dict[TaskKind, float]]
    measures: dict[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class _Abilities:
    """`known` have a score; `everyone` is them and all others of the catalog, guessed."""

    known: dict[str, Ability]
    line: PriceLine
    everyone: dict[str, Ability]


def train(
    data: Path,
    *,
    encoder: Encoder,
    embedder_digest: str,
    catalog: Catalog,
    n_clusters: int,
    labels: Sequence[Label],
    own: Path | None = None,
) -> bytes:
    """The artifact's bytes; `own` is a directory that `turnout export` wrote. Raises `InvalidRequest` when the
    tables are not as described.
    """
    tables = {name: load_table(data, name) for name in TABLES}
    owned = {} if own is None else {name: load_table(own, name) for name in OWN_TABLES}
    names = ModelNames(catalog.names)
    able = _abilities(read_scores(tables["model_priors"], tables["outcomes"], names), catalog)
    everyone = able.everyone
    turns = tables["trace_turns"]
    labelled = find_texts(labels, turns)
    text = _text_model(read_texts(tables["items"], turns), labelled, encoder, n_clusters)
    outcomes = read_outcomes(tables["outcomes"], tables["items"], names, text.item_clusters)
    kinds, table = success.fit_kinds(outcomes, everyone)
    walked = tables["trace_calls"]
    if owned:
        own_rows = read_outcomes(owned["outcomes"], owned["items"], names, {})
        table = with_own(table, scales=kinds, abilities=everyone, outcomes=own_rows)
        walked = walked.with_rows_of(owned["trace_calls"])
    effects, slope = success.fit_cluster_effects(outcomes, n_clusters)
    calls = traces.read_calls(walked)
    escalation = fit.fit_escalation(
        runs.read_threads(
            *(tables[name] for name in ("trace_calls", "trace_tools", "trace_events"))
        ),
        catalog,
    )
    measures = {
        "cluster_slope_on_unseen_repositories": round(slope, 4),
        **text.measures,
    }
    content = ArtifactContent(
        format=FORMAT,
        created=calls.newest.date().isoformat() if calls.newest else "",
        embedder_digest=embedder_digest,
        text=text.tables,
        kinds=kinds,
        abilities=dict(sorted(everyone.items())),
        population=abilities.population(able.known),
        price=able.line,
        success=table,
        cluster_effects=effects,
        kind_doubts=text.doubts,
        step_edges=traces.STEP_EDGES,
        steps=traces.fit_steps(calls),
        gap_edges_seconds=GAP_EDGES_SECONDS,
        hits=hits.fit_hits(hits.read_returns(calls)),
        first_requests=typical(
            read_first_requests(
                walked,
                read_thread_kinds(
                    tables["trace_turns"], lambda told: text.kinds.get(told, "other")
                ),
            )
        ),
        idle_edges_seconds=idle_gaps.EDGES_SECONDS,
        idle_gaps=idle_gaps.fit_idle_gaps(calls),
        escalation=escalation,
        provenance=Provenance(
            data=tuple(_data_file(one) for one in (*tables.values(), *owned.values())),
            tools=_tools(),
            parameters=_parameters(n_clusters),
            measures=measures,
            catalog_digest=catalog.digest,
            licences=LICENCES,
            card=card.lines(outcomes, everyone, calls, text.tables, measures, escalation),
        ),
    )
    return encode_artifact(content)


def _abilities(scores: Sequence[abilities.Score], catalog: Catalog) -> _Abilities:
    prices = {model.id: model.prices.output for model in catalog.models.values()}
    known = abilities.fit_abilities(scores)
    line = abilities.fit_price_line(
        known, {model: price for model, price in prices.items() if price is not None}
    )
    return _Abilities(known, line, {**known, **abilities.guess_abilities(known, prices, line)})


def _text_model(
    texts: Texts, labelled: Sequence[Labelled], encoder: Encoder, n_clusters: int
) -> _TextModel:
    """Clusters of real texts, and the kinds' weights from example sentences and labelled turns."""
    vectors = embedded(texts.texts, encoder)
    centroids, labels = clusters.k_means(vectors, n_clusters)
    by_text = dict(zip(texts.texts, labels.tolist(), strict=True))
    fitted = [one for one in labelled if one.label.half == "fitted"]
    tables = TextTables(
        dimensions=vectors.shape[1],
        centroids=base64_of(np.rint(centroids / np.abs(centroids).max() * 127).astype(np.int8)),
        kind_weights=base64_of(task_kinds.fitted(fitted, encoder)),
        kinds=task_kinds.KINDS,
        cues=CUES,
        kind_margin=task_kinds.KIND_MARGIN,
        members=tuple(np.bincount(labels, minlength=n_clusters).tolist()),
    )
    held = [one for one in labelled if one.label.half == "held_out"]
    reader = ClusterReader(tables)
    told = tell(held, reader, encoder)
    measures = {"kind_turns_fitted_on": float(len(fitted)), "kind_turns_held_out": float(len(held))}
    if held:
        right = sum(one.kind == one.label.kind for one in told)
        measures["kind_accuracy_on_held_out_turns"] = round(right / len(held), 4)
    return _TextModel(
        tables=tables,
        item_clusters={key: by_text[text] for key, text in texts.items.items()},
        kinds={
            one: reader.task_kind_of(vector.astype(np.float32), one)
            for one, vector in zip(texts.texts, vectors, strict=True)
        },
        doubts=doubts_of(tell_crossed(labelled, tables, encoder)),
        measures=measures,
    )


def _data_file(table: Table) -> DataFile:
    return DataFile(name=table.name, sha256=table.sha256, rows=table.rows)


def _tools() -> dict[str, str]:
    return {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        **{
            name: importlib.metadata.version(name)
            for name in ("numpy", "onnxruntime", "pyarrow", "tokenizers")
        },
    }


def _parameters(n_clusters: int) -> dict[str, float]:
    return {
        "clusters": n_clusters,
        "k_means_seed": clusters.SEED,
        "kind_margin": task_kinds.KIND_MARGIN,
        "kind_doubt_prior_turns": PRIOR_TURNS,
        "kind_ridge": task_kinds.RIDGE,
        "kind_cue_size": CUE_SIZE,
        "cluster_prior_items": success.CLUSTER_PRIOR_ITEMS,
        "outlier_sds": success.OUTLIER_SDS,
        "least_kind_sd": success.LEAST_SD,
        "family_drift_sd": abilities.FAMILY_DRIFT_SD,
        "step_prior_threads": traces.PRIOR_THREADS,
        "hit_prior_calls": hits.PRIOR_CALLS,
        "idle_prior_calls": idle_gaps.PRIOR_CALLS,
        "escalation_value_usd": fit.VALUE_USD,
        "escalation_strength": fit.STRENGTH,
        "escalation_least_seen": fit.LEAST_SEEN,
    }


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="turnout train", description="Train the artifact that the scorer decides with."
    )
    parser.add_argument("--data", type=Path, required=True, help="directory of parquet tables")
    parser.add_argument(
        "--out", type=Path, default=DEFAULT_OUT, help="file to write (default: %(default)s)"
    )
    parser.add_argument(
        "--own", type=Path, help="directory of own requests and outcomes, from `turnout export`"
    )
    parser.add_argument(
        "--embedder", type=Path, default=default_root(), help="where the embedder was built"
    )
    options = parser.parse_args(argv)
    data: Path = options.data
    out: Path = options.out
    own: Path | None = options.own
    embedder: Path = options.embedder
    try:
        artifact = train(
            data,
            encoder=OnnxEncoder(load_embedder_files(embedder)),
            embedder_digest=EMBEDDER_DIGEST,
            catalog=parse_catalog(snapshot_bytes()),
            n_clusters=CLUSTERS,
            labels=load_labels(SHIPPED),
            own=own,
        )
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(artifact)
    except TurnoutError as error:
        sys.stderr.write(f"turnout: {error.message}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"turnout: {out} cannot be written: {error.strerror}\n")
        return 1
    sys.stdout.write(f"artifact: {out}, {len(artifact)} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
