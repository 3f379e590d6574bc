"""What a replay adds up to: dollars, switches and misses of each policy.

Rules: a switch that the scenario forces is nobody's choice and is counted apart. A chosen one has lost
money when its thread would have cost less had the calls until the next switch stayed where they were,
the way back included. A miss is a call that finds less than half of what its prompt kept of the one before;
where nothing was kept it could not be avoided.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

from turnout.learn.replay.caches import Target
from turnout.learn.replay.policies import MISS_SHARE, Choice, View
from turnout.learn.replay.recorded import Step
from turnout.learn.replay.walk import Row, Walk

CENT_PART_USD: Final = 1e-6
"""Below it two sums are the same."""

Rows: TypeAlias = Sequence[Sequence[Row]]
"""A sequence of rows a thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """One policy over all threads; USD.

    Attributes:
        input_usd: without output, keep-warm reads included.
        switches: chosen ones, of which `losing_switches` lost money; `forced_switches` are apart.
        avoidable_misses, unavoidable_misses: calls.
        dearer_threads: threads that cost more than under `requested`.
    """

    policy: str
    usd: float
    input_usd: float
    keep_warm_usd: float
    keep_warm_reads: int
    switches: int
    losing_switches: int
    forced_switches: int
    avoidable_misses: int
    unavoidable_misses: int
    dearer_threads: int


def total(
    policy: str, rows: Rows, *, requested: Rows, walk: Walk, targets: Mapping[str, Target]
) -> Total:
    """`targets` by name."""
    calls = [row for thread in rows for row in thread]
    usd = sum(row.usd for row in calls)
    lost = [one for thread in rows for one in _lost_usd(thread, walk, targets)]
    return Total(
        policy=policy,
        usd=usd,
        input_usd=usd - sum(row.charged.output_usd for row in calls),
        keep_warm_usd=sum(row.keep_warm_usd for row in calls),
        keep_warm_reads=sum(row.keep_warm_reads for row in calls),
        switches=len(lost),
        losing_switches=sum(one > CENT_PART_USD for one in lost),
        forced_switches=sum(row.is_switch for row in calls) - len(lost),
        avoidable_misses=sum(_is_miss(row) for row in calls),
        unavoidable_misses=sum(row.number > 0 and row.kept_tokens == 0 for row in calls),
        dearer_threads=sum(
            thread_usd(own) > thread_usd(theirs) + CENT_PART_USD
            for own, theirs in zip(rows, requested, strict=True)
        ),
    )


def thread_usd(rows: Sequence[Row]) -> float:
    return sum(row.usd for row in rows)


def best_usd(policies: Sequence[Rows]) -> float:
    """Every thread by the policy that was cheapest for it, in hindsight."""
    return sum(min(map(thread_usd, same)) for same in zip(*policies, strict=True))


def _is_miss(row: Row) -> bool:
    return row.number > 0 and row.charged.read < MISS_SHARE * row.kept_tokens


def _lost_usd(rows: Sequence[Row], walk: Walk, targets: Mapping[str, Target]) -> list[float]:
    """What each chosen switch of a thread has lost; negative where it has gained."""
    switches = [row.number for row in rows if row.is_switch]
    lost: list[float] = []
    for begins, ends in pairwise([*switches, len(rows)]):
        stayed = rows[begins - 1].target
        if any(stayed not in row.able for row in rows[begins:ends]):
            continue
        served = [stayed if begins <= row.number < ends else row.target for row in rows]
        script = _Script(rows, [targets[name] for name in served])
        without = walk.again(rows, script)
        lost.append(sum(row.charged.usd for row in rows) - sum(row.charged.usd for row in without))
    return lost


class _Script:
    """The same lifetimes and reads by other targets."""

    name = "without a switch"

    def __init__(self, rows: Sequence[Row], targets: Sequence[Target]) -> None:
        self._rows = rows
        self._targets = targets

    def choose(self, step: Step, _view: View, _permitted: Sequence[Target]) -> Choice:
        return Choice(self._targets[step.number], self._rows[step.number].lifetime)

    def keep_warm(self, view: View) -> int:
        following = self._rows[view.steps : view.steps + 1]
        return following[0].keep_warm_reads if following else 0
