"""Trains the artifact: `turnout train --data DIR [--out FILE]`.

Rules of this module: the same files, catalog and embedder give the same bytes on the same machine;
no text of a prompt enters the artifact, only centroids of many; every number that is not from the
data is a named constant and stands in the artifact's provenance.
"""

import argparse
import base64
import importlib.metadata
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from turnout.catalog.catalog import Catalog, parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.errors import TurnoutError
from turnout.learn import abilities, card, clusters, success, traces
from turnout.learn.escalation import fit, runs
from turnout.learn.kind_examples import KIND_EXAMPLES
from turnout.learn.model_names import ModelNames
from turnout.learn.outcomes import read_outcomes, read_scores
from turnout.learn.parquet import Table, load_table
from turnout.learn.texts import Texts, read_texts
from turnout.policy.artifact import (
    FORMAT,
    Ability,
    ArtifactContent,
    DataFile,
    Provenance,
    TextTables,
    encode_artifact,
)
from turnout.policy.request import TaskKind
from turnout.scorer.embedder import Encoder
from turnout.scorer.embedder_files import DEFAULT_ROOT, EMBEDDER_DIGEST, load_embedder_files
from turnout.scorer.onnx_encoder import OnnxEncoder
from turnout.scorer.tokens import cut

DEFAULT_OUT = Path(__file__).parents[1] / "scorer" / "artifact.json"
"""The file that ships with the package."""

CLUSTERS = 24
"""Enough to tell kinds of ask apart; more would only split one kind's words, which predict
nothing."""

KIND_MARGIN = 0.05
"""Lead of the best kind over the next, on the scale of -1 to +1, below which a text is `other`."""

KINDS: tuple[TaskKind, ...] = tuple(KIND_EXAMPLES)

TABLES = (
    *("items", "outcomes", "model_priors"),
    *("trace_calls", "trace_turns", "trace_tools", "trace_events"),
)

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
    example_accuracy: float


def train(
    data: Path, *, encoder: Encoder, embedder_digest: str, catalog: Catalog, n_clusters: int
) -> bytes:
    """The artifact's bytes. Raises `InvalidRequest` when the tables are not as described."""
    tables = {name: load_table(data, name) for name in TABLES}
    names = ModelNames(catalog.names)
    prices = {model.id: model.prices.output for model in catalog.models.values()}
    known = abilities.fit_abilities(read_scores(tables["model_priors"], tables["outcomes"], names))
    known_prices = {model: price for model, price in prices.items() if price is not None}
    line = abilities.fit_price_line(known, known_prices)
    everyone: dict[str, Ability] = {**known, **abilities.guess_abilities(known, prices, line)}
    text = _text_model(read_texts(tables["items"], tables["trace_turns"]), encoder, n_clusters)
    outcomes = read_outcomes(tables["outcomes"], tables["items"], names, text.item_clusters)
    kinds, table = success.fit_kinds(outcomes, everyone)
    effects, slope = success.fit_cluster_effects(outcomes, n_clusters)
    calls = traces.read_calls(tables["trace_calls"])
    escalation = fit.fit_escalation(
        runs.read_threads(
            *(tables[name] for name in ("trace_calls", "trace_tools", "trace_events"))
        ),
        catalog,
    )
    measures = {
        "cluster_slope_on_unseen_repositories": round(slope, 4),
        "kind_accuracy_on_own_examples_left_out": round(text.example_accuracy, 4),
    }
    content = ArtifactContent(
        format=FORMAT,
        created=calls.newest.date().isoformat() if calls.newest else "",
        embedder_digest=embedder_digest,
        text=text.tables,
        kinds=kinds,
        abilities=dict(sorted(everyone.items())),
        population=abilities.population(known),
        price=line,
        success=table,
        cluster_effects=effects,
        step_edges=traces.STEP_EDGES,
        steps=traces.fit_steps(calls),
        gap_edges_seconds=traces.GAP_EDGES_SECONDS,
        hits=traces.fit_hits(calls),
        escalation=escalation,
        provenance=Provenance(
            data=tuple(_data_file(one) for one in tables.values()),
            tools=_tools(),
            parameters=_parameters(n_clusters),
            measures=measures,
            catalog_digest=catalog.digest,
            licences=LICENCES,
            card=card.lines(outcomes, everyone, calls, text.tables, measures, escalation),
        ),
    )
    return encode_artifact(content)


def _text_model(texts: Texts, encoder: Encoder, n_clusters: int) -> _TextModel:
    """Clusters of real texts, and the kinds' weights from our own example sentences."""
    vectors = _embed(texts.texts, encoder)
    centroids, labels = clusters.k_means(vectors, n_clusters)
    by_text = dict(zip(texts.texts, labels.tolist(), strict=True))
    examples = [(sentence, at) for at, kind in enumerate(KINDS) for sentence in KIND_EXAMPLES[kind]]
    example_vectors = _embed([sentence for sentence, _ in examples], encoder)
    example_kinds = np.array([at for _, at in examples])
    weights = clusters.fit_kind_weights(example_vectors, example_kinds, len(KINDS))
    return _TextModel(
        tables=TextTables(
            dimensions=vectors.shape[1],
            centroids=_base64(np.rint(centroids / np.abs(centroids).max() * 127).astype(np.int8)),
            kind_weights=_base64(weights.astype("<f2")),
            kinds=KINDS,
            kind_margin=KIND_MARGIN,
            members=tuple(np.bincount(labels, minlength=n_clusters).tolist()),
        ),
        item_clusters={key: by_text[text] for key, text in texts.items.items()},
        example_accuracy=_left_out_accuracy(example_vectors, example_kinds),
    )


def _embed(texts: Sequence[str], encoder: Encoder) -> NDArray[np.float64]:
    """One text a run, as at run time; rounded, so that the last bits of a kernel do not matter."""
    rows = [np.round(encoder.encode(cut(text)).astype(np.float64), 5) for text in texts]
    return clusters.unit(np.array(rows))


def _left_out_accuracy(vectors: NDArray[np.float64], kinds: NDArray[np.int64]) -> float:
    """Share of example sentences whose kind the model fitted without them tells."""
    right = 0
    for at in range(len(kinds)):
        rest = np.arange(len(kinds)) != at
        weights = clusters.fit_kind_weights(vectors[rest], kinds[rest], len(KINDS))
        right += int((weights @ np.append(vectors[at], 1.0)).argmax() == kinds[at])
    return right / len(kinds)


def _base64(values: NDArray[np.generic]) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()


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
        "kind_margin": KIND_MARGIN,
        "kind_ridge": clusters.RIDGE,
        "cluster_prior_items": success.CLUSTER_PRIOR_ITEMS,
        "outlier_sds": success.OUTLIER_SDS,
        "least_kind_sd": success.LEAST_SD,
        "family_drift_sd": abilities.FAMILY_DRIFT_SD,
        "step_prior_threads": traces.PRIOR_THREADS,
        "hit_prior_calls": traces.PRIOR_CALLS,
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
        "--embedder", type=Path, default=DEFAULT_ROOT, help="where the embedder was built"
    )
    options = parser.parse_args(argv)
    data: Path = options.data
    out: Path = options.out
    embedder: Path = options.embedder
    try:
        artifact = train(
            data,
            encoder=OnnxEncoder(load_embedder_files(embedder)),
            embedder_digest=EMBEDDER_DIGEST,
            catalog=parse_catalog(snapshot_bytes()),
            n_clusters=CLUSTERS,
        )
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(artifact)
    except TurnoutError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"{out} cannot be written: {error.strerror}\n")
        return 1
    sys.stdout.write(f"artifact: {out}, {len(artifact)} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
