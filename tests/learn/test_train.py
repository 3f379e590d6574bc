"""Training: deterministic, honest about what it lacks, and without a word of any prompt."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.learn.own_requests import own_request
from tests.learn.sample_tables import WordEncoder, write, write_calls, write_sample
from turnout.catalog.catalog import Catalog, parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.errors import InvalidRequest
from turnout.learn.kind_labels import Label
from turnout.learn.own_tables import own_tables
from turnout.learn.task_kinds import KINDS
from turnout.learn.train import LICENCES, main, train
from turnout.policy.artifact import Artifact, ThreadPart, parse_artifact
from turnout.policy.request import TaskKind

EMBEDDER = "d" * 64


def label(number: int, kind: TaskKind) -> Label:
    return Label(
        repo="r",
        session=f"s{number}",
        thread="t",
        turn=0,
        is_subagent=False,
        is_first=True,
        passes=(kind, kind),
        kind=kind,
    )


LABELS = tuple(label(number, KINDS[number // 6]) for number in range(18))
"""Of the sample's turns, by their verbs."""


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return parse_catalog(snapshot_bytes())


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("data")
    write_sample(directory)
    return directory


def trained(data: Path, catalog: Catalog) -> bytes:
    return train(
        data,
        encoder=WordEncoder(),
        embedder_digest=EMBEDDER,
        catalog=catalog,
        n_clusters=4,
        labels=LABELS,
    )


@pytest.fixture(scope="module")
def artifact(data: Path, catalog: Catalog) -> Artifact:
    return parse_artifact(trained(data, catalog))


def test_the_same_tables_give_the_same_bytes(data: Path, catalog: Catalog) -> None:
    assert trained(data, catalog) == trained(data, catalog)


def test_the_date_is_that_of_the_newest_row(artifact: Artifact) -> None:
    assert artifact.content.created == "2026-05-10"


def test_no_word_of_a_prompt_is_in_the_artifact(data: Path, catalog: Catalog) -> None:
    assert b"secretword" not in trained(data, catalog)


def test_provenance_says_what_it_was_made_of(artifact: Artifact) -> None:
    provenance = artifact.content.provenance
    assert {file.name: file.rows for file in provenance.data} == {
        "items.parquet": 60,
        "outcomes.parquet": 360,
        "model_priors.parquet": 10,
        "trace_calls.parquet": 55,
        "trace_turns.parquet": 19,
        "trace_tools.parquet": 2,
        "trace_events.parquet": 1,
    }
    assert all(len(file.sha256) == 64 for file in provenance.data)
    assert provenance.licences == LICENCES
    assert any("3 models" in line for line in provenance.card)
    assert any("too few stay red" in line for line in provenance.card)


def test_pauses_are_those_after_the_answers(artifact: Artifact) -> None:
    """Of 54 answers of main threads 9 were the last ones and 9 were followed by a pause of an hour; for
    what no table has, nobody comes back.
    """
    everyone = artifact.content.idle_gaps["any"]
    assert everyone["main"].calls == 54
    shares = dict(zip(artifact.content.idle_edges_seconds, everyone["main"].shares, strict=True))
    assert shares[3_600.0] == pytest.approx((18 + 1) / (54 + 1), abs=1e-4)
    assert shares[5_400.0] == pytest.approx((9 + 1) / (54 + 1), abs=1e-4)
    assert everyone["main"] == everyone["main_ended"]
    assert everyone["main_goes_on"].calls == 0
    assert set(everyone["main_goes_on"].shares) == {1.0}
    codex = artifact.content.idle_gaps["codex"]["subagent"]
    assert codex.calls == 1


def test_injected_turns_are_not_clustered(artifact: Artifact) -> None:
    assert sum(artifact.content.text.members) == 20 + 18


def test_better_results_give_better_qualities(artifact: Artifact) -> None:
    qualities = [
        artifact.quality(model=model, task_kind="bug_fix", cluster=-1)[0]
        for model in ("claude-fable-5", "claude-opus-4-8", "nemotron-3-nano")
    ]
    assert qualities == sorted(qualities, reverse=True)


def test_estimates_lie_between_the_result_and_what_the_ability_predicts(
    artifact: Artifact,
) -> None:
    unmeasured = replace(artifact, content=replace(artifact.content, success={}))
    for model, estimate in artifact.content.success["tests"].items():
        guess, guess_sd = unmeasured.quality(model=model, task_kind="tests", cluster=-1)
        assert estimate.items == 20
        assert estimate.sd < guess_sd
        assert abs(estimate.mean - guess) < 0.2


def test_every_priced_model_of_the_catalog_has_an_ability(
    artifact: Artifact, catalog: Catalog
) -> None:
    priced = {model.id for model in catalog.models.values() if model.prices.output}
    assert priced <= set(artifact.content.abilities)
    assert artifact.content.abilities["claude-opus-4-8"].source == "benchmarks"
    assert artifact.content.abilities["claude-opus-5"].source == "family"
    assert artifact.content.abilities["gpt-5.5"].source == "price"


def test_speech_models_have_no_ability(artifact: Artifact) -> None:
    assert not [model for model in artifact.content.abilities if "realtime" in model]


def test_text_that_says_nothing_of_models_leaves_no_cluster_effects(artifact: Artifact) -> None:
    assert artifact.content.cluster_effects == ({}, {}, {}, {})


