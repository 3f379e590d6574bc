"""Every SQL query of the dashboards runs on the embedded ClickHouse, as a reader, over its HTTP port.

The rows are told twice, as two deliveries: what the panels count must not change by that.
"""

import re
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import httpx
import msgspec
import pytest
from msgspec.structs import replace

from tests.bus import samples
from tests.bus.servers import ClickHouseServer
from tests.deploy_observability.dashboards import Asked, ChoiceQuery, asked, dashboards
from tests.deploy_observability.plugin_macros import ALL, Range, filled
from tests.telemetry.telling import tell
from turnout.dialects.usage import Usage
from turnout.engines.free_ports import free_port
from turnout.facts import Fact
from turnout.telemetry.schema import load_migrations, migrate
from turnout.telemetry.warehouse import WarehouseSettings, open_warehouse

pytestmark = pytest.mark.anyio

EVERYTHING: Final = {"tenant": (ALL,)}
ONE_TENANT: Final = {"tenant": ("acme",)}
NOBODY: Final = {"tenant": ("nobody's",)}

QUERIES: Final = [one for one in asked() if one.target.raw_sql]
EACH: Final = pytest.mark.parametrize("one", QUERIES, ids=[one.place for one in QUERIES])


def facts() -> list[Fact]:
    """Two answers an hour apart, the first on a subscription, the other dearer than its baseline; a
    failure; a switch.
    """
    first = replace(
        samples.completed("r1"),
        usage=Usage(fresh_input=100, cache_read=900, output=50),
        cost_usd=0.25,
        baseline_cost_usd=1.0,
    )
    second = replace(
        samples.completed("r2"),
        occurred_at=first.occurred_at + 3600,
        served_model="model-1",
        usage=Usage(fresh_input=500, cache_write_5m=500, output=50),
        cost_usd=0.5,
        fee_usd=None,
        paid_usd=0.5,
        baseline_cost_usd=0.25,
    )
    unpriced = replace(
        samples.completed("r3"),
        identity=samples.identity(session="session-2", tenant="other"),
        usage=None,
        cost_usd=None,
        baseline_cost_usd=None,
    )
    failed = replace(
        samples.attempt("r2"), outcome="failed", status=529, error="overloaded", usage=None
    )
    return [
        *(first, second, unpriced),
        *(samples.attempt("r1"), failed, samples.routed("r1"), samples.switched("r2")),
        samples.outcome("o1"),
        samples.mode_changed(),
        replace(samples.kept_warm("r1"), cost_usd=0.125),
    ]


TIMES: Final = [fact.occurred_at for fact in facts()]
DURING: Final = Range(since=int(min(TIMES)) - 60, until=int(max(TIMES)) + 60, interval=600)
LATER: Final = Range(since=DURING.until + 86_400, until=DURING.until + 90_000, interval=600)


class Column(msgspec.Struct, frozen=True):
    name: str
    type: str


class Answer(msgspec.Struct, frozen=True):
    meta: list[Column]
    data: list[list[object]]


class Paid(NamedTuple):
    """A row of the panel of what is paid."""

    day: str
    tenant: str
    list_usd: float
    paid_usd: float
    fees_usd: float


@dataclass(frozen=True, slots=True)
class Reader:
    """Asks as the plugin does: over HTTP, without a right to write."""

    client: httpx.AsyncClient
    database: str

    async def ask(self, sql: str) -> Answer:
        answer = await self.client.post(
            "/",
            params={
                "database": self.database,
                "default_format": "JSONCompact",
                "output_format_json_quote_64bit_integers": "0",
            },
            content=sql,
        )
        assert answer.status_code == 200, f"{answer.text}\n{sql}"
        return msgspec.json.decode(answer.content, type=Answer)


@pytest.fixture(scope="module")
async def reader(
    anyio_backend: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Reader]:
    server = ClickHouseServer(port=free_port(), data=tmp_path_factory.mktemp("clickhouse"))
    await server.start()
    try:
        settings = WarehouseSettings(
            url=server.url, password=server.token, database=f"test_{uuid.uuid4().hex}"
        )
        async with open_warehouse(settings) as warehouse:
            await migrate(warehouse, load_migrations())
            for sequence in (1, 1000):
                await tell(warehouse, facts(), sequence=sequence)
        async with httpx.AsyncClient(base_url=server.url, timeout=60, trust_env=False) as client:
            yield Reader(client, settings.database)
    finally:
        await server.kill()


