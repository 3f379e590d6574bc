"""Health of a target: what ejects it, for how long, and how it comes back."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.errors import (
    ContextTooLong,
    InvalidRequest,
    NotAllowed,
    NotAuthenticated,
    Overloaded,
    RateLimited,
    TurnoutError,
    Unavailable,
    UpstreamFailed,
    UpstreamTimeout,
)
from turnout.policy.breaker import (
    EJECTION_SECONDS,
    FAILURES,
    HEALTH_SECONDS,
    IN_A_ROW,
    MAX_EJECTION_SECONDS,
    PROBE_SECONDS,
    Breaker,
    Ending,
    Health,
    Peers,
    ending_of,
)
from turnout.policy.output_rate import OutputRate

NOW = 1_790_000_000.0
TWO = Peers(2, 0)
ALONE = Peers(1, 0)


def known(tokens_per_second: float | None) -> OutputRate | None:
    return None if tokens_per_second is None else OutputRate(tokens_per_second, tokens_per_second)


@dataclass(slots=True)
class Played:
    """A breaker, and the clock that its calls move."""

    breaker: Breaker = field(default_factory=lambda: Breaker(now=NOW))
    now: float = NOW

    def call(
        self, ending: Ending, *, peers: Peers = TWO, seconds: float = 0.0, rate: float | None = None
    ) -> None:
        sent_at = self.now
        self.breaker.begun(now=sent_at)
        self.now += seconds
        self.breaker.ended(
            ending, sent_at=sent_at, peers=peers, now=self.now, output_rate=known(rate)
        )

    def fail(self, times: int = IN_A_ROW, *, peers: Peers = TWO) -> None:
        for _ in range(times):
            self.call("error", peers=peers)

    def later(self, seconds: float) -> None:
        self.now += seconds

    def state(self) -> Health:
        return self.breaker.health(now=self.now)

    @property
    def may_begin(self) -> bool:
        return self.breaker.may_begin(now=self.now)

    @property
    def wait(self) -> float:
        return max(0.0, self.breaker.ejected_until - self.now)


@pytest.mark.parametrize(
    ("kind", "ours", "clients"),
    [
        (InvalidRequest, "answered", "answered"),
        (ContextTooLong, "answered", "answered"),
        (NotAuthenticated, "error", "answered"),
        (NotAllowed, "error", "answered"),
        (RateLimited, "throttled", "throttled"),
        (Overloaded, "throttled", "throttled"),
        (UpstreamTimeout, "timeout", "timeout"),
        (UpstreamFailed, "error", "error"),
        (Unavailable, "error", "error"),
    ],
)
def test_what_an_error_says_of_a_target(
    kind: type[TurnoutError], ours: Ending, clients: Ending
) -> None:
    for ending, is_clients in ((ours, False), (clients, True)):
        error = kind("no")
        told = ending_of(error, has_content=False, is_clients_credential=is_clients)
        assert told == ending
        assert ending_of(error, has_content=True, is_clients_credential=is_clients) == "broke_off"


@pytest.mark.parametrize("ending", sorted(FAILURES))
def test_five_failures_in_a_row_eject(ending: Ending) -> None:
    played = Played()
    for _ in range(IN_A_ROW):
        assert (played.state(), played.may_begin) == ("healthy", True)
        played.call(ending)
    assert (played.state(), played.may_begin) == ("ejected", False)
    assert played.wait == EJECTION_SECONDS


@pytest.mark.parametrize("ending", ["answered", "throttled", "given_up"])
def test_what_is_no_failure_never_ejects(ending: Ending) -> None:
    played = Played()
    for _ in range(100):
        played.call(ending)
    assert played.state() == "healthy"


@pytest.mark.parametrize("between", ["throttled", "given_up"])
def test_what_says_nothing_does_not_interrupt_a_row(between: Ending) -> None:
    played = Played()
    for _ in range(IN_A_ROW):
        played.call(between)
        played.call("error")
    assert played.state() == "ejected"


def test_half_of_ten_failures_eject_without_a_row() -> None:
    played = Played()
    for _ in range(4):
        played.call("error")
        played.call("answered")
    played.call("answered")
    assert played.state() == "healthy"
    played.call("error")
    assert played.state() == "ejected"


def test_a_third_of_failures_does_not_eject() -> None:
    played = Played()
    for _ in range(50):
        played.call("error")
        played.call("answered")
        played.call("answered")
    assert played.state() == "healthy"


def test_failures_of_long_ago_do_not_count() -> None:
    played = Played()
    played.fail(IN_A_ROW - 1)
    played.call("answered")
    played.later(600)
    for _ in range(4):
        played.call("answered")
        played.later(60)
        played.fail(2)
        played.later(60)
    assert played.state() == "healthy"


def test_the_only_one_is_never_ejected() -> None:
    played = Played()
    played.fail(100, peers=ALONE)
    assert (played.state(), played.may_begin) == ("healthy", True)


@pytest.mark.parametrize(
    ("number", "ejected", "may"),
    [(1, 0, False), (2, 0, True), (2, 1, False), (3, 0, True), (3, 1, False), (4, 1, True)],
)
def test_never_more_than_half_are_ejected(number: int, ejected: int, may: bool) -> None:
    played = Played()
    played.fail(peers=Peers(number, ejected))
    assert (played.state() == "ejected") is may


def test_after_its_time_one_request_probes_and_its_answer_heals() -> None:
    played = Played()
    played.fail()
    played.later(EJECTION_SECONDS)
    assert (played.state(), played.may_begin, played.wait) == ("probing", True, 0.0)
    sent_at = played.now
    played.breaker.begun(now=sent_at)
    assert (played.state(), played.may_begin) == ("probing", False)
    played.later(2)
    played.breaker.ended("answered", sent_at=sent_at, peers=TWO, now=played.now)
    assert (played.state(), played.may_begin) == ("healthy", True)
    played.call("error")
    assert played.state() == "healthy"


def test_a_probe_that_goes_on_for_long_lets_another_one_through() -> None:
    played = Played()
    played.fail()
    played.later(EJECTION_SECONDS)
    played.breaker.begun(now=played.now)
    played.later(PROBE_SECONDS - 1)
    assert not played.may_begin
    played.later(1)
    assert played.may_begin


def test_a_probe_that_is_given_up_makes_room_for_the_next() -> None:
    played = Played()
    played.fail()
    played.later(EJECTION_SECONDS)
    played.call("given_up")
    assert (played.state(), played.may_begin) == ("probing", True)


def test_what_was_sent_before_the_ejection_ended_neither_heals_nor_ejects() -> None:
    played = Played()
    sent_at = played.now
    played.fail()
    played.breaker.ended("answered", sent_at=sent_at, peers=TWO, now=played.now)
    assert played.state() == "ejected"
    played.later(EJECTION_SECONDS)
    played.breaker.begun(now=played.now)
    played.breaker.ended("error", sent_at=sent_at, peers=TWO, now=played.now)
    assert (played.state(), played.may_begin) == ("probing", False)


def ejections(played: Played, number: int) -> list[float]:
    waits = []
    for _ in range(number):
        played.call("error")
        waits.append(played.wait)
        played.later(played.wait)
    return waits


def test_each_failed_probe_doubles_the_time_to_a_bound() -> None:
    played = Played()
    played.fail(IN_A_ROW - 1)
    assert ejections(played, 8) == [10, 20, 40, 80, 160, 300, 300, 300]
    played.call("answered")
    assert played.state() == "healthy"


@pytest.mark.parametrize(
    ("health", "wait"), [(1, 80), (HEALTH_SECONDS, 40), (2 * HEALTH_SECONDS, 20), (1e6, 10)]
)
def test_health_makes_the_next_ejection_shorter(health: float, wait: float) -> None:
    played = Played()
    played.fail(IN_A_ROW - 1)
    assert ejections(played, 3) == [10, 20, 40]
    played.call("answered")
    played.later(health)
    played.fail()
    assert played.wait == wait


def test_answers_that_collapse_against_their_own_usual_rate_are_failures() -> None:
    played = Played()
    for rate in (40.0, 60.0) * 10:
        played.call("answered", rate=rate)
    for _ in range(IN_A_ROW):
        assert played.state() == "healthy"
        played.call("answered", rate=5.0)
    assert played.state() == "ejected"


@pytest.mark.parametrize("rate", [25.0, 400.0])
def test_rates_that_vary_do_not_eject(rate: float) -> None:
    played = Played()
    for _ in range(20):
        played.call("answered", rate=50.0)
    for _ in range(IN_A_ROW):
        played.call("answered", rate=rate)
    assert played.state() == "healthy"


def test_a_rate_is_slow_only_against_enough_answers() -> None:
    played = Played()
    for rate in (50.0, 50.0, 1.0, 1.0, 1.0, 1.0, 1.0):
        played.call("answered", rate=rate)
    assert played.state() == "healthy"


def test_what_others_saw_counts_but_a_failure_of_ones_own_ejects() -> None:
    played = Played()
    played.breaker.heard(20.0, 20.0, now=played.now)
    assert played.state() == "healthy"
    played.call("answered")
    assert played.state() == "healthy"
    played.call("error")
    assert played.state() == "ejected"


def left_seconds(breaker: Breaker, *, now: float = NOW) -> float:
    return max(0.0, breaker.left_until - now)


def test_where_another_replica_leaves_it_alone_nobody_is_sent() -> None:
    """It ejects nothing here: whoever asks it judges by its own calls."""
    breaker = Breaker(now=NOW)
    breaker.heard(5.0, 5.0, ejected_seconds=10.0, now=NOW)
    assert left_seconds(breaker) == 10.0
    assert left_seconds(breaker, now=NOW + 4.0) == 6.0
    assert left_seconds(breaker, now=NOW + 10.0) == 0.0
    assert breaker.health(now=NOW) == "healthy"
    assert not breaker.is_ejected


def test_the_word_of_one_replica_counts_until_another_one_is_answered() -> None:
    breaker = Breaker(now=NOW)
    breaker.heard(20.0, 0.0, now=NOW)
    breaker.heard(8.0, 5.0, ejected_seconds=10.0, now=NOW)
    breaker.heard(3.0, 3.0, now=NOW)
    breaker.heard(0.0, 0.0, now=NOW)
    assert left_seconds(breaker) == 10.0
    breaker.heard(3.0, 2.0, now=NOW)
    assert left_seconds(breaker) == 0.0


def test_of_two_words_the_longer_one_holds() -> None:
    breaker = Breaker(now=NOW)
    breaker.heard(5.0, 5.0, ejected_seconds=40.0, now=NOW)
    breaker.heard(5.0, 5.0, ejected_seconds=10.0, now=NOW)
    assert left_seconds(breaker) == 40.0


def test_no_word_of_another_holds_for_longer_than_an_ejection_may() -> None:
    breaker = Breaker(now=NOW)
    breaker.heard(5.0, 5.0, ejected_seconds=1e9, now=NOW)
    assert left_seconds(breaker) == MAX_EJECTION_SECONDS


def test_ones_own_ejection_is_heeded_too() -> None:
    played = Played()
    played.fail()
    assert left_seconds(played.breaker, now=played.now) == EJECTION_SECONDS


def test_what_others_were_answered_counts_against_ones_own_failures() -> None:
    played = Played()
    for _ in range(4):
        played.call("error")
        played.call("answered")
    played.breaker.heard(20.0, 0.0, now=played.now)
    for _ in range(4):
        played.call("error")
        played.call("answered")
    assert played.state() == "healthy"


ENDINGS = st.sampled_from(
    ["answered", "error", "throttled", "timeout", "broke_off", "stalled", "given_up"]
)
STEPS = st.lists(
    st.tuples(st.integers(0, 3), ENDINGS, st.floats(0.0, 60.0), st.none() | st.floats(0.1, 100.0)),
    max_size=200,
)


@given(STEPS)
def test_whatever_happens_half_stay_and_all_come_back(
    steps: list[tuple[int, Ending, float, float | None]],
) -> None:
    """Four targets that stand for each other, each asked whether or not it may be."""
    breakers = [Breaker(now=NOW) for _ in range(4)]
    now = NOW
    for which, ending, seconds, rate in steps:
        breaker = breakers[which]
        breaker.begun(now=now)
        sent_at, now = now, now + seconds
        others = sum(other.is_ejected for other in breakers if other is not breaker)
        breaker.ended(
            ending, sent_at=sent_at, peers=Peers(4, others), now=now, output_rate=known(rate)
        )
        assert sum(one.is_ejected for one in breakers) <= 2
        wait = max(0.0, breaker.ejected_until - now)
        assert 0.0 <= wait <= MAX_EJECTION_SECONDS
        assert breaker.health(now=now + wait) in {"healthy", "probing"}
        assert (
            breaker.may_begin(now=now) or wait > 0.0 or breaker.may_begin(now=now + PROBE_SECONDS)
        )


@given(st.lists(st.booleans(), max_size=60))
def test_at_most_one_probe_is_under_way(answers: list[bool]) -> None:
    played = Played()
    played.fail()
    for is_answered in answers:
        played.later(played.wait)
        if played.state() != "probing":
            return
        assert played.may_begin
        sent_at = played.now
        played.breaker.begun(now=sent_at)
        assert not played.may_begin
        played.later(1)
        ending: Ending = "answered" if is_answered else "timeout"
        played.breaker.ended(ending, sent_at=sent_at, peers=TWO, now=played.now)
