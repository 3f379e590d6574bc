"""What a connection may cost before a request is there, over real sockets."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

import pytest
from starlette.types import Receive, Scope, Send

from turnout.engines.handover import NOBODY
from turnout.http_bounds import HttpBounds
from turnout.http_server import serve_http

pytestmark = pytest.mark.anyio

WAIT_SECONDS = 20.0
BOUNDS = HttpBounds(
    head_bytes=2000, head_seconds=5.0, write_seconds=5.0, keep_alive_seconds=5, connections=3
)
ASK = b"GET / HTTP/1.1\r\nhost: here\r\n\r\n"
BEGUN = b"POST / HTTP/1.1\r\nhost: here\r\n"


@dataclass(slots=True)
class Edge:
    """A server whose application reads the body and answers with its length."""

    port: int = 0
    asked: int = 0
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        self.asked += 1
        self.begun.set()
        if any(name == b"x-refuse" for name, _ in scope["headers"]):
            refused = [(b"content-length", b"0")]
            await send({"type": "http.response.start", "status": 413, "headers": refused})
            await send({"type": "http.response.body", "body": b""})
            return
        if scope["path"] == "/long":
            await receive()
            leaving = asyncio.ensure_future(receive())
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while not leaving.done():
                await send({"type": "http.response.body", "body": b" " * 65536, "more_body": True})
                await asyncio.sleep(0)
            self.gone.set()
            return
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            size += len(message["body"])
            if not message["more_body"]:
                break
        body = str(size).encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writers.append(writer)
        return reader, writer


@asynccontextmanager
async def served(bounds: HttpBounds = BOUNDS) -> AsyncGenerator[Edge]:
    edge, stop = Edge(), asyncio.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        edge.port = listener.getsockname()[1]
        async with asyncio.timeout(WAIT_SECONDS), asyncio.TaskGroup() as group:
            group.create_task(
                serve_http(
                    edge,
                    listener.dup(),
                    stop,
                    handover=NOBODY,
                    drain_seconds=1,
                    replaced_seconds=1,
                    bounds=bounds,
                )
            )
            try:
                yield edge
            finally:
                for writer in edge.writers:
                    writer.close()
                stop.set()


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    return (
        int(head[0].split()[1]),
        headers,
        await reader.readexactly(int(headers["content-length"])),
    )


async def is_refused(reader: asyncio.StreamReader, status: int) -> bool:
    told, headers, body = await answer(reader)
    error = json.loads(body)["error"]
    assert headers["connection"] == "close"
    assert error["message"]
    assert await reader.read() == b"", "and the connection is closed"
    return told == status


@pytest.mark.parametrize(
    "flood",
    [
        BEGUN + b"x-a: b\r\n" * 1000,
        BEGUN + b"x-a: b\r\n" * 1000 + b"\r\n",
        BEGUN + b"x-a: " + b"b" * 4000,
        b"GET /" + b"a" * 4000,
        b"GET /" + b"a" * 4000 + b" HTTP/1.1\r\n\r\n",
    ],
    ids=["many", "many, whole", "one", "line", "line, whole"],
)
async def test_a_head_beyond_the_bound_is_refused_and_hung_up_on(flood: bytes) -> None:
    async with served() as edge:
        reader, writer = await edge.connect()
        writer.write(flood)
        assert await is_refused(reader, 431)
        assert edge.asked == 0


async def test_heads_within_the_bound_are_counted_one_by_one() -> None:
    head = BEGUN + b"content-length: 5000\r\nx-a: " + b"b" * 1500 + b"\r\n\r\n"
    async with served() as edge:
        reader, writer = await edge.connect()
        for _ in range(3):
            writer.write(head + b"x" * 5000)
            assert (await answer(reader))[::2] == (200, b"5000")


async def test_headers_behind_a_body_are_bounded_too() -> None:
    async with served() as edge:
        reader, writer = await edge.connect()
        writer.write(BEGUN + b"transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nx-a: ")
        await edge.begun.wait()
        writer.write(b"b" * 4000)
        with suppress(ConnectionError):
            assert await reader.read() == b""


async def test_a_body_that_has_been_answered_is_not_read_for_ever() -> None:
    async with served() as edge:
        reader, writer = await edge.connect()
        writer.write(BEGUN + b"x-refuse: yes\r\ntransfer-encoding: chunked\r\n\r\n")
        assert (await answer(reader))[0] == 413
        with suppress(ConnectionError):
            while True:
                writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
                await writer.drain()
                await asyncio.sleep(0.01)


async def test_after_an_answered_body_has_come_whole_the_connection_is_used_again() -> None:
    async with served() as edge:
        reader, writer = await edge.connect()
        writer.write(BEGUN + b"x-refuse: yes\r\ncontent-length: 4\r\n\r\n")
        assert (await answer(reader))[0] == 413
        writer.write(b"late" + ASK)
        assert (await answer(reader))[0] == 200
        more = asyncio.ensure_future(reader.read())
        assert not (await asyncio.wait({more}, timeout=2.5))[0]
        writer.close()
        assert await more == b""


async def test_a_head_that_drips_is_given_up_at_its_deadline() -> None:
    async with served(replace(BOUNDS, head_seconds=0.1)) as edge:
        reader, writer = await edge.connect()
        writer.write(ASK)
        assert (await answer(reader))[0] == 200
        told = asyncio.ensure_future(is_refused(reader, 408))
        for byte in BEGUN:
            writer.write(bytes([byte]))
            await asyncio.wait({told}, timeout=0.02)
        assert await told


async def test_a_body_may_take_longer_than_a_head() -> None:
    async with served(replace(BOUNDS, head_seconds=0.05)) as edge:
        reader, writer = await edge.connect()
        writer.write(BEGUN + b"content-")
        await writer.drain()
        writer.write(b"length: 4\r\n\r\nabc")
        answering = asyncio.ensure_future(answer(reader))
        assert not (await asyncio.wait({answering}, timeout=0.2))[0]
        writer.write(b"d")
        assert (await answering)[::2] == (200, b"4")


async def test_a_served_connection_on_which_nothing_more_is_asked_is_closed() -> None:
    async with served(replace(BOUNDS, keep_alive_seconds=1)) as edge:
        reader, writer = await edge.connect()
        writer.write(ASK)
        await answer(reader)
        assert await reader.read() == b""


async def test_a_new_connection_that_sends_nothing_has_the_time_of_a_head() -> None:
    """One that has served a request is kept for longer."""
    async with served(replace(BOUNDS, head_seconds=0.2, keep_alive_seconds=75)) as edge:
        served_before, writer = await edge.connect()
        writer.write(ASK)
        assert (await answer(served_before))[0] == 200
        reader, _ = await edge.connect()
        assert await reader.read() == b""
        writer.write(ASK)
        assert (await answer(served_before))[0] == 200


@pytest.mark.parametrize("before", [b"", ASK])
async def test_line_ends_alone_do_not_keep_a_connection(before: bytes) -> None:
    async with served(replace(BOUNDS, head_seconds=0.2, keep_alive_seconds=75)) as edge:
        reader, writer = await edge.connect()
        writer.write(before)
        if before:
            await answer(reader)
        writer.write(b"\r\n")
        assert await is_refused(reader, 408)


async def test_line_ends_in_front_of_a_head_are_passed_over() -> None:
    async with served() as edge:
        reader, writer = await edge.connect()
        for _ in range(2):
            writer.write(b"\r\n")
            await writer.drain()
            writer.write(ASK)
            assert (await answer(reader))[0] == 200


async def test_connections_beyond_the_bound_are_told_to_come_back() -> None:
    async with served() as edge:
        held = [await edge.connect() for _ in range(BOUNDS.connections)]
        for reader, writer in held:
            writer.write(ASK)
            assert (await answer(reader))[0] == 200
        reader, _ = await edge.connect()
        status, headers, _ = await answer(reader)
        assert (status, headers["retry-after"]) == (503, "1")
        assert await reader.read() == b""
        held[0][1].close()
        assert await held[0][0].read() == b""
        held[1][1].write(ASK)
        assert (await answer(held[1][0]))[0] == 200


async def test_what_is_no_http_is_refused_in_the_same_form() -> None:
    async with served() as edge:
        reader, writer = await edge.connect()
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        assert await is_refused(reader, 400)


async def test_a_client_that_takes_nothing_of_its_answer_is_hung_up_on() -> None:
    async with served(replace(BOUNDS, write_seconds=0.2)) as edge:
        idle, writer = await edge.connect()
        idle_takes_all = asyncio.ensure_future(idle.read())
        reader, silent = await edge.connect()
        silent.write(b"GET /long HTTP/1.1\r\nhost: here\r\n\r\n")
        await edge.gone.wait()
        assert not idle_takes_all.done()
        writer.write(ASK)
        writer.write_eof()
        assert b"200 OK" in await idle_takes_all
        with suppress(ConnectionResetError):
            await reader.read()


async def test_a_client_that_takes_its_time_is_answered() -> None:
    async with served(replace(BOUNDS, write_seconds=0.5)) as edge:
        reader, writer = await edge.connect()
        writer.write(b"GET /long HTTP/1.1\r\nhost: here\r\n\r\n")
        for _ in range(20):
            # More than lies in the buffers between, in a second, with pauses.
            await reader.readexactly(1_000_000)
            await asyncio.sleep(0.05)
        assert not edge.gone.is_set()
