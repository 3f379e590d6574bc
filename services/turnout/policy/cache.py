"""What an answer teaches about prompt caches, and what a later request may count on.

Rules:
* Only reported usage teaches warmth: a target is warm because it said so, not because it was asked.
* A prefix is old as far as its chained digests agree. Of every answered prompt a thinned ladder of
  digests is kept, so that after an edit or a compaction the part that is still the same is found.
* A lifetime is what the usage says was written (5 minutes, 1 hour); a provider that caches by itself
  has the lifetime that its hits show, starting from the artifact's table (policy/hits.py).
* The chance of a hit is that table's share for provider, lifetime and idle gap, corrected by what is
  really found, with the table counting as `PRIOR_OBSERVATIONS` observations.
"""

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final, Literal, Protocol, TypeAlias

import msgspec

from turnout.catalog.models import CacheTerms, model_of_target
from turnout.catalog.token_families import Family, family_share
from turnout.dialects.usage import Usage
from turnout.policy.request import Prefix

LifetimeKind: TypeAlias = Literal["5m", "1h", "automatic"]

Terms: TypeAlias = Callable[[str], CacheTerms | None]
"""The terms of a target's provider for its model, by the target's id; None for a provider without any."""

FIVE_MINUTES: Final = 300.0
ONE_HOUR: Final = 3_600.0
ONE_DAY: Final = 86_400.0

GAP_EDGES_SECONDS: Final = (60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 7_200.0)
"""Buckets: under a minute, 1-2, 2-5, 5-10, 10-30, 30-60 minutes, 1-2 hours, longer. A gap on an edge
belongs to the shorter bucket, as a provider's lifetime includes its last second."""
GAP_BUCKETS: Final = len(GAP_EDGES_SECONDS) + 1

TABLES_KEPT: Final = 1_024
"""Providers times lifetimes, for a few artifacts; tables never change."""
TARGETS_KEPT: Final = 1_024
"""Targets whose terms are known; one whose model's name a client makes up costs its look-up again."""

PRIOR_OBSERVATIONS: Final = 20.0
"""How many observations the table counts for: a provider that behaves otherwise is believed after
some twenty returns in a bucket, which is minutes for the short gaps of one busy tenant."""
MINIMUM_EXPECTED_TOKENS: Final = 1_024
"""Below the smallest cacheable prefix of the large providers a miss says nothing."""
GONE_SHARE: Final = 0.1
"""A read costs a tenth of a fresh token at most providers: at a tenth of the hits a prefix is worth
about what the write premium costs, and counts as gone."""

TAIL_OFFSETS: Final = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256)
"""Messages back from the newest that get a rung. Edits of history are near its end (a retracted
turn), so rungs are dense there; the head is always the last rung."""


class HitTable(Hashable, Protocol):
    """What is asked of the artifact here."""

    def hit_share(
        self, *, provider: str, lifetime_seconds: float, is_automatic: bool, gap_seconds: float
    ) -> float:
        """Share of the previous prompt that is found again after an idle gap."""
        ...


class Rung(msgspec.Struct, frozen=True, gc=False):
    """A point of a prompt: the first `count` messages have `digest` and about `tokens` tokens.

    With `count` 0 it is the head (system and tools).
    """

    count: int
    digest: str
    tokens: int


class HitCounts(msgspec.Struct, frozen=True, gc=False):
    """Returns after one kind of gap: how many, and the sum of the shares found."""

    seen: float = 0.0
    found: float = 0.0


class Written(msgspec.Struct, frozen=True, gc=False):
    """What one answer left in a target's cache.

    Attributes:
        tokens: prompt tokens from the start of the prompt that are now cached.
        lifetime_seconds: of the newest write; None when nothing was written with a stated lifetime
            (a read leaves the lifetime as it was, automatic providers state none).

    """

    tokens: int
    lifetime_seconds: float | None


def gap_bucket(gap_seconds: float) -> int:
    """The bucket of an idle gap; negative gaps (parallel requests) are in the first."""
    return bisect_left(GAP_EDGES_SECONDS, gap_seconds)


