"""What follows on which failure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.errors import (
    ContextTooLong,
    InvalidRequest,
    NotAuthenticated,
    Overloaded,
    RateLimited,
    TurnoutError,
    Unavailable,
    UnknownModel,
    Unsupported,
    UpstreamFailed,
    UpstreamTimeout,
)
from turnout.policy.failover import (
    DEFAULT_RETRY_AFTER_SECONDS,
    MAX_RETRY_AFTER_SECONDS,
    Failure,
    GiveUp,
    TryNext,
    next_step,
    refuser,
)
from turnout.policy.request import CredentialSource

NOW = 1000.0
LATE = 2000.0


def failure(
    target: str = "a",
    error: TurnoutError | None = None,
    *,
    status: int = 0,
    credential: CredentialSource = "env",
    at: float = NOW,
    is_stale: bool = False,
    is_substitute: bool = False,
    is_hedge: bool = False,
) -> Failure:
    return Failure(
        target,
        credential,
        error or UpstreamFailed("down"),
        at=at,
        status=status,
        is_stale=is_stale,
        is_substitute=is_substitute,
        is_hedge=is_hedge,
    )


def test_the_decisions_own_target_comes_first() -> None:
    assert next_step([], ["a", "b"], now=NOW, give_up_at=LATE) == TryNext("a", "first")


def test_without_a_target_there_is_nothing_to_try() -> None:
    step = next_step([], [], now=NOW, give_up_at=LATE)
    assert isinstance(step, GiveUp)
    assert isinstance(step.error, Unavailable)


@pytest.mark.parametrize("status", [0, 200, 302, 404, 408, 429, 500, 502, 503, 529, 401, 402, 403])
def test_a_failure_of_the_target_goes_to_the_next(status: int) -> None:
    step = next_step([failure(status=status)], ["b", "c"], now=NOW, give_up_at=LATE)
    assert step == TryNext("b", "fallback")


SMALL, LARGE, OTHER_KEY = "p/small@client", "q/large@env", "p/small@env"
TOO_LONG = ContextTooLong("prompt is too long: 9 tokens > 8 maximum")


def test_a_prompt_too_long_for_one_model_goes_to_another_and_to_no_other_key_of_the_same() -> None:
    failed = failure(SMALL, TOO_LONG, status=400)
    step = next_step([failed], [OTHER_KEY, LARGE], now=NOW, give_up_at=LATE)
    assert step == TryNext(LARGE, "fallback")
    step = next_step([failed], [OTHER_KEY], now=NOW, give_up_at=LATE)
    assert step == GiveUp(TOO_LONG, relayed=0)


@pytest.mark.parametrize(
    "other",
    [
        failure(LARGE, RateLimited("later"), status=429),
        failure(LARGE, UpstreamFailed("down"), status=500),
        failure(LARGE, UpstreamFailed("no"), status=401),
        failure(LARGE, Unsupported("cannot be asked this")),
    ],
)
def test_where_no_model_takes_it_the_client_hears_that_the_prompt_is_too_long(
    other: Failure,
) -> None:
    failed = failure(SMALL, TOO_LONG, status=400)
    step = next_step([failed, other], [], now=NOW, give_up_at=LATE)
    assert step == GiveUp(TOO_LONG, relayed=0)


@pytest.mark.parametrize("status", [400, 405, 409, 413, 422])
def test_a_refusal_of_the_request_is_final(status: int) -> None:
    error = InvalidRequest("no")
    step = next_step([failure(error=error, status=status)], ["b"], now=NOW, give_up_at=LATE)
    assert step == GiveUp(error, relayed=0)


@pytest.mark.parametrize("status", [200, 400, 413, 422])
def test_what_a_model_refuses_that_nobody_asked_for_another_is_asked_once(status: int) -> None:
    ours = failure("a", InvalidRequest("ours"), status=status, is_substitute=True)
    step = next_step([ours], ["b", "c"], now=NOW, give_up_at=LATE)
    assert step == TryNext("b", "fallback")
    for is_substitute in (True, False):
        again = failure("b", InvalidRequest("no"), status=400, is_substitute=is_substitute)
        step = next_step([ours, again], ["c"], now=NOW, give_up_at=LATE)
        assert step == GiveUp(again.error, relayed=1)
    assert next_step([ours], [], now=NOW, give_up_at=LATE) == GiveUp(ours.error, relayed=0)


def test_the_refuser_is_who_refused_and_nobody_who_failed_otherwise() -> None:
    busy = failure("a", Overloaded("busy"), status=529)
    ours = failure("b", InvalidRequest("ours"), status=400, is_substitute=True)
    assert refuser([busy, ours]) == "b"
    assert refuser([busy]) == refuser([]) == ""


@pytest.mark.parametrize("error", [RateLimited("a minute's tokens"), Overloaded("busy")])
def test_a_limit_of_the_target_is_not_final_whatever_its_status(error: TurnoutError) -> None:
    """Groq says 413 of a request that exceeds a minute's tokens, 498 of capacity."""
    failures = [failure("a", error, status=413)]
    assert next_step(failures, ["b"], now=NOW, give_up_at=LATE) == TryNext("b", "fallback")


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_refusal_of_the_clients_key_is_final(status: int) -> None:
    for is_substitute in (True, False):
        failed = failure(status=status, credential="client", is_substitute=is_substitute)
        step = next_step([failed], ["b"], now=NOW, give_up_at=LATE)
        assert isinstance(step, GiveUp)
        assert step.relayed == 0


def test_an_error_inside_an_answer_that_blames_the_request_is_final() -> None:
    error = ContextTooLong("prompt is too long")
    step = next_step([failure(error=error, status=200)], ["b"], now=NOW, give_up_at=LATE)
    assert step == GiveUp(error, relayed=0)


