"""When an account is next eligible: what the provider says, within a bound, until it answers again."""

import pytest

from turnout.policy.throttle import (
    MAX_REFUSING_SECONDS,
    MAX_THROTTLED_SECONDS,
    THROTTLED_SECONDS,
    Throttle,
)

NOW = 1_790_000_000.0


@pytest.mark.parametrize(
    ("told", "wait"),
    [(None, THROTTLED_SECONDS), (0.0, 0.0), (20.0, 20.0), (1e9, MAX_THROTTLED_SECONDS)],
)
def test_what_a_provider_says_is_believed_within_a_bound(told: float | None, wait: float) -> None:
    throttle = Throttle()
    assert throttle.eligible_at <= NOW
    throttle.told(told, now=NOW)
    assert throttle.eligible_at == NOW + wait


def test_of_two_times_the_later_one_holds() -> None:
    throttle = Throttle()
    throttle.told(20.0, now=NOW)
    throttle.told(3.0, now=NOW + 1)
    assert throttle.eligible_at == NOW + 20


def test_an_answer_ends_it_if_it_was_asked_for_later() -> None:
    throttle = Throttle()
    throttle.told(600.0, now=NOW)
    throttle.answered(sent_at=NOW - 1)
    assert throttle.eligible_at == NOW + 600
    throttle.answered(sent_at=NOW + 1)
    assert throttle.eligible_at <= NOW


@pytest.mark.parametrize(
    ("told", "refuses", "until"),
    [
        (None, 0.0, 0.0),
        (20.0, 0.0, 0.0),
        (20.0, 20.0, NOW + 20.0),
        (1e9, 1e9, NOW + MAX_REFUSING_SECONDS),
        (3.0, 20.0, NOW + 3.0),
    ],
)
def test_it_would_refuse_only_as_long_as_a_refusal_has_said_and_no_longer_than_a_minute(
    told: float | None, refuses: float, until: float
) -> None:
    throttle = Throttle()
    throttle.told(told, refuses_seconds=refuses, kind="overloaded", now=NOW)
    assert max(throttle.refuses_until, NOW) == max(until, NOW)
    assert throttle.kind == "overloaded"
    throttle.answered(sent_at=NOW)
    assert throttle.refuses_until <= NOW
