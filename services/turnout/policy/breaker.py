"""Whether a target is fit to be asked, from how its calls have ended.

Rules: a target is ejected when five calls in a row went wrong, or half of at least ten of late; for a time that
doubles with every ejection that follows closely, and falls back after health; then real requests probe it, one at a
time, and the first that is answered ends it. Never more than half of those that could serve a request are ejected.
Being throttled is no illness (policy/throttle.py). What other replicas have seen counts, but only a failure of one's
own ejects, so that a replica with a broken network does not stop the others. An answer that came far slower than
usual (policy/output_rate.py) is a failure. Constants are those of Envoy's outlier
detection and of Finagle's failure accrual where the case is the same. Pure.
"""

from dataclasses import dataclass
from math import exp, exp2, log
from typing import Final, Literal, TypeAlias

from turnout.errors import (
    InvalidRequest,
    NotAllowed,
    NotAuthenticated,
    Overloaded,
    RateLimited,
    TurnoutError,
    UpstreamTimeout,
)
from turnout.policy.output_rate import OutputRate

Ending: TypeAlias = Literal[
    "answered", "error", "throttled", "timeout", "broke_off", "stalled", "given_up"
]
"""Of a call: answered, or refused for what the request is; failed at the provider, or not reached; told to come
back later; nothing came within a deadline; broke off in its middle; overtaken by a hedge; given up for a reason that
is none of the target's."""

Health: TypeAlias = Literal["healthy", "ejected", "probing"]

FAILURES: Final[frozenset[Ending]] = frozenset({"error", "timeout", "broke_off", "stalled"})

IN_A_ROW: Final = 5
"""Envoy's `consecutive_5xx` and Finagle's consecutive failures."""

LEAST_CALLS: Final = 10.0
"""For a share. Envoy asks for 50 and more in 10 s; a model on one account is asked a few times a minute."""

FAILING_SHARE: Final = 0.5
"""Half of all calls lost costs more than any other target does; Envoy's 85 % is for hosts that are alike."""

HALF_LIFE_SECONDS: Final = 30.0
"""Finagle looks at the last 30 s."""

EJECTION_SECONDS: Final = 10.0
"""Finagle begins at 5 s, Envoy at 30 s; a probe costs a real request one failover."""

MAX_EJECTION_SECONDS: Final = 300.0
"""Envoy's and Finagle's longest."""

HEALTH_SECONDS: Final = 120.0
"""Without ejection, for one doubling to be forgotten."""

PROBE_SECONDS: Final = 30.0
"""A long answer is no reason to keep others waiting: after this another one may probe."""

SLOW_SHARE: Final = 0.2
"""Of a target's usual output rate, below which an answer counts as a failure: rates vary by half from
answer to answer, not by five."""

USUAL_CALLS: Final = 10.0
"""Answers for a usual rate, as for a share."""

_USUAL_HALF_LIFE_SECONDS: Final = 3_600.0
"""What has lasted for an hour is the usual."""


@dataclass(frozen=True, slots=True)
class Peers:
    """Those that could serve the request.

    Attributes:
        number: the target itself included.
        ejected: of the others, those that are probed included.
    """

    number: int
    ejected: int

    @property
    def may_lose_one(self) -> bool:
        return 2 * (self.ejected + 1) <= self.number


def ending_of(error: TurnoutError, *, has_content: bool, is_clients_credential: bool) -> Ending:
    """Of a call that ended with `error`; `has_content` when a part of the answer had come by then."""
    if has_content:
        return "broke_off"
    match error:
        case InvalidRequest():
            return "answered"
        case NotAuthenticated() | NotAllowed() if is_clients_credential:
            return "answered"
        case RateLimited() | Overloaded():
            return "throttled"
        case UpstreamTimeout():
            return "timeout"
        case _:
            return "error"


class Decayed:
    """A sum whose parts lose half of their weight every `half_life_seconds`."""

    __slots__ = ("_at", "_half_life_seconds", "_sum")

    def __init__(self, half_life_seconds: float, *, now: float) -> None:
        self._half_life_seconds = half_life_seconds
        self._sum = 0.0
        self._at = now

    def add(self, amount: float, *, now: float) -> None:
        self._sum = self.value(now=now) + amount
        self._at = max(self._at, now)

    def value(self, *, now: float) -> float:
        return self._sum * exp2(min(0.0, self._at - now) / self._half_life_seconds)


