"""What keeping prompts cached costs is a part of all that is spent, and of what savings are counted from."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from tests.bus import samples
from tests.telemetry.telling import tell
from tests.telemetry.test_savings import measured, session
from turnout.dialects.usage import Usage
from turnout.facts import Fact, KeepWarmReadEnded, RequestCompleted
from turnout.telemetry.queries import load_query
from turnout.telemetry.rollups import refresh
from turnout.telemetry.warehouse import Warehouse

pytestmark = pytest.mark.anyio

HOUR = 3_600.0


def returned(request_id: str, *, after_seconds: float, cache_read: int) -> RequestCompleted:
    """The next request of the thread whose prompt was kept."""
    at = samples.NOON + after_seconds
    return replace(
        samples.completed(request_id),
        received_at=at,
        occurred_at=at + 1.0,
        usage=Usage(cache_read=cache_read, cache_write_5m=91_300 - cache_read),
    )


def read_of(one: RequestCompleted, cost_usd: float | None) -> KeepWarmReadEnded:
    read = samples.kept_warm(one.request_id)
    return replace(read, identity=one.identity, mode=one.mode, cost_usd=cost_usd)


async def told(warehouse: Warehouse, *facts: Fact) -> None:
    """Twice, as facts may be."""
    await tell(warehouse, facts)
    await tell(warehouse, facts, sequence=1_000)


async def test_reads_and_what_was_found_again(warehouse: Warehouse) -> None:
    kept, missed = samples.kept_warm("r1"), samples.kept_warm("r9")
    elsewhere = replace(kept.identity, thread_key="another")
    await told(
        warehouse,
        kept,
        replace(samples.kept_warm("r1", number=2), usage=None, cost_usd=None, is_hit=False),
        # Before the last read it is no return, and beside the thread neither.
        returned("r2", after_seconds=500, cache_read=91_000),
        returned("r3", after_seconds=700, cache_read=90_000),
        replace(missed, identity=elsewhere),
        replace(returned("r4", after_seconds=HOUR, cache_read=9_000), identity=elsewhere),
    )
    rows = await warehouse.rows(load_query("keep_warm_reads").sql)
    assert [row[1:] for row in rows] == [
        ("anthropic", "claude-opus-5-5", 2, 3, 2, 1, Decimal("0.04"), 1)
    ]


@pytest.mark.parametrize("is_refreshed", [False, True])
async def test_their_cost_is_spent_and_is_no_saving(
    warehouse: Warehouse, *, is_refreshed: bool
) -> None:
    done = replace(samples.completed(), cost_usd=0.5, baseline_cost_usd=0.75)
    await told(warehouse, done, samples.kept_warm(), samples.kept_warm(number=2))
    if is_refreshed:
        await refresh(warehouse)
    (row,) = await warehouse.rows(
        "SELECT sum(requests), sum(attempts), sum(cost_usd), sum(saving_usd), sum(unpriced_requests),"
        " sum(input_total) FROM session_hours"
    )
    assert done.usage is not None
    assert row == (1, 3, Decimal("0.54"), Decimal("0.21"), 0, done.usage.input_total)
    (tenant,) = await warehouse.rows(load_query("spend_by_tenant").sql)
    assert tenant[1:3] == (1, 1)
    assert tenant[7] == Decimal("0.54")


async def test_measured_savings_pay_for_them(warehouse: Warehouse) -> None:
    treated, other = session("treatment", "1", [1.0]), session("treatment", "2", [50.0])
    (one,), (two,) = (
        [fact for fact in facts if isinstance(fact, RequestCompleted)] for facts in (treated, other)
    )
    await told(
        warehouse,
        *(*treated, *other, *session("treatment", "3", [2.5])),
        *(*session("control", "1", [4.0]), *session("control", "2", [12.0])),
        *(read_of(one, 0.5), read_of(two, None)),
    )
    found = await measured(warehouse)
    # The second session is not compared: what a read of it cost is not known.
    assert found["session"][:5] == [2, 2, 2.0, 8.0, 0.25]
    assert found["request"][:5] == found["session"][:5]
