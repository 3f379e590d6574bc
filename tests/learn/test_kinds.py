"""Labels of task kinds, and what `turnout kinds` makes of them."""

from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.learn.sample_tables import WordEncoder, write, write_turns
from turnout.errors import InvalidRequest
from turnout.learn.kind_labels import SHIPPED, Label, find_texts, load_labels
from turnout.learn.kinds import (
    PRIOR_TURNS,
    Told,
    agreement,
    confusion,
    doubts_of,
    lines,
    main,
    report,
    share,
)
from turnout.learn.parquet import load_table
from turnout.learn.task_kinds import KINDS, examples, fit_kind_weights
from turnout.policy.request import TaskKind
from turnout.scorer.artifact_file import load_artifact
from turnout.scorer.embedder_files import EMBEDDER_DIGEST


def label(
    number: int,
    kind: TaskKind = "bug_fix",
    other: TaskKind | None = None,
    *,
    is_subagent: bool = False,
) -> Label:
    return Label(
        repo="r",
        session=f"s{number}",
        thread="t",
        turn=0,
        is_subagent=is_subagent,
        is_first=True,
        passes=(kind, other or kind),
        kind=kind,
    )


def in_half(half: str, count: int, kind: TaskKind = "bug_fix") -> list[Label]:
    return [one for one in (label(n, kind) for n in range(100)) if one.half == half][:count]


def test_what_a_told_kind_is_worth() -> None:
    """Twenty of thirty that were told to be tests are; the kinds' frequencies count for a few turns beside."""
    told = [Told(label(n, "tests" if n < 20 else "docs"), "tests") for n in range(30)]
    told += [Told(label(n, "docs"), "docs") for n in range(30, 40)]
    doubts = doubts_of(told)
    of = 30 + PRIOR_TURNS
    assert doubts["tests"]["tests"] == pytest.approx((20 + PRIOR_TURNS * 0.5) / of, abs=1e-4)
    assert doubts["tests"]["docs"] == pytest.approx((10 + PRIOR_TURNS * 0.5) / of, abs=1e-4)
    # A kind that was never told is as likely each of them as they are frequent.
    assert doubts["review"]["docs"] == pytest.approx(0.5)
    assert doubts_of([]) == {}


def test_what_is_shipped_doubts_every_kind_and_believes_most() -> None:
    doubts = load_artifact(None, embedder_digest=EMBEDDER_DIGEST).content.kind_doubts
    assert doubts.keys() == set(KINDS)
    for told, row in doubts.items():
        assert sum(row.values()) == pytest.approx(1.0, abs=1e-3)
        assert 0.0 < row[told] < 1.0
    assert sum(max(row, key=row.__getitem__) == told for told, row in doubts.items()) >= 6


def test_the_shipped_labels_are_of_distinct_turns_and_hold_no_text() -> None:
    labels = load_labels(SHIPPED)
    assert len(labels) >= 300
    assert len({(one.repo, one.session, one.thread, one.turn) for one in labels}) == len(labels)
    longest = max(len(word) for one in labels for word in (one.repo, one.session, one.thread))
    assert longest < 40


def test_the_shipped_labels_hold_what_both_passes_said() -> None:
    for one in load_labels(SHIPPED):
        if one.passes[0] == one.passes[1]:
            assert one.kind == one.passes[0]


def test_a_session_is_in_one_half() -> None:
    halves: dict[tuple[str, str], set[str]] = {}
    for one in load_labels(SHIPPED):
        halves.setdefault((one.repo, one.session), set()).add(one.half)
    assert {len(half) for half in halves.values()} == {1}
    sizes = Counter(half for members in halves.values() for half in members)
    assert min(sizes.values()) > 0.4 * sizes.total()


def test_labels_find_their_texts_and_those_without_are_left_out(tmp_path: Path) -> None:
    write_turns(tmp_path, ["fix the list", "add a list"])
    found = find_texts([label(1), label(7), label(0)], load_table(tmp_path, "trace_turns"))
    assert [(one.label.session, one.text) for one in found] == [
        ("s1", "add a list"),
        ("s0", "fix the list"),
    ]


