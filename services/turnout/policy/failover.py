"""What is tried after a failure, and when to stop.

Rules: nothing here is asked once content has been passed on; targets are tried in the order of the
decision; the same target is tried a second time only after it said when to come back (soon) or when
it closed a connection that had been waiting in the pool; a prompt too long for one model may fit
another, and where none takes it the client hears that before anything else, because agents compact
by it; what a model refuses that the client did not ask for may be of our making, so another is asked
once; any other refusal that every target would repeat, and a refusal of the client's own
credential, go to the client as they came. What finally fails says
when to come back, at most `MAX_RETRY_AFTER_SECONDS` from now, because agents give up above that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec

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
from turnout.policy.request import CredentialSource

MAX_WAIT_SECONDS = 2.0
"""The longest wait for a target that said when to come back; agents wait longer ones themselves."""

MAX_RETRY_AFTER_SECONDS = 60.0
"""Claude Code honours 60 s and fails at once on 80 s (measured)."""

DEFAULT_RETRY_AFTER_SECONDS = 5.0
"""Said when no provider said anything: Codex fails at once on a 429 without a time (measured)."""

ACCOUNT_STATUSES = frozenset({401, 402, 403})
"""The credential's trouble, not the request's: another account may well serve it."""

ELSEWHERE_STATUSES = frozenset({404, 408, 429})
"""4xx that say something about this target, not about the request."""


NextKind: TypeAlias = Literal["first", "retry", "fallback"]
"""Why another attempt is made: the decision's own target, the same target again, the next one."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One target that did not answer.

    Attributes:
        at: seconds of the clock that `now` is of.
        status: the provider's HTTP status; 0 when there was no answer.
        is_stale: the connection went away before a byte of an answer, right after sending: most
            likely the provider had closed it while it waited in the pool.
        is_substitute: the target's model is another than the client asked for.

    """

    target: str
    credential: CredentialSource
    error: TurnoutError
    at: float
    status: int = 0
    is_stale: bool = False
    is_substitute: bool = False


class TryNext(msgspec.Struct, frozen=True, gc=False):
    """Send to `target` after `wait_seconds`."""

    target: str
    kind: NextKind
    wait_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Answer with `error`.

    Attributes:
        relayed: index of the failure whose own answer the client should see as it came, where
            that answer is in the client's dialect; None when `error` speaks for all of them.

    """

    error: TurnoutError
    relayed: int | None = None


NextStep: TypeAlias = TryNext | GiveUp


def next_step(
    failures: Sequence[Failure], remaining: Sequence[str], *, now: float, give_up_at: float
) -> NextStep:
    """What follows on `failures`, oldest first; `remaining` are the targets not yet tried.

    No attempt starts after `give_up_at`, seconds of the same clock as `now`.
    """
    if not failures:
        if not remaining:
            return GiveUp(Unavailable("The decision names no target that could serve the request."))
        return TryNext(remaining[0], "first")
    if is_settled(failures, remaining):
        return GiveUp(failures[-1].error, relayed=len(failures) - 1)
    last = failures[-1]
    remaining = _with_other_windows(failures, remaining)
    if now < give_up_at:
        if last.is_stale and _times_tried(failures, last.target) == 1:
            return TryNext(last.target, "retry")
        if remaining:
            return TryNext(remaining[0], "fallback")
        again = _soonest_return(failures)
        if again is not None and max(again[0], now) < give_up_at:
            return TryNext(again[1], "retry", wait_seconds=max(0.0, again[0] - now))
    return _giving_up(failures, now=now)


def is_settled(failures: Sequence[Failure], remaining: Sequence[str]) -> bool:
    """Whether the last failure is what the client must hear, whatever is left to try."""
    return is_final(failures[-1]) and not (remaining and _may_be_our_making(failures))


