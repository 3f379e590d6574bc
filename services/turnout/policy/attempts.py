"""The attempts of one request until one has content: who is asked, who races whom, who is closed.

A state machine without clock or I/O, as sans-I/O protocols are written: what happened is told to it, and
`step` says what comes next. Rules: at most two attempts are alive; the second is a hedge, of which a
request has one; an attempt that fails is followed (policy/failover.py) only when no other is alive, unless
its failure is what every target would say; nothing is started once one has content, and all others are
closed then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal, TypeAlias

import msgspec

from turnout.policy.failover import Failure, GiveUp, NextKind, is_settled, next_step, passed_over

SendKind: TypeAlias = NextKind | Literal["hedge"]


class Send(msgspec.Struct, frozen=True, gc=False):
    """Make ready for `target` and tell `sent`, or `failed` where it cannot even be asked."""

    target: str
    kind: SendKind


class Wait(msgspec.Struct, frozen=True, gc=False):
    """Nothing to do before `until`, unless something happens."""

    until: float


class Consider(msgspec.Struct, frozen=True, gc=False):
    """The attempt `number` has been silent for as long as was said: tell `considered` who should race it."""

    number: int


Command: TypeAlias = Send | Wait | Consider | GiveUp

FOR_EVER = Wait(inf)


@dataclass(frozen=True, slots=True)
class _Alive:
    target: str
    hedge_at: float


class Attempts:
    """Of one request. All times are seconds of one clock, best one that is never set."""

    def __init__(self, targets: Sequence[str], *, give_up_at: float) -> None:
        """`targets` are best first; no attempt starts after `give_up_at`."""
        self._remaining = list(targets)
        self._give_up_at = give_up_at
        self._failures: list[Failure] = []
        self._alive: dict[int, _Alive] = {}
        self._is_considered = False
        self._rival = ""
        self._is_won = False
        self._settled: GiveUp | None = None

    @property
    def failures(self) -> Sequence[Failure]:
        """Oldest first."""
        return self._failures

    @property
    def alive(self) -> tuple[int, ...]:
        return tuple(self._alive)

    @property
    def remaining(self) -> tuple[str, ...]:
        """Targets of the decision that were not tried."""
        return tuple(self._remaining)

    @property
    def passed_over(self) -> str:
        """The target whose refusal may be of our making, where another has answered; "" for none."""
        return passed_over(self._failures)

    def step(self, *, now: float) -> Command:
        """What comes next; asked again after everything that is told, and when a `Wait` is over.

        After `GiveUp` whoever is still `alive` is to be closed.
        """
        if self._is_won:
            return FOR_EVER
        if not self._alive:
            return self._followed(now)
        if self._settled is not None:
            return self._settled
        if self._rival:
            rival, self._rival = self._rival, ""
            self._leave(rival)
            return Send(rival, "hedge")
        if self._is_considered or len(self._alive) > 1:
            return FOR_EVER
        number, alive = next(iter(self._alive.items()))
        return Consider(number) if now >= alive.hedge_at else Wait(alive.hedge_at)

    def _followed(self, now: float) -> Command:
        following = next_step(self._failures, self._remaining, now=now, give_up_at=self._give_up_at)
        if isinstance(following, GiveUp):
            return following
        if following.wait_seconds > 0.0:
            return Wait(now + following.wait_seconds)
        self._leave(following.target)
        return Send(following.target, following.kind)

    def _leave(self, target: str) -> None:
        if target in self._remaining:
            self._remaining.remove(target)

    def sent(self, number: int, target: str, *, hedge_at: float = inf) -> None:
        """It is on its way; from `hedge_at` another may be asked as well."""
        self._alive[number] = _Alive(target, hedge_at)

    def considered(self, rival: str) -> None:
        """Who races the attempt that is alive; "" for nobody. A request is not considered twice."""
        self._is_considered = True
        self._rival = rival

    def failed(self, failure: Failure, *, number: int = 0) -> None:
        """An attempt is over without content; `number` is 0 for one that was never sent."""
        self._alive.pop(number, None)
        self._failures.append(failure)
        others = [one.target for one in self._alive.values() if one.target != failure.target]
        if self._alive and is_settled(self._failures, [*others, *self._remaining]):
            self._settled = GiveUp(failure.error, relayed=len(self._failures) - 1)

    def won(self, number: int) -> tuple[int, ...]:
        """It has content: the others, which are to be closed."""
        losers = tuple([other for other in self._alive if other != number])
        self._alive = {number: self._alive[number]}
        self._is_won = True
        return losers
