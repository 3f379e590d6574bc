"""Playbooks of one request's attempts, and what holds whatever happens."""

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from turnout.errors import InvalidRequest, RateLimited, TurnoutError, UpstreamFailed
from turnout.policy.attempts import FOR_EVER, Attempts, Consider, Send, Wait
from turnout.policy.failover import Failure, GiveUp

NOW = 1000.0
LATE = NOW + 600.0
HEDGE_AT = NOW + 5.0


def attempts(*targets: str) -> Attempts:
    return Attempts(targets, give_up_at=LATE)


def failure(
    target: str,
    error: TurnoutError | None = None,
    *,
    status: int = 0,
    at: float = NOW,
    is_substitute: bool = False,
) -> Failure:
    error = error or UpstreamFailed("down")
    return Failure(target, "env", error, at=at, status=status, is_substitute=is_substitute)


def begun(*targets: str) -> Attempts:
    """With the first attempt under way, which may be raced from `HEDGE_AT`."""
    on = attempts(*targets)
    assert on.step(now=NOW) == Send(targets[0], "first")
    on.sent(1, targets[0], hedge_at=HEDGE_AT)
    return on


def raced(*targets: str, by: str) -> Attempts:
    """With a hedge under way to `by`."""
    on = begun(*targets)
    assert on.step(now=HEDGE_AT) == Consider(1)
    on.considered(by)
    assert on.step(now=HEDGE_AT) == Send(by, "hedge")
    on.sent(2, by)
    return on


def test_one_that_may_not_be_raced_is_waited_for() -> None:
    on = attempts("a", "b")
    assert on.step(now=NOW) == Send("a", "first")
    on.sent(1, "a")
    assert on.step(now=NOW) == FOR_EVER
    assert on.step(now=LATE) == FOR_EVER


def test_a_failure_is_followed_by_the_next_target() -> None:
    on = begun("a", "b")
    on.failed(failure("a"), number=1)
    assert on.step(now=NOW) == Send("b", "fallback")


def test_one_that_cannot_even_be_asked_is_followed_too() -> None:
    on = attempts("a", "b")
    on.step(now=NOW)
    on.failed(failure("a"))
    assert on.step(now=NOW) == Send("b", "fallback")


def test_a_wait_is_a_wait_until_it_is_over() -> None:
    on = begun("a")
    on.failed(failure("a", RateLimited("slow down", retry_after_seconds=1.5)), number=1)
    assert on.step(now=NOW) == Wait(NOW + 1.5)
    assert on.step(now=NOW + 1.0) == Wait(NOW + 1.5)
    assert on.step(now=NOW + 1.5) == Send("a", "retry")


def test_silence_is_considered_when_its_time_has_come_and_once() -> None:
    on = begun("a", "b")
    assert on.step(now=NOW) == Wait(HEDGE_AT)
    assert on.step(now=HEDGE_AT) == Consider(1)
    on.considered("")
    assert on.step(now=HEDGE_AT) == FOR_EVER
    on.failed(failure("a"), number=1)
    assert on.step(now=HEDGE_AT) == Send("b", "fallback")
    on.sent(2, "b", hedge_at=HEDGE_AT)
    assert on.step(now=LATE) == FOR_EVER


def test_a_failure_before_silence_has_lasted_is_failover_and_what_follows_may_be_raced() -> None:
    on = begun("a", "b")
    on.failed(failure("a"), number=1)
    assert on.step(now=NOW) == Send("b", "fallback")
    on.sent(2, "b", hedge_at=HEDGE_AT)
    assert on.step(now=HEDGE_AT) == Consider(2)


def test_the_first_with_content_wins_and_the_other_is_closed() -> None:
    on = raced("a", "b", by="a")
    assert on.step(now=HEDGE_AT) == FOR_EVER
    assert on.won(2) == (1,)
    assert on.alive == (2,)
    assert on.step(now=LATE) == FOR_EVER


def test_a_rival_of_another_target_is_not_tried_again() -> None:
    on = raced("a", "b", by="b")
    on.failed(failure("b"), number=2)
    assert on.step(now=HEDGE_AT) == FOR_EVER
    on.failed(failure("a"), number=1)
    assert isinstance(on.step(now=HEDGE_AT), GiveUp)


def test_nothing_follows_a_failure_while_the_other_may_answer() -> None:
    on = raced("a", "b", by="a")
    on.failed(failure("a"), number=1)
    assert on.step(now=HEDGE_AT) == FOR_EVER
    assert on.won(2) == ()


def test_what_every_target_would_say_ends_the_race() -> None:
    on = raced("a", "b", by="a")
    error = InvalidRequest("no")
    on.failed(failure("a", error, status=400), number=2)
    assert on.step(now=HEDGE_AT) == GiveUp(error, relayed=0)
    assert on.alive == (1,)


def test_a_refusal_that_may_be_of_our_making_leaves_the_race_to_the_other() -> None:
    on = raced("a", "b", by="b")
    refused = failure("a", InvalidRequest("no"), status=400, is_substitute=True)
    on.failed(refused, number=1)
    assert on.step(now=HEDGE_AT) == FOR_EVER
    assert on.won(2) == ()
    assert on.refuser == "a"


@given(
    happenings=st.lists(
        st.tuples(
            st.sampled_from(["fail", "refuse", "throttle", "time"]),
            st.booleans(),
            st.floats(0.0, 20.0),
        ),
        max_size=30,
    ),
    targets=st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, unique=True),
    rival=st.sampled_from(["", "a", "b", "c"]),
    win_at=st.integers(0, 30),
)
def test_at_most_two_are_alive_one_is_a_hedge_and_every_request_ends(
    happenings: list[tuple[str, bool, float]], targets: list[str], rival: str, win_at: int
) -> None:
    on = Attempts(targets, give_up_at=LATE)
    now, numbers, hedges = NOW, 0, 0
    asked: dict[int, str] = {}
    for turn in range(200):
        command = on.step(now=now)
        match command:
            case GiveUp():
                assert len(on.failures) >= 1
                return
            case Send(target, kind):
                numbers += 1
                hedges += kind == "hedge"
                asked[numbers] = target
                on.sent(numbers, target, hedge_at=now + 5.0)
            case Consider(number):
                assert on.alive == (number,)
                on.considered(rival)
            case Wait(until):
                assert until > now
                happened, is_last, seconds = (
                    happenings.pop() if happenings else ("fail", False, 0.0)
                )
                alive = on.alive
                assert alive or until < inf, "nobody to wait for"
                if alive and turn == win_at:
                    losers = on.won(alive[-1])
                    assert set(losers) == set(alive) - {alive[-1]}
                    assert on.step(now=now) == FOR_EVER
                    return
                if not alive or happened == "time":
                    now = min(until, now + seconds) if alive else until
                    continue
                number = alive[-1 if is_last else 0]
                on.failed(_failure_by(happened, asked[number], now), number=number)
        assert len(on.alive) <= 2
        assert hedges <= 1
    raise AssertionError("the request does not end")


def _failure_by(happened: str, target: str, now: float) -> Failure:
    match happened:
        case "refuse":
            return failure(target, InvalidRequest("no"), status=400, at=now)
        case "throttle":
            error = RateLimited("slow down", retry_after_seconds=1.0)
            return failure(target, error, status=429, at=now)
        case _:
            return failure(target, at=now)