def provider_of(target: str) -> str:
    """The provider in a target's id (`provider/model@credential`)."""
    return target.partition("/")[0]


def lifetime_kind(lifetime_seconds: float | None) -> LifetimeKind:
    if lifetime_seconds is None:
        return "automatic"
    return "5m" if lifetime_seconds <= FIVE_MINUTES else "1h"


def default_lifetime(terms: CacheTerms | None) -> tuple[LifetimeKind, float]:
    """Of a prefix whose lifetime no usage figure has told yet: the shortest on offer."""
    if terms is None or not terms.lifetimes_seconds:
        return "automatic", FIVE_MINUTES
    shortest = float(terms.lifetimes_seconds[0])
    return (lifetime_kind(shortest) if terms.kind == "explicit" else "automatic"), shortest


@lru_cache(maxsize=TABLES_KEPT)
def prior_shares(
    table: HitTable, provider: str, kind: LifetimeKind, lifetime_seconds: float
) -> tuple[float, ...]:
    """What the artifact expects to be found, by gap bucket."""
    return tuple(
        table.hit_share(
            provider=provider,
            lifetime_seconds=lifetime_seconds,
            is_automatic=kind == "automatic",
            gap_seconds=longest,
        )
        for longest in (*GAP_EDGES_SECONDS, ONE_DAY)
    )


def hit_share(prior: Sequence[float], counts: Sequence[HitCounts], *, bucket: int) -> float:
    """Expected share after a gap of this bucket: the table corrected by what was found.

    `counts` has one entry a bucket, or none at all.
    """
    if not counts:
        return prior[bucket]
    count = counts[bucket]
    return (PRIOR_OBSERVATIONS * prior[bucket] + count.found) / (PRIOR_OBSERVATIONS + count.seen)


def believed_seconds(
    kind: LifetimeKind,
    lifetime_seconds: float,
    prior: Sequence[float],
    counts: Sequence[HitCounts],
) -> float:
    """How long after its last use a prefix counts as warm: the lifetime that was paid for, or for
    a provider that caches by itself, up to the first gap after which hardly anything is found.
    """
    if kind != "automatic":
        return lifetime_seconds
    for bucket in range(GAP_BUCKETS):
        if hit_share(prior, counts, bucket=bucket) < GONE_SHARE:
            return GAP_EDGES_SECONDS[bucket - 1] if bucket else 0.0
    return ONE_DAY


def written(usage: Usage, terms: CacheTerms | None) -> Written:
    """What the usage figures say is cached now.

    With explicit breakpoints that is what was read or written; the rest of the prompt is not stored.
    A provider that caches by itself stores the whole prompt in its own block size.
    """
    stated = usage.cache_read + usage.cache_write
    if terms is not None and terms.kind == "automatic":
        whole = usage.input_total - usage.input_total % terms.block_tokens
        stated = max(stated, whole) if whole >= terms.minimum_prefix_tokens else stated
    # Longer lifetimes stand first in a prompt, so the shorter one is the newest write's.
    lifetime: float | None = None
    if usage.cache_write_5m:
        lifetime = FIVE_MINUTES
    elif usage.cache_write_1h:
        lifetime = ONE_HOUR
    return Written(tokens=stated, lifetime_seconds=lifetime)


def head_written(usage: Usage, terms: CacheTerms | None, *, head_tokens: int) -> Written:
    """What the answer left of the shared head. Its lifetime is told only by an answer that wrote the
    head, not by one that read it and wrote what follows it.
    """
    whole = written(usage, terms)
    is_head_written = usage.cache_read < head_tokens
    lifetime: float | None = None
    if is_head_written and usage.cache_write_1h:
        lifetime = ONE_HOUR
    elif is_head_written and usage.cache_write_5m:
        lifetime = FIVE_MINUTES
    return Written(tokens=min(head_tokens, whole.tokens), lifetime_seconds=lifetime)


def real_scale(prefix: Prefix, usage: Usage | None) -> float:
    """Real tokens per estimated token of this prompt; 1 when the real size is not known."""
    if usage is None or not prefix.tokens or prefix.tokens[-1] <= 0:
        return 1.0
    return usage.input_total / prefix.tokens[-1] or 1.0


