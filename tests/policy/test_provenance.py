"""Who is shown whose reasoning."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.policy.provenance import can_read, unreadable
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
