"""Who is shown whose reasoning."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.policy.provenance import begins_run, can_read, unreadable, with_answer
from turnout.policy.thread import Maker

OPUS = "anthropic/claude-opus-5-5@env"


@pytest.mark.parametrize(
    ("maker", "reader", "shown"),
    [
        (OPUS, OPUS, True),
        (OPUS, "anthropic/claude-haiku-5-5@env", True),
        (OPUS, "anthropic/claude-haiku-5-5@client", False),
        (OPUS, "vertex/claude-opus-5-5@env", False),
        (OPUS, "deepseek/deepseek-v4-pro@env", False),
        ("openai/gpt-5.5@env", "openai/gpt-5.5@env", True),
        ("openai/gpt-5.5@env", "openai/gpt-5.5@client", False),
        ("openai/gpt-5.5@env", "openai/gpt-5.4-mini@env", False),
        ("gcp.gemini/a/b@c@env", "gcp.gemini/a/b@c@env", True),
    ],
)
def test_a_seal_goes_to_whoever_takes_it(maker: str, reader: str, shown: bool) -> None:
    assert can_read(maker, reader) is shown


TARGETS = st.sampled_from([OPUS, "openai/gpt-5.5@env", "deepseek/v4@env"])


@given(st.lists(st.tuples(st.integers(0, 30), TARGETS), max_size=6), TARGETS, st.integers(0, 40))
def test_messages_of_others_are_unreadable_and_no_others(
    runs: list[tuple[int, str]], reader: str, count: int
) -> None:
    makers = [Maker(first, target) for first, target in sorted(dict(runs).items())]
    found = {
        number for one in unreadable(makers, reader=reader, message_count=count) for number in one
    }
    for number in range(count):
        wrote = [maker.target for maker in makers if maker.first_message <= number]
        assert (number in found) == (bool(wrote) and not can_read(wrote[-1], reader))
    assert all(number < count for number in found)


GPT = "openai/gpt-5.5@env"
TWO = (Maker(1, OPUS), Maker(5, GPT))


@pytest.mark.parametrize(
    ("makers", "target", "count", "is_edited", "begins"),
    [
        ((), OPUS, 3, False, True),
        (TWO, GPT, 9, False, False),
        (TWO, OPUS, 9, False, True),
        (TWO, GPT, 9, True, False),
        (TWO, OPUS, 3, True, True),
        (TWO, OPUS, 3, False, False),
        (TWO, GPT, 3, True, True),
        (TWO, GPT, 5, True, False),
        (TWO, OPUS, 5, False, True),
    ],
)
def test_a_run_begins_where_another_answers_or_the_history_was_cut(
    makers: tuple[Maker, ...], target: str, count: int, is_edited: bool, begins: bool
) -> None:
    found = begins_run(makers, target=target, message_count=count, is_edited=is_edited)
    assert found is begins


@given(st.lists(TARGETS, max_size=40), st.booleans())
def test_answers_one_after_another_have_their_makers(answers: list[str], is_edited: bool) -> None:
    makers: tuple[Maker, ...] = ()
    kept = 0
    for number, target in enumerate(answers):
        kept += begins_run(makers, target=target, message_count=2 * number + 1, is_edited=is_edited)
        makers = with_answer(makers, target=target, message_count=2 * number + 1)
    assert len(makers) == kept
    for number, target in enumerate(answers):
        last = [maker for maker in makers if maker.first_message <= 2 * number + 1][-1]
        assert last.target == target


def test_an_answer_in_a_cut_history_leaves_no_runs_behind_it() -> None:
    assert with_answer(TWO, target=OPUS, message_count=3) == (Maker(1, OPUS),)
    assert with_answer(TWO, target=GPT, message_count=3) == (Maker(1, OPUS), Maker(3, GPT))
