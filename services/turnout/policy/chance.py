"""Chances of success: from a logit, and of a model that nobody has measured. Pure.

A model without scores and without a list price, one of somebody's own mostly, may be useless and may be the
best. Its chance is taken to be anything from nothing to that of the best model, evenly, and to be no better
on average than those of the models that are known.
"""

import math
from typing import Final

_SPREAD: Final = 1.0 / math.sqrt(3.0)
"""The standard deviation of what may be anything from 0 to twice its mean, as a share of the mean."""

_ROUNDING: Final = 1e-9


def logistic(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def unmeasured(*, typical: float, best: float) -> tuple[float, float]:
    """Mean chance of success and its standard deviation, where those of the known models are so."""
    mean = min(typical, best / 2.0)
    return mean, mean * _SPREAD


def is_unmeasured(mean: float, sd: float) -> bool:
    """Told by the form of the figures, which a record keeps: no measured model has it, because its mean and
    its spread come from different counts.
    """
    return math.isclose(sd, mean * _SPREAD, rel_tol=_ROUNDING)
