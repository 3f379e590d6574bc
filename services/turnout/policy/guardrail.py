"""Whether sessions that Turnout chose for come out worse than those that were left alone. Pure.

Rules: an outcome is one number between 0 and 1 for a session (the view `session_success` says which), and
a session without one counts for nothing. The interval of the difference holds at every look at once, so
that looking every few minutes makes no false alarm likelier: over all looks together it is wrong with
at most 1 - confidence, whatever the numbers' distribution is. That is exact for sessions that are
independent and whose number stays; each that changes later is one more chance to be wrong.

Each arm has the mixture supermartingale of a sum of values in [0, 1], normal mixture over its rate
(Robbins 1970; Howard, Ramdas, McAuliffe and Sekhon 2021, "Time-uniform, nonparametric, nonasymptotic
confidence sequences", eq. 14). Their product is one too, because a session is in one arm (Kaufmann and
Koolen 2021, "Mixture martingales revisited"). Where it is below 1 / (1 - confidence) is an ellipse of both
means, and the interval is what the difference of means takes on it: narrower than an interval for each.
"""

import math
from typing import Final, Literal, TypeAlias

import msgspec

Verdict: TypeAlias = Literal["hold", "drop", "too_few"]
"""Treatment is not shown to be worse; it is, by more than the margin; there is too little to say."""

LEAST_SESSIONS: Final = 20
"""In each arm. The interval holds for fewer, and says nothing."""

NEVER: Final = 1.0
"""The margin at which nothing is dropped: no difference of shares is below -1."""

_MOST_VARIANCE: Final = 0.25
"""Of a value in [0, 1]; also its sub-Gaussian proxy (Hoeffding)."""

_TUNED_TO_SESSIONS: Final = 50
"""Where an arm's mixture is narrowest: the control arm is the small one, and gaps show at hundreds."""


class Sample(msgspec.Struct, frozen=True, gc=False):
    """An arm: sessions with a known outcome, and the sum of their numbers."""

    sessions: int
    success: float


class Comparison(msgspec.Struct, frozen=True, gc=False):
    """Treatment less control, with the ends of its interval."""

    treatment: Sample
    control: Sample
    difference: float
    low: float
    high: float


def compare(treatment: Sample, control: Sample, *, confidence: float) -> Comparison | None:
    """None while an arm has too few sessions."""
    if min(treatment.sessions, control.sessions) < LEAST_SESSIONS:
        return None
    difference = treatment.success / treatment.sessions - control.success / control.sessions
    prior = _TUNED_TO_SESSIONS * _MOST_VARIANCE
    surprise = -math.log1p(-confidence)
    spread = 0.0
    for arm in (treatment, control):
        variance = arm.sessions * _MOST_VARIANCE + prior
        surprise += math.log(variance / prior) / 2
        spread += variance / arm.sessions**2
    radius = math.sqrt(2 * surprise * spread)
    return Comparison(
        treatment=treatment,
        control=control,
        difference=difference,
        low=max(-1.0, difference - radius),
        high=min(1.0, difference + radius),
    )


def verdict_of(comparison: Comparison | None, *, margin: float) -> Verdict:
    if comparison is None:
        return "too_few"
    return "drop" if comparison.high < -margin else "hold"
