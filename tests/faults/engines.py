"""A product in one process whose engines are the test's own, each behind a wire that can be harmed.

Rules: what a case does to an engine it undoes; every case starts from a product at rest and leaves one that
holds open what it held before.
"""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Awaitable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

import aiohttp
from nats.js.api import StreamConfig

from tests.faults.open_files import opened_by, settled
from tests.faults.product import Product
from tests.faults.wire import Wire, wire
from turnout.bus.connection import STREAM_MAX_BYTES, open_bus
from turnout.bus.subjects import STREAM
from turnout.engines.embedded import Ports, embedded_engines
from turnout.engines.free_ports import free_ports
from turnout.engines.supervisor import Supervisor, supervising
from turnout.telemetry.warehouse import WarehouseSettings, open_warehouse

WAIT_SECONDS: Final = 30.0

NO_ROOM: Final = "min_free_disk_bytes_to_perform_insert"
"""ClickHouse refuses to insert into a table where the disk has less."""

ALL_BYTES: Final = 2**60


@dataclass(frozen=True, slots=True)
class Rest:
    """What the product's processes hold while nothing is asked. `resident_mb` is of the serving one."""

    serving: tuple[int, int]
    telemetry: tuple[int, int]
    resident_mb: float


@dataclass(frozen=True, slots=True)
class Engines:
    """The product and what stands between it and each engine."""

    product: Product
    supervisor: Supervisor
    nats: Wire
    valkey: Wire
    clickhouse: Wire
    writer_url: str
    telemetry_url: str

    @property
    def wires(self) -> Mapping[str, Wire]:
        return {"nats": self.nats, "valkey": self.valkey, "clickhouse": self.clickhouse}

    def signal(self, engine: str, number: signal.Signals) -> None:
        pid = self.supervisor.pid(engine)
        assert pid is not None
        os.kill(pid, number)

    async def say_to_valkey(self, *words: str) -> bytes:
        """The first line of the answer to one command."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.valkey.to_port)
        try:
            writer.write(" ".join(words).encode() + b"\r\n")
            async with asyncio.timeout(WAIT_SECONDS):
                return (await reader.readline()).strip()
        finally:
            writer.close()

    async def fill_valkey(self) -> None:
        """It keeps what it has and takes nothing more."""
        for name, value in (("maxmemory-policy", "noeviction"), ("maxmemory", "1")):
            assert await self.say_to_valkey("CONFIG", "SET", name, value) == b"+OK"

    async def empty_valkey(self) -> None:
        for name, value in (("maxmemory", "0"), ("maxmemory-policy", "volatile-lru")):
            assert await self.say_to_valkey("CONFIG", "SET", name, value) == b"+OK"

    async def limit_stream(self, max_bytes: int) -> None:
        async with open_bus(f"nats://127.0.0.1:{self.nats.to_port}", name="test") as bus:
            jetstream = await bus.jetstream()
            told = (await jetstream.stream_info(STREAM)).config
            assert isinstance(told, StreamConfig)
            await _update(jetstream, replace(told, max_bytes=max_bytes))

    async def fill_the_bus(self) -> None:
        await self.limit_stream(1)

    async def empty_the_bus(self) -> None:
        await self.limit_stream(STREAM_MAX_BYTES)

    async def command_clickhouse(self, statement: str) -> None:
        _, _, told = self.writer_url.partition("//")
        password = told.partition("@")[0].partition(":")[2]
        url = f"http://127.0.0.1:{self.clickhouse.to_port}"
        async with open_warehouse(WarehouseSettings(url=url, password=password)) as warehouse:
            await warehouse.command(statement)

    async def fill_the_disk(self) -> None:
        """ClickHouse takes it to be full."""
        for table in ("requests_raw", "attempts_raw"):
            await self.command_clickhouse(
                f"ALTER TABLE turnout.{table} MODIFY SETTING {NO_ROOM} = {ALL_BYTES}"
            )

    async def empty_the_disk(self) -> None:
        for table in ("requests_raw", "attempts_raw"):
            await self.command_clickhouse(f"ALTER TABLE turnout.{table} RESET SETTING {NO_ROOM}")

    async def of_telemetry(self, sample: str) -> float:
        """A metric at telemetry's own port."""
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as client,
            client.get(f"{self.telemetry_url}/metrics") as answer,
        ):
            text = await answer.text()
        return sum(
            float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(sample)
        )

    async def at_rest(self) -> Rest:
        """Once it has stayed the same for a while."""
        held = await settled(self._held)
        return Rest(*held, resident_mb=resident_mb(self.product.pid))

    def _held(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Sockets and other files, but for idle connections kept to the provider and to ClickHouse."""
        telemetry = self.product.child("telemetry")
        assert telemetry is not None
        serving = opened_by(self.product.pid, provider_port=self.product.port("simulator"))
        behind = opened_by(telemetry, provider_port=self.clickhouse.port)
        return (serving.sockets, serving.others), (behind.sockets, behind.others)


class _Streams(Protocol):
    """What we use of a JetStream context that nats-py leaves half typed."""

    def update_stream(self, config: StreamConfig) -> Awaitable[object]: ...


async def _update(streams: _Streams, config: StreamConfig) -> None:
    await streams.update_stream(config)


def resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@asynccontextmanager
async def behind_wires(home: Path) -> AsyncGenerator[Engines]:
    """All running; gone at the end."""
    ports = free_ports(4)
    described = embedded_engines(
        data_dir=home / "engines", ports=Ports(nats=ports[0], redis=ports[1], clickhouse=ports[2])
    )
    product = Product(home=home)
    async with (
        supervising(described.children, data_dir=home / "engines") as supervisor,
        wire(port=product.port("nats"), to_port=ports[0]) as nats,
        wire(port=product.port("redis"), to_port=ports[1]) as valkey,
        wire(port=product.port("clickhouse"), to_port=ports[2]) as clickhouse,
    ):
        writer_url = described.clickhouse_writer_url.replace(
            f":{ports[2]}/", f":{clickhouse.port}/"
        )
        product.settings |= {
            "TURNOUT_NATS__URL": f"nats://127.0.0.1:{nats.port}",
            "TURNOUT_REDIS__URL": f"redis://127.0.0.1:{valkey.port}/0",
            "TURNOUT_CLICKHOUSE__URL": writer_url,
            "TURNOUT_TELEMETRY__METRICS_PORT": str(ports[3]),
            # What a busy machine makes late is not what is tried here; `SLOW_SECONDS` there and back is later.
            "TURNOUT_SCORER__DEADLINE_SECONDS": "0.25",
        }
        try:
            await product.start()
            await product.wait_ready(lambda ready: ready.status == "ok")
            yield Engines(
                product=product,
                supervisor=supervisor,
                nats=nats,
                valkey=valkey,
                clickhouse=clickhouse,
                writer_url=writer_url,
                telemetry_url=f"http://127.0.0.1:{ports[3]}",
            )
        finally:
            await product.kill()
            product.report()
