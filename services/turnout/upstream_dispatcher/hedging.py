"""What this process knows for hedging: how targets stand, and what every tenant has left for it.

Rules: every call is told to the standings when it is sent and when it has ended; every request fills its tenant's
budget and every hedge is charged to it; budgets are of this process, because 5 % of each replica's traffic are
5 % of all. Nothing here waits.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from math import inf
from typing import Final, assert_never

from turnout.catalog.cost import cost_usd
from turnout.errors import Overloaded, RateLimited
from turnout.facts import AttemptEnded
from turnout.policy.breaker import Ending, ending_of
from turnout.policy.budget import Budget
from turnout.policy.hedge import (
    Hedge,
    NotHedged,
    Rival,
    delay_seconds,
    hedge_by,
    may_race,
    rival_targets,
)
from turnout.policy.identity import account_of
from turnout.policy.latency import Size, size_of
from turnout.policy.output_rate import OutputRate, output_rate
from turnout.policy.standing import CallEnd
from turnout.ports import DispatchRequest
from turnout.upstream_dispatcher.accounting import (
    AttemptLog,
    estimated_input,
    expected_warm,
    tokens_of,
    unheard_usage,
)
from turnout.upstream_dispatcher.eligible import says_how_it_stands
from turnout.upstream_dispatcher.limits import HedgeTerms
from turnout.upstream_dispatcher.standings import Standings
from turnout.upstream_dispatcher.transport import PoolFull
from turnout.upstream_dispatcher.upstreams import Destination

MOST_TENANTS: Final = 10_000
"""Budgets kept; a tenant that is forgotten begins with an empty one."""


class Hedging:
    """Of one dispatcher."""

    def __init__(
        self, standings: Standings, terms: HedgeTerms, *, clock: Callable[[], float]
    ) -> None:
        self._refused: Counter[NotHedged] = Counter()
        self._standings = standings
        self._terms = terms
        self._clock = clock
        self._budgets: OrderedDict[str, Budget] = OrderedDict()

    def times_refused(self, reason: NotHedged) -> int:
        """How often a silent call was not raced for it."""
        return self._refused[reason]

    def requested(self, tenant: str) -> None:
        """A request has come."""
        self._budget(tenant).requested()

    def begun(self, request: DispatchRequest, to: Destination) -> None:
        """A call is sent."""
        if says_how_it_stands(request, to.credential):
            self._standings.begun(to.target, account=_account(request, to), now=self._clock())

    def answers(self, request: DispatchRequest, log: AttemptLog) -> None:
        """A call has content: what its head said of the account's limits is of use to others from now on."""
        now = self._clock()
        if (
            log.whole_at is not None
            and log.whole_at > now
            and says_how_it_stands(request, log.to.credential)
        ):
            self._standings.used_up(
                log.to.target,
                log.whole_at - now,
                account=_account(request, log.to),
                now=now,
            )

    def delay(self, request: DispatchRequest, to: Destination) -> float:
        """Seconds from sending until the call may be raced; infinite where it never is."""
        if not may_race(self._terms.races, request.mode):
            return inf
        standing = self._standings.of(
            to.target, _size(request, to), account=_account(request, to), now=self._clock()
        )
        return delay_seconds(p95=standing.first_content.p95, floor=self._terms.floor_seconds)

    def rival(
        self,
        request: DispatchRequest,
        silent: Destination,
        remaining: Sequence[str],
        resolve: Callable[[str], Destination | None],
    ) -> Hedge | NotHedged:
        """Who races it, charged to the tenant; else why nobody does, which is counted."""
        decision = request.decision
        equivalents = decision.equivalents if silent.model_id == decision.model else ()
        rivals = [
            self._rival(request, to)
            for target in rival_targets(silent.target, remaining, equivalents)
            if (to := resolve(target)) is not None
        ]
        budget = self._budget(request.identity.tenant)
        found = hedge_by(rivals, budget)
        if isinstance(found, Hedge):
            budget.charge(found.cost_usd)
        else:
            self._refused[found] += 1
        return found

    def not_sent(self, request: DispatchRequest, hedge: Hedge) -> None:
        """It could not even be asked: the charge is given back."""
        self._budget(request.identity.tenant).settle(expected_usd=hedge.cost_usd, usd=0.0)

    def _rival(self, request: DispatchRequest, to: Destination) -> Rival:
        standing = self._standings.of(
            to.target, _size(request, to), account=_account(request, to), now=self._clock()
        )
        return Rival(to.target, worst_usd(request, to), standing.state, standing.free)

    def ended(self, request: DispatchRequest, log: AttemptLog, fact: AttemptEnded) -> None:
        """A call has ended."""
        if says_how_it_stands(request, log.to.credential):
            self._told(request, log, fact)
        budget, usd = self._budget(request.identity.tenant), fact.paid_usd
        if usd is None:
            return
        if log.charged_usd is None:
            budget.billed(usd)
        else:
            budget.settle(expected_usd=log.charged_usd, usd=usd)

    def _told(self, request: DispatchRequest, log: AttemptLog, fact: AttemptEnded) -> None:
        now = self._clock()
        ending = _ending(log, fact)
        self._standings.ended(
            log.to.target,
            CallEnd(
                ending=ending,
                sent_at=log.sent_at,
                size=_size(request, log.to),
                first_content_seconds=fact.first_content_seconds,
                open_seconds=fact.duration_seconds,
                output_rate=_rate(request, log, fact),
                come_back_seconds=None if ending == "given_up" else _come_back(log, now=now),
                throttle_kind="overloaded" if isinstance(log.error, Overloaded) else "rate_limited",
            ),
            peers=request.decision.targets,
            account=_account(request, log.to),
            now=now,
        )

    def _budget(self, tenant: str) -> Budget:
        budget = self._budgets.get(tenant)
        if budget is None:
            if len(self._budgets) >= MOST_TENANTS:
                self._budgets.popitem(last=False)
            budget = self._budgets[tenant] = Budget(
                requests_share=self._terms.requests_share, usd_share=self._terms.usd_share
            )
        else:
            self._budgets.move_to_end(tenant)
        return budget


