"""How long a target takes to its first content, by the size of the prompt it has to read.

A sketch of log-spaced buckets whose samples lose half of their weight every `HALF_LIFE_SECONDS`. Rules: a call
that was closed unanswered after t seconds says "longer than t", and its weight goes to what is known to take longer,
as Kaplan and Meier do (1958): left out, the times that remain are the short ones, p95 falls, and hedges that wait
for p95 multiply. A prior worth a few samples makes the first answers sane, and old samples fade back to it. Pure.
"""

from array import array
from collections.abc import Mapping, Sequence
from math import erf, exp, exp2, log, log10, sqrt
from typing import Final, Literal, TypeAlias, get_args

import msgspec

Size: TypeAlias = Literal["under_2k", "under_16k", "under_64k", "more"]
"""Of a prompt, by the tokens that no cache is expected to hold: those are what a target reads before it answers."""

SIZES: Final[tuple[Size, ...]] = get_args(Size)

HALF_LIFE_SECONDS: Final = 600.0
"""A target that slows down raises its p95 with the first twentieth of its calls, whatever this is. At a call a
minute, a shorter one leaves more to the prior than to what was seen: with 300 s and a prior of 10 samples, 14 % of
the calls of a target four times slower than the prior were hedged in simulation, with these 8 %."""

PRIOR_SAMPLES: Final = 5.0
"""A p95 needs twenty samples to be seen at all; they outweigh it four to one."""

_BOUNDS: Final = (2_000, 16_000, 64_000)
_MIDDLES: Final = (1_000, 6_000, 32_000, 128_000)
"""Of the sizes, in tokens; of the last one twice its bound."""

_PRIOR_MEDIAN_SECONDS: Final = 1.5
_PRIOR_P95_SECONDS: Final = 5.06
"""Lognormal: first-token times as they were taken for the simulation of hedging after p95."""

_READ_TOKENS_PER_SECOND: Final = 10_000.0
"""Assumed, as no table has it: a prompt of 128k uncached tokens is then answered 13 s later than none."""

_LEAST_SECONDS: Final = 0.01
_DECADES: Final = 5
_A_DECADE: Final = 32
"""Buckets 7.5 % wide; what lies between two bounds is interpolated."""

BUCKETS: Final = _DECADES * _A_DECADE
_NORMAL_P95: Final = 1.6449

# Weights are kept as of a landmark, so that adding costs the same whatever the sketch holds. It is moved when
# samples of now weigh so much that older ones would be lost beside them, and only by who adds: metrics are read
# from other threads.
_MOVE_AFTER_HALF_LIVES: Final = 40.0
_MOST_HALF_LIVES: Final = 500.0
"""What is older weighs nothing; two to the power of it is still a float, and so is its square."""

_FRESH_SECONDS: Final = 1.0
"""How long computed quantiles stand: an estimate over minutes does not change within a second."""


_Fall: TypeAlias = tuple[int, float, float]
"""A bucket in which calls have content, with the share of all that take longer than its lower and its upper end."""


class Spread(msgspec.Struct, frozen=True, gc=False):
    """Seconds to first content.

    Attributes:
        samples: the weight of what was seen; 0 where the others are the prior's.
    """

    p50: float
    p95: float
    mean: float
    samples: float


