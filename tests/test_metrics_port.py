"""The port of /metrics and /ready, asked over HTTP."""

import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.bus.servers import ClickHouseServer, NatsServer
from turnout import running
from turnout.engines.free_ports import free_port
from turnout.engines.handover import NOBODY
from turnout.metrics_port import metrics_at
from turnout.observe.metrics import Metrics
from turnout.settings import BadSetting, ClickHouse, Nats, Settings, Telemetry

SECONDS = 60


def asked(port: int, path: str) -> tuple[int, str]:
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=SECONDS) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


@pytest.fixture
def missing() -> list[str]:
    """What the service lacks; tests change it."""
    return []


@pytest.fixture
def port(missing: list[str]) -> Iterator[int]:
    port = free_port()
    registry = Metrics(version="1", service="scorer", known_models=frozenset()).registry
    with metrics_at(
        "127.0.0.1", port, registry=registry, missing=lambda: missing, service="scorer"
    ):
        yield port


def test_metrics(port: int) -> None:
    status, body = asked(port, "/metrics")
    assert status == 200
    assert "turnout_build_info" in body


def test_ready_says_what_is_missing(port: int, missing: list[str]) -> None:
    status, body = asked(port, "/ready")
    assert (status, json.loads(body)) == (200, {"status": "ok", "missing": []})
    missing.append("facts")
    status, body = asked(port, "/ready?now")
    assert (status, json.loads(body)) == (503, {"status": "waiting", "missing": ["facts"]})


@pytest.mark.parametrize("path", ["/", "/readyz", "/metrics/"])
def test_other_paths_are_not_there(port: int, path: str) -> None:
    status, body = asked(port, path)
    assert (status, body) == (404, "Nothing is here; there are /metrics and /ready.\n")


def test_a_taken_port_names_the_setting() -> None:
    registry = Metrics(version="1", service="scorer", known_models=frozenset()).registry
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(BadSetting, match="set TURNOUT_UPSTREAM_DISPATCHER__METRICS_PORT"),
        metrics_at(
            "127.0.0.1",
            taken.getsockname()[1],
            registry=registry,
            missing=tuple,
            service="upstream-dispatcher",
        ),
    ):
        pass


@pytest.mark.anyio
async def test_telemetry_is_ready_when_it_consumes(tmp_path: Path) -> None:
    clickhouse = ClickHouseServer(port=free_port(), data=tmp_path / "engine")
    nats = NatsServer(port=free_port(), store=tmp_path / "jetstream")
    port, stop = free_port(), asyncio.Event()
    settings = Settings(
        clickhouse=ClickHouse(
            url=f"http://telemetry:{clickhouse.token}@127.0.0.1:{clickhouse.port}"
        ),
        nats=Nats(url=nats.url),
        telemetry=Telemetry(metrics_port=port),
    )
    try:
        async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
            group.create_task(running.run_telemetry(settings, stop, handover=NOBODY))
            await until(port, 503, ["clickhouse"])
            await clickhouse.start()
            await until(port, 503, ["facts"])
            await nats.start()
            await until(port, 200, [])
            stop.set()
    finally:
        await clickhouse.kill()
        await nats.kill()


async def until(port: int, status: int, missing: list[str]) -> None:
    """Asked again and again until the answer is this one."""
    while True:
        try:
            found, body = await asyncio.to_thread(asked, port, "/ready")
        except OSError:
            found, body = 0, "{}"
        if (found, json.loads(body).get("missing")) == (status, missing):
            return
        await asyncio.sleep(0.05)