@pytest.mark.parametrize("data", [b"", b"{}", b'[{"repo": "r"}]', b'[{"kind": "chat"}]'])
def test_a_file_of_something_else_is_named(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "labels.json"
    file.write_bytes(data)
    with pytest.raises(InvalidRequest, match=r"labels\.json is no file of labels"):
        load_labels(file)


def test_kappa_is_agreement_beyond_chance() -> None:
    """Twenty of fifty yes by both, fifteen no by both, 5 and 10 apart: the textbook's 0.4."""
    pairs: list[tuple[TaskKind, TaskKind, int]] = [
        ("tests", "tests", 20),
        ("tests", "docs", 5),
        ("docs", "tests", 10),
        ("docs", "docs", 15),
    ]
    found = agreement([label(0, one, other) for one, other, count in pairs for _ in range(count)])
    assert (found.raw, found.kappa) == (0.7, 0.4)


def test_passes_that_say_one_thing_only_agree() -> None:
    assert agreement([label(0), label(1)]).kappa == 1


def test_a_share_has_wilsons_interval() -> None:
    half = share(5, 10)
    assert (half.share, half.low, half.high) == (0.5, 0.2366, 0.7634)
    assert (share(0, 10).low, share(10, 10).high) == (0, 1)
    assert share(0, 0).share is None


def test_accuracy_is_that_of_the_sessions_that_were_held_out() -> None:
    held, fitted = in_half("held_out", 4), in_half("fitted", 2)
    told = [Told(label=one, kind="bug_fix") for one in (*held[:3], *fitted)]
    told.append(Told(label=held[3], kind="other"))
    crossed = [*told[1:4], *(Told(label=one, kind="docs") for one in fitted)]
    found = report([*held, *fitted], told, crossed, artifact_digest="d" * 64)
    assert (found.accuracy.share, found.accuracy.of) == (0.75, 4)
    assert (found.fitted.share, found.fitted.of) == (1, 2)
    assert (found.crossed.share, found.crossed.of) == (0.6, 5)
    assert any("0.750" in line for line in lines(found))


def test_what_is_said_by_kind_is_of_both_halves() -> None:
    told = [
        Told(label=label(n, is_subagent=n == 3), kind="bug_fix" if n else "other") for n in range(4)
    ]
    told.append(Told(label=label(9, "docs"), kind="bug_fix"))
    found = report([one.label for one in told], [], told, artifact_digest="d" * 64)
    assert (found.named.share, found.named.of) == (0.8, 5)
    assert found.kinds["bug_fix"].recall.share == 0.75
    assert found.kinds["bug_fix"].precision.share == 0.75
    assert found.kinds["docs"].recall.share == 0
    assert found.kinds["tests"].recall.share is None
    assert {name: part.of for name, part in found.by_part.items()} == {
        "main, first text": 4,
        "subagent, first text": 1,
    }
    assert found.accuracy.share is None


def test_rows_of_the_confusion_are_shares() -> None:
    told = [Told(label=label(n), kind="bug_fix" if n else "feature") for n in range(4)]
    assert confusion(told)["bug_fix"]["feature"] == 0.25
    assert set(confusion(told)) == {"bug_fix"}
    assert sum(confusion(told)["bug_fix"].values()) == 1


def test_every_kind_has_examples_and_none_is_in_two() -> None:
    texts, kinds = examples()
    assert set(kinds) == set(KINDS)
    assert len(set(texts)) == len(texts)


def test_the_weights_tell_what_they_were_fitted_on() -> None:
    encoder = WordEncoder()
    texts = [
        f"{verb} the {noun}" for verb in ("fix", "explain") for noun in ("lamp", "door", "bell")
    ]
    kinds: list[TaskKind] = ["bug_fix", "bug_fix", "bug_fix", "explore", "explore", "explore"]
    vectors = [encoder.encode(text).astype(float) for text in texts]
    weights = fit_kind_weights(np.array(vectors), texts, kinds)
    scores = [row @ weights[:, : len(row)].T for row in vectors]
    assert [KINDS[int(score.argmax())] for score in scores] == kinds


def test_the_command_measures_the_shipped_artifact(
    tmp_path: Path, embedder_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_turns(tmp_path, ["fix the crash in the parser"] * 100)
    labels = tmp_path / "labels.json"
    labels.write_bytes(msgspec.json.encode([*in_half("held_out", 3), *in_half("fitted", 1)]))
    arguments = ["--traces", str(tmp_path), "--labels", str(labels), "--json"]
    out = tmp_path / "confusion.json"
    arguments += ["--embedder", str(embedder_root), "--confusion-out", str(out)]
    assert main(arguments) == 0
    printed = msgspec.json.decode(capsys.readouterr().out)
    assert printed["accuracy"] == {"of": 3, "share": 1, "low": 0.4385, "high": 1}
    assert msgspec.json.decode(out.read_bytes())["bug_fix"]["bug_fix"] == 1


def test_tables_without_a_labelled_turn_are_named(
    tmp_path: Path, embedder_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_turns(tmp_path, [])
    assert main(["--traces", str(tmp_path), "--embedder", str(embedder_root)]) == 1
    assert capsys.readouterr().err.startswith("turnout: No turn of")
    write(tmp_path, "trace_turns", {"prompt": ["x"]})
    assert main(["--traces", str(tmp_path), "--embedder", str(embedder_root)]) == 1
    assert "no column repo" in capsys.readouterr().err
