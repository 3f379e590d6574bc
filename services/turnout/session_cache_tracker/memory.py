"""Threads in this process: for one process without Redis, and for tests of what stands on the port.

Rules: those of `records`. The clock is the caller's `now`, the greatest one seen. When full, the
records that were not used longest are forgotten.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from turnout.policy.cache import GAP_BUCKETS, HitCounts
from turnout.session_cache_tracker import account_records, records
from turnout.session_cache_tracker.store import Before, Found, LeaseStand, Merge, Record

MAX_RECORDS: Final = 20_000
"""At about 4 kB a record in Python strings: 80 MB."""

_NOTHING: Final[Record] = MappingProxyType({})


@dataclass(slots=True)
class _Kept:
    expires_ms: int
    fields: dict[str, str] = field(default_factory=dict)


class MemoryThreadStore:
    def __init__(self, *, max_records: int = MAX_RECORDS) -> None:
        self._max_records = max_records
        self._threads: OrderedDict[str, _Kept] = OrderedDict()
        self._heads: OrderedDict[str, _Kept] = OrderedDict()
        self._spent: OrderedDict[str, _Kept] = OrderedDict()
        self._hits: dict[str, list[HitCounts]] = {}
        self._now_ms = 0

    # Nothing here waits, so deadlines have nothing to end.
    async def look(
        self,
        thread_key: str,
        head_scopes: Sequence[str],
        *,
        now: float,
        deadline_seconds: float,  # noqa: ARG002
    ) -> Found:
        self._now_ms = max(self._now_ms, records.milliseconds(now))
        return Found(
            thread=self._read(self._threads, thread_key),
            heads=tuple(self._read(self._heads, scope) for scope in head_scopes),
        )

    async def note(
        self,
        thread: Merge | None,
        head: Merge | None,
        *,
        now: float,
        deadline_seconds: float,  # noqa: ARG002
    ) -> Before:
        self._now_ms = max(self._now_ms, records.milliseconds(now))
        before = Before(is_new=False)
        if head is not None:
            before = self._merge(self._heads, head)
        if thread is not None:
            before = self._merge(self._threads, thread)
        return before

    async def lease(
        self,
        thread_key: str,
        *,
        version: str,
        reader: str,
        lease_seconds: float,
        now: float,
        deadline_seconds: float,  # noqa: ARG002
    ) -> LeaseStand:
        """`scripts.LEASE` in Python."""
        self._now_ms = max(self._now_ms, records.milliseconds(now))
        if not self._read(self._threads, thread_key):
            return "moved_on"
        fields = self._threads[thread_key].fields
        if any(fields.get(name, "")[: len(version)] > version for name in ("newest", "failed")):
            return "moved_on"
        until, _, holder = fields.get("lease", "").partition(records.WITHIN_FIELD)
        if holder not in ("", reader) and int(until) > records.milliseconds(now):
            return "held"
        fields["lease"] = records.lease_text(records.milliseconds(now + lease_seconds), reader)
        return "granted"

    async def spend(
        self,
        key: str,
        *,
        read_id: str,
        nanodollars: int,
        at_most: int | None,
        now: float,
        deadline_seconds: float,  # noqa: ARG002
    ) -> bool:
        """`scripts.SPEND` in Python."""
        self._now_ms = max(self._now_ms, records.milliseconds(now))
        self._read(self._spent, key)
        kept = self._spent.get(key, _Kept(expires_ms=0))
        others = int(kept.fields.get("spent", "0")) - int(kept.fields.get(read_id, "0"))
        if at_most is not None and others + nanodollars > at_most:
            return False
        kept.fields[read_id] = str(nanodollars)
        kept.fields["spent"] = str(others + nanodollars)
        kept.expires_ms = self._now_ms + account_records.SPENT_LIFETIME_MS
        self._spent[key] = kept
        return True

    def observe(self, table: str, bucket: int, share: float) -> None:
        counts = self._hits.setdefault(table, [HitCounts()] * GAP_BUCKETS)
        seen, found = counts[bucket].seen + 1, counts[bucket].found + share
        if seen > records.HITS_REMEMBERED:
            seen, found = seen / 2, found / 2
        counts[bucket] = HitCounts(seen, found)

    def hits(self, table: str) -> Sequence[HitCounts]:
        return tuple(self._hits.get(table, ()))

    def _read(self, kept: OrderedDict[str, _Kept], key: str) -> Record:
        found = kept.get(key)
        if found is None:
            return _NOTHING
        if found.expires_ms <= self._now_ms:
            del kept[key]
            return _NOTHING
        kept.move_to_end(key)
        return dict(found.fields)

    def _merge(self, kept: OrderedDict[str, _Kept], merge: Merge) -> Before:
        self._read(kept, merge.key)
        found = kept.get(merge.key)
        if found is None:
            found = kept[merge.key] = _Kept(expires_ms=0)
            if len(kept) > self._max_records:
                kept.popitem(last=False)
        before = _merge(found.fields, merge)
        if before.is_new:
            found.expires_ms = self._now_ms + merge.lifetime_ms
        return before


def _merge(fields: dict[str, str], merge: Merge) -> Before:
    """`scripts.NOTE` in Python."""
    newest = records.newest_of(fields.get("newest", ""))
    left = newest.target if newest is not None else ""
    before = Before(
        is_new=False,
        newest=fields.get("newest", ""),
        cache=fields.get(f"cache:{merge.target}", ""),
        cache_lifetime=fields.get(f"lifetime:{merge.target}", ""),
        left_cache=fields.get(f"cache:{left}", ""),
        left_lifetime=fields.get(f"lifetime:{left}", ""),
    )
    note_id = "," + merge.version[records.SENT_DIGITS :]
    seen = fields.get("seen", "")
    if note_id in seen:
        return before
    fields["seen"] = (seen + note_id)[-records.SEEN_CHARACTERS :]
    for name, value in merge.registers:
        if fields.get(name, "") < value:
            fields[name] = value
    steps = _count_step(fields, merge) if merge.step else 0
    target = _forget_oldest(fields, "cache:", kept=records.TARGETS_KEPT)
    if target is not None:
        fields.pop(f"lifetime:{target}", None)
    _forget_oldest(fields, "made:", kept=records.RUNS_KEPT)
    _forget_oldest(fields, "refused:", kept=records.TARGETS_KEPT)
    _forget_oldest(fields, "check:", kept=records.CHECKS_KEPT)
    _forget_oldest(fields, "ended:", kept=records.ENDS_KEPT)
    return Before(
        is_new=True,
        newest=before.newest,
        cache=before.cache,
        cache_lifetime=before.cache_lifetime,
        left_cache=before.left_cache,
        left_lifetime=before.left_lifetime,
        steps=steps,
    )


def _count_step(fields: dict[str, str], merge: Merge) -> int:
    recent = fields.get("recent", "")
    lines = sorted([*(recent.split(records.BETWEEN_LINES) if recent else ()), merge.step])
    fields["recent"] = records.BETWEEN_LINES.join(lines[-records.RECENT_STEPS :])
    sent = merge.version[: records.SENT_DIGITS]
    fields["started"] = min(fields.get("started", sent), sent)
    steps = int(fields.get("steps", "0")) + 1
    fields["steps"] = str(steps)
    return steps


def _forget_oldest(fields: dict[str, str], kind: str, *, kept: int) -> str | None:
    """Drop the register of the oldest version where there are more than `kept`; return its name."""
    names = [name for name in fields if name.startswith(kind)]
    if len(names) <= kept:
        return None
    oldest = min(names, key=lambda name: fields[name])
    del fields[oldest]
    return oldest[len(kind) :]
