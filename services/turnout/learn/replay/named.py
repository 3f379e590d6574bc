"""All policies of a replay by name."""

from collections.abc import Callable, Mapping
from typing import Final

from turnout.catalog.catalog import Catalog
from turnout.errors import InvalidRequest
from turnout.learn.replay.lifetimes import NoRoute
from turnout.learn.replay.policies import (
    AsRequested,
    ByRule,
    HourWhenCold,
    Policy,
    cheapest,
    cold_only,
    locked_kind,
    plan_strong,
    random_rule,
    rival,
    sticky,
    subagents_cheap,
)
from turnout.learn.replay.routed import Turnout
from turnout.policy.rank import Tables

REQUESTED: Final = "requested"

LOCKED_KIND: Final = "locked-kind"
"""The one for which tasks have to be known."""

_BASELINES: Final[Mapping[str, Callable[[str, int], Policy]]] = {
    REQUESTED: lambda name, _seed: AsRequested(name),
    "five-minutes": lambda name, _seed: AsRequested(name, main="5m", subagents="5m"),
    "one-hour-main": lambda name, _seed: AsRequested(name, main="1h", subagents="5m"),
    "best-fixed": lambda name, _seed: AsRequested(name, main="1h", subagents="5m", main_reads=1),
    "hour-after-miss": lambda name, _seed: HourWhenCold(
        name, first="5m", grows_short=False, short_reads=2
    ),
    "hour-when-cold": lambda name, _seed: HourWhenCold(
        name, first="1h", grows_short=True, short_reads=0
    ),
    "cheapest": lambda name, _seed: ByRule(name, cheapest),
    "subagents-cheap": lambda name, _seed: ByRule(name, subagents_cheap),
    "plan-strong": lambda name, _seed: ByRule(name, plan_strong),
    LOCKED_KIND: lambda name, _seed: ByRule(name, locked_kind),
    "random-call": lambda name, seed: ByRule(name, random_rule(seed, "call")),
    "random-turn": lambda name, seed: ByRule(name, random_rule(seed, "turn")),
    "random-thread": lambda name, seed: ByRule(name, random_rule(seed, "thread")),
    "cold-only": lambda name, seed: ByRule(name, cold_only(seed)),
    "sticky": lambda name, _seed: ByRule(name, sticky),
    "ev-h3": lambda name, _seed: ByRule(name, rival),
}

TURNOUT: Final = "turnout"

NO_ROUTE: Final = "turnout-no-route"

NO_ROUTE_NO_KEEP_WARM: Final = "turnout-no-route-no-keep-warm"

NAMES: Final = (*_BASELINES, TURNOUT, NO_ROUTE, NO_ROUTE_NO_KEEP_WARM)

WITHOUT_KINDS: Final = tuple(name for name in NAMES if name != LOCKED_KIND)


def policy_of(
    name: str, *, seed: int, catalog: Catalog, tables: Tables, keeps_warm: bool = False
) -> Policy:
    """A new one for one walk, which may remember what it has seen; `keeps_warm` is for `turnout`, whose
    keep-warm reads are off unless a tenant wants them. Raises `InvalidRequest` for a name that is none.
    """
    if name == TURNOUT:
        return Turnout(catalog, tables, keeps_warm=keeps_warm)
    if name in (NO_ROUTE, NO_ROUTE_NO_KEEP_WARM):
        return NoRoute(name, tables, keeps_warm=name == NO_ROUTE)
    made = _BASELINES.get(name)
    if made is None:
        raise InvalidRequest(f"There is no policy {name}; take some of {', '.join(NAMES)}.")
    return made(name, seed)
