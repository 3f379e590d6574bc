"""How well an artifact tells task kinds: `turnout kinds --traces DIR [--labels FILE] [--json]`.

Rules of this module: the figures are those of the turns whose sessions the model was not fitted on,
unless they say otherwise; shares have Wilson intervals of 95 %; no text is printed. Half of 360 turns
are few for eight kinds, so what is said by kind is of all of them, each half told by a model that was
fitted on the other.
"""

import argparse
import math
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from turnout.errors import InvalidRequest, TurnoutError
from turnout.learn import task_kinds
from turnout.learn.kind_evidence import (
    doings,
    kept_kinds,
    shares_of_doings,
    threads_of,
    turns_of,
    with_tools,
)
from turnout.learn.kind_labels import (
    HALVES,
    SHIPPED,
    Label,
    Labelled,
    TurnKey,
    find_texts,
    load_labels,
    texts_of,
)
from turnout.learn.parquet import load_table
from turnout.learn.task_kinds import KINDS
from turnout.learn.texts import base64_of
from turnout.policy.artifact import TextTables
from turnout.policy.request import TaskKind
from turnout.scorer.artifact_file import load_artifact
from turnout.scorer.embedder import Embedding, Encoder
from turnout.scorer.embedder_files import EMBEDDER_DIGEST, default_root, load_embedder_files
from turnout.scorer.onnx_encoder import OnnxEncoder
from turnout.scorer.text_reader import ClusterReader

PRIOR_TURNS: Final = 5.0
"""Turns of all kinds that count beside those for which a kind was told."""

Z: Final = 1.96
"""Standard deviations of a two-sided interval of 95 %."""


class Share(msgspec.Struct, frozen=True):
    """A share of `of`, with its interval; all null when there is nothing to have a share of."""

    of: int
    share: float | None
    low: float | None
    high: float | None


class KindFigures(msgspec.Struct, frozen=True):
    recall: Share
    precision: Share


class Agreement(msgspec.Struct, frozen=True):
    """Of the two passes, over all labels."""

    labels: int
    raw: float
    kappa: float


class Evidence(msgspec.Struct, frozen=True):
    """Held-out turns with more than their own text, and the same turns without.

    Attributes:
        with_tools: text and what the turn's tools then did.
        gained, lost: turns told rightly only with tools, and only without.
        later_own, later_kept: later turns whose label is a kind, told by their own text and by what
            their thread was taken to be about.

    """

    with_tools: Share
    gained: int
    lost: int
    later_own: Share
    later_kept: Share


class Report(msgspec.Struct, frozen=True):
    """What `--json` prints.

    Attributes:
        found: labels whose turns are in the tables.
        accuracy: on the half that was held out.
        fitted: accuracy on the half that the model was fitted on.
        crossed: accuracy on all turns, each half told by a model fitted on the other.
        named: share of the turns of a kind that are given one, where `other` is none.
        by_part, kinds: as `crossed`.
        confusion: by labelled kind, the share that each kind was told for; as `crossed`.
        evidence: with `--evidence`.

    """

    artifact_digest: str
    agreement: Agreement
    found: int
    accuracy: Share
    fitted: Share
    crossed: Share
    named: Share
    by_part: dict[str, Share]
    kinds: dict[TaskKind, KindFigures]
    confusion: dict[TaskKind, dict[TaskKind, float]]
    evidence: Evidence | None = None


class Told(msgspec.Struct, frozen=True):
    """A labelled turn, and what the model says."""

    label: Label
    kind: TaskKind


def tell(labelled: Sequence[Labelled], reader: ClusterReader, encoder: Encoder) -> list[Told]:
    told: list[Told] = []
    for one in labelled:
        embedding = Embedding(vector=encoder.encode(one.text), is_cached=False)
        told.append(Told(label=one.label, kind=reader.read(embedding, one.text).task_kind))
    return told


def tell_crossed(labelled: Sequence[Labelled], tables: TextTables, encoder: Encoder) -> list[Told]:
    told: list[Told] = []
    for half in HALVES:
        own = [one for one in labelled if one.label.half == half]
        rest = [one for one in labelled if one.label.half != half]
        weights = base64_of(task_kinds.fitted(rest, encoder))
        told += tell(own, ClusterReader(replace(tables, kind_weights=weights)), encoder)
    return told


