"""How much of a prompt is found in a provider's cache again, as the artifact tells it.

The one table of it: the policy asks it before a thread has shown anything, and the tracker corrects it
by what a thread's own usage figures say (policy/cache.py).
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from math import log


@dataclass(frozen=True, slots=True, kw_only=True)
class HitCurve:
    """Share of the previous prompt found in the cache again, by idle gap.

    Attributes:
        is_automatic: the provider caches by itself and promises no lifetime but the least.
        shares: one per bucket of `gap_edges_seconds`, never rising.
        calls: behind each share.

    """

    provider: str
    lifetime_seconds: float
    is_automatic: bool
    shares: tuple[float, ...]
    calls: tuple[int, ...]


def found_share(
    curves: Sequence[HitCurve],
    edges: Sequence[float],
    *,
    provider: str,
    lifetime_seconds: float,
    is_automatic: bool,
    gap_seconds: float,
) -> float:
    """Share of the previous prompt expected in the cache after an idle gap; a gap on an edge belongs to
    the shorter bucket, as a lifetime includes its last second.

    A provider without traces gets the curve of the nearest lifetime, of two such that of its own kind, with
    the gap stretched to its own lifetime: entries die at the same share of their lives.
    """
    if lifetime_seconds <= 0:
        return 0.0
    own = [curve for curve in curves if curve.provider == provider]
    nearest = min(
        own or curves,
        key=lambda curve: (
            abs(log(curve.lifetime_seconds / lifetime_seconds)),
            curve.is_automatic != is_automatic,
        ),
        default=None,
    )
    if nearest is None:
        return 1.0 if gap_seconds <= lifetime_seconds else 0.0
    gap = gap_seconds * (1.0 if own else nearest.lifetime_seconds / lifetime_seconds)
    return nearest.shares[bisect_left(edges, gap)]
