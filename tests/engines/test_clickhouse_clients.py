"""The embedded ClickHouse as its clients see it: clickhouse-connect, sync and async."""

import asyncio
import datetime as dt
import decimal
import uuid
from collections.abc import Generator

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.engines.fixtures import ClickHouseFront

COLUMNS = ["id", "model", "cost", "score", "tags", "counts", "request", "at"]
ROW = [
    7,
    "claude",
    decimal.Decimal("1.500000001"),
    None,
    ["a", "b"],
    {"k": 1},
    uuid.UUID(int=5),
    dt.datetime(2026, 1, 2, 3, 4, 5, 678000),  # noqa: DTZ001  (as the client gives it back)
]
CREATE = """
CREATE TABLE {table:Identifier} (
    id UInt64, model LowCardinality(String), cost Decimal(18, 9), score Nullable(Int32),
    tags Array(String), counts Map(String, UInt8), request UUID, at DateTime64(3)
) ENGINE = MergeTree ORDER BY id SETTINGS non_replicated_deduplication_window = 100
"""


@pytest.fixture(scope="module")
def writer(clickhouse: ClickHouseFront) -> Generator[Client]:
    client = clickhouse_connect.get_client(
        host=clickhouse.host,
        port=clickhouse.port,
        username="telemetry",
        password=clickhouse.token,
        database="turnout",
    )
    yield client
    client.close()


@pytest.fixture(scope="module")
def reader(clickhouse: ClickHouseFront) -> Generator[Client]:
    client = clickhouse_connect.get_client(
        host=clickhouse.host, port=clickhouse.port, database="turnout"
    )
    yield client
    client.close()


def new_table(writer: Client) -> str:
    table = f"t_{uuid.uuid4().hex}"
    writer.command(CREATE, parameters={"table": table})
    return table


@pytest.mark.parametrize("compression", ["lz4", "zstd", "gzip", None])
def test_rows_come_back_as_inserted(
    writer: Client, reader: Client, compression: str | None
) -> None:
    table = new_table(writer)
    context = writer.create_insert_context(table, column_names=COLUMNS, data=[ROW] * 3)
    context.compression = compression
    assert writer.insert(context=context).written_rows == 3
    rows = reader.query(
        "SELECT * FROM {table:Identifier} WHERE model = {model:String}",
        parameters={"table": table, "model": "claude"},
    ).result_rows
    assert [list(row) for row in rows] == [ROW] * 3


@pytest.mark.parametrize("compression", ["lz4", "zstd", "gzip", "deflate", False])
def test_a_large_answer_is_whole(clickhouse: ClickHouseFront, compression: str | bool) -> None:
    client = clickhouse_connect.get_client(
        host=clickhouse.host, port=clickhouse.port, compress=compression
    )
    # 12 MB: more than what is held back before streaming starts.
    columns = client.query(
        "SELECT number, toString(number) FROM numbers(800000)", column_oriented=True
    ).result_columns
    assert sum(columns[0]) == 799_999 * 800_000 // 2
    assert columns[1][-1] == "799999"
    client.close()


def test_the_async_client_inserts_and_selects(clickhouse: ClickHouseFront, writer: Client) -> None:
    table = new_table(writer)

    async def scenario() -> tuple[int, list[int]]:
        client = await clickhouse_connect.get_async_client(
            host=clickhouse.host,
            port=clickhouse.port,
            username="telemetry",
            password=clickhouse.token,
            database="turnout",
        )
        try:
            await client.insert(table, [ROW], column_names=COLUMNS)
            asked = [client.query(f"SELECT id + {number} FROM {table}") for number in range(20)]
            answers = await asyncio.gather(*asked)
            total = await client.query(f"SELECT count() FROM {table}")
            return int(total.result_rows[0][0]), [answer.result_rows[0][0] for answer in answers]
        finally:
            await client.close()

    assert asyncio.run(scenario()) == (1, [7 + number for number in range(20)])


def test_an_insert_with_a_known_token_adds_nothing(writer: Client) -> None:
    table = new_table(writer)
    for token in ("first", "first", "second"):
        writer.insert(
            table, [ROW] * 2, column_names=COLUMNS, settings={"insert_deduplication_token": token}
        )
    assert writer.query(f"SELECT count() FROM {table}").result_rows == [(4,)]


def test_an_empty_result_has_no_rows(reader: Client) -> None:
    assert reader.query("SELECT 1 AS one WHERE 0").result_rows == []


def test_values_and_rows_as_text_are_inserted(writer: Client) -> None:
    table = new_table(writer)
    writer.command(f"INSERT INTO {table} (id, model) VALUES (1, 'it''s'), (2, 'b')")
    writer.raw_insert(table, insert_block='{"id":3,"model":"c"}\n', fmt="JSONEachRow")
    writer.command(f"INSERT INTO {table} (id) SELECT number + 4 FROM numbers(2)")
    rows = writer.query(f"SELECT id, model FROM {table} ORDER BY id").result_rows
    assert rows == [(1, "it's"), (2, "b"), (3, "c"), (4, ""), (5, "")]


def test_a_parameter_too_long_for_a_url_goes_as_a_form(reader: Client) -> None:
    text = "ä\t'\\" * 20_000
    asked = reader.query("SELECT {text:String}", parameters={"text": text})
    assert asked.result_rows == [(text,)]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("SELECT * FROM nowhere", 60),
        ("SELECT nothing", 47),
        ("SELEKT 1", 62),
        ("SELECT throwIf(number = 3) FROM numbers(5)", 395),
        ("SELECT count() FROM numbers(100000000000) SETTINGS max_execution_time = 1", 164),
        ("SELECT groupArray(toString(number)) FROM numbers(100000000)", 241),
    ],
)
def test_errors_keep_their_codes(reader: Client, query: str, code: int) -> None:
    with pytest.raises(DatabaseError) as error:
        reader.query(query)
    assert error.value.code == code


def test_more_groups_than_memory_holds_take_the_disk(reader: Client) -> None:
    """They would need more than the 320 MiB that a reader has."""
    asked = reader.query(
        "SELECT count(), max(total) FROM"
        " (SELECT toString(number) AS word, sum(number) AS total FROM numbers(5000000) GROUP BY word)"
    )
    assert asked.result_rows == [(5_000_000, 4_999_999)]


def test_an_error_after_the_first_megabytes_reaches_the_client(reader: Client) -> None:
    query = "SELECT number, throwIf(number = 6000000) FROM numbers(8000000)"
    with pytest.raises(Exception, match="throwIf"):
        assert reader.query(query, column_oriented=True).result_columns


def test_a_wrong_password_is_516(clickhouse: ClickHouseFront) -> None:
    for user, password in (("telemetry", "guess"), ("default", "guess"), ("nobody", "")):
        with pytest.raises(DatabaseError) as error:
            clickhouse_connect.get_client(
                host=clickhouse.host, port=clickhouse.port, username=user, password=password
            )
        assert error.value.code == 516


def test_nothing_leaks_from_one_query_into_the_next(writer: Client) -> None:
    writer.command("SET max_block_size = 17")
    writer.query("SELECT 1", settings={"max_block_size": 18})
    block_size = writer.query("SELECT getSetting('max_block_size')").result_rows[0][0]
    assert block_size not in (17, 18)
    writer.command("USE system")
    assert writer.query("SELECT currentDatabase()").result_rows == [("turnout",)]
