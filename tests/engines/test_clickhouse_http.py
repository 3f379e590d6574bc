"""The embedded ClickHouse over plain HTTP: what curl and a browser would see, and what is refused."""

import asyncio
import contextlib
import gzip
import json
import shutil
import subprocess
import uuid
from collections.abc import Generator

import httpx
import pytest

from tests.engines.fixtures import ClickHouseFront
from turnout.engines.clickhouse.front import READER_PLACES


@pytest.fixture(scope="module")
def http(clickhouse: ClickHouseFront) -> Generator[httpx.Client]:
    with httpx.Client(base_url=clickhouse.url, timeout=30) as client:
        yield client


def code(response: httpx.Response) -> str | None:
    found: str | None = response.headers.get("X-ClickHouse-Exception-Code")
    return found


def test_curl_asks_and_gets_json(clickhouse: ClickHouseFront) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    done = subprocess.run(
        [curl, "-sS", "--fail", clickhouse.url, "--data-binary", "SELECT 1 AS a FORMAT JSON"],
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout)["data"] == [{"a": 1}]


@pytest.mark.parametrize("path", ["/", "/ping", "/replicas_status"])
def test_says_ok_without_a_query(http: httpx.Client, path: str) -> None:
    assert http.get(path).text == "Ok.\n"


def test_the_format_is_what_was_asked_for(http: httpx.Client) -> None:
    by_clause = http.post("/", content="SELECT 1 AS a FORMAT JSONEachRow")
    by_parameter = http.post("/?default_format=JSONEachRow", content="SELECT 1 AS a")
    by_header = http.post(
        "/", content="SELECT 1 AS a", headers={"X-ClickHouse-Format": "JSONEachRow"}
    )
    for response in (by_clause, by_parameter, by_header):
        assert response.text == '{"a":1}\n'
        assert response.headers["X-ClickHouse-Format"] == "JSONEachRow"
        assert response.headers["Content-Type"] == "application/x-ndjson; charset=UTF-8"
    assert http.get("/", params={"query": "SELECT 1, 'x'"}).text == "1\tx\n"


def test_headers_tell_query_timezone_and_summary(http: httpx.Client) -> None:
    response = http.post("/?query_id=mine", content="SELECT count() FROM numbers(10)")
    assert response.headers["X-ClickHouse-Query-Id"] == "mine"
    assert response.headers["X-ClickHouse-Timezone"] == "UTC"
    assert int(json.loads(response.headers["X-ClickHouse-Summary"])["read_rows"]) == 10


def test_query_in_the_url_and_data_in_a_compressed_body(
    http: httpx.Client, clickhouse: ClickHouseFront
) -> None:
    table = f"t_{uuid.uuid4().hex}"
    keys = {"X-ClickHouse-User": "telemetry", "X-ClickHouse-Key": clickhouse.token}
    created = http.post(
        "/", content=f"CREATE TABLE {table} (a UInt8) ENGINE = Memory", headers=keys
    )
    assert created.status_code == 200
    inserted = http.post(
        "/",
        params={"query": f"INSERT INTO {table} FORMAT CSV"},
        content=gzip.compress(b"1\n2\n"),
        headers={**keys, "Content-Encoding": "gzip"},
    )
    assert json.loads(inserted.headers["X-ClickHouse-Summary"])["written_rows"] == "2"
    assert http.post("/", content=f"SELECT sum(a) FROM {table}").text == "3\n"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_answers_are_compressed_on_request(http: httpx.Client, encoding: str) -> None:
    response = http.post(
        "/", content="SELECT number FROM numbers(5000)", headers={"Accept-Encoding": encoding}
    )
    assert response.headers["Content-Encoding"] == encoding
    if encoding != "zstd":  # httpx does not decode it here
        assert response.text.endswith("\n4999\n")
    plain = http.post(
        "/?enable_http_compression=0",
        content="SELECT number FROM numbers(5000)",
        headers={"Accept-Encoding": encoding},
    )
    assert "Content-Encoding" not in plain.headers


