"""The page's tables as Markdown, and what counts as the same figure."""

import pytest

from turnout.evaluation_page.tables import Table, agrees, differences, filled, on_page

TABLE = Table(("what", "how much"), (("one", "1.00"), ("two", "2.0 %")))
PAGE = "Before.\n\n<!-- some-name -->\n<!-- end -->\n\nAfter.\n"


def test_a_table_is_read_as_it_was_written() -> None:
    page = filled(PAGE, {"some-name": TABLE})

    assert on_page(page) == {"some-name": TABLE}
    assert page.startswith("Before.")
    assert page.endswith("After.\n")
    assert filled(page, {"some-name": TABLE}) == page


def test_a_place_for_which_nothing_was_measured_stays() -> None:
    page = filled(PAGE, {"some-name": TABLE})

    assert filled(page, {}) == page


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("0.97", "0.97"),
        ("0.97", "0.98"),
        ("$2,390.28", "$2,390.29"),
        ("+4.71 [+3.24 +6.10]", "+3.30 [+2.00 +4.60]"),
        ("45 % [32 54]", "33 % [20 40]"),
        ("0.00 [0.00 0.00]", "-0.01 [-0.02 0.00]"),
        ("71 % haiku, 29 % kimi", "70 % haiku, 30 % kimi"),
        ("deepseek-v4-pro", "deepseek-v4-pro"),
    ],
)
def test_figures_within_their_interval_agree(said: str, found: str) -> None:
    assert agrees(said, found)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("0.97", "0.99"),
        ("$2,390.28", "$2,391.28"),
        ("+4.71 [+3.24 +6.10]", "+3.10 [+2.00 +4.60]"),
        ("45 % [32 54]", "56 % [50 60]"),
        ("met", "**missed**"),
        ("71 % haiku, 29 % kimi", "71 % haiku, 29 % opus"),
        ("71 % haiku, 29 % kimi", "71 % haiku"),
        ("0.004 (few)", "0.004"),
        ("+0.50", "-0.50"),
    ],
)
def test_others_do_not(said: str, found: str) -> None:
    assert not agrees(said, found)


def test_a_difference_names_its_cell() -> None:
    found = Table(TABLE.headings, (("one", "1.00"), ("two", "9.0 %")))

    (only,) = differences({"name": TABLE}, {"name": found})

    assert only.words == "name, row 2 (two), how much: the page says '2.0 %', found '9.0 %'"


def test_rows_and_tables_that_are_missing_are_differences() -> None:
    shorter = Table(TABLE.headings, TABLE.rows[:1])

    assert len(list(differences({"name": TABLE}, {"name": shorter}))) == 1
    assert len(list(differences({"name": TABLE}, {}))) == 1
    assert len(list(differences({}, {"name": TABLE}))) == 1
