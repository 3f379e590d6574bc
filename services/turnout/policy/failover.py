"""What is tried after a failure, and when to stop.

Rules: nothing here is asked once content has been passed on; targets are tried in the order of the
decision, without those that something bars (policy/standing.py) while another may be asked; waiting for
the decision's own target, which throttles us, against moving is a sum (policy/wait_or_move.py); where all
are barred, a target that would not surely refuse is asked after all, because a breaker must not fail a
request that its provider might serve, and where all would refuse the client hears at once when to come
back; the same target is tried a second time only after it said when to come back (soon) or when
it closed a connection that had been waiting in the pool; a prompt too long for one model may fit
another, and where none takes it the client hears that before anything else, because agents compact
by it; what only a hedge met, such as a limit, is told of no request whose raced call failed in its own
way; what is refused of a request that was made over, for a model that the client did not ask for or in
another dialect, may be of our making, so another is asked once, the client's own dialect's vendor before
all; any other refusal that every target would repeat, and a refusal of the client's own
credential, go to the client as they came. What finally fails says
when to come back, at most `MAX_RETRY_AFTER_SECONDS` from now, because agents give up above that.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import structs

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
from turnout.policy.standing import Bar
from turnout.policy.throttle import ThrottleKind
from turnout.policy.wait_or_move import LONGEST_WAIT_SECONDS, TRY_SECONDS, Stakes, Weighed

MAX_WAIT_SECONDS = 2.0
"""The longest wait for a target that said when to come back, where there is no other; agents wait longer ones
themselves."""

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
        is_translated: the request was put into another dialect for it, or into what an imitation of the client's takes.
        is_hedge: the call raced another one.

    """

    target: str
    credential: CredentialSource
    error: TurnoutError
    at: float
    status: int = 0
    is_stale: bool = False
    is_substitute: bool = False
    is_translated: bool = False
    is_hedge: bool = False


class TryNext(msgspec.Struct, frozen=True, gc=False):
    """Send to `target` after `wait_seconds`; `weighed` where waiting was weighed against moving."""

    target: str
    kind: NextKind
    wait_seconds: float = 0.0
    weighed: Weighed | None = None


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


NO_BARS: Final[Mapping[str, Bar]] = MappingProxyType({})
NO_STAKES: Final = Stakes("")


def next_step(
    failures: Sequence[Failure],
    remaining: Sequence[str],
    *,
    now: float,
    give_up_at: float,
    bars: Mapping[str, Bar] = NO_BARS,
    stakes: Stakes = NO_STAKES,
    natives: Sequence[str] = (),
    waited_seconds: float = 0.0,
) -> NextStep:
    """What follows on `failures`, oldest first; `remaining` are the targets not yet tried.

    No attempt starts after `give_up_at`, seconds of the same clock as `now`. `bars` are those of `remaining`
    that are not to be asked now, `natives` those where the client's own dialect is at home;
    `waited_seconds` is how long the request has waited before.
    """
    if not failures and not remaining:
        return GiveUp(Unavailable("The decision names no target that could serve the request."))
    if failures and is_settled(failures, remaining, natives):
        return GiveUp(failures[-1].error, relayed=len(failures) - 1)
    if failures and now >= give_up_at:
        return _giving_up(failures, now=now)
    last = failures[-1] if failures else None
    if last is not None and last.is_stale and _times_tried(failures, last.target) == 1:
        return TryNext(last.target, "retry")
    left = _with_other_windows(failures, _at_home_first(failures, remaining, natives))
    kind: NextKind = "fallback" if failures else "first"
    # Waits end in time for an attempt, and all together within the longest.
    most_wait = min(LONGEST_WAIT_SECONDS - waited_seconds, give_up_at - now)
    unbarred = next((target for target in left if target not in bars), "")
    if unbarred:
        return _waiting_or_moving(
            failures, left, unbarred, bars=bars, stakes=stakes, most_wait=most_wait, now=now
        )
    waits = [
        TryNext(target, kind if target == left[0] else "fallback", bars[target].wait_seconds or 0.0)
        for target in left
        if bars[target].would_refuse and (bars[target].wait_seconds or inf) <= most_wait
    ]
    again = _soonest_return(failures)
    if again is not None and max(again[0], now) < give_up_at:
        waits.append(TryNext(again[1], "retry", wait_seconds=max(0.0, again[0] - now)))
    soonest = min(waits, key=lambda wait: wait.wait_seconds, default=None)
    if soonest is not None and soonest.wait_seconds <= MAX_WAIT_SECONDS:
        return soonest
    for target in left:
        if not bars[target].would_refuse:
            return TryNext(target, kind if target == left[0] else "fallback")
    return _giving_up([*failures, *_refusals(left, bars, now=now)], now=now)