@pytest.mark.parametrize(
    "query",
    [
        "CREATE TABLE x (a UInt8) ENGINE = Memory",
        "CREATE TEMPORARY TABLE x (a UInt8)",
        "CREATE VIEW v AS SELECT 1",
        "DROP DATABASE turnout",
        "INSERT INTO x VALUES (1)",
        "INSERT INTO x FORMAT CSV\n1",
        "INSERT INTO FUNCTION file('/nowhere/x') SELECT 1",
        "ALTER TABLE x DELETE WHERE 1",
        "SET max_threads = 1",
        "SET readonly = 0",
        "SELECT 1 SETTINGS readonly = 0",
        "SELECT 1 SETTINGS max_memory_usage = 0",
        "SYSTEM FLUSH LOGS",
        "SYSTEM SHUTDOWN",
        "KILL QUERY WHERE 1",
        "USE system",
        "BACKUP TABLE system.one TO File('/nowhere/x')",
        "ATTACH TABLE x (a UInt8) ENGINE = Memory",
        "GRANT ALL ON *.* TO x",
    ],
)
def test_a_reader_changes_nothing(http: httpx.Client, query: str) -> None:
    assert code(http.post("/", content=query)) == "164"


REACHING_OUT = [
    "SELECT * FROM file('/etc/hostname', 'LineAsString')",
    "SELECT file('/etc/hostname')",
    "SELECT FILE('/etc/hostname')",
    "SELECT `file`('/etc/hostname')",
    "SELECT `fi\\x6ce`('/etc/hostname')",
    "SELECT file/**/('/etc/hostname')",
    "WITH file('/etc/hostname') AS x SELECT x",
    "SELECT (SELECT file('/etc/hostname'))",
    "SELECT arrayMap(file, ['/etc/hostname'])",
    "SELECT arrayMap(x -> file(x), ['/etc/hostname'])",
    "SELECT * APPLY(file) FROM (SELECT '/etc/hostname')",
    "SELECT * APPLY file FROM (SELECT '/etc/hostname')",
    "SELECT * REPLACE(file(a) AS a) FROM (SELECT '/etc/hostname' AS a)",
    "SELECT * FROM view(SELECT file('/etc/hostname'))",
    "EXPLAIN SELECT file('/etc/hostname')",
    "DESCRIBE file('/etc/hostname', 'LineAsString')",
    "SELECT 1 IN file('/etc/hostname', 'LineAsString')",
    "SELECT 1 FORMAT TSV SETTINGS max_threads = file('/etc/hostname')",
    "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
    "SELECT * FROM s3('http://127.0.0.1:1/bucket/x', 'TSV', 'a String')",
    "SELECT * FROM remote('127.0.0.1', 'system.one')",
    "SELECT * FROM executable('id', 'TSV', 'a String')",
    "SELECT * FROM mysql('127.0.0.1:1', 'd', 't', 'u', 'p')",
    "SELECT * FROM sqlite('/nowhere/x', 't')",
    "SELECT * FROM python('token')",
    "SELECT * FROM Python(token)",
    "SELECT * FROM filesystem('/')",
    "SELECT * FROM eval('SELECT 1')",
    "SELECT aiGenerate('x')",
    "SELECT 1 INTO OUTFILE '/nowhere/x'",
    "SELECT 1; SELECT 2",
    "SELECT 1; SELECT file('/etc/hostname')",
]


@pytest.mark.parametrize("query", REACHING_OUT)
@pytest.mark.parametrize("who", ["reader", "writer"])
def test_nobody_reaches_beyond_the_data(
    http: httpx.Client, clickhouse: ClickHouseFront, query: str, who: str
) -> None:
    keys = {"X-ClickHouse-User": "telemetry", "X-ClickHouse-Key": clickhouse.token}
    response = http.post("/", content=query, headers=keys if who == "writer" else {})
    assert response.status_code >= 400, response.text
    assert code(response) in {"62", "164", "392"}, response.text


def test_a_function_name_as_a_parameter_reaches_nothing(http: httpx.Client) -> None:
    response = http.post(
        "/?param_f=file", content="SELECT arrayMap({f:Identifier}, ['/etc/hostname'])"
    )
    assert code(response) == "164"