def ladder(prefix: Prefix, *, head_tokens: int, usage: Usage | None) -> tuple[Rung, ...]:
    """Rungs of a prompt, from the whole down to the head, in real tokens where usage tells them."""
    scale = real_scale(prefix, usage)
    digests, tokens = prefix.digests, prefix.tokens
    counts = [len(digests) - offset for offset in TAIL_OFFSETS if offset < len(digests)]
    rungs = [
        Rung(count, digests[count - 1], round(tokens[count - 1] * scale))
        for count in counts
        if count <= len(tokens)
    ]
    return (*rungs, Rung(0, prefix.head_digest, round(head_tokens * scale)))


def _is_kept(rung: Rung, prefix: Prefix) -> bool:
    """Whether this prompt still begins with it. Chained digests agree only at the same place, so
    each rung is one comparison.
    """
    if rung.count == 0:
        return rung.digest == prefix.head_digest
    return rung.count <= len(prefix.digests) and prefix.digests[rung.count - 1] == rung.digest


def kept_share(rungs: Iterable[Rung], prefix: Prefix) -> float:
    """Share of the last prompt's messages that this one begins with; 1 when there were none."""
    # One pass: reading a stored rung costs more than comparing it.
    whole = 0
    for rung in rungs:
        whole = whole or rung.count
        if whole == 0:
            return 1.0
        if _is_kept(rung, prefix):
            return rung.count / whole
    return 0.0 if whole else 1.0


def is_same_prompt(rungs: Iterable[Rung], prefix: Prefix) -> bool:
    """Whether the prompt with these rungs was this very prompt."""
    top = next(iter(rungs), None)
    return top is not None and 0 < top.count == len(prefix.digests) and _is_kept(top, prefix)


def warm_tokens(cached_tokens: int, rungs: Iterable[Rung], prefix: Prefix) -> int:
    """How much of what a target has cached this prompt could read."""
    for position, rung in enumerate(rungs):
        if _is_kept(rung, prefix):
            # The whole of the cached prompt, for which the real figure is known.
            return cached_tokens if position == 0 else min(cached_tokens, rung.tokens)
    return 0


def observed_share(expected_tokens: int, usage: Usage) -> float | None:
    """Share of the expected cache tokens that were found; None when it would say nothing."""
    if expected_tokens < MINIMUM_EXPECTED_TOKENS:
        return None
    return min(1.0, usage.cache_read / expected_tokens)


def mean_growth(prompt_tokens: Sequence[int], families: Sequence[Family]) -> float:
    """Mean growth per step in tokens of the newest step's family, oldest step first.

    A shrinking prompt (compaction) begins anew. So does one that another family counts: how two families
    differ is known to within a tenth, which of a long prompt is more than it grows by in ten steps.
    """
    growths = [
        (later - earlier) * family_share(counted_for=family, family=families[-1])
        for (earlier, before), (later, family) in pairwise(
            zip(prompt_tokens, families, strict=True)
        )
        if later > earlier and family == before
    ]
    return sum(growths) / len(growths) if growths else 0.0


def mean_output(output_tokens: Sequence[int], families: Sequence[Family]) -> float:
    """Mean of what the steps wrote, in tokens of the newest step's family."""
    if not output_tokens:
        return 0.0
    written = [
        tokens * family_share(counted_for=family, family=families[-1])
        for tokens, family in zip(output_tokens, families, strict=True)
    ]
    return sum(written) / len(written)


def terms_by_target(terms: Mapping[str, CacheTerms]) -> Terms:
    """Terms that are kept by provider, as they are for the target's model."""

    # Every Look and every Note asks, mostly for the same few targets; minimums are matched by a pattern.
    @lru_cache(maxsize=TARGETS_KEPT)
    def terms_of(target: str) -> CacheTerms | None:
        found = terms.get(provider_of(target))
        return None if found is None else found.for_model(model_of_target(target))

    return terms_of
