"""What is read of a record is what was written."""

import pytest

from turnout.session_cache_tracker.records import (
    BETWEEN_LINES,
    Step,
    Steps,
    kind_of,
    kind_text,
    step_line,
    steps_of,
)


def recent(*errors: int) -> str:
    return BETWEEN_LINES.join(
        step_line(f"v{n}", Step(1_000 + n, 10 * n, n, errors[n], "gpt-5"))
        for n in range(len(errors))
    )


def test_steps_are_read_by_column_oldest_first() -> None:
    assert steps_of(recent(0, 2, 0)) == Steps(
        1_002, (0, 10, 20), (0, 1, 2), 0, ("gpt-5", "gpt-5", "gpt-5")
    )
    assert steps_of("") == Steps()


@pytest.mark.parametrize(
    ("errors", "streak"), [((0,), 0), ((3,), 1), ((1, 0, 2, 10), 2), ((1, 1, 1), 3)]
)
def test_errors_count_from_the_newest_step_to_the_first_without_one(
    errors: tuple[int, ...], streak: int
) -> None:
    assert steps_of(recent(*errors)).newest_errors == streak


@pytest.mark.parametrize("text", ["?", "v 1 2 3", "v 1 x 3 4 f", "v 1 x 3 4"])
def test_other_lines_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"step|int"):
        steps_of(text)


def test_the_newest_answer_need_not_be_that_of_the_newest_version() -> None:
    lines = [
        step_line("v1", Step(2_000, 1, 1, 0, "glm")),
        step_line("v2", Step(1_500, 1, 1, 0, "glm")),
    ]
    assert steps_of(BETWEEN_LINES.join(lines)).last_answered_ms == 2_000


@pytest.mark.parametrize("others", [1, 6])
@pytest.mark.parametrize("other", ["v0 1000 7 3 1", "v0 1000 7 3 1 unknown more"])
def test_steps_of_other_builds_are_read_beside_ours(other: str, others: int) -> None:
    """Six of five words have as many as five of ours."""
    assert steps_of(BETWEEN_LINES.join([other] * others)).prompt_tokens == (7,) * others
    mixed = steps_of(BETWEEN_LINES.join([*[other] * others, recent(0, 1)]))
    assert (mixed.last_answered_ms, mixed.newest_errors) == (1_001, 1)
    assert mixed.prompt_tokens == (*[7] * others, 0, 10)
    assert mixed.output_tokens == (*[3] * others, 0, 1)
    assert mixed.families == (*["unknown"] * others, "gpt-5", "gpt-5")


def test_a_family_that_only_another_version_knows_is_unknown() -> None:
    assert steps_of("v1 1000 10 1 0 claude-9").families == ("unknown",)


def test_a_kind_that_only_another_version_knows_is_other() -> None:
    assert kind_of(kind_text("v1", "docs")) == "docs"
    assert kind_of(kind_text("v1", "docs").replace("docs", "gardening")) == "other"
    assert kind_of("") == "other"
