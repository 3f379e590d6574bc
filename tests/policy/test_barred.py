"""Who is asked when something bars targets, and what the client hears when all would refuse."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.test_failover import LATE, NOW, failure
from tests.policy.test_wait_or_move import candidate
from turnout.errors import ContextTooLong, InvalidRequest, Overloaded, RateLimited
from turnout.policy.attempts import Attempts, Command, Send, Wait
from turnout.policy.breaker import IN_A_ROW, Breaker, Peers
from turnout.policy.failover import (
    DEFAULT_RETRY_AFTER_SECONDS,
    MAX_RETRY_AFTER_SECONDS,
    MAX_WAIT_SECONDS,
    GiveUp,
    TryNext,
    next_step,
)
from turnout.policy.limit import CEILING, FLOOR, REFUSING, ConcurrencyLimit
from turnout.policy.standing import Bar, bar_of
from turnout.policy.throttle import Throttle
from turnout.policy.wait_or_move import LONGEST_WAIT_SECONDS, Stakes

FAILING = Bar("failing", 7.0)
FULL = Bar("at_its_limit", would_refuse=True)
MAYBE = Bar("throttled", 5.0)


def throttled(seconds: float) -> Bar:
    """By its provider's word."""
    return Bar("throttled", seconds, would_refuse=True)


def first(*targets: str, **bars: Bar) -> TryNext | GiveUp:
    return next_step([], targets, now=NOW, give_up_at=LATE, bars=bars)


@pytest.mark.parametrize("bar", [FAILING, FULL, MAYBE, throttled(1.0), throttled(30.0)])
def test_a_barred_target_is_passed_over_while_another_may_be_asked(bar: Bar) -> None:
    assert first("a", "b", a=bar) == TryNext("b", "fallback")
    assert first("a", "b", b=bar) == TryNext("a", "first")
    failed = [failure("a")]
    step = next_step(failed, ["b", "c"], now=NOW, give_up_at=LATE, bars={"b": bar})
    assert step == TryNext("c", "fallback")


@pytest.mark.parametrize("bar", [FAILING, MAYBE])
def test_one_that_would_not_surely_refuse_is_better_than_an_error(bar: Bar) -> None:
    assert first("a", a=bar) == TryNext("a", "first")
    assert first("a", "b", a=FULL, b=bar) == TryNext("b", "fallback")
    assert first("a", "b", a=bar, b=bar) == TryNext("a", "first")


def test_where_all_would_refuse_the_client_hears_at_once_when_the_first_is_back() -> None:
    step = first("a", "b", a=throttled(40.0), b=throttled(12.0))
    assert isinstance(step, GiveUp)
    assert type(step.error) is RateLimited
    assert step.error.retry_after_seconds == 12.0
    assert step.relayed is None


@pytest.mark.parametrize(
    ("bars", "kind", "seconds"),
    [
        ({"a": throttled(300.0)}, RateLimited, MAX_RETRY_AFTER_SECONDS),
        ({"a": FULL}, RateLimited, DEFAULT_RETRY_AFTER_SECONDS),
        ({"a": FULL, "b": throttled(9.0)}, RateLimited, 9.0),
        ({"a": Bar("throttled", 9.0, would_refuse=True, kind="overloaded")}, Overloaded, 9.0),
    ],
)
def test_a_refusal_of_ours_is_of_the_kind_of_the_providers(
    bars: dict[str, Bar], kind: type[RateLimited | Overloaded], seconds: float
) -> None:
    step = next_step([], tuple(bars), now=NOW, give_up_at=LATE, bars=bars)
    assert isinstance(step, GiveUp)
    assert type(step.error) is kind
    assert step.error.retry_after_seconds == seconds


def test_one_that_is_back_soon_is_waited_for() -> None:
    soon = throttled(MAX_WAIT_SECONDS)
    assert first("a", a=soon) == TryNext("a", "first", MAX_WAIT_SECONDS)
    assert first("a", "b", a=throttled(3.0), b=soon) == TryNext("b", "fallback", MAX_WAIT_SECONDS)
    # Rather than one that fails.
    assert first("a", "b", a=FAILING, b=soon) == TryNext("b", "fallback", MAX_WAIT_SECONDS)
    assert isinstance(first("a", a=throttled(MAX_WAIT_SECONDS + 0.1)), GiveUp)


def test_all_waits_of_a_request_end_within_the_longest() -> None:
    step = next_step(
        [],
        ["a"],
        now=NOW,
        give_up_at=LATE,
        bars={"a": throttled(1.5)},
        waited_seconds=LONGEST_WAIT_SECONDS - 1.0,
    )
    assert isinstance(step, GiveUp)


