"""The artifact that ships: whole, small, bound to the embedder, and read like any other."""

import base64
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from turnout.catalog.catalog import parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.errors import Unavailable
from turnout.policy.artifact import ArtifactInvalid
from turnout.policy.rank import Tables
from turnout.policy.request import StepKind
from turnout.scorer.artifact_file import ArtifactRefused, load_artifact
from turnout.scorer.embedder import Embedding
from turnout.scorer.embedder_files import EMBEDDER_DIGEST, load_embedder_files
from turnout.scorer.onnx_encoder import OnnxEncoder
from turnout.scorer.text_reader import ClusterReader
from turnout.scorer.tokens import cut

ARTIFACT = load_artifact(None, embedder_digest=EMBEDDER_DIGEST)


def test_the_shipped_artifact_is_small() -> None:
    data = resources.files("turnout.scorer").joinpath("artifact.json").read_bytes()
    assert len(data) < 300_000


def test_it_answers_what_the_policy_asks() -> None:
    tables: Tables = ARTIFACT
    mean, sd = tables.quality(
        model="claude-opus-4-8", task_kind="bug_fix", cluster=0, output_price=25.0
    )
    assert 0.7 < mean < 0.95
    assert sd < 0.1
    remaining = tables.remaining_steps(
        harness="claude_code", step_kind="user_input", steps=10, is_subagent=False
    )
    assert remaining > 10
    kind: StepKind = "tool_continuation"
    growth = tables.growth_tokens(harness="codex", step_kind=kind, is_subagent=False)
    assert 500 < growth < 5000
    output = tables.output_tokens(harness="codex", step_kind=kind, is_subagent=False)
    assert 100 < output < 2000
    soon, late = (
        tables.hit_share(
            provider="anthropic", lifetime_seconds=300, is_automatic=False, gap_seconds=gap
        )
        for gap in (30, 900)
    )
    assert soon > 0.95
    assert late < 0.2


def test_it_knows_most_models_of_the_catalog() -> None:
    # Not all: the catalog may be refreshed without training; the rest is guessed.
    models = parse_catalog(snapshot_bytes()).models.values()
    priced = {model.id for model in models if model.prices.output}
    assert len(priced & set(ARTIFACT.content.abilities)) > 0.8 * len(priced)


def test_who_reads_no_text_takes_the_artifact_of_any_embedder() -> None:
    assert load_artifact(None, embedder_digest=None).digest == ARTIFACT.digest


def test_an_artifact_of_another_embedder_is_refused() -> None:
    with pytest.raises(ArtifactRefused) as refused:
        load_artifact(None, embedder_digest="f" * 64)
    for part in (EMBEDDER_DIGEST, "f" * 64, "turnout train --data"):
        assert part in refused.value.message


def test_a_missing_artifact_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"nowhere\.json cannot be read"):
        load_artifact(tmp_path / "nowhere.json", embedder_digest=EMBEDDER_DIGEST)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Fix the crash when the input file is empty, it raises an IndexError", "bug_fix"),
        ("Write unit tests for the date parser", "tests"),
        ("Update the README with installation instructions for Windows", "docs"),
        ("Explain how requests are routed in this codebase", "explore"),
        ("Review this diff for security problems", "review"),
        ("commit and push", "other"),
    ],
)
def test_plain_asks_are_told_apart(text: str, kind: str, embedder_root: Path) -> None:
    encoder = OnnxEncoder(load_embedder_files(embedder_root))
    embedding = Embedding(vector=encoder.encode(cut(text)), is_cached=False)
    signal = ClusterReader(ARTIFACT.content.text).read(embedding, text)
    assert signal.task_kind == kind
    assert 0 <= signal.cluster < len(ARTIFACT.content.text.members)
    assert 0 < signal.similarity <= 1
    assert signal.skipped == ""


def test_a_centroid_is_nearest_to_itself() -> None:
    reader = ClusterReader(ARTIFACT.content.text)
    raw = base64.b64decode(ARTIFACT.content.text.centroids)
    for cluster, row in enumerate(np.frombuffer(raw, dtype=np.int8).reshape(-1, 384)):
        vector = row.astype(np.float32)
        vector /= np.float32(np.sqrt((vector**2).sum()))
        nearest, similarity = reader.cluster_of(vector)
        assert nearest == cluster
        assert similarity == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("field", ["centroids", "kind_weights"])
@pytest.mark.parametrize("value", ["", "AAAA", "not base64!"])
def test_tables_of_another_shape_are_refused(field: str, value: str) -> None:
    tables = ARTIFACT.content.text
    broken = (
        replace(tables, centroids=value)
        if field == "centroids"
        else replace(tables, kind_weights=value)
    )
    with pytest.raises(ArtifactInvalid):
        ClusterReader(broken)


def test_weights_of_other_cues_are_refused() -> None:
    tables = ARTIFACT.content.text
    with pytest.raises(ArtifactInvalid, match="cues are not those of this version"):
        ClusterReader(replace(tables, cues=tables.cues[1:]))


def test_a_file_that_is_no_artifact_is_named_with_its_variable(tmp_path: Path) -> None:
    file = tmp_path / "passwd"
    file.write_text("root:x:0:0::/root:/bin/sh\n")
    with pytest.raises(ArtifactInvalid) as refused:
        load_artifact(file, embedder_digest=EMBEDDER_DIGEST)
    assert refused.value.message.startswith(f"{file} is no artifact: ")
    assert (
        "set TURNOUT_SCORER__ARTIFACT to a file that `turnout train` made" in refused.value.message
    )
