"""The dial between cost and quality: which value of a thread that succeeds buys which share of the quality to
be had. Pure.

Each first request has candidates with a cost and a quality. As the value grows from nothing, the choice goes
up the hull of them, from the cheapest to the best; every step has the value at which it is taken (dollars
more for quality more) and a gain. The dial's place is the share of all gains of all first requests that are
taken: linear in quality, with no part of it in which nothing changes, and one value for all threads, so that
quality is bought where it is cheapest.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from turnout.policy.decision import Candidate
from turnout.policy.rank import pessimistic

BEST_USD: Final = 1e9
"""Where the dial stands at 1: more than any thread costs."""


class Rise(NamedTuple):
    """One step up a hull: the value in USD from which it is taken, and the quality that it gains."""

    value_usd: float
    gain: float


class Dial(msgspec.Struct, frozen=True, gc=False):
    """Places of the dial, both growing.

    Attributes:
        values_usd: at which the choice of some first request changes.
        shares: of all gains that are taken from that value on.
    """

    values_usd: tuple[float, ...]
    shares: tuple[float, ...]

    def value_usd(self, bias: float) -> float:
        """The value at a place from 0 to 1; where nothing can be chosen, any is as good as another."""
        if bias <= 0.0 or not self.shares:
            return 0.0
        if bias >= 1.0:
            return BEST_USD
        at = bisect_left(self.shares, bias)
        upper_share, upper = self.shares[at], self.values_usd[at]
        if not at:
            return upper * bias / upper_share
        lower_share, lower = self.shares[at - 1], self.values_usd[at - 1]
        part = (bias - lower_share) / (upper_share - lower_share)
        return math.exp(math.log(lower) + part * (math.log(upper) - math.log(lower)))


def rises(candidates: Iterable[Candidate]) -> list[Rise]:
    """The steps up the hull of one request, the first taken first."""
    above = [
        (one.cost_to_go_usd, pessimistic(one.quality, one.quality_sd))
        for one in candidates
        if one.cost_to_go_usd is not None and not one.lacks
    ]
    if not above:
        return []
    # The cheapest, of equals the best.
    cost, quality = min(above, key=lambda point: (point[0], -point[1]))
    found: list[Rise] = []
    while above := [(usd, q) for usd, q in above if q > quality]:
        value, usd, best = min(((usd - cost) / (q - quality), usd, q) for usd, q in above)
        found.append(Rise(value, best - quality))
        cost, quality = usd, best
    return found


def dial_of(requests: Sequence[Iterable[Candidate]]) -> Dial:
    """From the candidates of each first request."""
    taken = sorted(step for one in requests for step in rises(one) if step.value_usd > 0.0)
    total = math.fsum(step.gain for step in taken)
    values: list[float] = []
    shares: list[float] = []
    sum_of_gains = 0.0
    for step in taken:
        sum_of_gains += step.gain
        if values and values[-1] == step.value_usd:
            shares[-1] = sum_of_gains / total
        else:
            values.append(step.value_usd)
            shares.append(sum_of_gains / total)
    return Dial(tuple(values), tuple(shares))
