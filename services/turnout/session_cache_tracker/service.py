"""The session-cache tracker: answers Looks, learns from Notes, tells when a thread has switched.

Rules: it has no clock and keeps nothing itself; what is kept is in its store. A note that is repeated
teaches nothing twice. `ThreadSwitched` is told once, by the note that moved the thread; when that
note's answer is lost and it is sent again, the switch is not told (the request's own facts have it).
"""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

from turnout.catalog.models import CacheTerms
from turnout.catalog.providers import PROVIDERS
from turnout.errors import Unavailable
from turnout.facts import ThreadSwitched
from turnout.policy.cache import HitTable, default_lifetime, prior_shares, terms_by_target
from turnout.policy.thread import ThreadState
from turnout.ports import FactSink, LeaseAnswer, LeaseRequest, LookRequest, Note, Settlement
from turnout.session_cache_tracker import account_records, reading, records
from turnout.session_cache_tracker.store import Before, ThreadStore

DOCUMENTED_TERMS: Final[Mapping[str, CacheTerms]] = MappingProxyType(
    {provider.name: provider.cache for provider in PROVIDERS}
)


def tried(table: HitTable) -> HitTable:
    """The table, once it has been asked of every provider: one that no check finds fault with may still fail
    in every look.
    """
    for provider, terms in DOCUMENTED_TERMS.items():
        prior_shares(table, provider, *default_lifetime(terms))
    return table


@contextmanager
def _readable() -> Generator[None]:
    """A record that another version or another program wrote is no fault of the request."""
    try:
        yield
    except (ValueError, IndexError) as error:
        raise Unavailable(f"the record of the thread cannot be read: {error}") from error


class LocalSessionCacheTracker:
    """`table` gives what the artifact of now says of cache hits, before a thread's own usage figures do."""

    def __init__(
        self,
        store: ThreadStore,
        facts: FactSink,
        table: Callable[[], HitTable],
        *,
        terms: Mapping[str, CacheTerms] = DOCUMENTED_TERMS,
    ) -> None:
        self._store = store
        self._facts = facts
        self._table = table
        self._terms = terms_by_target(terms)

    async def look(self, request: LookRequest, *, deadline_seconds: float) -> ThreadState:
        found = await self._store.look(
            request.thread_key,
            request.head_scopes,
            now=request.now,
            deadline_seconds=deadline_seconds,
        )
        with _readable():
            return reading.thread_state(
                found.thread,
                found.heads,
                request.prefix,
                now=request.now,
                terms=self._terms,
                hits=self._store.hits,
                table=self._table(),
            )

    async def note(self, note: Note, *, deadline_seconds: float) -> None:
        version = records.version_of(
            request_id=note.request_id, sent_ms=records.milliseconds(note.sent_at)
        )
        thread = reading.thread_merge(note, version=version, terms=self._terms)
        head = reading.head_merge(note, version=version, terms=self._terms)
        account = reading.account_merge(note, version=version)
        if account is not None:
            await self._store.note(None, account, now=note.now, deadline_seconds=deadline_seconds)
        if thread is None and head is None:
            return
        before = await self._store.note(
            thread, head, now=note.now, deadline_seconds=deadline_seconds
        )
        if thread is None or not before.is_new:
            return
        with _readable():
            observed = reading.hit_observation(
                note, before.cache, before.cache_lifetime, version=version, terms=self._terms
            )
            if observed is not None:
                self._store.observe(*observed)
            if not note.only_keeps:
                self._tell_switch(note, before, version=version)

    async def lease(self, request: LeaseRequest, *, deadline_seconds: float) -> LeaseAnswer:
        stand = await self._store.lease(
            request.thread_key,
            version=records.version_of(
                request_id=request.request_id, sent_ms=records.milliseconds(request.sent_at)
            ),
            reader=request.reader,
            lease_seconds=request.lease_seconds,
            now=request.now,
            deadline_seconds=deadline_seconds,
        )
        if stand != "granted":
            return LeaseAnswer(stand)
        is_affordable = await self._store.spend(
            account_records.spent_key(request.tenant, request.now),
            read_id=request.read_id,
            nanodollars=account_records.nanodollars(request.cost_usd),
            at_most=int(request.budget_usd * account_records.NANODOLLARS),
            now=request.now,
            deadline_seconds=deadline_seconds,
        )
        return LeaseAnswer("granted" if is_affordable else "over_budget")

    async def settle(self, settlement: Settlement, *, deadline_seconds: float) -> None:
        await self._store.spend(
            account_records.spent_key(settlement.tenant, settlement.leased_at),
            read_id=settlement.read_id,
            nanodollars=account_records.nanodollars(settlement.cost_usd),
            at_most=None,
            now=settlement.leased_at,
            deadline_seconds=deadline_seconds,
        )

    def _tell_switch(self, note: Note, before: Before, *, version: str) -> None:
        newest = records.newest_of(before.newest)
        if note.is_failed or newest is None or newest.version >= version:
            return
        if newest.target == note.target:
            return
        self._facts.record(
            ThreadSwitched(
                event_id=f"{note.request_id}:switched",
                occurred_at=note.now,
                request_id=note.request_id,
                identity=note.identity,
                from_target=newest.target,
                to_target=note.target,
                reason=note.reason,
                step=before.steps,
                warm_tokens_left=reading.warm_at(
                    newest.target,
                    before.left_cache,
                    before.left_lifetime,
                    note.prefix,
                    now=note.sent_at,
                    terms=self._terms,
                    table=self._table(),
                ),
                prompt_tokens_estimate=note.prefix.tokens[-1] if note.prefix.tokens else 0,
            )
        )
