"""What the waits of a thread for first content are worth, where its tenant gives a second a price.

    now   = expected seconds at the target, for the prompt tokens that its cache does not hold
    later = for each further step: the same, for what the step adds where the prefix is still warm, and for the
            whole prompt where it is not
    worth = second_usd * (now + later)

Later waits count as later costs do, because a thread waits at every step: counting the first alone would
leave a thread for all of its steps where each is slow, as long as moving costs more than one wait. The mean
is expected and not the median: every second has the same price, those of slow answers too. A target and size
without samples is as slow as the prior says, so that nobody gains or loses by not being known. Pure.
"""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import msgspec

from turnout.policy.cost import Horizon
from turnout.policy.latency import PRIOR_SECONDS, Size, size_of
from turnout.policy.standing import TargetLatency

Seconds: TypeAlias = Mapping[tuple[str, Size], float]
"""By target and size of the prompt, as far as there are samples."""


class Wait(msgspec.Struct, frozen=True, gc=False):
    """Expected at one target, in seconds.

    Attributes:
        first: until the first content of this request.
        to_go: of this request and the steps expected after it.
    """

    first: float
    to_go: float


def by_size(latencies: Iterable[TargetLatency]) -> Seconds:
    return {(one.target, one.size): one.seconds for one in latencies}


def expected_wait(
    target: str, known: Seconds, prompt_tokens: float, warm_tokens: float, horizon: Horizon
) -> Wait:
    """Of a request with such a prompt, in the target's own tokens, and what follows it."""

    def seconds(uncached_tokens: float) -> float:
        size = size_of(uncached_tokens)
        return known.get((target, size), PRIOR_SECONDS[size])

    first = seconds(prompt_tokens - warm_tokens)
    later_steps = horizon.steps - 1.0
    if later_steps <= 0.0:
        return Wait(first, first)
    later = horizon.stays_warm * seconds(horizon.growth_tokens)
    later += (1.0 - horizon.stays_warm) * seconds(prompt_tokens + horizon.growth_tokens)
    return Wait(first, first + later_steps * later)