def is_final(failure: Failure) -> bool:
    """The client must hear of it: another target would say the same, or the key is its own."""
    if failure.status in ACCOUNT_STATUSES:
        return failure.credential == "client"
    if failure.status in ELSEWHERE_STATUSES:
        return False
    if isinstance(failure.error, ContextTooLong | RateLimited | Overloaded):
        # Whatever the status: Groq says 413 of a minute's tokens.
        return False
    if 400 <= failure.status < 500:
        return True
    # An error inside a 200 that blames the request. Before sending (status 0) it only means that
    # this target cannot be spoken to about it.
    return failure.status != 0 and isinstance(failure.error, InvalidRequest)


def _may_be_our_making(failures: Sequence[Failure]) -> bool:
    """The request was made into one for a model that its client did not choose, and is refused there;
    not for a second time, which says that it is the request.
    """
    last = failures[-1]
    is_first = sum(is_final(failure) for failure in failures) == 1
    return last.is_substitute and is_first and last.status not in ACCOUNT_STATUSES


def passed_over(failures: Sequence[Failure]) -> str:
    """The target whose refusal may be of our making, where another has answered; "" for none."""
    return next((failure.target for failure in failures if is_final(failure)), "")


def _with_other_windows(failures: Sequence[Failure], remaining: Sequence[str]) -> Sequence[str]:
    """Without the targets of a model that the prompt was too long for."""
    small = {_model_of(f.target) for f in failures if isinstance(f.error, ContextTooLong)}
    return [target for target in remaining if _model_of(target) not in small]


def _model_of(target: str) -> str:
    return target.rpartition("@")[0]


def _times_tried(failures: Sequence[Failure], target: str) -> int:
    return sum(failure.target == target for failure in failures)


def _soonest_return(failures: Sequence[Failure]) -> tuple[float, str] | None:
    """When and where to knock again, among the targets tried once that named a short time."""
    known = [
        (failure.at + failure.error.retry_after_seconds, failure.target)
        for failure in failures
        if failure.error.retry_after_seconds is not None
        and failure.error.retry_after_seconds <= MAX_WAIT_SECONDS
        and _times_tried(failures, failure.target) == 1
    ]
    return min(known, key=lambda entry: entry[0], default=None)


_TELLING: tuple[type[TurnoutError], ...] = (
    ContextTooLong,
    RateLimited,
    Overloaded,
    UpstreamTimeout,
    UpstreamFailed,
    Unavailable,
)
"""Most telling first: of several failures the client hears the one it can do something about."""


def _rank(failure: Failure) -> int:
    for rank, kind in enumerate(_TELLING):
        if isinstance(failure.error, kind):
            return rank
    return len(_TELLING)


def _giving_up(failures: Sequence[Failure], *, now: float) -> GiveUp:
    index = min(range(len(failures)), key=lambda i: _rank(failures[i]))
    chosen = failures[index]
    if chosen.status in ACCOUNT_STATUSES or isinstance(chosen.error, NotAuthenticated | NotAllowed):
        # Not the client's key: a 401 would make the client throw its own away.
        return GiveUp(
            UpstreamFailed(
                f"{chosen.target}: the provider refused the credential configured in Turnout"
                f" (status {chosen.status}); check the provider's key."
            )
        )
    if isinstance(chosen.error, UpstreamFailed | Unavailable) and chosen.status != 404:
        return GiveUp(_with_return_time(failures, chosen.error, now=now))
    return GiveUp(chosen.error, relayed=index)


def _with_return_time(
    failures: Sequence[Failure], error: TurnoutError, *, now: float
) -> TurnoutError:
    returns = [
        failure.at + failure.error.retry_after_seconds - now
        for failure in failures
        if failure.error.retry_after_seconds is not None
    ]
    seconds = min(returns, default=DEFAULT_RETRY_AFTER_SECONDS)
    return type(error)(
        error.message,
        retry_after_seconds=min(max(seconds, 1.0), MAX_RETRY_AFTER_SECONDS),
        upstream_status=error.upstream_status,
    )
