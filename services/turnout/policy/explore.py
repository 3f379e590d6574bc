"""Exploration: now and then another model than the best one serves, so that what it does there is learnt.

Only models that may be the best are tried: those whose score, with the uncertainty of their quality taken
in their favour, is not below the best one's with it taken against it. The chance of every choice is known,
so outcomes can be weighed by it.
"""

from collections.abc import Sequence

import msgspec

from turnout.policy.decision import Candidate


class Drawn(msgspec.Struct, frozen=True, gc=False):
    """What serves, and the chance that it does.

    Attributes:
        is_explored: it was drawn among all that may be the best.
    """

    candidate: Candidate
    propensity: float
    is_explored: bool


def drawn(order: Sequence[Candidate], *, leeway_usd: float, share: float, draw: float) -> Drawn:
    """The best of `order`, or with a chance of `share` one of those that may be; each model by its first
    target.

    `leeway_usd` is the worth of one standard deviation of quality between pessimism and optimism; `draw` is
    uniform in [0, 1).
    """
    best = order[0]
    able = plausible(order, leeway_usd=leeway_usd)
    each = share / len(able)
    if draw >= share:
        return Drawn(best, 1.0 - share + each, is_explored=False)
    chosen = able[int(draw / each)] if each else best
    is_best = chosen.target == best.target
    return Drawn(chosen, 1.0 - share + each if is_best else each, is_explored=not is_best)


def plausible(order: Sequence[Candidate], *, leeway_usd: float) -> list[Candidate]:
    """Those of `order` that may be the best, the best first; a model once."""
    least = order[0].score or 0.0
    by_model: dict[str, Candidate] = {}
    for one in order:
        if (one.score or 0.0) + leeway_usd * one.quality_sd >= least:
            by_model.setdefault(one.model, one)
    return list(by_model.values())
