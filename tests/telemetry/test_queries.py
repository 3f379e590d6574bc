"""Each analytics query says what a small set of facts says, told once or twice."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime
from decimal import Decimal

import pytest
from msgspec.structs import replace

from tests.bus import samples
from tests.bus.servers import ClickHouseServer
from tests.telemetry.conftest import settings_of
from tests.telemetry.telling import tell
from turnout.dialects.usage import Usage
from turnout.errors import InvalidRequest
from turnout.facts import Fact
from turnout.policy.request import Tags
from turnout.telemetry.queries import load_queries, load_query
from turnout.telemetry.rollups import refresh
from turnout.telemetry.schema import load_migrations, migrate
from turnout.telemetry.warehouse import Warehouse, open_warehouse

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
    rejected_attempt = replace(
        samples.attempt("r5"),
        outcome="rejected",
        status=400,
        error="invalid_request",
        usage=None,
        cost_usd=0.0,
    )
    switch = replace(
        samples.switched("r2"), from_target="anthropic/model-0", to_target="anthropic/model-1"
    )
    escalated = replace(
        samples.routed("r2"), decision=replace(samples.routed().decision, action="escalate")
    )
    same = samples.shadowed().served_proposal
    agreeing = replace(samples.shadowed("r2"), shadow_proposal=same, agrees=True)
    unpriced = replace(
        samples.shadowed("r3"),
        session="session-2",
        shadow_cost_to_go_usd=None,
        served_cost_now_usd=0.75,
    )
    return [
        *(first, second, third, rejected),
        *(samples.attempt("r1"), failed_attempt, fallback, rejected_attempt),
        *(samples.routed("r1"), escalated, switch),
        *(samples.shadowed("r1"), agreeing, unpriced),
        samples.outcome("o1", request_id=""),
        replace(samples.outcome("o2", request_id="r1"), session="", kind="merge"),
        replace(samples.outcome("o3"), kind="score", score=0.5, tests_passed=None),
        # By branch alone, as CI and git report.
        replace(samples.outcome("o4", request_id=""), session="", kind="revert"),
        samples.mode_changed(),
        samples.settings_changed(),
    ]


@asynccontextmanager
async def filled(server: ClickHouseServer, *, times: int) -> AsyncGenerator[Warehouse]:
    async with open_warehouse(settings_of(server)) as opened:
        await migrate(opened, load_migrations())
        for time in range(times):
            await tell(opened, facts(), sequence=1000 * time)
        yield opened


@pytest.fixture(scope="module", params=[1, 2], ids=["told once", "told twice"])
def times(request: pytest.FixtureRequest) -> int:
    told: int = request.param
    return told


@pytest.fixture(scope="module")
async def warehouse(
    anyio_backend: str, times: int, shared_clickhouse: ClickHouseServer
) -> AsyncIterator[Warehouse]:
    """Read by all tests of a module, since making the tables takes longest."""
    async with filled(shared_clickhouse, times=times) as opened:
        yield opened


@pytest.fixture(scope="module")
async def later(
    anyio_backend: str, times: int, shared_clickhouse: ClickHouseServer
) -> AsyncIterator[Warehouse]:
    """With facts of features that are still to come."""
    async with filled(shared_clickhouse, times=times) as opened:
        await tell_of_features(opened)
        yield opened


async def tell_of_features(warehouse: Warehouse) -> None:
    """Tell the same facts as a later version may: with arms, a hedge, an escalation, a cold cache."""
    database = warehouse.settings.database
    is_second = "request_id = 'r2'"
    told = {
        "requests_raw": (
            f"'control' AS arm, toInt32({is_second}) AS hedges,"
            f" if({is_second}, toDecimal64('0.0625', 9), NULL) AS hedge_cost_usd,"
            f" toInt32({is_second}) AS escalations,"
            f" if({is_second}, 'failing_checks', '') AS escalation_trigger,"
            f" if({is_second}, ['openai/a:b@env:throttled', 'openai/c@env:failing'], []) AS passed_over,"
            f" if({is_second}, 1.5, 0.) AS waited_seconds"
        ),
        "decisions_raw": (
            f"toInt32({is_second}) AS escalations,"
            f" if({is_second}, 'failing_checks', '') AS escalation_trigger,"
            f" if({is_second}, 10000., warm_tokens) AS warm_tokens,"
            f" if({is_second}, 900., idle_seconds) AS idle_seconds"
        ),
        "attempts_raw": (
            f"if({is_second} AND number = 2, 'hedge', kind) AS kind,"
            f" if({is_second} AND number = 2, 2., NULL) AS hedge_delay_seconds,"
            f" if({is_second}, 'schema:anyOf,dropped:top_k', '') AS suspect"
        ),
    }
    for table, changes in told.items():
        await warehouse.command(
            f"INSERT INTO {database}.{table}"
            f" SELECT * REPLACE ({changes}) FROM {database}.{table} FINAL"
        )


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
        (ANTHROPIC, "model-0", 2, 91_300, 90_000, 1_200, 90_000 / 91_300),
        (ANTHROPIC, "model-1", 1, 10_000, 0, 9_000, 0.0),
    ]


async def test_decisions_by_reason(warehouse: Warehouse) -> None:
    seconds = pytest.approx(0.0167, rel=0.011)
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


async def test_shadow_against_served(warehouse: Warehouse) -> None:
    digests = (samples.ARTIFACT, "b" * 64)
    assert await answer(warehouse, "shadow_against_served") == [
        (*digests, "anthropic/model-0", "anthropic/model-1", False, 2, 2, 0.5, 0.5, 2.0, 1.0),
        (*digests, "anthropic/model-0", "anthropic/model-0", True, 1, 1, 0.25, 0.5, 2.0, 1.0),
    ]


async def test_mode_changes(warehouse: Warehouse) -> None:
    change = samples.mode_changed()
    assert [row[1:] for row in await answer(warehouse, "mode_changes")] == [
        (
            *(change.tenant, change.from_mode, change.to_mode, change.source, change.changed_by),
            *(change.difference, change.low, change.high),
            *(change.treatment_sessions, change.control_sessions),
        )
    ]


async def test_settings_changes(warehouse: Warehouse) -> None:
    change = samples.settings_changed()
    assert [row[1:] for row in await answer(warehouse, "settings_changes")] == [
        (
            *(change.tenant, change.name, change.from_value, change.to_value),
            *(change.source, change.changed_by),
        )
    ]


async def test_latency_percentiles(warehouse: Warehouse) -> None:
    first, second = await answer(warehouse, "latency_percentiles")
    assert first[:3] == (ANTHROPIC, "model-0", 2)
    assert second[:3] == (ANTHROPIC, "model-1", 1)
    # Nearest below: of 1.12 and 1.0 s to the first content, and of 2 and 9 s in all.
    assert [float(str(value)) for value in second[3:]] == pytest.approx(
        [3.0, 3.0, 3.0, 4.0, 4.0, 4.0, 0.017], rel=0.011
    )
    assert float(str(first[3])) == pytest.approx(1.0, rel=0.011)
    assert float(str(first[6])) == pytest.approx(2.0, rel=0.011)


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
        (ANTHROPIC, "model-0", 3, 1, 0.5, 1, 0, 0, 0, Decimal("0.01"), None, ["overloaded"]),
        (ANTHROPIC, "model-1", 1, 0, 0.0, 0, 1, 0, 0, None, Decimal("0.24"), []),
    ]


async def test_spend_by_team_repository_branch(warehouse: Warehouse) -> None:
    assert await answer(warehouse, "spend_by_team_repository_branch") == [
        ("core", "acme/api", "fix-login", 1, 2, Decimal("0.3125"), Decimal("-0.0625")),
        ("", "", "", 1, 2, None, None),
    ]


RESULTS = [1, Decimal("0.3125"), 1, 1, 1.0, 1.0, Decimal("0.3125"), 0.5, 41, 1, None, None, None]


async def test_outcomes_against_cost(warehouse: Warehouse) -> None:
    # Two models served one request each: the last by name stands for the session.
    assert await answer(warehouse, "outcomes_against_cost") == [("model-1", *RESULTS)]


async def test_outcomes_by_team_and_repository(warehouse: Warehouse) -> None:
    assert await answer(warehouse, "outcomes_by_team_and_repository") == [
        ("core", "acme/api", *RESULTS)
    ]


async def test_outcomes_by_arm(later: Warehouse) -> None:
    assert await answer(later, "outcomes_by_arm") == [("control", *RESULTS)]


async def test_savings_by_arm(later: Warehouse) -> None:
    """One arm alone measures nothing; `test_savings.py` has both."""
    assert await answer(later, "savings_by_arm") == []


async def test_keep_warm_reads(warehouse: Warehouse) -> None:
    """None were; `test_keep_warm.py` has some."""
    assert await answer(warehouse, "keep_warm_reads") == []


async def test_degraded_requests(warehouse: Warehouse) -> None:
    rows = await answer(warehouse, "degraded_requests")
    assert [row[:4] for row in rows] == [
        (WEDNESDAY, "text", 1, 0),
        (WEDNESDAY, "tracker", 1, 0),
        (TUESDAY, "tracker", 1, 1),
    ]


SPENT = (1_100, 90_000, 10_200, 500, Decimal("0.3125"))
SPENT_PER_SESSION = (*SPENT, Decimal("0.15625"), Decimal("-0.0625"), 1)


async def test_spend_by_provider(warehouse: Warehouse) -> None:
    # The rejected request had no provider.
    assert await answer(warehouse, "spend_by_provider") == [(ANTHROPIC, 3, 2, *SPENT_PER_SESSION)]


async def test_spend_by_harness(warehouse: Warehouse) -> None:
    assert await answer(warehouse, "spend_by_harness") == [
        ("claude_code", 4, 2, *SPENT_PER_SESSION)
    ]


async def test_spend_by_tenant(warehouse: Warehouse) -> None:
    assert await answer(warehouse, "spend_by_tenant") == [("acme", 4, 2, *SPENT_PER_SESSION)]


async def test_spend_by_hour(warehouse: Warehouse) -> None:
    rows = await answer(warehouse, "spend_by_hour")
    assert [str(row[0])[:13] for row in rows] == ["2026-03-11 12", "2026-03-10 12"]
    assert rows[0][1:] == (2, 1, None, None, None, None, None, None, None)
    assert rows[1][1:] == (2, 1, *SPENT, Decimal("0.25"), Decimal("-0.0625"))


async def test_dearest_requests(warehouse: Warehouse) -> None:
    rows = await answer(warehouse, "dearest_requests")
    assert [(row[0], row[-2]) for row in rows] == [
        ("r2", Decimal("0.25")),
        ("r1", Decimal("0.0625")),
    ]


async def test_hedges_and_their_cost(later: Warehouse) -> None:
    assert await answer(later, "hedges_and_their_cost") == [
        (ANTHROPIC, "model-1", 0, 1, 1, None, 2.0, Decimal("0.0625"), Decimal("0.25")),
        (ANTHROPIC, "model-0", 3, 0, 0, 0.0, None, None, None),
    ]


async def test_targets_passed_over(warehouse: Warehouse, later: Warehouse) -> None:
    assert await answer(warehouse, "targets_passed_over") == []
    assert await answer(later, "targets_passed_over") == [
        ("openai/a:b@env", "throttled", 1, 1, 1.5),
        ("openai/c@env", "failing", 1, 1, 1.5),
    ]


async def test_suspected_translations(warehouse: Warehouse, later: Warehouse) -> None:
    assert await answer(warehouse, "suspected_translations") == []
    rows = await answer(later, "suspected_translations")
    refused = [row[:4] for row in rows]
    assert {row[0] for row in refused} == {"schema:anyOf", "dropped:top_k"}
    assert all(row[2:] == (1, 1) for row in refused)


async def test_escalations_by_trigger(warehouse: Warehouse, later: Warehouse) -> None:
    assert await answer(warehouse, "escalations_by_trigger") == []
    assert await answer(later, "escalations_by_trigger") == [("failing_checks", 1, 0, 1, 0, 41.0)]


async def test_signals_and_outcomes(warehouse: Warehouse) -> None:
    """Both facts are of one step; `test_signals_and_outcomes.py` has threads."""
    rows = await answer(warehouse, "signals_and_outcomes")
    assert [row[:5] for row in rows] == [("3 red checks", 2, 200.0, 1, 0)]


async def test_most_escalated_sessions(warehouse: Warehouse, later: Warehouse) -> None:
    assert await answer(warehouse, "most_escalated_sessions") == []
    (row,) = await answer(later, "most_escalated_sessions")
    assert row[:8] == (
        *("acme", "session-1", "claude_code", "acme/api", "fix-login"),
        *(1, 2, Decimal("0.3125")),
    )


async def test_avoidable_cache_misses(warehouse: Warehouse, later: Warehouse) -> None:
    assert await answer(warehouse, "avoidable_cache_misses") == []
    # 99,000 tokens of which all were kept, and 10,000 expected to be warm.
    assert await answer(later, "avoidable_cache_misses") == [
        ("claude_code", "idle for over five minutes", 1, 89_000, 900.0)
    ]


async def test_facts_that_know_no_hedges_say_that_there_were_none(warehouse: Warehouse) -> None:
    rows = await warehouse.rows(
        "SELECT DISTINCT arm, hedges, hedge_cost_usd, escalations, escalation_trigger FROM requests"
    )
    assert rows == [("", 0, None, 0, "")]


async def test_every_query_says_the_same_of_counted_hours(later: Warehouse) -> None:
    before = {name: await answer(later, name) for name in load_queries()}
    await refresh(later)

    assert {name: await answer(later, name) for name in load_queries()} == before


@pytest.mark.parametrize(
    "values", [{"only_tenant": "no'body"}, {"since": "2026-03-12"}, {"until": "2026-03-09"}]
)
async def test_every_query_can_be_asked_about_less(
    later: Warehouse, values: dict[str, str]
) -> None:
    for query in load_queries().values():
        assert await later.rows(query.with_values(values)) == [], query.name


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
    await tell(warehouse, facts(), sequence=0)

    assert await warehouse.rows("SELECT count() FROM requests_raw") == before


def test_every_query_says_its_question_and_has_a_test() -> None:
    queries = load_queries()

    assert len(queries) >= 20
    for query in queries.values():
        assert query.question.endswith("?"), query.name
        assert f"test_{query.name}" in globals(), query.name


def test_an_unknown_query_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(InvalidRequest, match="dearest_sessions"):
        load_query("cheapest_sessions")


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"top": "many"}, "top is a whole number such as 20"),
        ({"since": "yesterday"}, "since is a day such as"),
        ({"limit": "3"}, "has no parameter 'limit'; it has since, until, only_tenant, top"),
    ],
)
def test_a_value_that_is_none_is_one_clear_line(values: dict[str, str], why: str) -> None:
    with pytest.raises(InvalidRequest, match=why):
        load_query("dearest_sessions").with_values(values)


def test_other_values_are_written_as_literals() -> None:
    query = load_query("dearest_sessions")
    sql = query.with_values({"only_tenant": "a'; DROP", "top": "3", "since": "2026-01-02"})

    assert "    toDate('2026-01-02') AS since, -- parameter: first day, UTC\n" in sql
    assert "    'a\\'; DROP' AS only_tenant, -- parameter" in sql
    assert "    3 AS top -- parameter: how many rows\n" in sql
    assert query.with_values({}) == query.sql
    assert [one.default for one in query.parameters][-1] == "20"
