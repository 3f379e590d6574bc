"""What the dial between cost and quality does to threads: who would serve them at each place of it, at what
cost and with what chance of success. Pure.

Rules: every thread is decided anew at its first request, where all candidates compete on equal terms, as if
mode and arm let everything be chosen; cost and quality are the policy's own expectations of the whole
thread. Threads that nobody with a known price can serve are left out and counted.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final

import msgspec
from msgspec import structs

from turnout.catalog.catalog import Catalog
from turnout.errors import TurnoutError
from turnout.policy.decision import Candidate, Decision, DecisionInputs, RoutingSettings
from turnout.policy.dial import Dial, dial_of
from turnout.policy.first_requests import FirstRequest, first_inputs
from turnout.policy.rank import Tables
from turnout.policy.switch import decide
from turnout.policy.thread import ThreadState

PLACES: Final = tuple(round(0.05 * at, 2) for at in range(21))
"""Of the dial, from the cheapest to the best."""

MOST_DIALS: Final = 256
"""Some tens of KB each."""


class MixPoint(msgspec.Struct, frozen=True, gc=False):
    """One place of the dial.

    Attributes:
        value_usd: of a thread that succeeds, at this place.
        usd: mean expected cost of a thread.
        quality: mean expected chance of success, 0 to 1.
        shares: of the threads by model, most first.
    """

    bias: float
    value_usd: float
    usd: float
    quality: float
    shares: Mapping[str, float]


class Mix(msgspec.Struct, frozen=True, gc=False):
    """The whole dial.

    Attributes:
        threads: that were decided.
        left_out: threads that nobody with a known price can serve.
    """

    threads: int
    left_out: int
    points: tuple[MixPoint, ...]


def mix(
    first_requests: Sequence[DecisionInputs],
    dial: Dial,
    *,
    catalog: Catalog,
    tables: Tables,
    places: Sequence[float] = PLACES,
) -> Mix:
    """`first_requests` are what was known at the first request of each thread."""
    points: list[MixPoint] = []
    decided = 0
    for bias in places:
        value = dial.value_usd(bias)
        served = [
            candidate
            for one in first_requests
            if (decision := _decided(one, value, catalog=catalog, tables=tables)) is not None
            and (candidate := _served(decision)) is not None
        ]
        # Whoever can be served at one place can be at all: the value changes no price and no ability.
        decided = len(served)
        points.append(_point(bias, value, served))
    return Mix(threads=decided, left_out=len(first_requests) - decided, points=tuple(points))


def dial_for(first_requests: Sequence[DecisionInputs], *, catalog: Catalog, tables: Tables) -> Dial:
    """The dial of a tenant whose threads begin like these."""
    decisions = [_decided(one, 0.0, catalog=catalog, tables=tables) for one in first_requests]
    return dial_of([one.candidates for one in decisions if one is not None])


def dialling(
    requests: Sequence[FirstRequest], *, catalog: Catalog, tables: Tables
) -> Callable[[RoutingSettings, float | None], RoutingSettings]:
    """What gives settings the value that a place of the dial stands for where threads begin like `requests`;
    without a place they stay as they are. A dial takes tens of milliseconds to make, so tenants who differ
    in their place share one.
    """

    @lru_cache(maxsize=MOST_DIALS)
    def dial_for_all(settings: RoutingSettings) -> Dial:
        return dial_of_artifact(settings, requests=requests, catalog=catalog, tables=tables)

    def dialled(settings: RoutingSettings, bias: float | None) -> RoutingSettings:
        if bias is None:
            return settings
        dial = dial_for_all(
            structs.replace(settings, exploration=0.0, value_usd=0.0, second_usd=0.0)
        )
        return structs.replace(settings, value_usd=dial.value_usd(bias))

    return dialled


def dial_of_artifact(
    settings: RoutingSettings,
    *,
    requests: Sequence[FirstRequest],
    catalog: Catalog,
    tables: Tables,
) -> Dial:
    """The dial of a tenant with these settings whose threads begin like `requests`."""
    inputs = [
        first_inputs(one, settings=settings, catalog=catalog, artifact_digest=tables.digest)
        for one in requests
    ]
    return dial_for(inputs, catalog=catalog, tables=tables)


def _decided(
    inputs: DecisionInputs, value_usd: float, *, catalog: Catalog, tables: Tables
) -> Decision | None:
    """As a new thread of a tenant that lets everything be chosen; None where nobody can serve it. The
    shared head stays as warm as it was; how targets stood at the moment says nothing of other threads.
    """
    free = structs.replace(
        inputs,
        identity=structs.replace(inputs.identity, arm=""),
        mode="full",
        state=ThreadState(heads=inputs.state.heads),
        degraded=(),
        settings=structs.replace(
            inputs.settings, exploration=0.0, value_usd=value_usd, second_usd=0.0
        ),
        health=(),
    )
    try:
        return decide(free, catalog=catalog, tables=tables)
    except TurnoutError:
        return None


def _served(decision: Decision) -> Candidate | None:
    for one in decision.candidates:
        if one.target == decision.targets[0] and one.cost_to_go_usd is not None:
            return one
    return None


def _point(bias: float, value_usd: float, served: Sequence[Candidate]) -> MixPoint:
    count = max(1, len(served))
    models = Counter(one.model for one in served)
    return MixPoint(
        bias=bias,
        value_usd=value_usd,
        usd=sum(one.cost_to_go_usd or 0.0 for one in served) / count,
        quality=sum(one.quality for one in served) / count,
        shares={model: times / count for model, times in models.most_common()},
    )