class Breaker:
    """The health of one target. `begun` and `ended` come in pairs, one for each call."""

    __slots__ = (
        "_calls",
        "_ejected_until",
        "_failures",
        "_in_a_row",
        "_is_ejected",
        "_others_until",
        "_probe_begun_at",
        "_rung",
        "_usual",
        "_well_since",
    )

    def __init__(self, *, now: float) -> None:
        self._calls = Decayed(HALF_LIFE_SECONDS, now=now)
        self._failures = Decayed(HALF_LIFE_SECONDS, now=now)
        self._in_a_row = 0
        self._is_ejected = False
        self._ejected_until = 0.0
        self._others_until = 0.0
        self._probe_begun_at: float | None = None
        self._rung = 0
        self._well_since = now
        self._usual = _UsualRate(now=now)

    @property
    def is_ejected(self) -> bool:
        """Also while it is probed."""
        return self._is_ejected

    def health(self, *, now: float) -> Health:
        if not self._is_ejected:
            return "healthy"
        return "ejected" if now < self._ejected_until else "probing"

    @property
    def ejected_until(self) -> float:
        """Unix seconds; in the past when it is not ejected, or probed."""
        return self._ejected_until if self._is_ejected else 0.0

    def may_begin(self, *, now: float) -> bool:
        match self.health(now=now):
            case "healthy":
                return True
            case "probing":
                begun_at = self._probe_begun_at
                return begun_at is None or now - begun_at >= PROBE_SECONDS
            case "ejected":
                return False

    def begun(self, *, now: float) -> None:
        """A call has been sent. That it might be is for the caller to have asked: where there is nobody
        else, one that may not be is sent all the same.
        """
        if self.health(now=now) == "probing":
            self._probe_begun_at = now

    def ended(
        self,
        ending: Ending,
        *,
        sent_at: float,
        peers: Peers,
        now: float,
        output_rate: OutputRate | None = None,
    ) -> bool:
        """A call has ended; whether it was a failure. One that was sent before an ejection says nothing of
        the time after it.
        """
        is_slow = (
            ending == "answered"
            and output_rate is not None
            and self._usual.is_collapse(output_rate, now=now)
        )
        is_of_now = not self._is_ejected or sent_at >= self._ejected_until
        if is_of_now:
            self._probe_begun_at = None
        is_failure = is_slow or ending in FAILURES
        if is_failure:
            self._count(1.0, 1.0, now=now)
            self._in_a_row += 1
            if is_of_now and self._is_failing(now=now) and peers.may_lose_one:
                self._eject(now=now)
        elif ending == "answered":
            self._count(1.0, 0.0, now=now)
            self._in_a_row = 0
            if is_of_now and self._is_ejected:
                self._recover(now=now)
        return is_failure

    def heard(
        self, calls: float, failures: float, *, ejected_seconds: float = 0.0, now: float
    ) -> None:
        """Another replica has seen so many calls end, so many of them as failures, and leaves the target alone
        for so long.
        """
        self._count(calls, failures, now=now)
        if ejected_seconds > 0.0:
            left_until = now + min(ejected_seconds, MAX_EJECTION_SECONDS)
            self._others_until = max(self._others_until, left_until)
        elif calls > failures:
            self._others_until = 0.0

    @property
    def left_until(self) -> float:
        """Unix seconds until which nobody is to be sent there who could go elsewhere; in the past when anybody
        may. Another replica's word counts until one that does not leave the target alone is answered there, so
        that a broken network of one keeps nobody away.
        """
        return max(self.ejected_until, self._others_until)

    def _count(self, calls: float, failures: float, *, now: float) -> None:
        self._calls.add(calls, now=now)
        self._failures.add(failures, now=now)

    def _is_failing(self, *, now: float) -> bool:
        if self._is_ejected or self._in_a_row >= IN_A_ROW:
            return True
        calls = self._calls.value(now=now)
        return calls >= LEAST_CALLS and self._failures.value(now=now) >= FAILING_SHARE * calls

    def _eject(self, *, now: float) -> None:
        if not self._is_ejected:
            forgotten = int((now - self._well_since) / HEALTH_SECONDS)
            self._rung = max(0, self._rung - forgotten)
        seconds = min(EJECTION_SECONDS * 2.0**self._rung, MAX_EJECTION_SECONDS)
        if seconds < MAX_EJECTION_SECONDS:
            self._rung += 1
        self._is_ejected = True
        self._ejected_until = now + seconds

    def _recover(self, *, now: float) -> None:
        """Judged anew: what went wrong before is no part of it."""
        self._is_ejected = False
        self._well_since = now
        self._calls = Decayed(HALF_LIFE_SECONDS, now=now)
        self._failures = Decayed(HALF_LIFE_SECONDS, now=now)


class _UsualRate:
    """The geometric mean of output rates, so that one answer from a cache does not raise it. Of the least that each
    may have been: an answer is slow only where it surely is.
    """

    __slots__ = ("_answers", "_logs")

    def __init__(self, *, now: float) -> None:
        self._answers = Decayed(_USUAL_HALF_LIFE_SECONDS, now=now)
        self._logs = Decayed(_USUAL_HALF_LIFE_SECONDS, now=now)

    def is_collapse(self, rate: OutputRate, *, now: float) -> bool:
        """Whether an answer came far slower than those before it; it is one of them from now on."""
        answers = self._answers.value(now=now)
        is_known = answers >= USUAL_CALLS
        usual = exp(self._logs.value(now=now) / answers) if is_known else 0.0
        self._answers.add(1.0, now=now)
        self._logs.add(log(rate.least), now=now)
        return rate.most < SLOW_SHARE * usual
