"""What the words of a text say of its task kind."""

import pytest

from turnout.scorer.text_cues import CUES, cues_of


def named(text: str) -> set[str]:
    return {name for name, is_there in zip(CUES, cues_of(text), strict=True) if is_there}


@pytest.mark.parametrize(
    ("text", "cue"),
    [
        (
            "Let's call it archive, which is what people look for in such a command line tool.",
            "proposes",
        ),
        (
            "I want the table to be sorted by the time of the newest row, as in the other one.",
            "wants",
        ),
        ("mention that in the README", "names_docs"),
        ("please run it again", "names_running"),
        ("it is not fixed yet", "names_fixing"),
        ("Explain the cache", "begins_reading"),
        ("Review this pull request", "begins_reviewing"),
        ("add some tests for that", "names_writing_tests"),
        ("is that used?", "ends_asking"),
    ],
)
def test_a_cue_is_there(text: str, cue: str) -> None:
    assert cue in named(text)


def test_a_word_far_from_the_beginning_begins_nothing() -> None:
    text = "The second page is empty when I go back to the first one and forward again. Review it."
    assert named(text).isdisjoint({"begins_reading", "begins_reviewing", "proposes", "wants"})


def test_tests_that_are_run_are_not_written() -> None:
    assert "names_writing_tests" not in named("the tests pass")


def test_length_is_that_of_the_text() -> None:
    assert named("go on") >= {"is_a_word", "is_a_line"}
    assert named("go on with the next step of this") & {"is_a_word", "is_a_line"} == {"is_a_line"}
    assert not named("x" * 80)


def test_another_language_has_no_cues_but_its_length() -> None:
    assert named("Bitte weiter") == {"is_a_word", "is_a_line"}
