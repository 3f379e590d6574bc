"""A provider that does what a test tells it, byte by byte, over a real socket."""

import asyncio
import os
import socket
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

DEADLINE_SECONDS = 5.0
"""Longer than anything here takes; a test that hangs fails by it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it arrived."""

    line: str
    headers: dict[str, str]
    body: bytes


class Exchange:
    """One request and the connection to answer it on."""

    def __init__(
        self, seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.seen = seen
        self._reader = reader
        self._writer = writer

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def head(self, status: int, *headers: tuple[str, str], length: int | None = None) -> None:
        lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in headers)]
        lines.append(
            "transfer-encoding: chunked" if length is None else f"content-length: {length}"
        )
        await self.write("\r\n".join(lines).encode() + b"\r\n\r\n")

    async def chunk(self, data: bytes) -> None:
        await self.write(b"%x\r\n%b\r\n" % (len(data), data))

    async def end(self) -> None:
        await self.write(b"0\r\n\r\n")

    async def answer(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        await self.head(status, *headers, length=len(body))
        await self.write(body)

    async def stream(self, *chunks: bytes) -> None:
        await self.head(200, ("content-type", "text/event-stream"))
        for chunk in chunks:
            await self.chunk(chunk)
        await self.end()

    def slip(self, data: bytes) -> None:
        """Write, or say farewell with nothing, before any loop has its turn."""
        handle = os.dup(self._writer.get_extra_info("socket").fileno())
        with socket.socket(fileno=handle) as raw:
            if data:
                raw.sendall(data)
            else:
                raw.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Close with RST."""
        raw = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.close()

    def close(self) -> None:
        self._writer.close()

    async def until_closed(self, *, seconds: float = DEADLINE_SECONDS) -> None:
        """Wait for the other side to hang up."""
        async with asyncio.timeout(seconds):
            try:
                while await self._reader.read(65536):
                    pass
            except ConnectionError:
                pass


Script = Callable[[Exchange], Awaitable[None]]


@dataclass(slots=True)
class ScriptedProvider:
    """Answers the n-th request by the n-th script, later ones by the last."""

    scripts: list[Script]
    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    open_connections: int = 0
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    faults: list[BaseException] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open_connections += 1
        try:
            while (seen := await _read_request(reader)) is not None:
                script = self.scripts[min(len(self.seen), len(self.scripts) - 1)]
                self.seen.append(seen)
                await script(Exchange(seen, reader, writer))
                if writer.is_closing():
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except Exception as error:  # noqa: BLE001 - told when the provider closes
            self.faults.append(error)
        finally:
            self.open_connections -= 1
            self.hung_up.set()
            writer.close()


async def _read_request(reader: asyncio.StreamReader) -> Seen | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    lines = head.decode().split("\r\n")
    headers = {
        name.lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines[1:] if line)
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Seen(lines[0], headers, body)


@asynccontextmanager
async def provider(*scripts: Script) -> AsyncGenerator[ScriptedProvider, None]:
    scripted = ScriptedProvider(list(scripts))
    server = await asyncio.start_server(scripted.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    scripted.url = f"http://127.0.0.1:{port}"
    try:
        yield scripted
    finally:
        server.close()
        await server.wait_closed()
        assert not scripted.faults


def unused_url() -> str:
    """An address where nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{held.getsockname()[1]}"
