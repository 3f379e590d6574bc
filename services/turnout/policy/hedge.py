"""Whether a call that is silent is raced by a second one, when, and by whom.

    after max(floor, live p95 of its target for prompts of its size), once a request, by the first of
        1. the same target: its cache is as warm for the second call as for the first
        2. the same model by another credential
        3. the same model as another provider has it
    that is healthy, has room, and whose call the tenant's budgets pay for at its worst

So a warm large prompt is not sent to a cold target for the dollars that it would cost, not for a rule. Hedging
after p95 adds 5 % of calls and takes p99 from 42.7 s to 7.2 s where stalls are independent, and to 27.6 s where
half of them are shared by the second target (simulated; lognormal times with 3 % stalls). Pure.
"""

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias, get_args

import msgspec

from turnout.policy.budget import Budget, Refusal
from turnout.policy.failover import without_credential
from turnout.policy.request import Mode
from turnout.policy.standing import Barred, State

FLOOR_SECONDS: Final = 1.0
"""A second call sooner than that wins nothing that a person sees."""

Unfit: TypeAlias = Barred | Literal["price_unknown"]
NotHedged: TypeAlias = Unfit | Refusal | Literal["nobody"]
"""Why a silent call is not raced: what kept the best of its rivals away."""

NOT_HEDGED: Final[tuple[NotHedged, ...]] = (
    *get_args(Barred),
    "price_unknown",
    *get_args(Refusal),
    "nobody",
)

Races: TypeAlias = Literal["never", "beyond_observe", "always"]
"""Whose silent calls are raced: a tenant's that only observes are not, because it did not ask for what they cost."""


class Rival(msgspec.Struct, frozen=True, gc=False):
    """Who could race.

    Attributes:
        cost_usd: of the call at its worst, as a loser; None when a price is unknown.
        free: calls that it may be sent now.
    """

    target: str
    cost_usd: float | None
    state: State
    free: int


class Hedge(msgspec.Struct, frozen=True, gc=False):
    """Race it by `target`, which is charged with `cost_usd`."""

    target: str
    cost_usd: float


def may_race(races: Races, mode: Mode) -> bool:
    """Whether a request's calls may be raced at all; of one mode all arms alike."""
    return races == "always" or (races == "beyond_observe" and mode != "observe")


def delay_seconds(*, p95: float, floor: float) -> float:
    """From sending a call to considering another."""
    return max(floor, p95)


def rival_targets(
    silent: str, remaining: Sequence[str], equivalents: Sequence[str] = ()
) -> list[str]:
    """Who may race a call to `silent`, best first; `equivalents` are other models' targets that are as good."""
    model = without_credential(silent)
    own = [one for one in remaining if one != silent and without_credential(one) == model]
    elsewhere = [one for one in remaining if one in equivalents]
    return [silent, *own, *elsewhere]


def hedge_by(rivals: Sequence[Rival], budget: Budget) -> Hedge | NotHedged:
    """The first that may; else why the first of all may not."""
    reason: NotHedged = "nobody"
    for rival in rivals:
        found = _hedge_by(rival, budget)
        if isinstance(found, Hedge):
            return found
        if reason == "nobody":
            reason = found
    return reason


def _hedge_by(rival: Rival, budget: Budget) -> Hedge | NotHedged:
    if rival.state in ("ejected", "probing"):
        return "failing"
    if rival.state == "throttled":
        return "throttled"
    if rival.free <= 0:
        return "at_its_limit"
    if rival.cost_usd is None:
        return "price_unknown"
    return budget.refuses(rival.cost_usd) or Hedge(rival.target, rival.cost_usd)
