"""What a token of a subscription is worth that is used now: nothing while its windows would last, the list
price where they are used up.

A plan has windows (five hours, a week) that each hold so much use and begin anew at their end; what is left
then is lost. So a token costs nothing where use as it was would leave some, and displaces a token at
list price where use will exceed what is left. With a window of which the share `used` is gone after
`elapsed` of its seconds, and `left` of them still to come:

    expected = used / elapsed * left
    share    = (expected - (1 - used)) / expected, where expected use exceeds what is left, else 0

which is the part of the expected use that the window will not cover. Of several windows the dearest
counts, because each of them can be the first to end. Pure.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

LEAST_ELAPSED_SHARE: Final = 0.1
"""Of a window, for a rate of use: a burst in the first minutes says nothing of five hours."""


class QuotaWindow(msgspec.Struct, frozen=True, gc=False):
    """What a provider says of one window of a subscription.

    Attributes:
        used_share: 0 to 1; 1 where it is used up.
        seconds: how long a window is.
        resets_at: unix seconds.
    """

    used_share: float
    seconds: float
    resets_at: float


class Quota(msgspec.Struct, frozen=True, gc=False):
    """The windows of the subscription behind one credential, as its newest answer told them.

    Attributes:
        way: the provider and where its credential comes from, as at the ends of a target's id:
            `anthropic@client`.
        seen_at: unix seconds.
    """

    way: str
    seen_at: float
    windows: tuple[QuotaWindow, ...]


def way_of(target: str) -> str:
    """The way of paying in a target's id (`provider/model@credential`)."""
    return f"{target.partition('/')[0]}@{target.rpartition('@')[2]}"


def list_shares(quotas: Iterable[Quota], *, now: float) -> dict[str, float]:
    """By way of paying, the share of the list price that a token costs at the margin. A way that is not in
    it is paid in full.
    """
    return {
        quota.way: max(
            (_share(window, seen_at=quota.seen_at, now=now) for window in quota.windows),
            default=1.0,
        )
        for quota in quotas
    }


def is_covered(windows: Iterable[QuotaWindow]) -> bool:
    """Whether an answer that told these was paid by the plan: beyond a window's end providers charge list
    prices, or refuse.
    """
    shares = [window.used_share for window in windows]
    return bool(shares) and max(shares) < 1.0


def _share(window: QuotaWindow, *, seen_at: float, now: float) -> float:
    if now >= window.resets_at:
        return 0.0
    if window.used_share >= 1.0:
        return 1.0
    left = min(window.seconds, max(0.0, window.resets_at - seen_at))
    elapsed = max(window.seconds - left, LEAST_ELAPSED_SHARE * window.seconds)
    expected = window.used_share / elapsed * left
    unused = 1.0 - window.used_share
    return max(0.0, (expected - unused) / expected) if expected > 0.0 else 0.0
