"""Where threads, heads and hit counts are kept: the seam between the tracker and Redis or memory.

Contract: `note` merges by the rules of `records`, atomically for each record, and answers with what
the record held before; a repeated note is answered with `is_new` false and changes nothing. Both
raise `Unavailable` within their deadline. A record that nobody wrote for its lifetime is forgotten.
A record of spending counts every id once, with the last amount that was said. Hit counts are statistics: `observe` never waits, and a crash may lose the last second of them.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec

from turnout.policy.cache import HitCounts

Record: TypeAlias = Mapping[str, str]

LeaseStand: TypeAlias = Literal["granted", "moved_on", "held"]
"""As in `ports.LeaseVerdict`."""


class Merge(msgspec.Struct, frozen=True, gc=False):
    """One note's change to one record.

    Attributes:
        key: thread key or head scope.
        registers: fields of which the greatest value stays.
        step: line for `recent`; "" when the request is not counted.

    """

    key: str
    version: str
    target: str
    lifetime_ms: int
    registers: tuple[tuple[str, str], ...]
    step: str = ""


class Before(msgspec.Struct, frozen=True, gc=False):
    """What a record held before a note; the fields are those of `records`.

    Attributes:
        cache, cache_lifetime: of the target that has answered now.
        left_cache, left_lifetime: of the target that had answered last.
        steps: answered requests, the new one included; 0 when the note is no step.

    """

    is_new: bool
    newest: str = ""
    cache: str = ""
    cache_lifetime: str = ""
    left_cache: str = ""
    left_lifetime: str = ""
    steps: int = 0


class Found(msgspec.Struct, frozen=True, gc=False):
    """Records as they are kept; empty maps for what is not known."""

    thread: Record
    heads: tuple[Record, ...]


class ThreadStore(Protocol):
    async def look(
        self, thread_key: str, head_scopes: Sequence[str], *, now: float, deadline_seconds: float
    ) -> Found: ...

    async def note(
        self, thread: Merge | None, head: Merge | None, *, now: float, deadline_seconds: float
    ) -> Before:
        """What the thread's record held before; of the head's record when there is no thread."""
        ...

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
        """Give the thread to `reader` alone, unless another holds it or a note of a newer version than
        that of the request which is kept has come.
        """
        ...

    async def spend(
        self,
        key: str,
        *,
        read_id: str,
        nanodollars: int,
        at_most: int | None,
        now: float,
        deadline_seconds: float,
    ) -> bool:
        """Write down what a read costs, in place of what was said of it before; false, and nothing is
        written, where the sum would exceed `at_most`.
        """
        ...

    def observe(self, table: str, bucket: int, share: float) -> None:
        """Count one return after a gap: which share of the expected tokens was found."""
        ...

    def hits(self, table: str) -> Sequence[HitCounts]:
        """Counts by gap bucket, as far as this process knows them; () when nothing is known."""
        ...