@EACH
async def test_a_query_gives_what_its_panel_shows(reader: Reader, one: Asked) -> None:
    answer = await reader.ask(filled(one.target.raw_sql, during=DURING, chosen=EVERYTHING))

    assert answer.data, "a panel without rows shows nothing of its query"
    columns = {column.name: column.type for column in answer.meta}
    shown = {override.matcher.options for override in one.panel.field_config.overrides}
    assert shown <= set(columns)
    match one.panel.type:
        case "timeseries":
            first, *rest = answer.meta
            assert (first.name, first.type) == ("time", "DateTime('UTC')")
            assert any(_is_number(column.type) for column in rest)
            times = [row[0] for row in answer.data]
            assert times == sorted(times, key=str)
        case "stat":
            assert len(answer.data) == 1
            assert all(_is_number(column.type) for column in answer.meta)
        case _:
            assert len(columns) > 1


def _is_number(kind: str) -> bool:
    """Of the types that the plugin takes for numbers; a Decimal it would show as text."""
    return re.fullmatch(r"(Nullable\()?(Float64|U?Int\d+)\)?", kind) is not None


@EACH
async def test_a_query_keeps_to_the_chosen_time_and_tenants(reader: Reader, one: Asked) -> None:
    if one.panel.type == "stat":
        return  # A sum over nothing is a row; the figures below hold these.
    own = await reader.ask(filled(one.target.raw_sql, during=DURING, chosen=ONE_TENANT))
    assert own.data
    for during, chosen in ((LATER, EVERYTHING), (DURING, NOBODY)):
        nothing = await reader.ask(filled(one.target.raw_sql, during=during, chosen=chosen))
        assert nothing.data == []


@pytest.mark.parametrize(
    ("title", "everybody", "acme"),
    [
        ("Cost", 0.875, 0.875),
        ("Baseline", 1.25, 1.25),
        ("Less than the baseline", 0.375, 0.375),
        ("Unpriced answers", 1, 0),
        ("Read from cache", 900 / 2000, 900 / 2000),
        ("Sessions", 2, 1),
    ],
)
async def test_a_figure_is_what_the_facts_say(
    reader: Reader, title: str, everybody: float, acme: float
) -> None:
    (one,) = [one for one in QUERIES if one.panel.title == title and one.panel.type == "stat"]
    for chosen, expected in ((EVERYTHING, everybody), (ONE_TENANT, acme)):
        answer = await reader.ask(filled(one.target.raw_sql, during=DURING, chosen=chosen))
        assert answer.data == [[pytest.approx(expected)]]


async def test_list_price_stands_beside_what_is_paid(reader: Reader) -> None:
    (one,) = [one for one in QUERIES if one.panel.title == "List price and paid"]
    answer = await reader.ask(filled(one.target.raw_sql, during=DURING, chosen=EVERYTHING))
    days = [
        Paid(*msgspec.convert(row, tuple[str, str, float, float, float])) for row in answer.data
    ]
    assert {day.tenant for day in days} == {"acme"}
    assert sum(day.list_usd for day in days) == pytest.approx(0.25 + 0.5 + 0.125)
    assert sum(day.paid_usd for day in days) == pytest.approx(0.5 + 0.125)
    assert sum(day.fees_usd for day in days) == pytest.approx(samples.completed("r1").fee_usd)


async def test_the_choices_are_what_there_is(reader: Reader) -> None:
    asked = [
        choice.query.raw_sql
        for dashboard in dashboards().values()
        for choice in dashboard.templating.list
        if isinstance(choice.query, ChoiceQuery)
    ]
    assert asked
    for query in asked:
        assert (await reader.ask(query)).data == [["acme"], ["other"]]


def test_a_macro_that_the_plugin_does_not_have_is_no_query() -> None:
    with pytest.raises(ValueError, match="has no macro"):
        filled("SELECT $__unknown(day)", during=DURING, chosen=EVERYTHING)
