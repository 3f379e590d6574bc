"""How every target stands: from the calls of this replica, and from what the others have told.

Rules: times and health are kept by target, throttling and the limit by target and account; what a replica sees it
adds to what it knows and, apart from that, to its next report, so that a report holds only what is new and its loss
costs some samples; the least recently used are forgotten. Nothing here waits, and no clock is read.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final, TypeVar

from turnout.policy.breaker import Breaker, Ending, Peers
from turnout.policy.latency import SIZES, Latency, Size, Spread
from turnout.policy.limit import ConcurrencyLimit
from turnout.policy.standing import (
    Bar,
    CallEnd,
    Standing,
    StandingReport,
    State,
    TargetGauge,
    TargetHealth,
    TargetLatency,
    TargetSeen,
    ThrottleSeen,
    bar_of,
)
from turnout.policy.throttle import Throttle

MOST_TARGETS: Final = 4_096
"""Models times credentials are some hundreds; names that clients make up are bounded by this. Four sizes of
each, used to the full, would be 40 MB."""

MOST_IN_A_REPORT: Final = 64
"""Of targets, and of accounts; what is left waits for the next report. NATS takes messages of 1 MB, and four sketches that
are full have some 12 kB."""

OURS: Final = ""
"""The account of credentials that are not the client's (`policy.identity.account_of`)."""

LEAST_SAMPLES: Final = 0.1
"""What weighs less moves an estimate by a fiftieth of its way at most, and need not be recorded."""

_CLOSED: Final[frozenset[Ending]] = frozenset({"timeout", "broke_off", "stalled", "given_up"})
"""Ends before which no content came, though it might have later."""


_Key = TypeVar("_Key")


class _Account:
    """What one account has met at a target."""

    __slots__ = ("limit", "throttle")

    def __init__(self) -> None:
        self.limit = ConcurrencyLimit()
        self.throttle = Throttle()


class _Target:
    """What is known of a target; `calls`, `failures` and `fresh` since the last report."""

    __slots__ = ("breaker", "calls", "failures", "fresh", "times")

    def __init__(self, *, now: float) -> None:
        self.breaker = Breaker(now=now)
        self.times: dict[Size, Latency] = {}
        self.calls = 0
        self.failures = 0
        self.fresh: dict[Size, Latency] = {}

    def add(self, end: CallEnd, *, now: float) -> None:
        for times in (self.times, self.fresh):
            latency = _of_size(times, end.size, now=now)
            if end.first_content_seconds is not None:
                latency.add(end.first_content_seconds, now=now)
            else:
                latency.add_longer_than(end.open_seconds, now=now)

    def seen(self, target: str, *, now: float) -> TargetSeen:
        """What is new, which is not new any more."""
        times = tuple(latency.told(now=now) for latency in self.fresh.values())
        ejected_seconds = max(0.0, self.breaker.ejected_until - now)
        seen = TargetSeen(target, self.calls, self.failures, times, ejected_seconds)
        self.calls = self.failures = 0
        self.fresh = {}
        return seen


