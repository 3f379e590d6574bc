"""Who serves a thread whose last answer broke off: for one request another target than the one that broke it off.

The same model by another account stands in whatever it costs there, as it does when a call fails before its answer
begins. Another model stands in where the score that is given up by it is no more than what asking again is
expected to lose:

    AGAIN * (what the request costs where it broke off + INTERRUPTED_SHARE * value of the thread)

so that a short prompt moves and a long one that is warm stays, unless who else there is costs about the same. Pure.
"""

from collections.abc import Sequence
from typing import Final

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


def by_another_account(target: str, order: Sequence[Candidate]) -> Candidate | None:
    """The best other target of the same model."""
    model = next((one.model for one in order if one.target == target), None)
    return next((one for one in order if one.model == model and one.target != target), None)


def stand_in(
    broken: Candidate, order: Sequence[Candidate], settings: RoutingSettings
) -> Candidate | None:
    """Who serves instead of the one that broke off; None when nobody is worth it. `order` is best first."""
    other = by_another_account(broken.target, order)
    if other is not None:
        return other
    best = next((one for one in order if one.target != broken.target), None)
    if best is None or best.score is None or broken.score is None:
        return None
    return best if broken.score - best.score <= asked_again_usd(broken, settings) else None


def asked_again_usd(broken: Candidate, settings: RoutingSettings) -> float:
    """What asking the same target again is expected to lose."""
    return AGAIN * ((broken.cost_now_usd or 0.0) + INTERRUPTED_SHARE * settings.value_usd)