@pytest.mark.parametrize(
    "query",
    [
        "CREATE TABLE x (a String) ENGINE = File(CSV)",
        "CREATE TABLE x (a String) ENGINE = URL('http://127.0.0.1:1/', CSV)",
        "CREATE TABLE x AS file('/etc/hostname', 'LineAsString')",
        "CREATE TABLE x (a String DEFAULT file('/etc/hostname')) ENGINE = Memory",
        "CREATE DATABASE x ENGINE = MySQL('127.0.0.1:1', 'd', 'u', 'p')",
        "CREATE VIEW x AS SELECT file('/etc/hostname')",
        "CREATE FUNCTION x AS (a) -> file(a)",
        "CREATE DICTIONARY x (a UInt64) PRIMARY KEY a SOURCE(FILE(path '/x')) LAYOUT(FLAT())",
        "INSERT INTO FUNCTION file('/nowhere/x') SELECT 1",
        "INSERT INTO x FROM INFILE '/etc/hostname' FORMAT LineAsString",
        "SYSTEM SHUTDOWN",
        "BACKUP TABLE system.one TO File('/nowhere/x')",
    ],
)
def test_the_writer_reaches_nothing_else_either(
    http: httpx.Client, clickhouse: ClickHouseFront, query: str
) -> None:
    response = http.post("/", content=query, auth=("telemetry", clickhouse.token))
    assert code(response) == "392", response.text


@pytest.mark.parametrize(
    "query",
    [
        "SHOW TABLES",
        "SHOW DATABASES FORMAT JSON",
        "DESCRIBE TABLE system.one",
        "EXPLAIN SELECT 1",
        "EXISTS TABLE system.one",
        "SELECT 1 UNION ALL SELECT 2",
        "WITH 1 AS x SELECT x",
        "SELECT * FROM numbers(3) -- a remark",
        "SELECT count() FROM system.tables",
        "SELECT 'file(1)' AS url, 2 AS remote",
        "SELECT * FROM (SELECT 1 AS a) AS t ANY LEFT JOIN (SELECT 1 AS a) AS u USING a",
        "SELECT * FROM VALUES('a UInt8', 1, 2)",
    ],
)
def test_readers_ask_what_they_like(http: httpx.Client, query: str) -> None:
    response = http.post("/", content=query)
    assert response.status_code == 200, response.text
    assert response.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:8123"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_web_pages_are_refused(http: httpx.Client, headers: dict[str, str]) -> None:
    for response in (
        http.get("/", params={"query": "SELECT 1"}, headers=headers),
        http.get("/ping", headers=headers),
    ):
        assert response.status_code == 403
        assert "access-control-allow-origin" not in response.headers


def test_pages_of_this_machine_are_served(http: httpx.Client) -> None:
    for headers in ({"Origin": "http://localhost:8080"}, {"Host": "localhost:8123"}):
        assert http.get("/", params={"query": "SELECT 1"}, headers=headers).text == "1\n"


def test_values_are_literals(http: httpx.Client, clickhouse: ClickHouseFront) -> None:
    keys = {"X-ClickHouse-User": "telemetry", "X-ClickHouse-Key": clickhouse.token}
    table = f"t_{uuid.uuid4().hex}"
    http.post("/", content=f"CREATE TABLE {table} (a String) ENGINE = Memory", headers=keys)
    switch = "input_format_values_interpret_expressions"
    for parameters, clause in (({}, ""), ({switch: "1"}, ""), ({}, f"SETTINGS {switch} = 1")):
        response = http.post(
            "/",
            params=parameters,
            content=f"INSERT INTO {table} {clause} VALUES (file('/etc/hostname'))",
            headers=keys,
        )
        assert code(response) in {"344", "392"}, response.text
    assert http.post("/", content=f"SELECT count() FROM {table}").text == "0\n"


def test_a_get_never_writes(http: httpx.Client, clickhouse: ClickHouseFront) -> None:
    response = http.get(
        "/",
        params={"query": "CREATE TABLE x (a UInt8) ENGINE = Memory"},
        auth=("telemetry", clickhouse.token),
    )
    assert code(response) == "164"


