"""What a prompt's cache is written for, and when a read that only keeps it pays.

Both follow from how long threads of a kind pause (policy/idle.py) and from prices.

    An hour instead of five minutes costs its dearer write once for every token, and saves writing it
    again at each pause that five minutes do not outlive and an hour does:

        hour write - five-minute write  <  pauses * (five-minute write - read)

    A read that keeps a prefix costs the prefix once, whether or not somebody comes back, and saves its
    write when the next request comes in the life that the read adds:

        chance * (write - read) * prefix  >  read * prefix + one output token

The chance of a return falls with every read, so the first read that does not pay is the end. Where a
lifetime is not bought with the write nothing here applies: those caches keep what they like.
"""

from collections.abc import Hashable
from functools import lru_cache
from math import inf
from typing import Final, Literal, Protocol

from turnout.catalog.models import CacheTerms, Prices, WriteLifetime
from turnout.policy.cache import FIVE_MINUTES, ONE_HOUR
from turnout.policy.request import Harness

EARLY_SECONDS: Final = 30.0
"""How long before the end of a lifetime a read that renews it is sent."""

MOST_READS: Final = 6
"""Reads in one pause, whatever they promise: what keeps a prefix for longer than six hours is a table
that is wrong."""

_KEPT: Final = 1_024
"""Harnesses times kinds of answers times lifetimes, for a few artifacts; tables never change."""


class IdleTables(Hashable, Protocol):
    """What is asked of the artifact here."""

    def idle_share(
        self, *, harness: Harness, is_subagent: bool, ends_turn: bool | None, seconds: float
    ) -> float: ...


def write_lifetime(prices: Prices, cache: CacheTerms, *, pauses: float) -> Literal["", "5m", "1h"]:
    """`pauses` as `pauses_between` tells them. The shortest on offer where nothing is known, "" where there
    are none to choose from.
    """
    if cache.kind != "explicit":
        return ""
    five, hour, read = prices.cache_write_5m, prices.cache_write_1h, prices.cache_read
    if ONE_HOUR not in cache.lifetimes_seconds or five is None or hour is None or read is None:
        return "5m"
    return "1h" if hour - five < pauses * (five - read) else "5m"


def breakpoint_pays(
    prices: Prices, *, lifetime: WriteLifetime, steps: float, stays_warm: float
) -> bool:
    """Whether writing a prompt that nobody asked to be cached is cheaper than sending it fresh in each of
    the `steps` that are expected, this one included.
    """
    fresh, read, write = prices.fresh_input, prices.cache_read, prices.write(lifetime)
    if fresh is None or read is None or write is None:
        return False
    later = max(0.0, steps - 1.0)
    return write + later * (stays_warm * read + (1.0 - stays_warm) * write) < (1.0 + later) * fresh


@lru_cache(maxsize=_KEPT)
def pauses_between(tables: IdleTables, harness: Harness, is_subagent: bool) -> float:
    """Pauses that an hour's write outlives and five minutes do not, expected before one that neither does."""
    shorter, longer = (
        tables.idle_share(harness=harness, is_subagent=is_subagent, ends_turn=None, seconds=seconds)
        for seconds in (FIVE_MINUTES, ONE_HOUR)
    )
    return (shorter - longer) / longer if longer > 0.0 else inf


@lru_cache(maxsize=_KEPT)
def return_chances(
    tables: IdleTables,
    harness: Harness,
    is_subagent: bool,
    ends_turn: bool,
    lifetime_seconds: float,
) -> tuple[float, ...]:
    """For each read in a pause, the chance that the next request needs the life that it adds."""

    def share(seconds: float) -> float:
        return tables.idle_share(
            harness=harness, is_subagent=is_subagent, ends_turn=ends_turn, seconds=seconds
        )

    period = read_period(lifetime_seconds)
    chances: list[float] = []
    for read in range(1, MOST_READS + 1):
        still_away = share(read * period)
        expires = (read - 1) * period + lifetime_seconds
        returns = share(expires) - share(expires + period)
        chances.append(returns / still_away if still_away > 0.0 else 0.0)
    return tuple(chances)


def read_period(lifetime_seconds: float) -> float:
    """Seconds from a request to the read that keeps its prompt, and from one read to the next."""
    return lifetime_seconds - EARLY_SECONDS


def keep_warm_usd(prices: Prices, *, prefix_tokens: float) -> float:
    """One read of the prefix that asks for one token. 0 where it has no price."""
    valid = prices.for_prompt(int(prefix_tokens))
    return ((valid.cache_read or 0.0) * prefix_tokens + (valid.output or 0.0)) / 1e6


def keep_warm_gain_usd(
    prices: Prices,
    cache: CacheTerms,
    *,
    prefix_tokens: float,
    lifetime: WriteLifetime,
    chance: float,
) -> float:
    """What a read is expected to save less what it costs; never above 0 where nothing can be kept."""
    valid = prices.for_prompt(int(prefix_tokens))
    write, read = valid.write(lifetime), valid.cache_read
    is_kept = cache.kind == "explicit" and prefix_tokens >= cache.minimum_prefix_tokens
    if not is_kept or write is None or read is None:
        return 0.0
    saved = chance * (write - read) * prefix_tokens / 1e6
    return saved - keep_warm_usd(prices, prefix_tokens=prefix_tokens)


def keep_warm_reads(
    prices: Prices,
    cache: CacheTerms,
    *,
    prefix_tokens: float,
    lifetime: WriteLifetime,
    chances: tuple[float, ...],
    budget_usd: float = inf,
) -> int:
    """How many reads in a row pay in this pause, for as many dollars at most."""
    one_usd = keep_warm_usd(prices, prefix_tokens=prefix_tokens)
    reads = 0
    for chance in chances:
        gain = keep_warm_gain_usd(
            prices, cache, prefix_tokens=prefix_tokens, lifetime=lifetime, chance=chance
        )
        if gain <= 0.0 or (reads + 1) * one_usd > budget_usd:
            break
        reads += 1
    return reads
