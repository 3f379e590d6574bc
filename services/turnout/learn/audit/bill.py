"""What recorded calls have cost at the catalog's list prices.

Rules: a call whose price is not known is counted and never taken for free; what rests on an estimated
output is told apart from what the provider has counted.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TypeVar

from msgspec import structs

from turnout.catalog.catalog import Catalog
from turnout.catalog.cost import cost_usd
from turnout.learn.audit.call import Call


@dataclass(frozen=True, slots=True)
class Charged:
    """One call at list prices.

    Attributes:
        usd: None where the catalog lacks a price that it needs.
        estimated_usd: the part of it that is for output that nobody has counted.
    """

    repo: str
    call: Call
    usd: float | None
    estimated_usd: float

    @property
    def week(self) -> str:
        """The Monday on which it began, in UTC."""
        day = datetime.fromtimestamp(self.call.begun, tz=UTC).date()
        return (day - timedelta(days=day.weekday())).isoformat()


@dataclass(frozen=True, slots=True)
class Sum:
    """Of some calls.

    Attributes:
        usd: of those with a known price; None where there are none.
        unpriced_calls, unpriced_tokens: what it leaves out.
        other_tier_calls: in it at the list's price, but billed at that of another tier.
        reported_usd: what the agents themselves have reckoned, of the calls for which they did.
    """

    calls: int
    sessions: int
    usd: float | None
    estimated_usd: float
    estimated_calls: int
    unpriced_calls: int
    unpriced_tokens: int
    other_tier_calls: int
    reported_usd: float
    reported_calls: int


def charge(
    calls: Sequence[tuple[str, Call]], outputs: Sequence[float], catalog: Catalog
) -> list[Charged]:
    """Calls with their repositories; `outputs` are their tokens, as far as anyone can tell."""
    models = {name: catalog.resolve(name) for name in {call.model for _repo, call in calls}}
    charged: list[Charged] = []
    for (repo, call), output in zip(calls, outputs, strict=True):
        model = models[call.model]
        usd, counted = None, None
        if model is not None:
            usage = structs.replace(call.usage, output=round(output))
            usd = cost_usd(usage, model.prices)
            counted = cost_usd(structs.replace(usage, output=0), model.prices)
        estimated = 0.0 if call.is_whole or usd is None or counted is None else usd - counted
        charged.append(Charged(repo, call, usd, estimated))
    return charged


Key = TypeVar("Key", bound=str | tuple[str, ...])


def grouped(charged: Sequence[Charged], key: Callable[[Charged], Key]) -> Iterator[tuple[Key, Sum]]:
    """Sums by key, in its order."""
    for name, own in groupby(sorted(charged, key=key), key=key):
        yield name, added(list(own))


def added(charged: Sequence[Charged]) -> Sum:
    priced = [one for one in charged if one.usd is not None]
    unpriced = [one.call for one in charged if one.usd is None]
    reported = [one.call.usd_reported for one in charged if one.call.usd_reported is not None]
    return Sum(
        calls=len(charged),
        sessions=len({(one.call.agent, one.call.session) for one in charged}),
        usd=sum(one.usd or 0.0 for one in priced) if priced else None,
        estimated_usd=sum(one.estimated_usd for one in priced),
        estimated_calls=sum(not one.call.is_whole for one in charged),
        unpriced_calls=len(unpriced),
        unpriced_tokens=sum(call.usage.total for call in unpriced),
        other_tier_calls=sum(bool(one.call.tier) for one in priced),
        reported_usd=sum(reported),
        reported_calls=len(reported),
    )
