"""Who serves a thread whose last answer broke off: for one request another target than the one that broke it off.

The same model by another account, or as another provider has it, stands in whatever it costs there, as it does when a
call fails before its answer begins. Another model stands in where the score that is given up by it is no more than what asking again is
expected to lose:

    AGAIN * (what the request costs where it broke off + INTERRUPTED_SHARE * value of the thread)

so that a short prompt moves and a long one that is warm stays, unless who else there is costs about the same. Pure.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from turnout.catalog.catalog import Catalog
from turnout.catalog.models import model_of_target
from turnout.policy.decision import Candidate, RoutingSettings

AGAIN: Final = 0.5
"""Chance that what broke off breaks off again. It is assumed: a connection that was cut is over, a server in trouble
goes on, and the thread cannot tell which it was."""

INTERRUPTED_SHARE: Final = 0.05
"""Of a thread's value: somebody has to see that the agent has stopped and send it on, which is taken for one of the
twenty minutes that the value is by default."""


def behind(targets: Sequence[str], broke_off: str) -> tuple[str, ...]:
    """Targets of one model, the one that broke off last."""
    if broke_off not in targets:
        return tuple(targets)
    return (*(target for target in targets if target != broke_off), broke_off)


def names_of(target: str, catalog: Catalog) -> AbstractSet[str]:
    """The model of a target, under its own name and those that other providers have it by; none for ""."""
    name = model_of_target(target)
    model = catalog.models.get(name)
    if model is None:
        return {name} if name else frozenset()
    return {one.id for one in catalog.alike(model)}


def elsewhere(
    broken: Candidate, order: Iterable[Candidate], models: AbstractSet[str]
) -> Candidate | None:
    """The best other target of the same model, which has these names."""
    return next((one for one in order if one.model in models and one.target != broken.target), None)


def stand_in(
    broken: Candidate,
    order: Sequence[Candidate],
    models: AbstractSet[str],
    settings: RoutingSettings,
) -> Candidate | None:
    """Who serves instead of the one that broke off; None when nobody is worth it. `order` is best first, `models`
    are the names of its model.
    """
    other = elsewhere(broken, order, models)
    if other is not None:
        return other
    best = next((one for one in order if one.target != broken.target), None)
    if best is None or best.score is None or broken.score is None:
        return None
    return best if broken.score - best.score <= asked_again_usd(broken, settings) else None


def asked_again_usd(broken: Candidate, settings: RoutingSettings) -> float:
    """What asking the same target again is expected to lose."""
    return AGAIN * ((broken.cost_now_usd or 0.0) + INTERRUPTED_SHARE * settings.value_usd)