class TimesSeen(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a sketch holds, to be merged into another one.

    Attributes:
        buckets: number of the bucket, the weight of times in it, the weight of calls closed in it.
    """

    size: Size
    buckets: tuple[tuple[int, float, float], ...]


def size_of(uncached_tokens: float) -> Size:
    for size, bound in zip(SIZES, _BOUNDS, strict=False):
        if uncached_tokens < bound:
            return size
    return SIZES[-1]


class Latency:
    """The sketch of one target and size."""

    __slots__ = ("_landmark", "_longer", "_seen", "_spread", "_spread_at", "size")

    def __init__(self, size: Size, *, now: float) -> None:
        self.size: Size = size
        self._seen = array("d", bytes(8 * BUCKETS))
        self._longer = array("d", bytes(8 * BUCKETS))
        self._landmark = now
        self._spread: Spread | None = None
        self._spread_at = 0.0

    def add(self, seconds: float, *, now: float) -> None:
        """First content came after `seconds`."""
        self._move(now)
        self._seen[_bucket_of(seconds)] += self._weight(now)

    def add_longer_than(self, seconds: float, *, now: float) -> None:
        """The call was closed after `seconds` without content."""
        self._move(now)
        self._longer[_bucket_of(seconds)] += self._weight(now)

    def merge(self, times: TimesSeen, *, now: float) -> None:
        """Add what another sketch of the same size held, as of now."""
        self._move(now)
        weight = self._weight(now)
        for bucket, seen, longer in times.buckets:
            if 0 <= bucket < BUCKETS:
                self._seen[bucket] += seen * weight
                self._longer[bucket] += longer * weight

    def told(self, *, now: float) -> TimesSeen:
        """What it holds, decayed to `now`."""
        weight = self._weight(now)
        return TimesSeen(
            self.size,
            tuple(
                (bucket, round(seen / weight, 3), round(longer / weight, 3))
                for bucket, (seen, longer) in enumerate(zip(self._seen, self._longer, strict=True))
                if seen or longer
            ),
        )

    def spread(self, *, now: float) -> Spread:
        """As of the last second."""
        spread = self._spread
        if spread is None or not 0.0 <= now - self._spread_at < _FRESH_SECONDS:
            falls = self._falls(now)
            spread = self._spread = Spread(
                p50=_quantile(falls, 0.5),
                p95=_quantile(falls, 0.95),
                mean=_mean(falls),
                samples=(sum(self._seen) + sum(self._longer)) / self._weight(now),
            )
            self._spread_at = now
        return spread

    def quantile(self, share: float, *, now: float) -> float:
        """Seconds within which `share` of all calls have content."""
        return _quantile(self._falls(now), share)

    def mean(self, *, now: float) -> float:
        """Expected seconds; what takes longer than the last bucket counts as its end."""
        return _mean(self._falls(now))

    def _falls(self, now: float) -> list[_Fall]:
        weight = self._weight(now)
        at_risk = PRIOR_SAMPLES + (sum(self._seen) + sum(self._longer)) / weight
        longer_than = 1.0
        falls: list[_Fall] = []
        weights = zip(_PRIORS[self.size], self._seen, self._longer, strict=True)
        for bucket, (prior, own, longer) in enumerate(weights):
            seen = prior + own / weight
            if seen > 0.0:
                # What is left of `at_risk` behind many buckets is exact to the last digits only.
                left = longer_than * (1.0 - seen / at_risk) if seen < at_risk else 0.0
                falls.append((bucket, longer_than, left))
                longer_than = left
            at_risk -= seen + longer / weight
        return falls

    def _weight(self, now: float) -> float:
        """Of a sample of now, where one of the landmark weighs 1. A clock that was set back makes a sample
        lighter, never infinitely so.
        """
        half_lives = (now - self._landmark) / HALF_LIFE_SECONDS
        return exp2(min(max(half_lives, -_MOST_HALF_LIVES), _MOST_HALF_LIVES))

    def _move(self, now: float) -> None:
        """The landmark, before something is added too far from it."""
        half_lives = (now - self._landmark) / HALF_LIFE_SECONDS
        if half_lives > _MOVE_AFTER_HALF_LIVES:
            for weights in (self._seen, self._longer):
                for bucket in range(BUCKETS):
                    weights[bucket] *= exp2(-half_lives)
            self._landmark = now


def _quantile(falls: Sequence[_Fall], share: float) -> float:
    for bucket, longer_than, left in falls:
        if left < longer_than and left <= 1.0 - share:
            part = (longer_than - (1.0 - share)) / (longer_than - left)
            return _bound(bucket + min(max(part, 0.0), 1.0))
    return _bound(BUCKETS)


def _mean(falls: Sequence[_Fall]) -> float:
    seconds = sum([(more - less) * _BUCKET_MIDDLES[bucket] for bucket, more, less in falls])
    return seconds + falls[-1][2] * _bound(BUCKETS)


def _bucket_of(seconds: float) -> int:
    if not seconds > _LEAST_SECONDS:
        return 0
    return min(BUCKETS - 1, int(log10(seconds / _LEAST_SECONDS) * _A_DECADE))


def _bound(bucket: float) -> float:
    """The lower end of a bucket, in seconds; a fraction lies within one."""
    return _LEAST_SECONDS * exp(log(10.0) * bucket / _A_DECADE)


def _prior(tokens: float) -> tuple[float, ...]:
    """Reading the prompt takes its time before anything else, so the whole curve is shifted by it."""
    shift = tokens / _READ_TOKENS_PER_SECOND
    sigma = log(_PRIOR_P95_SECONDS / _PRIOR_MEDIAN_SECONDS) / _NORMAL_P95

    def below(seconds: float) -> float:
        own = seconds - shift
        if own <= 0.0:
            return 0.0
        return 0.5 * (1.0 + erf(log(own / _PRIOR_MEDIAN_SECONDS) / (sigma * sqrt(2.0))))

    ends = [below(_bound(bucket + 1)) for bucket in range(BUCKETS - 1)]
    return tuple(
        PRIOR_SAMPLES * (end - start) for start, end in zip((0.0, *ends), (*ends, 1.0), strict=True)
    )


_PRIORS: Final[dict[Size, tuple[float, ...]]] = {
    size: _prior(tokens) for size, tokens in zip(SIZES, _MIDDLES, strict=True)
}

_BUCKET_MIDDLES: Final = tuple(_bound(bucket + 0.5) for bucket in range(BUCKETS))

PRIOR_SECONDS: Final[Mapping[Size, float]] = {
    size: Latency(size, now=0.0).mean(now=0.0) for size in SIZES
}
"""Expected of a target that was never asked."""
