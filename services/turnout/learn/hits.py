"""How much of a prompt caches still had, by provider, lifetime and idle gap.

Rules: pure numpy over the columns of trace_calls; a return is a request whose thread has one before it of
which it keeps most, for elsewhere no cache is at fault; buckets with few calls are shrunk to the next
shorter one.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from turnout.learn.parquet import Numbers
from turnout.learn.traces import DROP_SHARE, Calls
from turnout.policy.cache import FIVE_MINUTES, GAP_BUCKETS, GAP_EDGES_SECONDS, ONE_HOUR
from turnout.policy.hits import HitCurve

PRIOR_CALLS: Final = 2.0
"""Calls of the next shorter gap bucket that weigh as much as a bucket's own: few, because a bucket on the
far side of a lifetime has nothing in common with it.
"""

LEAST_CALLS: Final = 80
"""Returns below which a provider's lifetime gets no curve of its own."""

AUTOMATIC_LIFETIME_SECONDS: Final = 300.0
"""What OpenAI and Google document as the least idle time that an automatic prefix survives."""


@dataclass(frozen=True, slots=True, eq=False)
class Returns:
    """One entry a return.

    Attributes:
        lifetime_seconds: of the cache entry that it finds.
        bucket: of the idle gap before it.
        share: of the prompt before, that it found.
        tokens: of the prompt before.
    """

    thread: NDArray[np.int64]
    provider: NDArray[np.str_]
    lifetime_seconds: Numbers
    gap_seconds: Numbers
    bucket: NDArray[np.int64]
    share: Numbers
    tokens: Numbers


def read_returns(calls: Calls) -> Returns:
    """Those to the model of the call before, where it is known who serves it."""
    previous = calls.previous
    expected = calls.prompt[previous]
    lifetime = _lifetimes(calls)
    kept = (
        (previous >= 0)
        & ~calls.is_compacted
        & ~calls.is_moved
        & (expected > 0)
        & (calls.prompt >= DROP_SHARE * expected)
        & ~np.isnan(calls.gap_seconds)
        & (calls.provider != "")
        & (lifetime > 0)
    )
    return Returns(
        thread=calls.thread[kept],
        provider=calls.provider[kept],
        lifetime_seconds=lifetime[kept],
        gap_seconds=calls.gap_seconds[kept],
        bucket=np.searchsorted(GAP_EDGES_SECONDS, calls.gap_seconds[kept], side="left"),
        share=np.clip(calls.cache_read[kept] / expected[kept], 0, 1),
        tokens=expected[kept],
    )


def kinds_of(returns: Returns) -> list[tuple[str, float]]:
    """Providers with a lifetime."""
    pairs = zip(returns.provider, returns.lifetime_seconds, strict=True)
    return sorted({(str(provider), float(seconds)) for provider, seconds in pairs})


def fit_hits(returns: Returns, within: NDArray[np.bool_] | None = None) -> tuple[HitCurve, ...]:
    """Share of the previous prompt that was read from the cache; of the returns `within` alone if told."""
    curves: list[HitCurve] = []
    for provider, seconds in kinds_of(returns):
        chosen = (returns.provider == provider) & (returns.lifetime_seconds == seconds)
        if within is not None:
            chosen &= within
        counts = np.bincount(returns.bucket[chosen], minlength=GAP_BUCKETS)
        if counts.sum() < LEAST_CALLS:
            continue
        curves.append(
            HitCurve(
                provider=provider,
                lifetime_seconds=seconds,
                is_automatic=provider != "anthropic",
                shares=_falling(returns, chosen, counts),
                calls=tuple(int(count) for count in counts),
            )
        )
    return tuple(curves)


def _falling(
    returns: Returns, chosen: NDArray[np.bool_], counts: NDArray[np.int64]
) -> tuple[float, ...]:
    """Token-weighted mean share by bucket, thin buckets shrunk to the one before, never rising."""
    shares: list[float] = []
    before = 1.0
    for at, count in enumerate(counts.tolist()):
        inside = chosen & (returns.bucket == at)
        own = before
        if inside.any():
            own = float(np.average(returns.share[inside], weights=returns.tokens[inside]))
        before = min(before, (count * own + PRIOR_CALLS * before) / (count + PRIOR_CALLS))
        shares.append(round(before, 4))
    return tuple(shares)


def _lifetimes(calls: Calls) -> Numbers:
    """Lifetime of the cache entry that a call finds: that of the newest write before it."""
    found = np.zeros(len(calls.thread))
    current = 0.0
    for at in range(len(found)):
        if calls.previous[at] < 0:
            current = 0.0
        found[at] = current
        if calls.provider[at] != "anthropic":
            found[at] = current = AUTOMATIC_LIFETIME_SECONDS
        elif calls.write_1h[at] > 0:
            current = ONE_HOUR
        elif calls.write_5m[at] > 0:
            current = FIVE_MINUTES
    return found
