"""A TCP proxy of the test's own, between a part and an engine: a network that can be slow or refuse.

Rules: bytes pass unchanged and in order; a change holds for connections that are open already. What is
refused is refused by the kernel, because nobody listens.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

CHUNK_BYTES: Final = 65_536


@dataclass(slots=True)
class Wire:
    """Attributes:
    port: where the part connects.
    to_port: where the engine listens.
    delay_seconds: how long each piece takes, in each direction.
    """

    port: int
    to_port: int
    delay_seconds: float = 0.0
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set[asyncio.StreamWriter])

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)

    async def refuse(self) -> None:
        """Cut what is open, and let nobody in."""
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        if self._server is not None:
            await self._server.wait_closed()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self.to_port)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, to_writer}
        self._writers |= ends
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass_on(reader, to_writer))
                group.create_task(self._pass_on(to_reader, writer))
        finally:
            self._writers -= ends

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(CHUNK_BYTES):
                await asyncio.sleep(self.delay_seconds)
                writer.write(data)
                await writer.drain()
        except OSError:
            return
        finally:
            writer.close()


@asynccontextmanager
async def wire(*, port: int, to_port: int) -> AsyncGenerator[Wire]:
    made = Wire(port=port, to_port=to_port)
    await made.listen()
    try:
        yield made
    finally:
        await made.refuse()
