"""Threads in Redis 7.0 or newer, or Valkey: what all replicas of the tracker share.

Rules: one round trip a Look, one a Note, shared with whoever asks at the same moment (`redis_wire`).
A script touches one record, so records of one trip may live on different nodes; keys carry the name
in braces. Every key has a lifetime, renewed by writing. The hit table changes slowly: it is kept
here, counted up locally, and exchanged with Redis every few seconds on the back of another call.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

from turnout.errors import Unavailable
from turnout.policy.cache import GAP_BUCKETS, HitCounts
from turnout.session_cache_tracker import records, scripts
from turnout.session_cache_tracker.redis_link import Script
from turnout.session_cache_tracker.redis_wire import RedisWire, open_redis_wire
from turnout.session_cache_tracker.store import Before, Found, LeaseStand, Merge, Record

HITS_EXCHANGE_SECONDS: Final = 2.0
"""A share moves by a percent in some hundred observations; two seconds are soon enough."""
CLOSE_SECONDS: Final = 0.5
"""What the last exchange of hit counts may take."""

_LOOK: Final = Script(scripts.LOOK)
_NOTE: Final = Script(scripts.NOTE)
_LEASE: Final = Script(scripts.LEASE)
_SPEND: Final = Script(scripts.SPEND)
_COUNT_HITS: Final = Script(scripts.COUNT_HITS)


class RedisThreadStore:
    """Made by `open_redis_store`."""

    def __init__(self, wire: RedisWire) -> None:
        self._wire = wire
        self._counts: dict[str, list[HitCounts]] = {}
        self._uncounted: dict[str, dict[int, HitCounts]] = {}
        self._exchange_due = 0.0
        self._time = asyncio.get_running_loop().time

    # Lifetimes run on the server's clock, not on `now`.
    async def look(
        self,
        thread_key: str,
        head_scopes: Sequence[str],
        *,
        now: float,  # noqa: ARG002
        deadline_seconds: float,
    ) -> Found:
        calls = [_LOOK.call(_thread(thread_key))]
        calls += [_LOOK.call(_head(scope)) for scope in head_scopes]
        self._exchange_hits()
        thread, *heads = await self._wire.run(calls, deadline_seconds=deadline_seconds)
        return Found(thread=_record(thread), heads=tuple(_record(head) for head in heads))

    async def note(
        self,
        thread: Merge | None,
        head: Merge | None,
        *,
        now: float,  # noqa: ARG002
        deadline_seconds: float,
    ) -> Before:
        calls: list[bytes] = []
        if head is not None:
            calls.append(_merge(_head(head.key), head))
        if thread is not None:
            calls.append(_merge(_thread(thread.key), thread))
        if not calls:
            return Before(is_new=False)
        self._exchange_hits()
        answers = await self._wire.run(calls, deadline_seconds=deadline_seconds)
        return _before(answers[-1])

    async def lease(
        self,
        thread_key: str,
        *,
        version: str,
        reader: str,
        lease_seconds: float,
        now: float,
        deadline_seconds: float,
    ) -> LeaseStand:
        lease = records.lease_text(records.milliseconds(now + lease_seconds), reader)
        call = _LEASE.call(
            _thread(thread_key), version, reader, str(records.milliseconds(now)), lease
        )
        (answer,) = await self._wire.run([call], deadline_seconds=deadline_seconds)
        match answer:
            case "granted" | "moved_on" | "held":
                return answer
            case _:
                raise Unavailable(f"Redis: a lease was answered with {answer!r:.40}")

    async def spend(
        self,
        key: str,
        *,
        read_id: str,
        nanodollars: int,
        at_most: int | None,
        now: float,  # noqa: ARG002
        deadline_seconds: float,
    ) -> bool:
        most = "" if at_most is None else str(at_most)
        call = _SPEND.call(_spent(key), read_id, str(nanodollars), most)
        (answer,) = await self._wire.run([call], deadline_seconds=deadline_seconds)
        return answer == "1"

    def observe(self, table: str, bucket: int, share: float) -> None:
        counts = self._table(table)
        counts[bucket] = HitCounts(counts[bucket].seen + 1, counts[bucket].found + share)
        uncounted = self._uncounted.setdefault(table, {})
        held = uncounted.get(bucket, HitCounts())
        uncounted[bucket] = HitCounts(held.seen + 1, held.found + share)

    def hits(self, table: str) -> Sequence[HitCounts]:
        return tuple(self._table(table))

    async def settle(self) -> None:
        """Exchange hit counts now, as far as Redis answers."""
        calls = self._hit_calls()
        if calls:
            with suppress(Unavailable):
                await self._wire.run(calls, deadline_seconds=CLOSE_SECONDS)

    def _table(self, table: str) -> list[HitCounts]:
        counts = self._counts.get(table)
        if counts is None:
            counts = self._counts[table] = [HitCounts()] * GAP_BUCKETS
            self._exchange_due = 0.0
        return counts

    def _exchange_hits(self) -> None:
        now = self._time()
        if now < self._exchange_due or not self._counts:
            return
        self._exchange_due = now + HITS_EXCHANGE_SECONDS
        tables = list(self._counts)
        calls = [*self._hit_calls(), *(_LOOK.call(_hits(table)) for table in tables)]

        def on_answers(answers: "asyncio.Future[list[str]]") -> None:
            # The counts of a failed exchange are lost: they are statistics.
            if answers.cancelled() or answers.exception() is not None:
                return
            newest = answers.result()[-len(tables) :]
            for table, text in zip(tables, newest, strict=True):
                self._counts[table] = self._sum(table, _record(text))

        self._wire.run(calls).add_done_callback(on_answers)

    def _hit_calls(self) -> list[bytes]:
        uncounted, self._uncounted = self._uncounted, {}
        calls: list[bytes] = []
        for table, buckets in uncounted.items():
            arguments = [str(records.HITS_LIFETIME_MS)]
            for bucket, counts in buckets.items():
                arguments += [str(bucket), f"{counts.seen:.6f}", f"{counts.found:.6f}"]
            calls.append(_COUNT_HITS.call(_hits(table), *arguments))
        return calls

    def _sum(self, table: str, record: Record) -> list[HitCounts]:
        """What Redis has counted, and what has been observed since."""
        uncounted = self._uncounted.get(table, {})
        counts: list[HitCounts] = []
        for bucket in range(GAP_BUCKETS):
            ours = uncounted.get(bucket, HitCounts())
            seen = float(record.get(f"{bucket}:seen", "0"))
            found = float(record.get(f"{bucket}:found", "0"))
            counts.append(HitCounts(seen + ours.seen, found + ours.found))
        return counts


@asynccontextmanager
async def open_redis_store(url: str) -> AsyncGenerator[RedisThreadStore, None]:
    async with open_redis_wire(url, (_LOOK, _NOTE, _LEASE, _SPEND, _COUNT_HITS)) as wire:
        store = RedisThreadStore(wire)
        try:
            yield store
        finally:
            await store.settle()


def _thread(key: str) -> str:
    return f"turnout:thread:{{{key}}}"


def _head(scope: str) -> str:
    return f"turnout:head:{{{scope}}}"


def _spent(key: str) -> str:
    return f"turnout:kept_warm:{{{key}}}"


def _hits(table: str) -> str:
    return f"turnout:hits:{{{table}}}"


def _merge(key: str, merge: Merge) -> bytes:
    arguments = [merge.version, str(merge.lifetime_ms), merge.target, merge.step]
    for field, value in merge.registers:
        arguments += [field, value]
    return _NOTE.call(key, *arguments)


def _record(text: str) -> Record:
    if not text:
        return {}
    parts = text.split(records.BETWEEN_FIELDS)
    return dict(zip(parts[::2], parts[1::2], strict=False))


def _before(text: str) -> Before:
    is_new, newest, cache, lifetime, left_cache, left_lifetime, steps = text.split(
        records.BETWEEN_FIELDS
    )
    return Before(
        is_new=is_new == "1",
        newest=newest,
        cache=cache,
        cache_lifetime=lifetime,
        left_cache=left_cache,
        left_lifetime=left_lifetime,
        steps=int(steps),
    )
