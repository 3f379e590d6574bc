"""Turnout's rules for cache lifetimes and keep-warm reads in a replay: those of `policy.lifetime`, told
what a recorded thread shows. Every call by the model asked for, so that nothing else counts.
"""

from collections.abc import Sequence

from turnout.catalog.models import WriteLifetime
from turnout.learn.replay.caches import Target
from turnout.learn.replay.policies import Choice, View
from turnout.learn.replay.recorded import Step
from turnout.policy.lifetime import (
    keep_warm_reads,
    pauses_between,
    return_chances,
    write_lifetime,
)
from turnout.policy.rank import Tables


class NoRoute:
    """Lifetimes, and if it may, reads that keep a prefix."""

    def __init__(self, name: str, tables: Tables, *, keeps_warm: bool) -> None:
        self.name = name
        self._tables = tables
        self._keeps_warm = keeps_warm

    def choose(self, step: Step, view: View, permitted: Sequence[Target]) -> Choice:
        asked = permitted[0]
        return Choice(asked, lifetime_at(asked, step, view, self._tables))

    def keep_warm(self, view: View) -> int:
        return reads_after(view, self._tables) if self._keeps_warm else 0


def lifetime_at(target: Target, step: Step, view: View, tables: Tables) -> WriteLifetime:
    """The client's own where the provider has no lifetimes to choose from."""
    pauses = pauses_between(tables, view.harness, view.is_subagent)
    return write_lifetime(target.prices, target.cache, pauses=pauses) or step.lifetime


def reads_after(view: View, tables: Tables) -> int:
    """How many reads shall keep the prefix where the thread was served last."""
    target = view.last
    if target is None or not target.is_explicit:
        return 0
    held = view.held[target.name]
    chances = return_chances(
        tables,
        view.harness,
        view.is_subagent,
        view.ends_turn,
        target.lifetime_seconds(held.lifetime),
    )
    return keep_warm_reads(
        target.prices,
        target.cache,
        prefix_tokens=held.tokens,
        lifetime=held.lifetime,
        chances=chances,
    )
