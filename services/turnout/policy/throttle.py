"""When an account may ask a target again that has told it to come back later.

Kept by account and not by target alone: where clients bring their own credentials, one that is used up says nothing of
the others. Rules: what a provider says is believed within a bound; it would refuse only while it has said so of a call that it
refused, and no longer than clients are told to wait, so that an account that is topped up is found out by the next call
of a minute; where it has not said, or has only answered that its limits are used up, which fill up all the time, a call may
be tried; an answer to a call that was sent later says that it is over. Pure.
"""

from typing import Final, Literal, TypeAlias

THROTTLED_SECONDS: Final = 5.0
"""Where a provider does not say when to come back: long enough for a burst to pass."""

MAX_THROTTLED_SECONDS: Final = 3_600.0
"""A quota may say days, and an account be topped up meanwhile: one refused call an hour finds out."""

MAX_REFUSING_SECONDS: Final = 60.0
"""As long as clients are told to wait at most."""

ThrottleKind: TypeAlias = Literal["rate_limited", "overloaded"]
"""Of the error that told us: the account's limit, or the provider's capacity."""


class Throttle:
    """Of one account at one target.

    Attributes:
        eligible_at: unix seconds; in the past while it may be asked.
        refuses_until: unix seconds until which it would refuse; not after `eligible_at`.
        kind: what it last refused with.
    """

    __slots__ = ("_told_at", "eligible_at", "kind", "refuses_until")

    def __init__(self) -> None:
        self.eligible_at = 0.0
        self.refuses_until = 0.0
        self.kind: ThrottleKind = "rate_limited"
        self._told_at = 0.0

    def told(
        self,
        seconds: float | None,
        *,
        refuses_seconds: float = 0.0,
        kind: ThrottleKind = "rate_limited",
        now: float,
    ) -> None:
        """To stay away for so long, and that it would refuse for so much of it; None where the provider has
        not said for how long.
        """
        wait = THROTTLED_SECONDS if seconds is None else min(seconds, MAX_THROTTLED_SECONDS)
        self.eligible_at = max(self.eligible_at, now + wait)
        refusing = min(refuses_seconds, wait, MAX_REFUSING_SECONDS)
        self.refuses_until = max(self.refuses_until, now + refusing)
        self.kind = kind
        self._told_at = now

    def answered(self, *, sent_at: float) -> None:
        """A call that was sent at `sent_at` has been answered."""
        if sent_at >= self._told_at:
            self.eligible_at = 0.0
            self.refuses_until = 0.0
