"""How long the scripted upstream of the hedging benchmark takes to its first content. Pure.

Times are drawn as they were simulated when hedging was designed: lognormal around 1.5 s, with 3 % stalls of 10 to
60 s, p95 of all 5.06 s. Rules: how long a call takes is a property of its request's number and of which of that
request's calls it is, so every gateway meets the same; a row has the distribution's own quantiles in a random order,
so its shares are exact and only what follows what is chance.
"""

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log
from statistics import NormalDist
from typing import Final

MEDIAN_SECONDS: Final = 1.5
P95_SECONDS: Final = 5.06
STALL_SHARE: Final = 0.03
STALL_SECONDS: Final = (10.0, 60.0)

SHARED_EVERY: Final = 2
"""Of the stalls in order of length, where the second call meets them too."""

_NORMAL: Final = NormalDist()
_SIGMA: Final = log(P95_SECONDS / MEDIAN_SECONDS) / _NORMAL.inv_cdf(0.95 / (1.0 - STALL_SHARE))

_NUMBER: Final = re.compile(rb'"seed":(\d+)')
_NUMBER_WITHIN: Final = 512
"""Bytes of a body in which its number stands."""


@dataclass(frozen=True, slots=True)
class Draw:
    """Seconds to first content of a request's calls: of the first, and of any other."""

    first: float
    second: float


def seconds_at(share: float) -> float:
    """Within which `share` of all calls have content."""
    if share < 1.0 - STALL_SHARE:
        return MEDIAN_SECONDS * exp(_SIGMA * _NORMAL.inv_cdf(share / (1.0 - STALL_SHARE)))
    least, most = STALL_SECONDS
    return least + (most - least) * (share - (1.0 - STALL_SHARE)) / STALL_SHARE


def draws(count: int, *, seed: int, is_shared: bool) -> list[Draw]:
    """Of a row of `count` requests. The second call is drawn like the first and independently of it; `is_shared`:
    but for half of the stalls, which last as long for both.
    """
    source = random.Random(seed)
    first, second = list(range(count)), list(range(count))
    source.shuffle(first)
    source.shuffle(second)
    times = [seconds_at((rank + 0.5) / count) for rank in range(count)]
    return [
        Draw(times[one], times[one if is_shared and _is_met_twice(one, count) else other])
        for one, other in zip(first, second, strict=True)
    ]


def _is_met_twice(rank: int, count: int) -> bool:
    is_stall = (rank + 0.5) / count >= 1.0 - STALL_SHARE
    return is_stall and rank % SHARED_EVERY == 0


def numbered(body: bytes, number: int) -> bytes:
    """A streamed body that says its request's number, in a field that is passed on as it is."""
    return body.replace(b'"stream":true', b'"stream":true,"seed":%d' % number, 1)


class DrawnPace:
    """The pace of one gateway's upstream; counts the calls of each request.

    Attributes:
        first_seconds: of a request without a number.
    """

    def __init__(self, drawn: Sequence[Draw], *, times_faster: float) -> None:
        self.first_seconds = 0.0
        self.gap_seconds = 0.0
        self._drawn = drawn
        self._times_faster = times_faster
        self._calls: Counter[int] = Counter()

    def first_of(self, body: bytes) -> float:
        found = _NUMBER.search(body, 0, _NUMBER_WITHIN)
        if found is None:
            return self.first_seconds
        number = int(found[1])
        self._calls[number] += 1
        draw = self._drawn[number]
        return (draw.first if self._calls[number] == 1 else draw.second) / self._times_faster
