"""The attempts of one request until one has content: who is asked, who races whom, who is closed.

A state machine without clock or I/O, as sans-I/O protocols are written: what happened is told to it, it asks
what bars a target at the time of each step, and `step` says what comes next. Rules: at most two attempts are alive; the second is a hedge, of which a
request has one; an attempt that fails is followed (policy/failover.py) only when no other is alive, unless
its failure is what every target would say; nothing is started once one has content, and all others are
closed then.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal, TypeAlias

import msgspec

from turnout.policy.failover import (
    NO_BARS,
    NO_STAKES,
    Failure,
    GiveUp,
    NextKind,
    is_settled,
    next_step,
    refuser,
)
from turnout.policy.standing import Bar, Barred
from turnout.policy.wait_or_move import Stakes, Weighed

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


class Detour(msgspec.Struct, frozen=True, gc=False):
    """What became of a request's way because of how its targets stood.

    Attributes:
        passed_over: targets that were not asked while another was, or at all, and why.
        waited_seconds: for targets that had said when to come back.
        weighed: waiting against moving, when that was first asked.
    """

    passed_over: tuple[tuple[str, Barred], ...] = ()
    waited_seconds: float = 0.0
    weighed: Weighed | None = None


NO_DETOUR = Detour()


def _no_bar(_: str) -> None:
    return None


def _is_nowhere_at_home(_: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class _Alive:
    target: str
    hedge_at: float


class Attempts:
    """Of one request. All times are seconds of one clock, best one that is never set."""

    def __init__(
        self,
        targets: Sequence[str],
        *,
        give_up_at: float,
        stakes: Stakes = NO_STAKES,
        bar: Callable[[str], Bar | None] = _no_bar,
        is_native: Callable[[str], bool] = _is_nowhere_at_home,
    ) -> None:
        """`targets` are best first; no attempt starts after `give_up_at`. `bar` says what keeps a call from a
        target now, `is_native` whether the client's own dialect is at home there.
        """
        self._remaining = list(targets)
        self._give_up_at = give_up_at
        self._stakes = stakes
        self._bar = bar
        self._is_native = is_native
        self._passed_over: dict[str, Barred] = {}
        self._waited = 0.0
        self._waits_since: float | None = None
        self._weighed: Weighed | None = None
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
    def detour(self) -> Detour:
        return Detour(tuple(self._passed_over.items()), self._waited, self._weighed)

    @property
    def refuser(self) -> str:
        """The target whose refusal may be of our making, where another has answered; "" for none."""
        return refuser(self._failures)

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
        bars = self._bars()
        waiting = 0.0 if self._waits_since is None else now - self._waits_since
        following = next_step(
            self._failures,
            self._remaining,
            now=now,
            give_up_at=self._give_up_at,
            bars=bars,
            stakes=self._stakes,
            natives=self._natives(self._remaining),
            waited_seconds=self._waited + waiting,
        )
        if not isinstance(following, GiveUp):
            self._weighed = self._weighed or following.weighed
            if following.wait_seconds > 0.0:
                self._waits_since = now if self._waits_since is None else self._waits_since
                return Wait(now + following.wait_seconds)
        self._waited, self._waits_since = self._waited + waiting, None
        if isinstance(following, GiveUp):
            self._pass_over(bars, self._remaining)
            return following
        if following.target in self._remaining:
            place = self._remaining.index(following.target)
            self._pass_over(bars, self._remaining[:place])
        self._leave(following.target)
        return Send(following.target, following.kind)

    def _bars(self) -> Mapping[str, Bar]:
        """Of those that remain; of none where the first may be asked at once, whom nobody else then precedes."""
        if not self._failures and self._remaining and self._bar(self._remaining[0]) is None:
            return NO_BARS
        return {one: bar for one in self._remaining if (bar := self._bar(one)) is not None}

    def _natives(self, targets: Sequence[str]) -> list[str]:
        return [target for target in targets if self._is_native(target)] if self._failures else []

    def _pass_over(self, bars: Mapping[str, Bar], targets: Sequence[str]) -> None:
        for target in targets:
            if target in bars:
                self._passed_over.setdefault(target, bars[target].why)

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
        left = [*others, *self._remaining]
        if self._alive and is_settled(self._failures, left, self._natives(left)):
            self._settled = GiveUp(failure.error, relayed=len(self._failures) - 1)

    def won(self, number: int) -> tuple[int, ...]:
        """It has content: the others, which are to be closed."""
        losers = tuple([other for other in self._alive if other != number])
        self._alive = {number: self._alive[number]}
        self._is_won = True
        return losers
