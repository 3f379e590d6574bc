"""How fast an answer was written: of what that is known, and that it never ejects a target that has not changed."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.policy.breaker import SLOW_SHARE, Breaker, Peers
from turnout.policy.output_rate import LEAST_SECONDS, LEAST_TOKENS, OutputRate, output_rate

NOW = 1_790_000_000.0


def test_a_stream_has_a_rate() -> None:
    assert output_rate(shown=100, counted=100, seconds=2.0) == OutputRate(50.0, 50.0)


@pytest.mark.parametrize(
    ("tokens", "seconds", "is_known"),
    [
        (LEAST_TOKENS, LEAST_SECONDS, True),
        (LEAST_TOKENS - 1, 60.0, False),
        (5_000, 0.999, False),
        (5_000, 0.000_05, False),
        (5_000, 0.0, False),
        (0, 60.0, False),
    ],
)
def test_what_is_short_or_came_at_once_has_none(
    tokens: int, seconds: float, is_known: bool
) -> None:
    rate = output_rate(shown=tokens, counted=tokens, seconds=seconds)
    assert (rate is not None) is is_known


def test_reasoning_that_is_not_shown_is_no_speed_for_sure_and_no_slowness_either() -> None:
    assert output_rate(shown=60, counted=9_060, seconds=2.0) == OutputRate(30.0, 4_530.0)
    assert output_rate(shown=LEAST_TOKENS - 1, counted=9_000, seconds=2.0) is None


def test_a_count_that_is_too_small_is_no_slowness_for_sure() -> None:
    assert output_rate(shown=200, counted=100, seconds=2.0) == OutputRate(50.0, 100.0)


@dataclass(frozen=True, slots=True)
class Written:
    """An answer.

    Attributes:
        shown: tokens of text, tool calls and reasoning that the client gets.
        before, beside: tokens of reasoning that it does not get, before the first content and after it.
        at_once: the share of the others that comes in the first read.
        measured: what the bytes of the shown ones make of a token.
    """

    is_stream: bool
    shown: int
    before: int
    beside: int
    at_once: float
    measured: float

    def rate(self, tokens_per_second: float) -> OutputRate | None:
        seconds = (self.shown * (1.0 - self.at_once) + self.beside) / tokens_per_second
        return output_rate(
            shown=round(self.shown * self.measured),
            counted=self.shown + self.before + self.beside,
            seconds=seconds if self.is_stream else 0.000_02,
        )


WRITTEN = st.builds(
    Written,
    is_stream=st.booleans(),
    shown=st.integers(0, 5_000),
    before=st.just(0) | st.integers(0, 50_000),
    beside=st.just(0) | st.integers(0, 50_000),
    at_once=st.floats(0.0, 0.5),
    measured=st.floats(0.7, 1.4),
)


def ejected_by(rates: list[OutputRate | None]) -> bool:
    breaker = Breaker(now=NOW)
    for rate in rates:
        breaker.begun(now=NOW)
        breaker.ended("answered", sent_at=NOW, peers=Peers(2, 0), now=NOW, output_rate=rate)
    return breaker.is_ejected


@given(st.lists(WRITTEN, min_size=15, max_size=80), st.floats(1.0, 500.0))
def test_who_always_writes_as_fast_is_never_ejected(
    answers: list[Written], tokens_per_second: float
) -> None:
    """Whole answers, streams, long and short ones, thought about or not, in any mix."""
    assert not ejected_by([answer.rate(tokens_per_second) for answer in answers])


@given(st.floats(1.0, 500.0), st.floats(0.01, 0.5 * SLOW_SHARE), st.integers(300, 5_000))
def test_who_writes_far_slower_than_before_is_ejected(
    tokens_per_second: float, share: float, shown: int
) -> None:
    answer = Written(is_stream=True, shown=shown, before=0, beside=0, at_once=0.0, measured=1.0)
    before = [answer.rate(min(tokens_per_second, shown / LEAST_SECONDS))] * 40
    after = [answer.rate(share * min(tokens_per_second, shown / LEAST_SECONDS))] * 5
    assert None not in before
    assert ejected_by([*before, *after])
