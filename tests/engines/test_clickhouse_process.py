"""The embedded ClickHouse as a process: kills, stops, limits, and what survives them."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import clickhouse_connect
import httpx
import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.exceptions import Error as ClickHouseError

from tests.engines.fixtures import ClickHouseFront
from turnout.engines.clickhouse.process import TOKEN_VARIABLE, clickhouse_child
from turnout.engines.embedded import Outside, Ports, embedded_engines
from turnout.engines.failure import EngineFailed
from turnout.engines.free_ports import free_port, free_ports
from turnout.engines.supervisor import Supervisor, supervising

TOKEN = "token-for-tests"


async def connected(port: int) -> AsyncClient:
    return await clickhouse_connect.get_async_client(
        host="127.0.0.1", port=port, username="telemetry", password=TOKEN, database="turnout"
    )


async def serving(
    data_dir: Path, port: int, scenario: Callable[[Supervisor, AsyncClient], Awaitable[None]]
) -> None:
    child = clickhouse_child(data_dir=data_dir, token=TOKEN, port=port)
    async with supervising([child], data_dir=data_dir) as supervisor:
        client = await connected(port)
        try:
            await scenario(supervisor, client)
        finally:
            await client.close()


async def insert(client: AsyncClient, number: int) -> None:
    """Insert one batch, again and again until it is acknowledged."""
    while True:
        try:
            await client.insert(
                "facts",
                [[number * 10 + row] for row in range(10)],
                column_names=["id"],
                settings={"insert_deduplication_token": f"batch-{number}"},
            )
        except (ClickHouseError, OSError):
            await asyncio.sleep(0.05)
        else:
            return


def test_batches_are_there_once_after_kills_in_the_middle(tmp_path: Path) -> None:
    async def scenario(supervisor: Supervisor, client: AsyncClient) -> None:
        await client.command(
            "CREATE TABLE facts (id UInt64) ENGINE = MergeTree ORDER BY id"
            " SETTINGS non_replicated_deduplication_window = 1000"
        )
        for kills in range(2):
            batches = range(kills * 20, kills * 20 + 20)
            async with asyncio.TaskGroup() as group:
                for number in batches:
                    group.create_task(insert(client, number))
                await asyncio.sleep(0.05)
                pid = supervisor.pid("clickhouse")
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
        assert supervisor.restarts("clickhouse") == 2
        counted = await client.query("SELECT count(), uniqExact(id) FROM facts")
        assert counted.result_rows == [(400, 400)]

    asyncio.run(serving(tmp_path, free_port(), scenario))


def test_a_refreshed_view_follows_its_table_and_survives_a_stop(tmp_path: Path) -> None:
    async def fill(_: Supervisor, client: AsyncClient) -> None:
        await client.command("CREATE TABLE facts (id UInt64) ENGINE = MergeTree ORDER BY id")
        await client.command("CREATE TABLE totals (n UInt64) ENGINE = MergeTree ORDER BY n")
        await client.command(
            "CREATE MATERIALIZED VIEW refresher REFRESH EVERY 1 SECOND TO totals"
            " AS SELECT count() AS n FROM facts"
        )
        await client.command("INSERT INTO facts VALUES (1), (2)")
        await client.command("SYSTEM REFRESH VIEW refresher")
        await client.command("SYSTEM WAIT VIEW refresher")
        assert (await client.query("SELECT n FROM totals")).result_rows == [(2,)]

    async def follow(_: Supervisor, client: AsyncClient) -> None:
        await client.command("INSERT INTO facts VALUES (3)")
        async with asyncio.timeout(10):
            while (await client.query("SELECT n FROM totals")).result_rows != [(3,)]:
                await asyncio.sleep(0.05)

    port = free_port()
    asyncio.run(serving(tmp_path, port, fill))
    asyncio.run(serving(tmp_path, port, follow))


def test_a_stop_lets_a_running_query_finish(tmp_path: Path) -> None:
    async def scenario() -> int:
        port = free_port()
        child = clickhouse_child(data_dir=tmp_path, token=TOKEN, port=port)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            async with supervising([child], data_dir=tmp_path):
                asked = asyncio.create_task(client.post("/", content="SELECT sleep(1)"))
                while "sleep" not in (
                    await client.post("/", content="SELECT query FROM system.processes")
                ).text.replace("system.processes", ""):
                    await asyncio.sleep(0.01)
            return (await asked).status_code

    assert asyncio.run(scenario()) == 200


def test_a_stop_does_not_wait_for_an_endless_query(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    slow = "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))"

    async def scenario() -> BaseException | httpx.Response:
        port = free_port()
        child = clickhouse_child(data_dir=tmp_path, token=TOKEN, port=port)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            async with supervising([child], data_dir=tmp_path):
                asked = asyncio.create_task(client.post("/", content=slow))
                while (
                    "sipHash64"
                    not in (
                        await client.post("/", content="SELECT query FROM system.processes")
                    ).text
                ):
                    await asyncio.sleep(0.01)
            (ended,) = await asyncio.gather(asked, return_exceptions=True)
            return ended

    match asyncio.run(scenario()):
        case httpx.Response() as answer:
            assert "QUERY_WAS_CANCELLED" in answer.text
        case error:
            # The process was gone before the query's client was tired of waiting.
            assert isinstance(error, httpx.ReadError | httpx.RemoteProtocolError)
    assert "did not stop in time" not in caplog.text


def test_two_processes_on_one_path_are_one_clear_line(tmp_path: Path) -> None:
    async def scenario() -> None:
        one, other = free_ports(2)
        first = clickhouse_child(data_dir=tmp_path, token=TOKEN, port=one)
        second = clickhouse_child(data_dir=tmp_path, token=TOKEN, port=other)
        async with (
            supervising([first], data_dir=tmp_path / "one"),
            supervising([second], data_dir=tmp_path / "two"),
        ):
            pass

    with pytest.raises(EngineFailed, match="cannot open the data in") as failure:
        asyncio.run(scenario())
    assert "\n" not in failure.value.message


def test_without_a_token_it_does_not_start(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "turnout.engines.clickhouse"),
            *("--path", str(tmp_path), "--port", "1"),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**environment, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert (done.returncode, done.stderr) == (2, f"{TOKEN_VARIABLE} is not set\n")


def test_the_token_is_not_visible_from_within(clickhouse: ClickHouseFront) -> None:
    for query in ("SELECT * FROM system.processes", "SELECT * FROM system.server_settings"):
        answer = httpx.post(
            clickhouse.url, content=query, auth=("telemetry", clickhouse.token), timeout=30
        )
        assert answer.status_code == 200
        assert clickhouse.token not in answer.text


def test_engines_outside_get_no_child(tmp_path: Path) -> None:
    outside = Outside(
        nats_url="nats://nats:4222", redis_url="redis://redis:6379/1", clickhouse_url="http://ch"
    )
    engines = embedded_engines(data_dir=tmp_path, outside=outside)
    assert engines.children == ()
    assert (engines.nats_url, engines.redis_url) == (outside.nats_url, outside.redis_url)
    assert engines.clickhouse_url == engines.clickhouse_writer_url == "http://ch"


def test_embedded_engines_start_together_and_are_reached_by_their_urls(tmp_path: Path) -> None:
    nats, redis, clickhouse = free_ports(3)
    ports = Ports(nats=nats, redis=redis, clickhouse=clickhouse)
    engines = embedded_engines(data_dir=tmp_path, ports=ports)
    assert [child.name for child in engines.children] == ["nats", "valkey", "clickhouse"]

    async def scenario() -> None:
        async with supervising(engines.children, data_dir=tmp_path):
            writer = await clickhouse_connect.get_async_client(dsn=engines.clickhouse_writer_url)
            await writer.command("CREATE TABLE t (a UInt8) ENGINE = Memory")
            await writer.close()
            reader = await clickhouse_connect.get_async_client(dsn=engines.clickhouse_url)
            assert (await reader.query("SELECT count() FROM t")).result_rows == [(0,)]
            await reader.close()

    asyncio.run(scenario())


FULL = """
import sys
from pathlib import Path
from turnout.engines.clickhouse.engine import open_engine
from turnout.engines.clickhouse.outcome import Query, QueryFailed

def query(text, **more):
    return Query(text=text, access="writer", query_id="q", database="turnout",
                 default_format="TSV", **more)

def answer(text, **more):
    found = engine.run(query(text, **more))
    found.close()
    return found.head

engine = open_engine(Path(sys.argv[1]), memory_bytes=150 * 1024 * 1024)
answer("CREATE TABLE t (a UInt64, s String) ENGINE = MergeTree ORDER BY a")
told = refused = 0
for batch in range(60):
    rows = f"SELECT number + {batch} AS a, randomPrintableASCII(3000) AS s FROM numbers(2000)"
    try:
        data = answer(f"SELECT * FROM ({rows}) FORMAT TSV")
        answer("INSERT INTO t (a, s)", data=data, data_format="TSV")
    except QueryFailed as failure:
        assert failure.code == 241, failure
        refused += 1
        continue
    told += 2000
    assert int(answer("SELECT count() FROM t")) == told, batch
engine.close()
print(told, refused)
"""
"""Inserts until memory is short, and counts after every one that is said to be done."""


def test_an_insert_that_memory_has_undone_is_refused(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert int(ended.stdout.split()[0]) > 0
