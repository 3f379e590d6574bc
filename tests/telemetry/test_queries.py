"""Each analytics query says what a small set of facts says, told once or twice."""

from collections.abc import AsyncIterator
from datetime import date, datetime
from decimal import Decimal

import pytest
from msgspec.structs import replace

from tests.bus import samples
from turnout.bus.subjects import BY_FACT
from turnout.dialects.usage import Usage
from turnout.errors import InvalidRequest
from turnout.events.v1 import facts_pb2
from turnout.facts import Fact
from turnout.policy.request import Tags
from turnout.protos import to_pb
from turnout.telemetry.batch import BusMessage, blocks_of
from turnout.telemetry.queries import load_queries, load_query
from turnout.telemetry.schema import load_migrations, migrate
from turnout.telemetry.warehouse import Warehouse, WarehouseSettings, open_warehouse

pytestmark = pytest.mark.anyio

DAY = 86_400.0
TUESDAY = date(2026, 3, 10)
WEDNESDAY = date(2026, 3, 11)
NO_TAGS = Tags()


def facts() -> list[Fact]:
    """Two sessions over two days: three answers, one failure that had a fallback, one rejection."""
    first = replace(samples.completed("r1"), duration_seconds=2.0, first_content_seconds=1.0)
    second = replace(
        samples.completed("r2"),
        occurred_at=first.occurred_at + 60,
        served_model="model-1",
        target="anthropic/model-1",
        duration_seconds=4.0,
        first_content_seconds=3.0,
        usage=Usage(fresh_input=1_000, cache_write_1h=9_000, output=100),
        cost_usd=0.25,
        baseline_cost_usd=0.125,
        attempts=2,
        degraded=("tracker",),
    )
    third = replace(
        samples.completed("r3"),
        occurred_at=first.occurred_at + DAY,
        identity=samples.identity(session="session-2"),
        tags=NO_TAGS,
        duration_seconds=9.0,
        usage=None,
        cost_usd=None,
        baseline_cost_usd=None,
    )
    rejected = replace(
        samples.completed("r4"),
        occurred_at=first.occurred_at + DAY,
        identity=samples.identity(session="session-2"),
        tags=NO_TAGS,
        action="",
        reason="",
        served_model="",
        served_provider="",
        target="",
        outcome="rejected",
        status=400,
        error="unknown_model",
        attempts=0,
        duration_seconds=0.01,
        first_content_seconds=None,
        usage=None,
        cost_usd=None,
        baseline_cost_usd=None,
        degraded=("tracker", "text"),
    )
    failed_attempt = replace(
        samples.attempt("r2"),
        outcome="failed",
        status=529,
        error="overloaded",
        usage=None,
        cost_usd=0.01,
    )
    fallback = replace(
        samples.attempt("r2", number=2), target="anthropic/model-1", model="model-1", cost_usd=0.24
    )
    switch = replace(
        samples.switched("r2"), from_target="anthropic/model-0", to_target="anthropic/model-1"
    )
    escalated = replace(
        samples.routed("r2"), decision=replace(samples.routed().decision, action="escalate")
    )
    return [
        *(first, second, third, rejected),
        *(samples.attempt("r1"), failed_attempt, fallback),
        *(samples.routed("r1"), escalated, switch),
        samples.outcome("o1", request_id=""),
        replace(samples.outcome("o2", request_id="r1"), session="", kind="merge"),
        replace(samples.outcome("o3"), kind="score", score=0.5, tests_passed=None),
        # By branch alone, as CI and git report.
        replace(samples.outcome("o4", request_id=""), session="", kind="revert"),
    ]


async def tell(warehouse: Warehouse, sequence: int) -> None:
    """Insert all facts, one message each."""
    messages: list[BusMessage] = []
    for place, fact in enumerate(facts()):
        route = BY_FACT[type(fact)]
        encoded = to_pb(fact, route.message).SerializeToString()
        batch = facts_pb2.FactBatch(facts=[encoded]).SerializeToString()
        messages.append(BusMessage(route.subject, sequence + place, samples.NOON, batch))
    for block in blocks_of(messages):
        await warehouse.insert(block.table, block.columns, block.types, token=block.token)


@pytest.fixture(params=[1, 2], ids=["told once", "told twice"])
async def warehouse(
    request: pytest.FixtureRequest, warehouse_settings: WarehouseSettings
) -> AsyncIterator[Warehouse]:
    times: int = request.param
    async with open_warehouse(warehouse_settings) as opened:
        await migrate(opened, load_migrations())
        for time in range(times):
            await tell(opened, sequence=1000 * time)
        yield opened


async def answer(warehouse: Warehouse, name: str) -> list[tuple[object, ...]]:
    return await warehouse.rows(load_query(name).sql)


ANTHROPIC = "anthropic"
OPUS = "claude-opus-5-5"


async def test_spend_by_day_and_model(warehouse: Warehouse) -> None:
    assert await answer(warehouse, "spend_by_day_and_model") == [
        (WEDNESDAY, ANTHROPIC, "model-0", 1, None, None, None, None, None, 1),
        (TUESDAY, ANTHROPIC, "model-1", 1, 1_000, 0, 9_000, 100, Decimal("0.25"), 0),
        (TUESDAY, ANTHROPIC, "model-0", 1, 100, 90_000, 1_200, 400, Decimal("0.0625"), 0),
    ]


