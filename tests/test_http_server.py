"""The end of an ingress that has a successor: no request that is on its way is lost."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from starlette.types import Receive, Scope, Send

from turnout.engines.handover import NOBODY, Handover, Line, open_line
from turnout.http_bounds import HttpBounds
from turnout.http_server import IDLE_SECONDS, serve_http

pytestmark = pytest.mark.anyio

WAIT_SECONDS = 20.0
BOUNDS = HttpBounds(
    head_bytes=65536, head_seconds=10.0, write_seconds=5.0, keep_alive_seconds=75, connections=64
)
ASK = b"GET / HTTP/1.1\r\nhost: here\r\n\r\n"


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    del scope, receive
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hi"})


@dataclass(slots=True)
class Served:
    listener: socket.socket
    stop: asyncio.Event
    line: Line
    serving: asyncio.Task[None]

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(*self.listener.getsockname())


@asynccontextmanager
async def served(
    *, is_supervised: bool = True, idle_seconds: int = IDLE_SECONDS
) -> AsyncGenerator[Served]:
    """A server on a copy of the listening socket, as a process that inherited it has."""
    ours, theirs = socket.socketpair()
    line, service = await open_line(ours), await open_line(theirs)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stop = asyncio.Event()
        async with asyncio.timeout(WAIT_SECONDS), asyncio.TaskGroup() as group:
            serving = group.create_task(
                serve_http(
                    app,
                    listener.dup(),
                    stop,
                    handover=Handover(service) if is_supervised else NOBODY,
                    drain_seconds=1,
                    replaced_seconds=WAIT_SECONDS,
                    bounds=BOUNDS,
                    idle_seconds=idle_seconds,
                )
            )
            yield Served(listener, stop, line, serving)
            stop.set()
            line.say("ends")
    line.close()
    service.close()


async def answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    return head + await reader.readexactly(2)


async def test_an_open_connection_is_answered_once_more() -> None:
    async with served() as server:
        reader, writer = await server.connect()
        writer.write(ASK)
        assert b"connection: close" not in await answer(reader)
        server.stop.set()
        await server.line.heard["leaves"].wait()
        writer.write(ASK)
        assert b"connection: close" not in await answer(reader), "nobody serves beside it yet"
        server.line.say("replaced")
        await until_refused(server)
        writer.write(ASK)
        assert b"connection: close" in await answer(reader)
        assert await reader.read() == b""
        writer.close()
        await server.serving


async def until_refused(server: Served) -> None:
    """Until the one that goes accepts no more: what connects stays in the backlog."""
    while True:
        reader, writer = await server.connect()
        writer.write(ASK)
        try:
            async with asyncio.timeout(0.5):
                await answer(reader)
        except TimeoutError:
            return
        finally:
            writer.close()


async def test_an_idle_connection_is_closed_in_the_end() -> None:
    async with served(idle_seconds=1) as server:
        reader, writer = await server.connect()
        writer.write(ASK)
        await answer(reader)
        server.line.say("replaced")
        server.stop.set()
        assert await reader.read() == b""
        writer.close()
        await server.serving


async def test_nobody_waits_for_clients_when_everything_stops() -> None:
    async with served() as server:
        reader, writer = await server.connect()
        writer.write(ASK)
        await answer(reader)
        server.line.say("ends")
        server.stop.set()
        await server.serving
        assert await reader.read() == b""
        writer.close()


async def test_a_process_without_a_supervisor_goes_at_once() -> None:
    async with served(is_supervised=False) as server:
        _, writer = await server.connect()
        server.stop.set()
        await server.serving
        writer.close()