def tell_with_evidence(
    traces: Path, labelled: Sequence[Labelled], reader: ClusterReader, encoder: Encoder
) -> Evidence:
    """Reads all texts of the threads that hold a held-out turn."""
    done = doings(load_table(traces, "trace_tools"))
    turns = turns_of(load_table(traces, "trace_calls"))
    texts = texts_of(load_table(traces, "trace_turns"))
    held = [one.label for one in labelled if one.label.half == "held_out"]
    fitted = [one.label for one in labelled if one.label.half == "fitted"]
    shares = shares_of_doings(fitted, done)
    own: dict[TurnKey, TaskKind] = {}
    kept: dict[TurnKey, TaskKind] = {}
    tooled: dict[TurnKey, TaskKind] = {}
    for is_subagent in (False, True):
        for thread in threads_of([one for one in held if one.is_subagent == is_subagent], texts):
            for key in thread:
                vector = encoder.encode(texts[key])
                own[key] = reader.task_kind_of(vector, texts[key])
                scores = reader.kind_scores(vector, texts[key])
                tooled[key] = with_tools(scores, shares, done.get(key, "nothing"))
            kept |= kept_kinds(thread, own, turns, is_subagent=is_subagent)
    with_it = {one.key for one in held if tooled[one.key] == one.kind}
    without = {one.key for one in held if own[one.key] == one.kind}
    later = [one for one in held if not one.is_first and one.kind != "other"]
    return Evidence(
        with_tools=share(len(with_it), len(held)),
        gained=len(with_it - without),
        lost=len(without - with_it),
        later_own=share(sum(own[one.key] == one.kind for one in later), len(later)),
        later_kept=share(sum(kept[one.key] == one.kind for one in later), len(later)),
    )


def share(hits: int, of: int) -> Share:
    """With Wilson's interval, which stays within 0 and 1 for few."""
    if not of:
        return Share(of=0, share=None, low=None, high=None)
    p, z2 = hits / of, Z * Z / of
    middle = (p + z2 / 2) / (1 + z2)
    reach = Z * math.sqrt(p * (1 - p) / of + z2 / (4 * of)) / (1 + z2)
    return Share(
        of=of, share=round(p, 4), low=round(middle - reach, 4), high=round(middle + reach, 4)
    )


def agreement(labels: Sequence[Label]) -> Agreement:
    """Raw agreement of the two passes, and Cohen's kappa: what of it is beyond chance."""
    count = len(labels)
    raw = sum(label.passes[0] == label.passes[1] for label in labels) / count
    first = Counter(label.passes[0] for label in labels)
    second = Counter(label.passes[1] for label in labels)
    chance = sum(first[kind] * second[kind] for kind in KINDS) / count**2
    kappa = (raw - chance) / (1 - chance) if chance < 1 else 1.0
    return Agreement(labels=count, raw=round(raw, 4), kappa=round(kappa, 4))


def report(
    labels: Sequence[Label],
    told: Sequence[Told],
    crossed: Sequence[Told],
    *,
    artifact_digest: str,
    evidence: Evidence | None = None,
) -> Report:
    """`told` by the artifact, `crossed` by models of which each has seen the other half alone."""
    held = [one for one in told if one.label.half == "held_out"]
    fitted = [one for one in told if one.label.half == "fitted"]
    of_a_kind = [one for one in crossed if one.label.kind != "other"]
    parts: dict[str, list[Told]] = {}
    for one in crossed:
        parts.setdefault(_part(one.label), []).append(one)
    return Report(
        artifact_digest=artifact_digest,
        agreement=agreement(labels),
        found=len(told),
        accuracy=_accuracy(held),
        fitted=_accuracy(fitted),
        crossed=_accuracy(crossed),
        named=share(sum(one.kind != "other" for one in of_a_kind), len(of_a_kind)),
        by_part={name: _accuracy(parts[name]) for name in sorted(parts)},
        kinds={kind: _figures(crossed, kind) for kind in KINDS},
        confusion=confusion(crossed),
        evidence=evidence,
    )


def confusion(told: Sequence[Told]) -> dict[TaskKind, dict[TaskKind, float]]:
    """Row-normalised; a kind without labels has no row."""
    rows: dict[TaskKind, dict[TaskKind, float]] = {}
    for kind in KINDS:
        counts = Counter(one.kind for one in told if one.label.kind == kind)
        of = counts.total()
        if of:
            rows[kind] = {other: counts[other] / of for other in KINDS}
    return rows


def doubts_of(told: Sequence[Told]) -> dict[TaskKind, dict[TaskKind, float]]:
    """By told kind, how often each kind was labelled; what few turns say is shrunk to how frequent the
    kinds are. Nothing without labels.
    """
    if not told:
        return {}
    labelled = Counter(one.label.kind for one in told)
    doubts: dict[TaskKind, dict[TaskKind, float]] = {}
    for kind in KINDS:
        counts = Counter(one.label.kind for one in told if one.kind == kind)
        of = counts.total() + PRIOR_TURNS
        doubts[kind] = {
            other: round((counts[other] + PRIOR_TURNS * labelled[other] / len(told)) / of, 4)
            for other in KINDS
        }
    return doubts


def _part(label: Label) -> str:
    who = "subagent" if label.is_subagent else "main"
    return f"{who}, {'first' if label.is_first else 'later'} text"


