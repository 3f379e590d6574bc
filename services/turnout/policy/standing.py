"""How a target stands at the moment, and what is told of it: how a call ended, what a replica has seen.

Values, and what they say of asking it; `upstream_dispatcher/standings.py` keeps what they follow from,
`bus/live.py` carries reports.
"""

from typing import Literal, TypeAlias

import msgspec

from turnout.policy.breaker import Breaker, Ending
from turnout.policy.latency import Size, Spread, TimesSeen
from turnout.policy.limit import CEILING, ConcurrencyLimit
from turnout.policy.output_rate import OutputRate
from turnout.policy.throttle import Throttle, ThrottleKind

State: TypeAlias = Literal["healthy", "ejected", "probing", "throttled"]
"""Asked like any other; left alone because calls fail; tried by single requests after that; told us to come back
later."""


Unfit: TypeAlias = Literal["ejected", "throttled"]
"""States in which a target is not to be asked."""


Barred: TypeAlias = Literal["failing", "throttled", "at_its_limit"]
"""Why a target is not asked: it is ejected, or one call is trying it out; told us to come back later; has as many
calls under way as it takes."""


class Bar(msgspec.Struct, frozen=True, gc=False):
    """What keeps a call from a target now.

    Attributes:
        wait_seconds: until nothing does; None where that is not known.
        would_refuse: by the provider's word, or far beyond its limit as that has been learnt; else it is
            asked after all where there is nobody else.
        kind: of the error that it refused with, or would.
    """

    why: Barred
    wait_seconds: float | None = None
    would_refuse: bool = False
    kind: ThrottleKind = "rate_limited"


def bar_of(
    breaker: Breaker, throttle: Throttle, limit: ConcurrencyLimit, *, now: float
) -> Bar | None:
    """None where it may be asked. What would refuse counts before what might fail."""
    if now < throttle.eligible_at:
        refuses = now < throttle.refuses_until
        until = throttle.refuses_until if refuses else throttle.eligible_at
        return Bar("throttled", until - now, would_refuse=refuses, kind=throttle.kind)
    if limit.most(now=now) < CEILING and limit.free(now=now) == 0:
        return Bar("at_its_limit", would_refuse=limit.is_surely_exceeded(now=now))
    if not breaker.may_begin(now=now):
        return Bar("failing", max(0.0, breaker.ejected_until - now))
    return None


class CallEnd(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How a call of ours ended.

    Attributes:
        sent_at: unix seconds.
        size: of the prompt, by the tokens that no cache was expected to hold.
        first_content_seconds: from sending to the first content event; None where there was none.
        open_seconds: from sending until it ended or was closed.
        output_rate: how fast the answer was written; None where that cannot be told.
        come_back_seconds: when the provider wants to be asked again, or its limits are whole again; also
            of an answer that used them up. None where it has not said.
        throttle_kind: of the error that said so.
    """

    ending: Ending
    sent_at: float
    size: Size
    open_seconds: float
    first_content_seconds: float | None = None
    output_rate: OutputRate | None = None
    come_back_seconds: float | None = None
    throttle_kind: ThrottleKind = "rate_limited"


class Standing(msgspec.Struct, frozen=True, gc=False):
    """A target as one account may ask it now.

    Attributes:
        first_content: seconds to first content, for the size asked for.
        eligible_at: unix seconds at which it is neither ejected nor throttled; in the past when it is not.
        free: calls that it may be sent now.
        most: calls at once that it takes, as far as is known.
    """

    first_content: Spread
    state: State
    eligible_at: float
    free: int
    most: int


class TargetGauge(msgspec.Struct, frozen=True, gc=False):
    """What metrics tell of a target, for our own account.

    Attributes:
        p95: seconds to first content, of the sizes that there have been.
        most: calls at once that it takes, as far as is known.
    """

    target: str
    p95: dict[Size, float]
    state: State
    most: int


class TargetHealth(msgspec.Struct, frozen=True, gc=False):
    """A target that is not to be asked, for the account that would ask it.

    Attributes:
        eligible_at: unix seconds at which that ends.
    """

    target: str
    state: Unfit
    eligible_at: float


class TargetLatency(msgspec.Struct, frozen=True, gc=False):
    """Seconds to first content that are expected of a target for prompts of a size."""

    target: str
    size: Size
    seconds: float


class TargetSeen(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a replica has seen of a target since it last told.

    Attributes:
        ejected_seconds: for which it leaves the target alone, from the report on.
    """

    target: str
    calls: int
    failures: int
    times: tuple[TimesSeen, ...]
    ejected_seconds: float = 0.0


class ThrottleSeen(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An account that a target has told to stay away, in seconds from the report: clocks of two machines
    are never compared.

    Attributes:
        refuses_seconds: for which it would refuse; a replica that does not tell only passes it over.
    """

    target: str
    account: str
    wait_seconds: float
    refuses_seconds: float = 0.0
    kind: ThrottleKind = "rate_limited"


class StandingReport(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one replica tells the others.

    Attributes:
        replica: another one after every start.
        number: of the report; rises.
    """

    replica: str
    number: int
    targets: tuple[TargetSeen, ...]
    throttles: tuple[ThrottleSeen, ...]
