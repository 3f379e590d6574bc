"""Which signals escalate: the table that the artifact holds.

A signal may act only when what it says of the checks that follow is certain and was seen often enough,
when the next check is then more likely red than green (else the thread mostly helps itself), and when
escalating pays at a modest strength of the stronger model. Of streaks the shortest such is taken.
Everything else is off.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from turnout.catalog.catalog import Catalog
from turnout.learn.escalation.dollars import NO_GAIN, Dollars, Gain, dollars, pair_of
from turnout.learn.escalation.figures import (
    Persistence,
    SignalFigures,
    persistence,
    signal_figures,
)
from turnout.learn.escalation.runs import Thread
from turnout.learn.escalation.signals import ERRORS, RED
from turnout.policy.evidence import EscalationTable

CHEAP: Final = "claude-sonnet-5-5"
STRONG: Final = "claude-opus-5-5"
"""Neighbours of one vendor: the usual cheaper model beside the default baseline."""

VALUE_USD: Final = 20.0
"""The default of the setting `value_usd`: what a check is worth that would have stayed red."""

STRENGTH: Final = 1.5
"""At which a signal has to pay: modest, because nobody has measured it."""

LIKELY_RED: Final = 0.5
"""Share of next checks: above it more of them come out red than green."""

LEAST_SEEN: Final = 30
"""Firings that a check followed."""


def fit_escalation(threads: Sequence[Thread], catalog: Catalog) -> EscalationTable:
    """The table of these threads."""
    figures = signal_figures(threads)
    priced = dollars(threads, pair_of(CHEAP, STRONG, catalog), value_usd=VALUE_USD)
    return table_of(figures, priced, persistence(threads))


def table_of(
    figures: Sequence[SignalFigures], priced: Sequence[Dollars], stays: Sequence[Persistence]
) -> EscalationTable:
    acting = {
        one.name
        for one, money in zip(figures, priced, strict=True)
        if one.is_certain
        and one.raises_red.seen >= LEAST_SEEN
        and (one.behind.red_next.mean or 0.0) > LIKELY_RED
        and _gain(money).net_usd > 0
    }
    gains = [_gain(money).green_gain for money in priced if money.name in acting]
    return EscalationTable(
        failing_checks=_shortest(RED, acting),
        error_streak=_shortest(ERRORS, acting),
        # Of the one that gains least: what holds for it holds for all.
        green_gain=round(min(gains, default=0.0), 4),
        staying_red=tuple(round(row.red.mean or 0.0, 4) for row in stays),
        checks=tuple(row.red.seen for row in stays),
    )


def _shortest(names: Mapping[int, str], acting: AbstractSet[str]) -> int:
    """0 when none acts."""
    return min((length for length, name in names.items() if name in acting), default=0)


def _gain(money: Dollars) -> Gain:
    return next((one for one in money.gains if one.strength == STRENGTH), NO_GAIN)