def test_a_target_that_cannot_be_asked_this_is_passed_over() -> None:
    step = next_step([failure(error=Unsupported("web_search"))], ["b"], now=NOW, give_up_at=LATE)
    assert step == TryNext("b", "fallback")


def test_a_stale_connection_is_tried_once_more_at_once() -> None:
    once = [failure(is_stale=True)]
    assert next_step(once, ["b"], now=NOW, give_up_at=LATE) == TryNext("a", "retry")
    assert next_step(once * 2, ["b"], now=NOW, give_up_at=LATE) == TryNext("b", "fallback")


def test_a_target_that_said_soon_is_waited_for_when_nothing_else_is_left() -> None:
    throttled = failure(error=RateLimited("slow down", retry_after_seconds=1.5), status=429)
    assert next_step([throttled], ["b"], now=NOW, give_up_at=LATE) == TryNext("b", "fallback")
    assert next_step([throttled], [], now=NOW + 0.5, give_up_at=LATE) == TryNext(
        "a", "retry", wait_seconds=1.0
    )
    step = next_step([throttled, throttled], [], now=NOW, give_up_at=LATE)
    assert isinstance(step, GiveUp)


def test_a_target_that_said_later_is_left_alone() -> None:
    throttled = failure(error=RateLimited("slow down", retry_after_seconds=2.5), status=429)
    step = next_step([throttled], [], now=NOW, give_up_at=LATE)
    assert isinstance(step, GiveUp)
    assert step.error.retry_after_seconds == 2.5
    assert step.relayed is None


def test_out_of_time_nothing_starts() -> None:
    step = next_step([failure()], ["b"], now=LATE, give_up_at=LATE)
    assert isinstance(step, GiveUp)


def test_a_wait_that_ends_too_late_is_not_begun() -> None:
    throttled = failure(error=RateLimited("slow down", retry_after_seconds=2.0), status=429)
    step = next_step([throttled], [], now=NOW, give_up_at=NOW + 1)
    assert isinstance(step, GiveUp)


def test_the_client_hears_the_failure_it_can_do_something_about() -> None:
    failures = [
        failure("a", UpstreamTimeout("late")),
        failure("b", RateLimited("slow down", retry_after_seconds=30), status=429),
        failure("c", UnknownModel("what"), status=404),
        failure("d", Overloaded("full", retry_after_seconds=7), status=529),
    ]
    step = next_step(failures, [], now=NOW + 2, give_up_at=LATE)
    assert isinstance(step, GiveUp)
    assert isinstance(step.error, RateLimited)
    assert step.error.retry_after_seconds == 5


@pytest.mark.parametrize(
    "own", [UpstreamTimeout("late"), UpstreamFailed("down"), Unavailable("no")]
)
@pytest.mark.parametrize("is_last", [True, False])
def test_a_hedges_refusal_does_not_speak_for_the_request(
    own: TurnoutError, *, is_last: bool
) -> None:
    hedge = failure("a", RateLimited("slow down"), status=429, is_hedge=True)
    failures = [failure("a", own), hedge] if is_last else [hedge, failure("a", own)]
    step = next_step(failures, [], now=NOW, give_up_at=LATE)
    assert isinstance(step, GiveUp)
    assert (step.error.kind, step.error.message) == (own.kind, own.message)
    assert step.relayed != failures.index(hedge)


def test_a_prompt_that_is_too_long_is_too_long_whoever_says_so() -> None:
    hedge = failure("a", TOO_LONG, status=400, is_hedge=True)
    step = next_step([hedge, failure("a", UpstreamTimeout("late"))], [], now=NOW, give_up_at=LATE)
    assert step == GiveUp(TOO_LONG, relayed=0)


def test_an_unknown_model_is_said_by_the_provider_itself() -> None:
    error = UnknownModel("no such model")
    step = next_step([failure(error=error, status=404)], [], now=NOW, give_up_at=LATE)
    assert step == GiveUp(error, relayed=0)


def test_our_own_rejected_key_is_no_401_of_the_client() -> None:
    error = NotAuthenticated("bad key", upstream_status=401)
    step = next_step([failure(error=error, status=401)], [], now=NOW, give_up_at=LATE)
    assert isinstance(step, GiveUp)
    assert type(step.error) is UpstreamFailed
    assert step.error.upstream_status is None


@given(
    st.lists(
        st.builds(
            failure,
            st.sampled_from("abc"),
            st.builds(
                lambda kind, seconds: kind("x", retry_after_seconds=seconds),
                st.sampled_from([UpstreamFailed, RateLimited, Overloaded, InvalidRequest]),
                st.none() | st.floats(0, 1e6),
            ),
            status=st.sampled_from([0, 200, 400, 401, 404, 429, 500, 529]),
            credential=st.sampled_from(["client", "env", "simulated"]),
            is_stale=st.booleans(),
        ),
        min_size=1,
    )
)
def test_whatever_fails_finally_says_when_to_come_back_within_a_minute(
    failures: list[Failure],
) -> None:
    step = next_step(failures, [], now=NOW, give_up_at=NOW)
    assert isinstance(step, GiveUp)
    if isinstance(step.error, RateLimited | Overloaded) and step.relayed is None:
        assert step.error.retry_after_seconds is not None
        assert 1 <= step.error.retry_after_seconds <= MAX_RETRY_AFTER_SECONDS


def test_said_nothing_the_default_is_said() -> None:
    step = next_step([failure(error=RateLimited("x"), status=429)], [], now=NOW, give_up_at=LATE)
    assert isinstance(step, GiveUp)
    assert step.error.retry_after_seconds == DEFAULT_RETRY_AFTER_SECONDS
