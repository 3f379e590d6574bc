"""Keeps prompts cached while their threads pause, by reads that ask for no answer.

Rules: what is held is the bytes of a call and the credential in it, in memory alone, bounded in number and
size, in no log and no repr; lost with the process, which costs only what was saved. Every read is leased
by the tracker first, which knows whether the thread goes on elsewhere and what is left of the budget.
A hold ends with the next request of its thread, with a read that was not granted, failed or found
little, with a target that is not to be asked now, with the last that pays, and with observe mode. Nothing is tried twice, and every read that was
sent leaves one fact.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from msgspec import structs

from turnout.bus.control_keys import MODE_KEY, SETTINGS_KEY
from turnout.capabilities import Dialect
from turnout.catalog.catalog import Catalog
from turnout.dialects.dialect import WireDialect
from turnout.errors import TurnoutError
from turnout.facts import AttemptOutcome, KeepWarmReadEnded
from turnout.policy.lifetime import read_period
from turnout.ports import (
    DispatchRequest,
    FactSink,
    LeaseRequest,
    Note,
    SessionCacheTracker,
    Settlement,
)
from turnout.upstream_dispatcher.accounting import AttemptLog, Bill, bill, note_of
from turnout.upstream_dispatcher.attempt import AttemptFailed
from turnout.upstream_dispatcher.eligible import bar_to
from turnout.upstream_dispatcher.held import Held, held_for
from turnout.upstream_dispatcher.limits import MAX_HOLDS, MAX_HOLDS_BYTES, READ_SECONDS, Limits
from turnout.upstream_dispatcher.request import Prepared
from turnout.upstream_dispatcher.standings import Standings
from turnout.upstream_dispatcher.transport import HttpTransport
from turnout.upstream_dispatcher.whole import attempt_whole

HIT_SHARE: Final = 0.5
"""A read that finds less of the prompt than this has paid for writing it, and would again."""

_LOG = logging.getLogger(__name__)


class Keeper:
    """One per dispatcher; `run` is a task of its owner.

    `reader` names this process to the tracker, `tell` starts a note on its way.

    Attributes:
        held_bytes: of all calls that are held.
        observing: tenants that are in observe mode by their own key.
    """

    def __init__(
        self,
        *,
        reader: str,
        catalog: Catalog,
        dialects: Mapping[Dialect, WireDialect],
        transport: HttpTransport,
        standings: Standings,
        tracker: SessionCacheTracker,
        facts: FactSink,
        tell: Callable[[Note], None],
        limits: Limits,
        clock: Callable[[], float],
        max_holds: int = MAX_HOLDS,
        max_bytes: int = MAX_HOLDS_BYTES,
    ) -> None:
        self.held_bytes = 0
        self._max_holds = max_holds
        self._max_bytes = max_bytes
        self._reader = reader
        self._catalog = catalog
        self._dialects = dialects
        self._transport = transport
        self._standings = standings
        self._tracker = tracker
        self._facts = facts
        self._tell = tell
        self._limits = replace(limits, whole_answer_seconds=READ_SECONDS)
        self._clock = clock
        self._held: OrderedDict[str, Held] = OrderedDict()
        self.observing: set[str] = set()
        self._is_changed = asyncio.Event()

    def __len__(self) -> int:
        """Requests that are held."""
        return len(self._held)

    def __iter__(self) -> Iterator[Held]:
        """Them, the longest held first."""
        return iter(tuple(self._held.values()))

    def answered(self, request: DispatchRequest, prepared: Prepared, log: AttemptLog) -> None:
        """Hold what was answered, where it is to be kept."""
        thread_key, tenant = request.identity.thread_key, request.identity.tenant
        held = held_for(request, prepared, log, catalog=self._catalog, now=self._clock())
        if held is None or tenant in self.observing or held.size_bytes > self._max_bytes:
            return
        self.forget(thread_key)
        self._held[thread_key] = held
        self.held_bytes += held.size_bytes
        while len(self._held) > self._max_holds or self.held_bytes > self._max_bytes:
            # Of the longest pause, to which a return is least likely.
            self.forget(next(iter(self._held)))
        self._is_changed.set()

    def forget(self, thread_key: str) -> None:
        held = self._held.pop(thread_key, None)
        if held is not None:
            self.held_bytes -= held.size_bytes

    def on_control(self, key: str, value: str | None) -> None:
        """A tenant's mode has changed or, with None, is the default again, which may be observe; or a setting
        of its own, by the older ones of which its requests are held.
        """
        if key.startswith(SETTINGS_KEY):
            self._forget_all_of(key.removeprefix(SETTINGS_KEY))
        elif key.startswith(MODE_KEY):
            tenant = key.removeprefix(MODE_KEY)
            self.observing.discard(tenant)
            if value == "observe":
                self.observing.add(tenant)
            if value in (None, "observe"):
                self._forget_all_of(tenant)

    def _forget_all_of(self, tenant: str) -> None:
        for held in self:
            if held.request.identity.tenant == tenant:
                self.forget(held.request.identity.thread_key)

    async def run(self) -> None:
        """Read what is due, until cancelled."""
        while True:
            self._is_changed.clear()
            due_at = min((held.due_at for held in self._held.values()), default=None)
            wait = None if due_at is None else max(0.0, due_at - self._clock())
            try:
                async with asyncio.timeout(wait):
                    await self._is_changed.wait()
            except TimeoutError:
                await self.read_due()

    async def read_due(self) -> None:
        """Read all that is due by now. They are few: what is due together was sent together."""
        now = self._clock()
        due = [held for held in self._held.values() if held.due_at <= now]
        async with asyncio.TaskGroup() as reads:
            for held in due:
                reads.create_task(self._keep(held))

    async def _keep(self, held: Held) -> None:
        """One read, after which the request is held for the next or no more."""
        goes_on = False
        try:
            call = held.as_read()
            bar = bar_to(self._standings, held.request, self._clock, held.to.target)
            if call is not None and bar is None and await self._is_granted(held):
                goes_on = await self._read(held, call)
        except Exception as error:  # noqa: BLE001 - a task boundary: one prompt that grows cold
            _LOG.warning(
                "a prompt could not be kept cached",
                extra={"request_id": held.request.request_id, "error": type(error).__name__},
            )
        if not goes_on and self._is_held(held):
            self.forget(held.request.identity.thread_key)

    def _is_held(self, held: Held) -> bool:
        return self._held.get(held.request.identity.thread_key) is held

    async def _is_granted(self, held: Held) -> bool:
        now, identity = self._clock(), held.request.identity
        if now >= held.expires_at:
            return False
        asked = LeaseRequest(
            thread_key=identity.thread_key,
            tenant=identity.tenant,
            reader=self._reader,
            read_id=held.read_id,
            request_id=held.request.request_id,
            sent_at=held.answered_from,
            lease_seconds=read_period(held.lifetime_seconds),
            cost_usd=held.dearest_usd,
            budget_usd=held.plan.budget_usd,
            now=now,
        )
        held.leased_at = now
        answer = await self._tracker.lease(asked, deadline_seconds=self._limits.note_seconds)
        return answer.verdict == "granted"

    async def _read(self, held: Held, call: Prepared) -> bool:
        """Whether another read is to follow."""
        if not self._is_held(held):
            # Its thread went on while the tracker was asked.
            await self._settle(held, 0.0)
            return False
        log = AttemptLog(held.reads + 1, "first", held.to, sent_at=self._clock())
        try:
            answer = await attempt_whole(
                held.request,
                call,
                log,
                dialects=self._dialects,
                transport=self._transport,
                limits=self._limits,
                clock=self._clock,
            )
        except asyncio.CancelledError:
            self._tell_fact(held, log, "cancelled")
            raise
        is_answered = not isinstance(answer, AttemptFailed)
        spent, is_hit = self._tell_fact(held, log, "answered" if is_answered else "failed")
        if is_answered:
            self._tell_tracker(held, log)
        if spent.cost_usd is not None:
            await self._settle(held, spent.cost_usd)
        held.reads += 1
        held.sent(log.sent_at)
        return is_hit and held.reads < held.reads_that_pay

    def _tell_fact(self, held: Held, log: AttemptLog, outcome: AttemptOutcome) -> tuple[Bill, bool]:
        """What the read used, and whether it found the prompt."""
        now, request = self._clock(), held.request
        spent = bill(log, request, is_answered=outcome == "answered", now=now)
        usage = log.reading.usage
        is_hit = usage is not None and usage.cache_read >= HIT_SHARE * held.prefix_tokens
        self._facts.record(
            KeepWarmReadEnded(
                event_id=held.read_id,
                occurred_at=now,
                request_id=request.request_id,
                traceparent=request.traceparent,
                identity=request.identity,
                tags=request.tags,
                mode=request.mode,
                requested_model=request.decision.requested_model,
                baseline_model=request.decision.baseline_model,
                target=held.to.target,
                provider=held.to.provider,
                model=held.to.model_id,
                number=log.number,
                outcome=outcome,
                status=log.status,
                error="" if log.error is None else log.error.kind,
                sent_at=log.sent_at,
                duration_seconds=max(0.0, now - log.sent_at),
                prefix_tokens=held.prefix_tokens,
                is_hit=is_hit,
                usage=spent.usage,
                cost_usd=spent.cost_usd,
            )
        )
        return spent, is_hit

    def _tell_tracker(self, held: Held, log: AttemptLog) -> None:
        note = note_of(held.request, log, is_failed=False, now=self._clock())
        if note is not None:
            self._tell(
                structs.replace(note, request_id=held.read_id, only_keeps=True, begins_run=False)
            )

    async def _settle(self, held: Held, cost_usd: float) -> None:
        """What cannot be told stays set aside: the budget is not exceeded, and less of it is used."""
        settlement = Settlement(
            tenant=held.request.identity.tenant,
            read_id=held.read_id,
            leased_at=held.leased_at,
            cost_usd=cost_usd,
        )
        try:
            await self._tracker.settle(settlement, deadline_seconds=self._limits.note_seconds)
        except TurnoutError as error:
            _LOG.warning(
                "the tracker was not told what keeping a prompt cached has cost",
                extra={"request_id": held.request.request_id, "error": error.kind},
            )