async def test_requested_against_served(warehouse: Warehouse) -> None:
    assert await answer(warehouse, "requested_against_served") == [
        (OPUS, OPUS, "model-0", 2, Decimal("0.0625"), Decimal("0.125"), Decimal("0.0625"), 1),
        (OPUS, OPUS, "model-1", 1, Decimal("0.25"), Decimal("0.125"), Decimal("-0.125"), 0),
    ]


async def test_cache_hit_share_by_model(warehouse: Warehouse) -> None:
    assert await answer(warehouse, "cache_hit_share_by_model") == [
        (ANTHROPIC, "model-0", 1, 91_300, 90_000, 1_200, 90_000 / 91_300),
        (ANTHROPIC, "model-1", 1, 10_000, 0, 9_000, 0.0),
    ]


async def test_decisions_by_reason(warehouse: Warehouse) -> None:
    seconds = pytest.approx(0.0167)
    assert await answer(warehouse, "decisions_by_reason") == [
        ("escalate", "warm_incumbent", "full", 1, 1, 1.0, seconds),
        ("stay", "warm_incumbent", "full", 1, 1, 1.0, seconds),
    ]


async def test_switches_and_their_cost(warehouse: Warehouse) -> None:
    assert await answer(warehouse, "switches_and_their_cost") == [
        (
            "anthropic/model-0",
            "anthropic/model-1",
            "gain_exceeds_break_even",
            1,
            64_000,
            Decimal("0.25"),
            9_000,
        )
    ]


async def test_latency_percentiles(warehouse: Warehouse) -> None:
    assert await answer(warehouse, "latency_percentiles") == [
        (ANTHROPIC, "model-0", 2, 1.12, 1.12, 1.12, 9.0, 9.0, 9.0, 0.017),
        (ANTHROPIC, "model-1", 1, 3.0, 3.0, 3.0, 4.0, 4.0, 4.0, 0.017),
    ]


async def test_slowest_requests(warehouse: Warehouse) -> None:
    rows = await answer(warehouse, "slowest_requests")
    assert [(row[0], row[-1]) for row in rows] == [
        ("r3", 9.0),
        ("r2", 4.0),
        ("r1", 2.0),
        ("r4", 0.01),
    ]
    assert rows[2][7:9] == (91_300, 400)


async def test_dearest_sessions(warehouse: Warehouse) -> None:
    rows = await answer(warehouse, "dearest_sessions")
    assert len(rows) == 1
    assert rows[0][:6] == ("acme", "session-1", "claude_code", "core", "acme/api", "fix-login")
    assert rows[0][6] == datetime(2026, 3, 10, 12, 0, 0)  # noqa: DTZ001 - the client's way for UTC
    assert rows[0][8:] == (2, Decimal("0.3125"), Decimal("0.25"), Decimal("-0.0625"))


async def test_failures_and_fallbacks(warehouse: Warehouse) -> None:
    assert await answer(warehouse, "failures_and_fallbacks") == [
        (ANTHROPIC, "model-0", 2, 1, 0.5, 0, 0, 0, Decimal("0.01"), ["overloaded"]),
        (ANTHROPIC, "model-1", 1, 0, 0.0, 1, 0, 0, None, []),
    ]


async def test_spend_by_team_repository_branch(warehouse: Warehouse) -> None:
    assert await answer(warehouse, "spend_by_team_repository_branch") == [
        ("core", "acme/api", "fix-login", 1, 2, Decimal("0.3125"), Decimal("-0.0625")),
        ("", "", "", 1, 2, None, None),
    ]


async def test_outcomes_against_cost(warehouse: Warehouse) -> None:
    rows = await answer(warehouse, "outcomes_against_cost")
    assert len(rows) == 1
    model, *rest = rows[0]
    assert model in ("model-0", "model-1")
    assert rest == [1, Decimal("0.3125"), 1, 1, 0.5, 41, 1, None, None]


async def test_degraded_requests(warehouse: Warehouse) -> None:
    rows = await answer(warehouse, "degraded_requests")
    assert [row[:4] for row in rows] == [
        (WEDNESDAY, "text", 1, 0),
        (WEDNESDAY, "tracker", 1, 0),
        (TUESDAY, "tracker", 1, 1),
    ]


async def test_costs_agree_with_each_other(warehouse: Warehouse) -> None:
    for view in ("cost_by_day", "cost_by_model", "cost_by_harness", "cost_by_session"):
        rows = await warehouse.rows(
            "SELECT sum(requests), sum(answered_requests), sum(unpriced_requests), sum(cost_usd),"
            f" sum(baseline_cost_usd), sum(saving_usd), sum(cache_read) FROM {view}"
        )
        assert rows == [
            (4, 3, 1, Decimal("0.3125"), Decimal("0.25"), Decimal("-0.0625"), 90_000)
        ], view


async def test_a_block_told_again_is_dropped_by_its_token(warehouse: Warehouse) -> None:
    before = await warehouse.rows("SELECT count() FROM requests_raw")
    await tell(warehouse, sequence=0)

    assert await warehouse.rows("SELECT count() FROM requests_raw") == before


def test_every_query_says_its_question_and_has_a_test() -> None:
    queries = load_queries()

    assert len(queries) >= 12
    for query in queries.values():
        assert query.question.endswith("?"), query.name
        assert f"test_{query.name}" in globals(), query.name


def test_an_unknown_query_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(InvalidRequest, match="dearest_sessions"):
        load_query("cheapest_sessions")