@pytest.mark.parametrize(
    ("parameters", "content", "headers", "expected"),
    [
        ({"compress": "1"}, b"SELECT 1", {}, "48"),
        ({"max_threads": "1"}, b"SELECT 1", {}, "164"),
        ({"database": "nowhere"}, b"SELECT 1", {}, "81"),
        ({"param_a`b": "1"}, b"SELECT 1", {}, "36"),
        ({"query_id": "a\nb"}, b"SELECT 1", {}, "36"),
        ({}, b"\xff\xfe", {}, "36"),
        ({}, b"", {}, "62"),
        ({}, b"  -- nothing", {}, "62"),
        ({}, b"no gzip", {"Content-Encoding": "gzip"}, "36"),
        ({}, b"SELECT 1", {"Content-Encoding": "snappy"}, "36"),
        ({}, gzip.compress(b" " * 2_000_000), {"Content-Encoding": "gzip"}, "154"),
        ({}, b"SELECT '" + b"x" * 2_000_000 + b"'", {}, "154"),
        ({}, b"SELECT {p:UInt8}", {}, "456"),
    ],
)
def test_bad_requests_say_so(
    http: httpx.Client,
    parameters: dict[str, str],
    content: bytes,
    headers: dict[str, str],
    expected: str,
) -> None:
    response = http.post("/", params=parameters, content=content, headers=headers)
    assert code(response) == expected, response.text
    assert response.status_code >= 400


def test_formatting_is_the_reader_s_own(http: httpx.Client) -> None:
    response = http.post(
        "/?output_format_json_quote_64bit_integers=1&max_execution_time=5",
        content="SELECT toUInt64(1) AS a FORMAT JSONEachRow",
    )
    assert response.text == '{"a":"1"}\n'


def test_a_reader_who_leaves_frees_the_place(clickhouse: ClickHouseFront) -> None:
    slow = "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))"

    async def scenario() -> None:
        async with httpx.AsyncClient(base_url=clickhouse.url, timeout=60) as client:
            stayer = asyncio.create_task(client.post("/", content=slow))
            while (await running(client)) < 1:
                await asyncio.sleep(0.01)
            leavers = [
                asyncio.create_task(client.post("/", content=slow))
                for _ in range(READER_PLACES - 1)
            ]
            while (await running(client)) < READER_PLACES:
                await asyncio.sleep(0.01)
            for task in leavers:
                task.cancel()
            await asyncio.gather(*leavers, return_exceptions=True)
            assert (await client.post("/", content="SELECT 1")).text == "1\n"
            while (await running(client)) > 1:
                await asyncio.sleep(0.01)
            # It came first: the others are gone, and not by the limit that all of them have.
            assert not stayer.done()
            stayer.cancel()
            await asyncio.gather(stayer, return_exceptions=True)

    async def running(client: httpx.AsyncClient) -> int:
        # As the writer, whose places the readers do not take.
        answer = await client.post(
            "/",
            content="SELECT count() FROM system.processes WHERE query LIKE '%sipHash64(n%'"
            " AND query NOT LIKE '%processes%'",
            auth=("telemetry", clickhouse.token),
        )
        return int(answer.text)

    asyncio.run(scenario())


def test_too_many_queries_are_refused_not_queued_forever(clickhouse: ClickHouseFront) -> None:
    async def scenario() -> list[int]:
        async with httpx.AsyncClient(
            base_url=clickhouse.url, timeout=30, limits=httpx.Limits(max_connections=100)
        ) as client:
            asked = [client.post("/", content="SELECT sleep(0.3)") for _ in range(60)]
            return [response.status_code for response in await asyncio.gather(*asked)]

    statuses = asyncio.run(scenario())
    assert set(statuses) == {200, 503}


def test_half_a_request_harms_nobody(clickhouse: ClickHouseFront, http: httpx.Client) -> None:
    async def scenario() -> None:
        _, writer = await asyncio.open_connection(clickhouse.host, clickhouse.port)
        writer.write(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\nSELECT")
        await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    asyncio.run(scenario())
    assert http.post("/", content="SELECT 1").text == "1\n"
