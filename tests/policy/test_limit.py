"""Calls at once: none refused on a guess, cut where a target throttles, grown while it is used up."""

from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from turnout.policy.breaker import Ending
from turnout.policy.limit import (
    CEILING,
    FLOOR,
    FORGOTTEN_SECONDS,
    KEPT_SHARE,
    PROVEN_SECONDS,
    ConcurrencyLimit,
)

NOW = 1_790_000_000.0


def under_way(calls: int) -> ConcurrencyLimit:
    limit = ConcurrencyLimit()
    for _ in range(calls):
        limit.begun()
    return limit


def cut_to(most: int) -> ConcurrencyLimit:
    """As many under way as there may be."""
    limit = under_way(ceil(most / KEPT_SHARE))
    limit.ended("throttled", sent_at=NOW - 1, now=NOW)
    while limit.in_flight > limit.most(now=NOW):
        limit.ended("given_up", sent_at=NOW - 1, now=NOW)
    return limit


def replaced(limit: ConcurrencyLimit, ending: Ending, *, sent_at: float, now: float) -> None:
    """One ends and another one begins."""
    limit.ended(ending, sent_at=sent_at, now=now)
    limit.begun()


def test_there_is_no_limit_until_a_target_throttles() -> None:
    limit = under_way(1_000)
    assert (limit.most(now=NOW), limit.free(now=NOW)) == (CEILING, CEILING - 1_000)
    for ending in ("answered", "error", "broke_off", "stalled", "given_up"):
        limit.ended(ending, sent_at=NOW, now=NOW)
    assert (limit.most(now=NOW), limit.in_flight) == (CEILING, 995)


def test_throttling_cuts_to_a_share_of_what_was_under_way() -> None:
    for ending in ("throttled", "timeout"):
        limit = under_way(100)
        limit.ended(ending, sent_at=NOW - 1, now=NOW)
        assert (limit.most(now=NOW), limit.in_flight, limit.free(now=NOW)) == (70, 99, 0)


def test_one_burst_is_one_cut() -> None:
    limit = under_way(100)
    for _ in range(40):
        limit.ended("throttled", sent_at=NOW - 1, now=NOW)
    assert limit.most(now=NOW) == 70
    limit.begun()
    limit.ended("throttled", sent_at=NOW, now=NOW + 1)
    assert limit.most(now=NOW) == int(61 * KEPT_SHARE)


def test_a_target_that_takes_nothing_is_left_some_room() -> None:
    limit = under_way(1)
    limit.ended("throttled", sent_at=NOW, now=NOW)
    assert limit.most(now=NOW) == FLOOR


def test_a_round_of_answers_at_full_use_adds_one() -> None:
    limit = cut_to(20)
    for _ in range(21):
        replaced(limit, "answered", sent_at=NOW, now=NOW + 1)
        if limit.free(now=NOW):
            limit.begun()
    assert (limit.most(now=NOW), limit.in_flight) == (21, 21)


def test_answers_at_half_use_add_nothing() -> None:
    limit = cut_to(20)
    for _ in range(10):
        limit.ended("given_up", sent_at=NOW, now=NOW)
    for _ in range(100):
        replaced(limit, "answered", sent_at=NOW, now=NOW + 1)
    assert limit.most(now=NOW) == 20


def proven_at(most: int) -> ConcurrencyLimit:
    """It was used to the full, without a cut, for long enough at `most`; now a hundred are under way."""
    limit = cut_to(most)
    replaced(limit, "answered", sent_at=NOW, now=NOW + PROVEN_SECONDS)
    return limit


def test_a_cut_stops_at_what_proved_good_for_long() -> None:
    limit = proven_at(20)
    later = NOW + PROVEN_SECONDS + 1
    replaced(limit, "throttled", sent_at=later, now=later)
    assert limit.most(now=NOW) == 20


def test_what_proved_good_is_believed_no_more_when_it_is_throttled_itself() -> None:
    limit = proven_at(40)
    for second in (1, 2, 3):
        later = NOW + PROVEN_SECONDS + second
        replaced(limit, "throttled", sent_at=later, now=later)
    assert limit.most(now=NOW) == int(40 * KEPT_SHARE**2)


def test_what_was_not_used_has_not_been_proved() -> None:
    limit = cut_to(20)
    for _ in range(15):
        limit.ended("given_up", sent_at=NOW, now=NOW)
    later = NOW + 2 * PROVEN_SECONDS
    replaced(limit, "answered", sent_at=NOW, now=later)
    replaced(limit, "throttled", sent_at=later, now=later)
    assert limit.most(now=NOW) == FLOOR


def test_a_limit_that_nothing_confirms_is_forgotten() -> None:
    limit = cut_to(20)
    for _ in range(19):
        limit.ended("given_up", sent_at=NOW, now=NOW)
    later = NOW + FORGOTTEN_SECONDS
    assert limit.most(now=later - 1) == 20
    assert (limit.most(now=later), limit.free(now=later)) == (CEILING, CEILING - 1)
    for _ in range(100 - limit.in_flight):
        limit.begun()
    limit.ended("throttled", sent_at=later, now=later)
    assert limit.most(now=later) == 70


STEPS = st.lists(
    st.none()
    | st.tuples(
        st.sampled_from(["answered", "error", "throttled", "timeout", "given_up"]),
        st.floats(0.0, 30.0),
        st.floats(0.0, 30.0),
    ),
    max_size=300,
)


@given(STEPS)
def test_the_limit_stays_within_bounds_and_the_count_with_the_calls(
    steps: list[tuple[Ending, float, float] | None],
) -> None:
    limit, calls, now = ConcurrencyLimit(), 0, NOW
    for step in steps:
        if step is None:
            limit.begun()
            calls += 1
            continue
        ending, age, seconds = step
        now += seconds
        before = limit.most(now=now)
        limit.ended(ending, sent_at=now - age, now=now)
        calls = max(0, calls - 1)
        assert limit.in_flight == calls
        assert FLOOR <= limit.most(now=now) <= CEILING
        assert limit.most(now=now) - before <= 1
        assert limit.free(now=now) == max(0, limit.most(now=now) - calls)


@given(st.integers(5, 400), st.integers(2, 40))
def test_it_finds_what_a_target_takes(takes: int, seconds: int) -> None:
    """A target that throttles what exceeds `takes`, under a load of twice that for ten minutes."""
    limit, now, used = ConcurrencyLimit(), NOW, []
    for _ in range(600 // seconds):
        calls = min(2 * takes, limit.most(now=now))
        for _ in range(calls):
            limit.begun()
        for number in reversed(range(calls)):
            ending: Ending = "throttled" if number >= takes else "answered"
            limit.ended(ending, sent_at=now, now=now + seconds)
        now += seconds
        used.append(calls)
    assert limit.most(now=now) <= takes + 1 or takes < FLOOR
    tail = used[len(used) // 2 :]
    assert sum(tail) / len(tail) >= 0.6 * takes
