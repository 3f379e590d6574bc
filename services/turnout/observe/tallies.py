"""Counters and histograms that are counted in plain numbers and rendered when they are scraped.

Rules: the families are those that prometheus_client's own Counter and Histogram give; what differs is
the price of counting, which there is a lock and a lookup of labels each. One thread counts, the event
loop's; a scrape may come from any. Labels are a tuple in the order of the names, and bounded by who
counts: every new tuple is kept for ever.
"""

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final, TypeAlias

from prometheus_client import CollectorRegistry, utils
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

Labels: TypeAlias = tuple[str, ...]

_INFINITY: Final = float("inf")

# Untyped in prometheus_client; how it spells the bounds of buckets.
_bound_name: Callable[[float], str] = attrgetter("floatToGoString")(utils)


@dataclass(frozen=True, slots=True)
class Family:
    """What a scrape says before the samples."""

    name: str
    help_text: str
    label_names: tuple[str, ...] = ()


class CounterTally:
    """A counter by labels; one without labels is there from the start."""

    def __init__(
        self,
        family: Family,
        *,
        registry: CollectorRegistry,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._family = family
        self._clock = clock
        self._sums: dict[Labels, float] = {}
        self._created: dict[Labels, float] = {}
        if not family.label_names:
            self.add((), 0.0)
        registry.register(self)

    def add(self, labels: Labels, amount: float = 1.0) -> None:
        if amount < 0:
            raise ValueError(f"{self._family.name} cannot count {amount}: counters only grow")
        try:
            self._sums[labels] += amount
        except KeyError:
            self._created[labels] = self._clock()
            self._sums[labels] = amount

    def describe(self) -> Iterable[Metric]:
        """The family without samples: what the registry needs to know at registration."""
        return [self._metric()]

    def collect(self) -> Iterable[Metric]:
        metric = self._metric()
        # A copy is one step to other threads; iterating while the loop adds would fail.
        for labels, value in self._sums.copy().items():
            metric.add_metric(labels, value, created=self._created[labels])
        return [metric]

    def _metric(self) -> CounterMetricFamily:
        family = self._family
        return CounterMetricFamily(family.name, family.help_text, labels=family.label_names)


class CounterReading:
    """A counter of numbers that somebody else keeps as plain attributes, read when scraped."""

    def __init__(self, family: Family, *, registry: CollectorRegistry) -> None:
        self._family = family
        self._reads: dict[Labels, Callable[[], float]] = {}
        registry.register(self)

    def follow(self, labels: Labels, read: Callable[[], float]) -> None:
        """Take `read`'s number from now on; it only grows, and may be asked from any thread."""
        self._reads[labels] = read

    def describe(self) -> Iterable[Metric]:
        """The family without samples: what the registry needs to know at registration."""
        return [self._metric()]

    def collect(self) -> Iterable[Metric]:
        metric = self._metric()
        for labels, read in self._reads.copy().items():
            metric.add_metric(labels, read())
        return [metric]

    def _metric(self) -> CounterMetricFamily:
        family = self._family
        return CounterMetricFamily(family.name, family.help_text, labels=family.label_names)


class _Observed:
    """Observations of one tuple of labels: how many fell into each bucket, and their sum."""

    __slots__ = ("counts", "created", "total")

    def __init__(self, buckets: int, *, created: float) -> None:
        self.counts = [0] * buckets
        self.total = 0.0
        self.created = created


class HistogramTally:
    """A histogram by labels. A value on a bound belongs to the bucket below it."""

    def __init__(
        self,
        family: Family,
        bounds: Sequence[float],
        *,
        registry: CollectorRegistry,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._family = family
        self._bounds = tuple(bounds)
        self._bound_names = [_bound_name(bound) for bound in (*bounds, _INFINITY)]
        self._clock = clock
        self._observed: dict[Labels, _Observed] = {}
        registry.register(self)

    def observe(self, labels: Labels, value: float) -> None:
        observed = self._observed.get(labels)
        if observed is None:
            observed = _Observed(len(self._bound_names), created=self._clock())
            self._observed[labels] = observed
        observed.counts[bisect_left(self._bounds, value)] += 1
        observed.total += value

    def describe(self) -> Iterable[Metric]:
        """The family without samples: what the registry needs to know at registration."""
        return [self._metric()]

    def collect(self) -> Iterable[Metric]:
        metric = self._metric()
        for labels, observed in self._observed.copy().items():
            buckets: list[tuple[str, float]] = []
            count = 0
            for name, inside in zip(self._bound_names, tuple(observed.counts), strict=True):
                count += inside
                buckets.append((name, float(count)))
            metric.add_metric(labels, buckets, observed.total)
            named = dict(zip(self._family.label_names, labels, strict=True))
            metric.add_sample(f"{self._family.name}_created", named, observed.created)
        return [metric]

    def _metric(self) -> HistogramMetricFamily:
        family = self._family
        return HistogramMetricFamily(family.name, family.help_text, labels=family.label_names)