def test_after_a_failure_the_client_hears_of_those_that_were_not_asked_too() -> None:
    failed = failure("a")
    step = next_step([failed], ["b"], now=NOW, give_up_at=LATE, bars={"b": throttled(20.0)})
    assert isinstance(step, GiveUp)
    assert type(step.error) is RateLimited
    too_long = failure("p/a@env", ContextTooLong("prompt is too long"), status=400)
    step = next_step([too_long], ["q/b@env"], now=NOW, give_up_at=LATE, bars={"q/b@env": FULL})
    assert step == GiveUp(too_long.error, relayed=0)


MOVING_COSTS = Stakes("a", (candidate("a", 0.1, 1.0), candidate("b", 0.9, 1.8)))
MOVING_IS_FREE = Stakes("a", (candidate("a", 0.1, 1.0), candidate("b", 0.1, 0.9)))


def staked(stakes: Stakes, bar: Bar, *, waited_seconds: float = 0.0) -> TryNext:
    step = next_step(
        [],
        ["a", "b"],
        now=NOW,
        give_up_at=LATE,
        bars={"a": bar},
        stakes=stakes,
        waited_seconds=waited_seconds,
    )
    assert isinstance(step, TryNext)
    return step


def test_the_decided_target_is_waited_for_where_moving_costs_more() -> None:
    step = staked(MOVING_COSTS, throttled(8.0))
    assert (step.target, step.kind, step.wait_seconds) == ("a", "first", 8.0)
    assert step.weighed is not None
    assert step.weighed.move_usd == pytest.approx(0.8)
    step = staked(MOVING_IS_FREE, throttled(8.0))
    assert (step.target, step.kind, step.wait_seconds) == ("b", "fallback", 0.0)
    assert step.weighed is not None
    assert step.weighed.move_usd < 0.0


@pytest.mark.parametrize(("seconds", "waited"), [(10.5, 0.0), (8.0, 3.0)])
def test_a_wait_that_is_too_long_is_not_begun_whatever_moving_costs(
    seconds: float, waited: float
) -> None:
    step = staked(MOVING_COSTS, throttled(seconds), waited_seconds=waited)
    assert (step.target, step.wait_seconds) == ("b", 0.0)


def test_one_that_may_not_refuse_is_asked_where_moving_costs_more_than_a_try() -> None:
    step = staked(MOVING_COSTS, MAYBE)
    assert (step.target, step.kind, step.wait_seconds) == ("a", "first", 0.0)
    assert staked(MOVING_IS_FREE, MAYBE).target == "b"


@pytest.mark.parametrize("bar", [FAILING, FULL])
def test_what_is_back_nobody_knows_when_is_not_waited_for(bar: Bar) -> None:
    step = staked(MOVING_COSTS, bar)
    assert (step.target, step.weighed) == ("b", None)


@pytest.mark.parametrize(
    ("said", "target", "wait"), [(8.0, "a", 8.0), (12.0, "b", 0.0), (None, "b", 0.0)]
)
def test_the_decided_target_that_has_just_refused_is_weighed_too(
    said: float | None, target: str, wait: float
) -> None:
    refused = failure("a", RateLimited("slow down", retry_after_seconds=said), status=429)

    def step(times: int) -> TryNext:
        found = next_step([refused] * times, ["b"], now=NOW, give_up_at=LATE, stakes=MOVING_COSTS)
        assert isinstance(found, TryNext)
        return found

    assert (step(1).target, step(1).wait_seconds) == (target, wait)
    assert step(2).target == "b", "once"


def playbook(*commands: Command, on: Attempts, at: float = NOW) -> None:
    for command in commands:
        assert on.step(now=at) == command
        at = command.until if isinstance(command, Wait) else at


def test_a_request_remembers_whom_it_passed_over_and_how_long_it_waited() -> None:
    bars = {"a": throttled(4.0)}
    on = Attempts(["a", "b"], give_up_at=LATE, stakes=MOVING_COSTS, bar=bars.get)
    assert on.step(now=NOW) == Wait(NOW + 4.0)
    bars["a"] = throttled(30.0)
    assert on.step(now=NOW + 4.0) == Send("b", "fallback")
    assert on.detour.passed_over == (("a", "throttled"),)
    assert on.detour.waited_seconds == 4.0
    assert on.detour.weighed is not None
    assert on.detour.weighed.wait_usd == pytest.approx(4.0 / 60.0)


def test_the_end_of_a_wait_is_the_first_attempt() -> None:
    bars = {"a": throttled(4.0)}
    on = Attempts(["a", "b"], give_up_at=LATE, stakes=MOVING_COSTS, bar=bars.get)
    assert on.step(now=NOW) == Wait(NOW + 4.0)
    del bars["a"]
    assert on.step(now=NOW + 4.0) == Send("a", "first")
    assert (on.detour.passed_over, on.detour.waited_seconds) == ((), 4.0)


