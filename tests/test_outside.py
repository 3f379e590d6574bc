"""What the console says of servers that are not ours to run."""

import asyncio
import logging
import socket
from pathlib import Path

import pytest
from pydantic import SecretStr

from turnout.engines.free_ports import free_port
from turnout.errors import Unavailable
from turnout.outside import Server, outside_servers, shown, telling_unreachable
from turnout.settings import ClickHouse, Nats, Redis, Settings

pytestmark = pytest.mark.anyio

LOOK_SECONDS = 0.01
DEADLINE_SECONDS = 30


def test_the_addresses_that_are_set_are_watched() -> None:
    told = Settings(
        nats=Nats(url="nats://user:secret@bus"),
        redis=Redis(url="rediss://:secret@[::1]:6380/0"),
        clickhouse=ClickHouse(url="https://writer:secret@db/x", password=SecretStr("secret")),
    )
    servers = outside_servers(told)
    assert [(one.name, one.host, one.port) for one in servers] == [
        ("NATS", "bus", 4222),
        ("Redis", "::1", 6380),
        ("ClickHouse", "db", 8443),
    ]
    assert "secret" not in repr(servers)
    assert not outside_servers(Settings())


def test_an_address_is_shown_without_its_password() -> None:
    assert shown("http://user:secret@db:8123/x?y=secret") == "http://db:8123"
    assert shown("unix:///run/redis.sock?db=0") == "unix:///run/redis.sock"


async def until(caplog: pytest.LogCaptureFixture, messages: list[str]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while caplog.messages != messages:
            await asyncio.sleep(LOOK_SECONDS)


async def test_away_and_back_are_said_once_each(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "turnout.outside")
    port = free_port()
    away, back = "NATS cannot be reached; trying again", "NATS can be reached again"
    server = Server("NATS", f"nats://127.0.0.1:{port}", "127.0.0.1", port)
    async with telling_unreachable([server], look_seconds=LOOK_SECONDS):
        await until(caplog, [away])
        with socket.create_server(("127.0.0.1", port)):
            await until(caplog, [away, back])
        await until(caplog, [away, back, away])
    assert vars(caplog.records[0])["endpoint"] == server.shown
    assert vars(caplog.records[0])["reason"]


async def test_a_name_that_nobody_has(caplog: pytest.LogCaptureFixture) -> None:
    server = Server("ClickHouse", "http://nosuchhost.invalid", "nosuchhost.invalid", 8123)
    async with telling_unreachable([server], look_seconds=LOOK_SECONDS):
        await until(caplog, ["ClickHouse cannot be reached; trying again"])


async def test_a_unix_socket(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    server = Server("Redis", "unix:///x", "", 0, path=str(tmp_path / "none.sock"))
    async with telling_unreachable([server], look_seconds=LOOK_SECONDS):
        await until(caplog, ["Redis cannot be reached; trying again"])
    assert vars(caplog.records[0])["reason"] == "No such file or directory"


async def test_an_error_of_the_block_comes_out_as_itself() -> None:
    with pytest.raises(Unavailable, match="mine"):
        async with telling_unreachable([Server("NATS", "", "127.0.0.1", free_port())]):
            raise Unavailable("mine")
