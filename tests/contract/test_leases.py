"""Leases of every session-cache tracker: one reader a thread, and a budget that holds whatever happens."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.contract.test_session_cache_tracker import OPENERS, Open
from tests.session_cache_tracker.notes import (
    DEADLINE_SECONDS,
    HAIKU,
    NOON,
    RecordedFacts,
    look,
    note,
    prompt,
    unique,
    written,
)
from turnout.dialects.usage import Usage
from turnout.errors import Unavailable
from turnout.ports import LeaseRequest, LeaseVerdict, Note, SessionCacheTracker, Settlement

pytestmark = pytest.mark.anyio

DAY_SECONDS = 86_400.0
BUDGET_USD = 1.0


@pytest.fixture(params=OPENERS)
def opener(request: pytest.FixtureRequest, redis_url: str) -> Open:
    return OPENERS[str(request.param)](redis_url)


@dataclass(slots=True)
class Subject:
    """A thread whose last request is kept."""

    tracker: SessionCacheTracker
    facts: RecordedFacts
    kept: Note
    tenant: str

    @property
    def key(self) -> str:
        return self.kept.identity.thread_key

    async def note(self, value: Note) -> None:
        await self.tracker.note(value, deadline_seconds=DEADLINE_SECONDS)

    def request(self, *, at: float = 270.0, cost_usd: float = 0.1) -> LeaseRequest:
        return LeaseRequest(
            thread_key=self.key,
            tenant=self.tenant,
            reader="one",
            read_id=unique("read"),
            request_id=self.kept.request_id,
            sent_at=self.kept.sent_at,
            lease_seconds=270.0,
            cost_usd=cost_usd,
            budget_usd=BUDGET_USD,
            now=NOON + at,
        )

    async def lease(self, request: LeaseRequest) -> LeaseVerdict:
        answer = await self.tracker.lease(request, deadline_seconds=DEADLINE_SECONDS)
        return answer.verdict

    async def settle(self, request: LeaseRequest, cost_usd: float) -> None:
        settlement = Settlement(
            tenant=request.tenant,
            read_id=request.read_id,
            leased_at=request.now,
            cost_usd=cost_usd,
        )
        await self.tracker.settle(settlement, deadline_seconds=DEADLINE_SECONDS)


@pytest.fixture
async def subject(opener: Open) -> AsyncGenerator[Subject]:
    facts, prefix = RecordedFacts(), prompt("hello")
    kept = note(unique("thread"), prefix, usage=written(prefix))
    async with opener(facts) as tracker:
        found = Subject(tracker, facts, kept, tenant=unique("tenant"))
        await found.note(kept)
        yield found


async def test_one_reader_holds_a_thread_until_its_lease_ends(subject: Subject) -> None:
    mine = subject.request()
    theirs = replace(mine, reader="other", read_id=unique("read"))
    assert await subject.lease(mine) == "granted"
    assert await subject.lease(replace(theirs, now=NOON + 539)) == "held"
    assert await subject.lease(replace(mine, now=NOON + 300)) == "granted"
    assert await subject.lease(replace(theirs, now=NOON + 541)) == "held"
    assert await subject.lease(replace(theirs, now=NOON + 570)) == "granted"


@pytest.mark.parametrize("is_failed", [False, True])
async def test_a_thread_that_has_had_another_request_is_kept_by_nobody(
    subject: Subject, *, is_failed: bool
) -> None:
    prefix = prompt("hello", "answer", "more")
    usage = written(prefix)
    later = note(subject.key, prefix, usage=usage, at=60, target=HAIKU, is_failed=is_failed)
    await subject.note(later)
    assert await subject.lease(subject.request()) == "moved_on"


async def test_an_older_request_that_is_told_late_does_not_move_the_thread(
    subject: Subject,
) -> None:
    prefix = prompt("hell")
    await subject.note(note(subject.key, prefix, usage=written(prefix), at=-60))
    assert await subject.lease(subject.request()) == "granted"


async def test_of_a_thread_that_nobody_knows_nothing_is_kept(subject: Subject) -> None:
    asked = replace(subject.request(), thread_key=unique("thread"))
    assert await subject.lease(asked) == "moved_on"


async def test_what_a_read_may_cost_is_set_aside_until_it_is_settled(subject: Subject) -> None:
    first, second, third = (subject.request(cost_usd=0.6) for _ in range(3))
    assert await subject.lease(first) == "granted"
    assert await subject.lease(second) == "over_budget"
    await subject.settle(first, 0.4)
    assert await subject.lease(second) == "granted"
    assert await subject.lease(third) == "over_budget"


async def test_what_is_asked_or_settled_twice_counts_once(subject: Subject) -> None:
    first, second = subject.request(cost_usd=0.6), subject.request(cost_usd=0.6)
    assert [await subject.lease(first) for _ in range(2)] == ["granted", "granted"]
    for _ in range(3):
        await subject.settle(first, 0.5)
    assert await subject.lease(second) == "over_budget"
    assert await subject.lease(replace(second, cost_usd=0.5)) == "granted"


async def test_every_tenant_and_every_day_has_its_own_budget(subject: Subject) -> None:
    whole = subject.request(cost_usd=BUDGET_USD)
    assert await subject.lease(whole) == "granted"
    again = replace(whole, read_id=unique("read"))
    assert await subject.lease(again) == "over_budget"
    assert await subject.lease(replace(again, tenant=unique("tenant"))) == "granted"
    assert await subject.lease(replace(again, now=whole.now + DAY_SECONDS)) == "granted"


async def test_a_read_that_is_settled_after_midnight_is_of_the_day_it_was_leased_on(
    subject: Subject,
) -> None:
    day = NOON - NOON % DAY_SECONDS
    last = replace(subject.request(cost_usd=BUDGET_USD), now=day + DAY_SECONDS - 1)
    assert await subject.lease(last) == "granted"
    await subject.settle(last, 0.0)
    same_day = replace(last, read_id=unique("read"), now=last.now - 1)
    assert await subject.lease(same_day) == "granted"


async def test_a_read_renews_the_cache_and_nothing_else(subject: Subject) -> None:
    prefix = subject.kept.prefix
    before = await subject.tracker.look(
        look(subject.key, prefix, at=280), deadline_seconds=DEADLINE_SECONDS
    )
    read = replace(
        subject.kept,
        request_id=unique("read"),
        usage=Usage(cache_read=prefix.tokens[-1]),
        sent_at=NOON + 270,
        now=NOON + 271,
        only_keeps=True,
    )
    await subject.note(read)

    after = await subject.tracker.look(
        look(subject.key, prefix, at=280), deadline_seconds=DEADLINE_SECONDS
    )

    (warm,) = after.warm
    assert warm.expires_at == NOON + 270 + 300
    assert replace(after, warm=()) == replace(before, warm=())
    assert not subject.facts.switches
    assert await subject.lease(subject.request()) == "granted"


Reads = list[tuple[int, int, bool]]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    reads=st.lists(st.tuples(st.integers(0, 600), st.integers(0, 600), st.booleans()), max_size=12),
    together=st.integers(1, 4),
)
def test_the_budget_is_never_exceeded(opener: Open, reads: Reads, together: int) -> None:
    """Reads in thousandths of a dollar: set aside at most, really spent of it, and whether it was said.
    So many are under way at once; what is not settled counts as set aside.
    """

    async def spend() -> float:
        prefix, tenant = prompt("hello"), unique("tenant")
        counted = 0.0
        async with opener(RecordedFacts()) as tracker:

            async def read(most: int, spent: int, *, is_told: bool) -> float:
                kept = note(unique("thread"), prefix, usage=written(prefix))
                subject = Subject(tracker, RecordedFacts(), kept, tenant)
                asked = subject.request(cost_usd=most / 1_000)
                counts = 0.0
                # Redis is given half a second, which a busy machine may take. Who is told nothing reads nothing,
                # and what is not settled stays set aside.
                with suppress(Unavailable):
                    await subject.note(kept)
                    if await subject.lease(asked) == "granted":
                        counts = most / 1_000
                        if is_told:
                            counts = min(spent, most) / 1_000
                            await subject.settle(asked, counts)
                return counts

            for first in range(0, len(reads), together):
                batch = reads[first : first + together]
                counted += sum(
                    await asyncio.gather(
                        *(read(most, spent, is_told=told) for most, spent, told in batch)
                    )
                )
        return counted

    assert asyncio.run(spend()) <= BUDGET_USD + 1e-9