def _accuracy(told: Sequence[Told]) -> Share:
    return share(sum(one.kind == one.label.kind for one in told), len(told))


def _figures(told: Sequence[Told], kind: TaskKind) -> KindFigures:
    right = sum(one.kind == kind == one.label.kind for one in told)
    return KindFigures(
        recall=share(right, sum(one.label.kind == kind for one in told)),
        precision=share(right, sum(one.kind == kind for one in told)),
    )


def lines(found: Report) -> list[str]:
    """The report for people."""
    passes = found.agreement
    width = max(len(kind) for kind in KINDS)
    return [
        f"artifact {found.artifact_digest[:12]}",
        f"labels: {passes.labels}, of which {found.found} are in the tables; two passes agree on "
        f"{passes.raw:.1%}, kappa {passes.kappa:.3f}",
        f"accuracy, held-out sessions: {_words(found.accuracy)}",
        f"accuracy, sessions of the fit: {_words(found.fitted)}",
        f"accuracy, each half by a model of the other: {_words(found.crossed)}",
        *(f"  {name}: {_words(part)}" for name, part in found.by_part.items()),
        f"  given a kind, of those that have one: {_words(found.named)}",
        "by kind, each half by a model of the other:",
        *(
            f"  {kind:{width}} recall {_words(figures.recall)}; precision "
            f"{_words(figures.precision)}"
            for kind, figures in found.kinds.items()
        ),
        "told as (rows: labelled kind):",
        "  " + " " * width + "".join(f"{kind:>{width + 1}}" for kind in KINDS),
        *(
            f"  {kind:{width}}" + "".join(f"{row[told]:>{width + 1}.2f}" for told in KINDS)
            for kind, row in found.confusion.items()
        ),
        *([] if found.evidence is None else _evidence_lines(found.evidence)),
    ]


def _evidence_lines(found: Evidence) -> list[str]:
    return [
        "beyond the turn's own text, held-out sessions:",
        f"  with what its tools did: {_words(found.with_tools)}; right only with them "
        f"{found.gained}, only without {found.lost}",
        f"  later texts of a kind, by their own text: {_words(found.later_own)}",
        f"  the same, by what their thread was about: {_words(found.later_kept)}",
    ]


def _words(one: Share) -> str:
    if one.share is None or one.low is None or one.high is None:
        return "none"
    return f"{one.share:.3f} ({one.low:.3f} to {one.high:.3f}) of {one.of}"


def measured(
    traces: Path,
    labels_file: Path,
    artifact_file: Path | None,
    encoder: Encoder,
    *,
    has_evidence: bool,
) -> Report:
    """Raises `InvalidRequest` when no labelled turn is in the tables."""
    labels = load_labels(labels_file)
    labelled = find_texts(labels, load_table(traces, "trace_turns"))
    if not labelled:
        raise InvalidRequest(f"No turn of {labels_file} is in {traces / 'trace_turns.parquet'}.")
    artifact = load_artifact(artifact_file, embedder_digest=EMBEDDER_DIGEST)
    tables = artifact.content.text
    reader = ClusterReader(tables)
    return report(
        labels,
        tell(labelled, reader, encoder),
        tell_crossed(labelled, tables, encoder),
        artifact_digest=artifact.digest,
        evidence=(tell_with_evidence(traces, labelled, reader, encoder) if has_evidence else None),
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="turnout kinds", description="How well an artifact tells task kinds."
    )
    parser.add_argument(
        "--traces", type=Path, required=True, help="directory with trace_turns.parquet"
    )
    parser.add_argument("--labels", type=Path, default=SHIPPED, help="default: %(default)s")
    parser.add_argument("--artifact", type=Path, help="default: the one that is shipped")
    parser.add_argument(
        "--embedder", type=Path, default=default_root(), help="where the embedder was built"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--evidence",
        action="store_true",
        help="measure also what tools and threads say; wants trace_calls and trace_tools",
    )
    parser.add_argument("--confusion-out", type=Path, help="write the confusion matrix alone")
    options = parser.parse_args(argv)
    embedder: Path = options.embedder
    out: Path | None = options.confusion_out
    is_json: bool = options.json
    has_evidence: bool = options.evidence
    try:
        encoder = OnnxEncoder(load_embedder_files(embedder))
        found = measured(
            options.traces,
            options.labels,
            options.artifact,
            encoder,
            has_evidence=has_evidence,
        )
        if out is not None:
            out.write_bytes(_pretty(found.confusion))
    except (TurnoutError, OSError) as error:
        sys.stderr.write(f"turnout: {error}\n")
        return 1
    sys.stdout.write(_pretty(found).decode() if is_json else "\n".join([*lines(found), ""]))
    return 0


def _pretty(value: Report | Mapping[TaskKind, Mapping[TaskKind, float]]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


if __name__ == "__main__":
    sys.exit(main())
