"""How a target stands at the moment, and what is told of it: how a call ended, what a replica has seen.

Values only; `upstream_dispatcher/standings.py` keeps what they follow from, `bus/live.py` carries reports.
"""

from typing import Literal, TypeAlias

import msgspec

from turnout.policy.breaker import Ending
from turnout.policy.latency import Size, Spread, TimesSeen

State: TypeAlias = Literal["healthy", "ejected", "probing", "throttled"]
"""Asked like any other; left alone because calls fail; tried by single requests after that; told us to come back
later."""


Unfit: TypeAlias = Literal["ejected", "throttled"]
"""States in which a target is not to be asked."""


class CallEnd(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How a call of ours ended.

    Attributes:
        sent_at: unix seconds.
        size: of the prompt, by the tokens that no cache was expected to hold.
        first_content_seconds: from sending to the first content event; None where there was none.
        open_seconds: from sending until it ended or was closed.
        tokens_per_second: of the answer's output, from its first content on; None where that is not known.
        come_back_seconds: when the provider wants to be asked again, or its limits are whole again; also
            of an answer that used them up. None where it has not said.
    """

    ending: Ending
    sent_at: float
    size: Size
    open_seconds: float
    first_content_seconds: float | None = None
    tokens_per_second: float | None = None
    come_back_seconds: float | None = None


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
    """

    target: str
    account: str
    wait_seconds: float


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