def worst_usd(request: DispatchRequest, to: Destination) -> float | None:
    """What a call costs that loses: its prompt, and at a provider that goes on writing the whole answer that the
    decision expected; as much of it as the tenant pays beyond a subscription.
    """
    known = next((one for one in request.decision.candidates if one.target == to.target), None)
    usage = unheard_usage(request, to, whole_answer_tokens=None)
    if usage is not None and to.model is not None:
        usd = cost_usd(usage, to.model.prices)
    else:
        usd = None if known is None else known.cost_now_usd
    covered = 0.0 if known is None else known.covered_share
    return None if usd is None else usd * (1.0 - covered)


def _size(request: DispatchRequest, to: Destination) -> Size:
    return size_of(estimated_input(request, to) - expected_warm(request, to))


def _account(request: DispatchRequest, to: Destination) -> str:
    return account_of(request.identity.principal, to.credential, to.provider)


def _come_back(log: AttemptLog, *, now: float) -> float | None:
    """Seconds until the provider wants to be asked again: as it says; else, where it throttles, until the
    windows begin anew that are used up; of an answer, until the limits are whole that it has used up.
    """
    if log.error is None:
        return None if log.whole_at is None else max(0.0, log.whole_at - now)
    if log.error.retry_after_seconds is not None:
        return log.error.retry_after_seconds
    if not isinstance(log.error, RateLimited):
        return None
    used_up = [window.resets_at - now for window in log.windows if window.used_share >= 1.0]
    return max(used_up, default=None)


def _ending(log: AttemptLog, fact: AttemptEnded) -> Ending:
    match fact.outcome:
        case "answered":
            return "answered"
        case "cancelled":
            return "given_up"
        case "lost":
            return "given_up" if log.kind == "hedge" else "stalled"
        case "failed" | "rejected":
            if log.error is None or isinstance(log.error, PoolFull):
                # Ours was full, which says nothing of the target.
                return "given_up"
            return ending_of(
                log.error,
                has_content=log.first_content_at is not None,
                is_clients_credential=log.to.credential == "client",
            )
        case _:
            assert_never(fact.outcome)


def _rate(request: DispatchRequest, log: AttemptLog, fact: AttemptEnded) -> OutputRate | None:
    """A whole answer has all its content at once, and so no rate. What a client takes its time for is not
    the provider's.
    """
    if not request.features.stream or fact.usage is None or fact.first_content_seconds is None:
        return None
    return output_rate(
        shown=tokens_of(log.reading.output_bytes, log.to.model_id),
        counted=fact.usage.output,
        seconds=fact.duration_seconds - fact.first_content_seconds - log.client_seconds,
    )