class Standings:
    """Of one process."""

    def __init__(self, *, replica: str, most_targets: int = MOST_TARGETS) -> None:
        self._replica = replica
        self._most_targets = most_targets
        self._targets: OrderedDict[str, _Target] = OrderedDict()
        self._accounts: OrderedDict[tuple[str, str], _Account] = OrderedDict()
        self._reports = 0
        # Until then a target or an account may have to be left alone; later none.
        self._trouble_until = 0.0
        # Of those above, what the next reports tell; dicts for their order.
        self._news: dict[str, None] = {}
        self._throttled: dict[tuple[str, str], None] = {}
        # What is known of those that were never asked; read only.
        self._no_target = _Target(now=0.0)
        self._no_account = _Account()
        self._priors: dict[Size, Spread] = {
            size: Latency(size, now=0.0).spread(now=0.0) for size in SIZES
        }

    def begun(self, target: str, *, account: str = OURS, now: float) -> None:
        """A call has been sent."""
        self._target(target, now=now).breaker.begun(now=now)
        self._account(target, account).limit.begun()

    def ended(
        self,
        target: str,
        end: CallEnd,
        *,
        peers: Sequence[str],
        account: str = OURS,
        now: float,
    ) -> None:
        """It has ended; `peers` are the targets that could have served its request, itself included."""
        known = self._target(target, now=now)
        if end.first_content_seconds is not None or end.ending in _CLOSED:
            known.add(end, now=now)
        is_failure = known.breaker.ended(
            end.ending,
            sent_at=end.sent_at,
            peers=self._peers(target, peers),
            now=now,
            output_rate=end.output_rate,
        )
        known.calls += is_failure or end.ending == "answered"
        known.failures += is_failure
        self._news[target] = None
        with_account = self._account(target, account)
        with_account.limit.ended(end.ending, sent_at=end.sent_at, now=now)
        if end.ending == "answered":
            with_account.throttle.answered(sent_at=end.sent_at)
        if end.ending == "throttled" or end.come_back_seconds is not None:
            with_account.throttle.told(
                end.come_back_seconds,
                # An answer that has used up the limits refuses nobody.
                refuses_seconds=0.0 if end.ending == "answered" else end.come_back_seconds or 0.0,
                kind=end.throttle_kind,
                now=now,
            )
            self._throttled[target, account] = None
        self._trouble_until = max(
            self._trouble_until, known.breaker.left_until, with_account.throttle.eligible_at
        )

    def used_up(self, target: str, seconds: float, *, account: str = OURS, now: float) -> None:
        """An answer that has begun says that the limits are used up, and whole again in so many seconds."""
        known = self._account(target, account)
        known.throttle.told(seconds, now=now)
        self._throttled[target, account] = None
        self._trouble_until = max(self._trouble_until, known.throttle.eligible_at)

    def bar(self, target: str, *, account: str = OURS, now: float) -> Bar | None:
        """What keeps a call from it now; None where nothing does."""
        known = self._targets.get(target, self._no_target)
        with_account = self._accounts.get((target, account), self._no_account)
        return bar_of(known.breaker, with_account.throttle, with_account.limit, now=now)

    def of(self, target: str, size: Size, *, account: str = OURS, now: float) -> Standing:
        """As of now; one that was never asked is healthy, and as fast as any."""
        known = self._targets.get(target, self._no_target)
        with_account = self._accounts.get((target, account), self._no_account)
        state = _state(known.breaker, with_account.throttle, now=now)
        free = with_account.limit.free(now=now) if known.breaker.may_begin(now=now) else 0
        if state == "throttled":
            free = 0
        elif state == "probing":
            free = min(free, 1)
        latency = known.times.get(size)
        return Standing(
            first_content=self._priors[size] if latency is None else latency.spread(now=now),
            state=state,
            eligible_at=max(with_account.throttle.eligible_at, known.breaker.ejected_until),
            free=free,
            most=with_account.limit.most(now=now),
        )

    def report(self, *, now: float) -> StandingReport | None:
        """What others should hear; None where nothing is new. What it tells is told once."""
        seen = tuple(self._targets[target].seen(target, now=now) for target in _first(self._news))
        throttles = tuple(
            _throttle_seen(*key, self._accounts[key].throttle, now=now)
            for key in _first(self._throttled)
            if self._accounts[key].throttle.eligible_at > now
        )
        if not seen and not throttles:
            return None
        self._reports += 1
        return StandingReport(self._replica, self._reports, seen, throttles)

    def heard(self, report: StandingReport, *, now: float) -> None:
        """Another replica's report, for the first time; one's own comes back too, and says nothing."""
        if report.replica == self._replica:
            return
        for seen in report.targets:
            known = self._target(seen.target, now=now)
            known.breaker.heard(
                seen.calls, seen.failures, ejected_seconds=seen.ejected_seconds, now=now
            )
            self._trouble_until = max(self._trouble_until, known.breaker.left_until)
            for times in seen.times:
                _of_size(known.times, times.size, now=now).merge(times, now=now)
        for throttled in report.throttles:
            account = self._account(throttled.target, throttled.account)
            account.throttle.told(
                throttled.wait_seconds,
                refuses_seconds=throttled.refuses_seconds,
                kind=throttled.kind,
                now=now,
            )
            self._trouble_until = max(self._trouble_until, account.throttle.eligible_at)

    def health(self, asked: Iterable[tuple[str, str]], *, now: float) -> tuple[TargetHealth, ...]:
        """Of targets, each with the account that would ask it, those that are not to be asked now; `asked` is
        not looked at while there can be none.
        """
        if now >= self._trouble_until:
            return ()
        found: list[TargetHealth] = []
        for target, account in asked:
            known = self._targets.get(target, self._no_target)
            with_account = self._accounts.get((target, account), self._no_account)
            left_until = known.breaker.left_until
            if left_until > now:
                found.append(TargetHealth(target, "ejected", left_until))
            elif with_account.throttle.eligible_at > now:
                found.append(TargetHealth(target, "throttled", with_account.throttle.eligible_at))
        return tuple(found)

    def latencies(self, targets: Iterable[str], *, now: float) -> tuple[TargetLatency, ...]:
        """Mean seconds to first content of those targets and sizes of which there are samples."""
        return tuple(
            TargetLatency(target, size, round(spread.mean, 3))
            for target in targets
            if (known := self._targets.get(target)) is not None
            for size, times in known.times.items()
            if (spread := times.spread(now=now)).samples >= LEAST_SAMPLES
        )

    def gauges(self, *, now: float) -> list[TargetGauge]:
        """Of every target that was asked or heard of. May be asked from any thread."""
        found: list[TargetGauge] = []
        for target, known in list(self._targets.items()):
            account = self._accounts.get((target, OURS), self._no_account)
            p95: dict[Size, float] = {
                size: times.spread(now=now).p95 for size, times in list(known.times.items())
            }
            state = _state(known.breaker, account.throttle, now=now)
            found.append(TargetGauge(target, p95, state, account.limit.most(now=now)))
        return found

    def _peers(self, target: str, peers: Sequence[str]) -> Peers:
        others = {peer for peer in peers if peer != target}
        ejected = sum(
            known.breaker.is_ejected
            for peer in others
            if (known := self._targets.get(peer)) is not None
        )
        return Peers(1 + len(others), ejected)

    def _target(self, target: str, *, now: float) -> _Target:
        known = self._targets.get(target)
        if known is None:
            if len(self._targets) >= self._most_targets:
                forgotten, _ = self._targets.popitem(last=False)
                self._news.pop(forgotten, None)
            known = self._targets[target] = _Target(now=now)
        else:
            self._targets.move_to_end(target)
        return known

    def _account(self, target: str, account: str) -> _Account:
        key = (target, account)
        known = self._accounts.get(key)
        if known is None:
            if len(self._accounts) >= self._most_targets:
                forgotten, _ = self._accounts.popitem(last=False)
                self._throttled.pop(forgotten, None)
            known = self._accounts[key] = _Account()
        else:
            self._accounts.move_to_end(key)
        return known


def _state(breaker: Breaker, throttle: Throttle, *, now: float) -> State:
    health = breaker.health(now=now)
    if health != "ejected" and now < throttle.eligible_at:
        return "throttled"
    return health


def _throttle_seen(target: str, account: str, throttle: Throttle, *, now: float) -> ThrottleSeen:
    return ThrottleSeen(
        target,
        account,
        throttle.eligible_at - now,
        max(0.0, throttle.refuses_until - now),
        throttle.kind,
    )


def _first(waiting: dict[_Key, None]) -> list[_Key]:
    """Takes as many out as a report may hold."""
    taken = list(islice(waiting, MOST_IN_A_REPORT))
    for key in taken:
        del waiting[key]
    return taken


def _of_size(times: dict[Size, Latency], size: Size, *, now: float) -> Latency:
    latency = times.get(size)
    if latency is None:
        latency = times[size] = Latency(size, now=now)
    return latency
