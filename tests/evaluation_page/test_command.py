"""`make eval` on the committed sample, with the jobs that take no minute."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.sample.place import TABLES
from turnout.evaluation_page import sessions, trouble
from turnout.evaluation_page.__main__ import main
from turnout.evaluation_page.jobs import Job, files
from turnout.evaluation_page.tables import Part, on_page
from turnout.evaluation_page.targets import TARGETS, targets

JOBS: Final[Mapping[str, Job]] = {
    "cache hits": sessions.cache_hits,
    "escalation": trouble.escalation,
    "files": files,
}
NAMES: Final = ("targets", "hits", "pauses", "red-checks", "signals")
PAGE: Final = "".join(
    f"<!-- {name} -->\n<!-- end -->\n"
    for name in (*NAMES, "escalating-pays", "escalating-dearer", "files")
)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.md"
    path.write_text(PAGE)
    return path


def measured(page: Path, *options: str, todo: Mapping[str, Job] = JOBS) -> int:
    argv = [str(TABLES), "--page", str(page), "--out", str(page.parent / "out"), *options]
    return main([*argv, "--workers", "1"], todo)


def test_a_page_that_was_written_is_reproduced(
    page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert measured(page, "--write") == 0
    assert all(table.rows for table in on_page(page.read_text()).values())

    assert measured(page) == 0
    assert "Every table of" in capsys.readouterr().out
    assert (page.parent / "out" / "calibration.json").stat().st_size


def test_a_figure_out_of_its_interval_is_an_error(
    page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measured(page, "--write")
    text = page.read_text()
    page.write_text(
        text.replace(
            "| Anthropic, 1 hour | 1 minute | 590 |", "| Anthropic, 1 hour | 1 minute | 9 |"
        )
    )
    assert page.read_text() != text

    assert measured(page) == 1

    out = capsys.readouterr().out
    assert "(Anthropic, 1 hour), calls: the page says '9', found '590'" in out
    assert "1 figures of" in out


def test_other_tables_are_printed_and_not_compared(
    page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measured(page, "--write")
    page.write_text(page.read_text().replace("| `trace_calls.parquet` |", "| `others.parquet` |"))
    capsys.readouterr()

    assert measured(page) == 0

    out = capsys.readouterr().out
    assert "was measured on other tables: nothing is compared" in out
    assert "| Anthropic, 1 hour | 1 minute |" in out


def test_what_the_tables_do_not_suffice_for_is_said(
    page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from turnout.evaluation_page.tasks import task_kinds

    assert measured(page, todo={"task kinds": task_kinds}) == 0

    assert "Left out, task kinds: No turn of" in capsys.readouterr().out


def test_a_page_that_is_not_there_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert measured(tmp_path / "none.md", todo={"files": files}) == 1
    assert "none.md" in capsys.readouterr().err


def test_a_replay_is_a_row_of_a_policy_on_a_premise() -> None:
    part: Part = sessions.replays(
        TABLES, "claude-haiku-4-5", "read-only+subagents", keeps_warm=False
    )

    (row,) = part.tables["replays"].rows
    assert row[:2] == ("claude-haiku-4-5", "read-only and subagents")
    assert len(row) == 2 + len(sessions.SHOWN) + 4
    assert part.reached["most_of_requested"] == pytest.approx(float(row[8]), abs=5e-4)


def test_the_dial_has_its_places() -> None:
    part = sessions.dial(TABLES, Path())

    assert part.reached["dial_falls"] <= 1
    assert len(part.tables["dial"].rows) == len(sessions.DIAL)


def test_a_target_says_whether_it_is_met() -> None:
    rows = targets({"hit_error": 0.05, "pooled_gain": 4.4}).rows
    said = {row[0]: row[3] for row in rows}

    assert said["cache hits, greatest error of a bucket with 200 calls"] == "met"
    assert said["gain over the hull, measured kinds, kind given"] == "**missed**"
    assert said["gain over the hull, coding kinds"] == "not in these tables"


def test_the_page_has_every_target() -> None:
    text = (Path(__file__).parents[2] / "EVALUATION.md").read_text(encoding="utf-8")
    table = on_page(text)["targets"]

    assert [(row[0], row[4]) for row in table.rows] == [
        (one.measure, one.section) for one in TARGETS
    ]
    assert all(f"# {one.section}\n" in text for one in TARGETS)