def test_steps_are_counted_from_the_threads(artifact: Artifact) -> None:
    everyone = artifact.content.steps["any"]["any"]
    assert everyone.threads == 10
    assert everyone.calls == 55
    assert everyone.remaining[0] == pytest.approx(5.5)
    assert everyone.growth_tokens == pytest.approx(1000)
    assert everyone.output_tokens == pytest.approx(200)


def test_few_threads_are_shrunk_to_those_of_all(artifact: Artifact) -> None:
    of_all = artifact.content.steps["any"]["any"].remaining[0]
    codex = artifact.content.steps["codex"]["any"].remaining[0]
    own = (1 + 3 + 5 + 7 + 9) / 5
    assert own < codex < of_all


def test_few_checks_escalate_nothing(artifact: Artifact) -> None:
    table = artifact.content.escalation
    assert (table.failing_checks, table.error_streak) == (0, 0)
    assert table.staying_red == (1.0, 0.0, 0.0, 0.0, 0.0)
    assert table.checks == (1, 0, 0, 0, 0)


def test_copied_calls_are_counted_once(tmp_path: Path, catalog: Catalog) -> None:
    write_sample(tmp_path)
    write_calls(tmp_path, is_copied=True)
    everyone = parse_artifact(trained(tmp_path, catalog)).content.steps["any"]["any"]
    assert (everyone.calls, everyone.threads) == (55, 10)


def test_a_missing_table_is_named(tmp_path: Path, catalog: Catalog) -> None:
    with pytest.raises(InvalidRequest, match=r"items\.parquet cannot be read"):
        trained(tmp_path, catalog)


def test_a_missing_column_is_named(tmp_path: Path, catalog: Catalog) -> None:
    write_sample(tmp_path)
    write(tmp_path, "trace_turns", {"text": ["x"]})
    with pytest.raises(InvalidRequest, match=r"trace_turns\.parquet has no column prompt"):
        trained(tmp_path, catalog)


def test_a_file_of_another_format_is_named(tmp_path: Path, catalog: Catalog) -> None:
    write_sample(tmp_path)
    (tmp_path / "items.parquet").write_bytes(b"not parquet")
    with pytest.raises(InvalidRequest, match="is no parquet file"):
        trained(tmp_path, catalog)


def test_the_command_fails_with_one_line(
    tmp_path: Path, embedder_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--data", str(tmp_path), "--out", str(tmp_path / "a.json")]
    assert main([*arguments, "--embedder", str(embedder_root)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("turnout: ")
    assert "items.parquet cannot be read" in said
    assert main([*arguments, "--embedder", str(tmp_path)]) == 1
    assert "turnout.learn.embedder_build" in capsys.readouterr().err


def test_the_command_trains_with_the_real_embedder(
    data: Path, tmp_path: Path, embedder_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "artifact.json"
    assert main(["--data", str(data), "--out", str(out), "--embedder", str(embedder_root)]) == 0
    assert str(out) in capsys.readouterr().out
    assert parse_artifact(out.read_bytes()).content.text.dimensions == 384


def test_the_labels_of_half_the_sessions_are_fitted_on_and_the_others_measured(
    artifact: Artifact,
) -> None:
    measures = artifact.content.provenance.measures
    held = sum(label.half == "held_out" for label in LABELS)
    assert measures["kind_turns_held_out"] == held
    assert measures["kind_turns_fitted_on"] == len(LABELS) - held
    assert 0 <= measures["kind_accuracy_on_held_out_turns"] <= 1
    assert any(
        f"{held} turns of other sessions" in line for line in artifact.content.provenance.card
    )


def test_a_label_that_is_held_out_changes_no_weight(data: Path, catalog: Catalog) -> None:
    def weights(labels: tuple[Label, ...]) -> str:
        file = train(
            data,
            encoder=WordEncoder(),
            embedder_digest=EMBEDDER,
            catalog=catalog,
            n_clusters=4,
            labels=labels,
        )
        return parse_artifact(file).content.text.kind_weights

    fitted = tuple(label for label in LABELS if label.half == "fitted")
    assert weights(fitted) == weights(LABELS) != weights(fitted[1:])


def test_tables_without_labelled_turns_say_that_nothing_was_measured(
    data: Path, catalog: Catalog
) -> None:
    file = train(
        data,
        encoder=WordEncoder(),
        embedder_digest=EMBEDDER,
        catalog=catalog,
        n_clusters=4,
        labels=(),
    )
    provenance = parse_artifact(file).content.provenance
    assert "kind_accuracy_on_held_out_turns" not in provenance.measures
    assert any("has not been measured" in line for line in provenance.card)


def test_own_requests_count_beside_the_tables(data: Path, catalog: Catalog, tmp_path: Path) -> None:
    requests = [
        own_request(step, session=f"s{session}", results=int(step > 0), success=1.0)
        for session in range(40)
        for step in range(300)
    ]
    for table in own_tables(requests, catalog):
        table.write(tmp_path)
    plain = parse_artifact(trained(data, catalog)).content
    owned = parse_artifact(
        train(
            data,
            encoder=WordEncoder(),
            embedder_digest=EMBEDDER,
            catalog=catalog,
            n_clusters=4,
            labels=LABELS,
            own=tmp_path,
        )
    ).content
    part: ThreadPart = "tool_continuation"
    assert (
        owned.steps["claude_code"][part].remaining[0]
        > plain.steps["claude_code"][part].remaining[0]
    )
    assert [one.name for one in owned.provenance.data[len(plain.provenance.data) :]] == [
        "trace_calls.parquet",
        "items.parquet",
        "outcomes.parquet",
    ]
