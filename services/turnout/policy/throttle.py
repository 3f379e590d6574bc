"""When an account may ask a target again that has told it to come back later.

Kept by account and not by target alone: where clients bring their own credentials, one that is used up says nothing of
the others. Rules: what a provider says is believed within a bound; an answer to a call that was sent later says that
it is over. Pure.
"""

from typing import Final

THROTTLED_SECONDS: Final = 5.0
"""Where a provider does not say when to come back: long enough for a burst to pass."""

MAX_THROTTLED_SECONDS: Final = 3_600.0
"""A quota may say days, and an account be topped up meanwhile: one refused call an hour finds out."""


class Throttle:
    """Of one account at one target.

    Attributes:
        eligible_at: unix seconds; in the past while it may be asked.
    """

    __slots__ = ("_told_at", "eligible_at")

    def __init__(self) -> None:
        self.eligible_at = 0.0
        self._told_at = 0.0

    def told(self, seconds: float | None, *, now: float) -> None:
        """To stay away for so long; None where the provider has not said for how long."""
        wait = THROTTLED_SECONDS if seconds is None else min(seconds, MAX_THROTTLED_SECONDS)
        self.eligible_at = max(self.eligible_at, now + wait)
        self._told_at = now

    def answered(self, *, sent_at: float) -> None:
        """A call that was sent at `sent_at` has been answered."""
        if sent_at >= self._told_at:
            self.eligible_at = 0.0