def _waiting_or_moving(
    failures: Sequence[Failure],
    left: Sequence[str],
    unbarred: str,
    *,
    bars: Mapping[str, Bar],
    stakes: Stakes,
    most_wait: float,
    now: float,
) -> TryNext:
    """To the first that nothing bars, or to the decided one, which throttles us."""
    is_first = not failures and unbarred == left[0]
    move = TryNext(unbarred, "first" if is_first else "fallback")
    stay = _back_at(stakes.decided, failures, left, bars, now=now)
    if stay is None:
        return move
    weighed = stakes.weigh(unbarred, wait_seconds=stay.wait_seconds or TRY_SECONDS)
    is_worth_it = weighed is not None and weighed.waits and stay.wait_seconds < most_wait
    return structs.replace(stay if is_worth_it else move, weighed=weighed)


def _back_at(
    decided: str,
    failures: Sequence[Failure],
    left: Sequence[str],
    bars: Mapping[str, Bar],
    *,
    now: float,
) -> TryNext | None:
    """Asking the decided target that throttles us, when it said, or at once where it may not refuse."""
    if decided in left:
        bar = bars.get(decided)
        if bar is None or bar.why != "throttled":
            return None
        wait = (bar.wait_seconds or 0.0) if bar.would_refuse else 0.0
        return TryNext(decided, "fallback" if failures else "first", wait)
    own = [failure for failure in failures if failure.target == decided]
    if len(own) != 1 or not isinstance(own[0].error, RateLimited | Overloaded):
        return None
    seconds = own[0].error.retry_after_seconds
    if seconds is None:
        return None
    return TryNext(decided, "retry", max(0.0, own[0].at + seconds - now))


_REFUSED_BY: Final[Mapping[ThrottleKind, type[TurnoutError]]] = MappingProxyType(
    {"rate_limited": RateLimited, "overloaded": Overloaded}
)


def _refusals(left: Sequence[str], bars: Mapping[str, Bar], *, now: float) -> Iterator[Failure]:
    """What targets would say that were not asked, because they would refuse."""
    for target in left:
        bar = bars[target]
        why = "its provider has said to come back later"
        if bar.why == "at_its_limit":
            why = "as many calls are under way as it takes"
        error = _REFUSED_BY[bar.kind](
            f"{target} was not asked: {why}.", retry_after_seconds=bar.wait_seconds
        )
        yield Failure(target, "env", error, at=now)


def is_settled(
    failures: Sequence[Failure], remaining: Sequence[str], natives: Sequence[str] = ()
) -> bool:
    """Whether the last failure is what the client must hear, whatever is left to try."""
    last = failures[-1]
    if not is_final(last):
        return False
    others = remaining if last.is_substitute else natives
    return not (others and _may_be_our_making(failures))


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
    """The request was made into one for a model that its client did not choose, or into another dialect, and
    is refused there; not for a second time, which says that it is the request.
    """
    last = failures[-1]
    is_made_over = last.is_substitute or last.is_translated
    is_first = sum(is_final(failure) for failure in failures) == 1
    return is_made_over and is_first and last.status not in ACCOUNT_STATUSES


def _at_home_first(
    failures: Sequence[Failure], remaining: Sequence[str], natives: Sequence[str]
) -> Sequence[str]:
    """After a refusal that may be of our making, those to whom the request goes as it was written."""
    if not failures or not is_final(failures[-1]):
        return remaining
    if not failures[-1].is_substitute:
        return natives
    return [*natives, *(target for target in remaining if target not in natives)]


def refuser(failures: Sequence[Failure]) -> str:
    """The target whose refusal may be of our making, where another has answered; "" for none."""
    return next((failure.target for failure in failures if is_final(failure)), "")


def _with_other_windows(failures: Sequence[Failure], remaining: Sequence[str]) -> Sequence[str]:
    """Without the targets of a model that the prompt was too long for."""
    small = {without_credential(f.target) for f in failures if isinstance(f.error, ContextTooLong)}
    return [target for target in remaining if without_credential(target) not in small]


def without_credential(target: str) -> str:
    """Provider and model of a target."""
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
    if failure.is_hedge and not isinstance(failure.error, ContextTooLong):
        return len(_TELLING) + 1
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
