"""What the hedging benchmark has measured, its promises and its lines. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from loadtest import figures, targets
from loadtest.leaving import Left
from loadtest.targets import Target

MAX_INDEPENDENT_SHARE: Final = 0.2
MAX_SHARED_SHARE: Final = 0.7
MAX_EXTRA: Final = 0.05
MAX_CPU_RATIO: Final = 1.05
MAX_LEAVE_MS: Final = 50.0
"""The promises; where they come from is said in the README beside this file."""


class Spent(msgspec.Struct, frozen=True):
    """What the gateway's own facts say of a row.

    Attributes:
        hedge_usd: of the calls that lost, a part of `usd`.
        refused: silent calls that were not raced.
        delay_seconds: from the first call to the second, in the mean.
    """

    requests: int
    hedges: int
    usd: float
    hedge_usd: float
    refused: int
    delay_seconds: float

    @property
    def extra_calls(self) -> float:
        return self.hedges / self.requests

    @property
    def extra_usd(self) -> float:
        return self.hedge_usd / (self.usd - self.hedge_usd)


@dataclass(frozen=True, slots=True)
class Row:
    """The same requests at both gateways; seconds to first content as drawn, not compressed."""

    title: str
    max_share: float
    plain: Sequence[float]
    hedged: Sequence[float]
    spent: Spent

    def targets(self) -> Iterator[Target]:
        of, to = (figures.percentile(side, 0.99) for side in (self.hedged, self.plain))
        what = f"p99 to first content, hedged by not, {self.title}"
        yield Target(what, of / to, "at most", self.max_share, "x")
        for what, share in (("calls", self.spent.extra_calls), ("dollars", self.spent.extra_usd)):
            yield Target(
                f"extra {what}, {self.title}", share * 100, "at most", MAX_EXTRA * 100, " %"
            )

    def lines(self) -> Iterator[str]:
        for name, side in (("not hedged", self.plain), ("hedged", self.hedged)):
            at = [figures.percentile(side, share) for share in (0.5, 0.95, 0.99, 0.999)]
            yield (
                f"{self.title:28} {name:10} {len(side):6} {at[0]:8.2f} {at[1]:8.2f} {at[2]:8.2f}"
                f" {at[3]:8.2f}"
            )
        spent = self.spent
        yield (
            f"{'':28} {spent.hedges} second calls after {spent.delay_seconds:.2f} s in the mean,"
            f" {spent.refused} silent calls not raced; ${spent.usd:.2f}, ${spent.hedge_usd:.2f} of it"
            " for calls that lost"
        )


@dataclass(frozen=True, slots=True)
class CpuPair:
    """One round without stalls; milliseconds of each gateway's process a request."""

    plain_ms: float
    hedged_ms: float


@dataclass(slots=True)
class HedgeReport:
    """One run; `left` by composition."""

    rows: list[Row] = field(default_factory=list)
    cpu: list[CpuPair] = field(default_factory=list)
    left: dict[str, Left] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def targets(self) -> list[Target]:
        """All that this run has figures for."""
        found = [target for row in self.rows for target in row.targets()]
        if self.cpu:
            ratio = figures.ratio(
                [pair.hedged_ms for pair in self.cpu], [pair.plain_ms for pair in self.cpu]
            )
            what = "CPU of a request, hedging on by off, nothing stalls"
            found.append(Target(what, ratio, "at most", MAX_CPU_RATIO, "x"))
        for name, left in self.left.items():
            p99 = figures.percentile(left.all, 0.99) * 1000
            what = f"client's close to the upstream's, p99, {name}"
            found.append(Target(what, p99, "at most", MAX_LEAVE_MS, " ms"))
        return found

    def lines(self) -> Iterator[str]:
        if self.rows:
            yield (
                f"{'first content, s as drawn':39} {'calls':>6} {'p50':>8} {'p95':>8} {'p99':>8}"
                f" {'p99.9':>8}"
            )
        for row in self.rows:
            yield from row.lines()
        if self.cpu:
            plain = figures.middle([pair.plain_ms for pair in self.cpu])
            hedged = figures.middle([pair.hedged_ms for pair in self.cpu])
            yield f"CPU ms a request, {len(self.cpu)} rounds: off {plain:.3f}, on {hedged:.3f}"
        for name, left in self.left.items():
            for when, seconds in (("silent", left.silent), ("streaming", left.streaming)):
                told = figures.Spread.of_seconds(seconds)
                yield (
                    f"client leaves, {name}, upstream {when:9} {len(seconds)} times: p50"
                    f" {told.p50:.1f} ms, p99 {told.p99:.1f}, longest {told.longest:.1f}"
                )
        yield ""
        yield from targets.table(self.targets())
        yield from (f"FAILED  {failure}" for failure in self.failures)
