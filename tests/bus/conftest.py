"""A real NATS server that tests may kill and start again, and a spool in a temporary directory."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from tests.bus.servers import NatsServer
from turnout.bus.metrics import BusMetrics
from turnout.bus.spool import Spool, open_spool
from turnout.engines.free_ports import free_port


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> BusMetrics:
    return BusMetrics(registry)


@pytest.fixture
def make_spool(tmp_path: Path, metrics: BusMetrics) -> Iterator[Callable[[], Spool]]:
    made: list[Spool] = []

    def make() -> Spool:
        spool = open_spool(tmp_path / "spool", service="ingress", metrics=metrics)
        made.append(spool)
        return spool

    yield make
    for spool in made:
        spool.close()


@pytest.fixture
async def nats_server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(port=free_port(), store=tmp_path / "jetstream")
    try:
        yield server
    finally:
        await server.kill()
        await asyncio.sleep(0)