def test_one_that_was_passed_over_is_asked_when_it_may_be() -> None:
    bars = {"a": FAILING}
    on = Attempts(["a", "b"], give_up_at=LATE, bar=bars.get)
    playbook(Send("b", "fallback"), on=on)
    on.sent(1, "b")
    bars.clear()
    on.failed(failure("b"), number=1)
    playbook(Send("a", "fallback"), on=on)


REFUSED = failure("a", InvalidRequest("schema"), status=400)


@pytest.mark.parametrize("is_substitute", [True, False])
def test_what_our_translation_may_have_caused_goes_to_the_dialects_own_vendor_once(
    is_substitute: bool,
) -> None:
    def on(*targets: str) -> Attempts:
        made = Attempts(targets, give_up_at=LATE, is_native=lambda target: target == "own")
        playbook(Send("a", "first"), on=made)
        made.sent(1, "a")
        refused = failure("a", REFUSED.error, status=400, is_substitute=is_substitute)
        made.failed(replace(refused, is_translated=True), number=1)
        return made

    found = on("a", "b", "own", "c")
    playbook(Send("own", "fallback"), on=found)
    found.sent(2, "own")
    again = failure("own", InvalidRequest("no"), status=400)
    found.failed(again, number=2)
    playbook(GiveUp(again.error, relayed=1), on=found)
    without = on("a", "b", "c")
    expected = Send("b", "fallback") if is_substitute else GiveUp(REFUSED.error, relayed=0)
    playbook(expected, on=without)


@given(
    bars=st.dictionaries(
        st.sampled_from("abc"),
        st.sampled_from([FAILING, FULL, MAYBE, throttled(1.0), throttled(9.0), throttled(90.0)]),
    ),
    failed=st.sampled_from(["", "error", "throttled"]),
    waited=st.floats(0.0, 12.0),
)
def test_nobody_is_asked_who_would_refuse_and_nobody_is_refused_who_might_be_served(
    bars: dict[str, Bar], failed: str, waited: float
) -> None:
    failures = []
    if failed:
        error = RateLimited("x", retry_after_seconds=30.0) if failed == "throttled" else None
        failures = [failure("z", error)]
    step = next_step(
        failures,
        "abc",
        now=NOW,
        give_up_at=LATE,
        bars=bars,
        stakes=MOVING_COSTS,
        waited_seconds=waited,
    )
    if isinstance(step, GiveUp):
        assert all(target in bars and bars[target].would_refuse for target in "abc")
        assert step.error.retry_after_seconds is not None
        assert 1.0 <= step.error.retry_after_seconds <= MAX_RETRY_AFTER_SECONDS
    elif step.wait_seconds == 0.0:
        assert step.target not in bars or not bars[step.target].would_refuse
    else:
        assert step.wait_seconds == bars[step.target].wait_seconds
        assert waited + step.wait_seconds <= LONGEST_WAIT_SECONDS


def test_what_bars_a_target() -> None:
    breaker, throttle, limit = Breaker(now=NOW), Throttle(), ConcurrencyLimit()

    def bar(at: float = NOW) -> Bar | None:
        return bar_of(breaker, throttle, limit, now=at)

    assert bar() is None
    for _ in range(IN_A_ROW):
        breaker.begun(now=NOW)
        breaker.ended("error", sent_at=NOW, peers=Peers(2, 0), now=NOW)
    assert bar() == Bar("failing", 10.0)
    assert bar(NOW + 10.0) is None, "one may try it"
    breaker.begun(now=NOW + 10.0)
    assert bar(NOW + 10.0) == Bar("failing", 0.0)
    for _ in range(FLOOR + 1):
        limit.begun()
    limit.ended("throttled", sent_at=NOW, now=NOW)
    assert bar() == Bar("at_its_limit"), "who is at the limit may still take a call"
    for _ in range((REFUSING - 1) * FLOOR):
        limit.begun()
    assert bar() == FULL, "what would refuse counts before what might fail"
    throttle.told(20.0, refuses_seconds=20.0, now=NOW)
    assert bar() == throttled(20.0)
    assert bar(NOW + 20.0) == FULL
    throttle.told(300.0, refuses_seconds=300.0, now=NOW)
    assert bar(NOW + 59.0) == throttled(1.0)
    assert bar(NOW + 61.0) == Bar("throttled", 239.0)


def test_a_limit_that_nobody_has_met_bars_nobody() -> None:
    limit = ConcurrencyLimit()
    for _ in range(CEILING + 1):
        limit.begun()
    assert limit.free(now=NOW) == 0
    assert bar_of(Breaker(now=NOW), Throttle(), limit, now=NOW) is None
