"""Clients that misbehave, against the running product: each case says what the client sees, what is
recorded, and that nothing is left open, here and at the provider.
"""

import asyncio
import json
import re
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.faults.open_files import Opened, opened_by
from tests.faults.product import Product
from tests.upstream_dispatcher.samples import (
    CHAT_DONE,
    CHAT_MORE,
    CHAT_ROLE,
    CHAT_STOP,
    CHAT_STREAM,
    CHAT_TEXT,
    CHAT_USAGE,
    EVENTS,
)
from tests.upstream_dispatcher.scripted import Exchange, ScriptedProvider, provider

pytestmark = pytest.mark.anyio

MAX_BODY_BYTES: Final = 1_000_000
BODY_SECONDS: Final = 1.0
HEADER_SECONDS: Final = 3
IDLE_CONNECTIONS: Final = 2_000
LONG_ANSWER_BYTES: Final = 16_000_000
"""More than all buffers between a provider and a client hold."""

WAIT_SECONDS: Final = 20.0
REQUEST_ID: Final = re.compile(rb"turnout-request-id: (\S+)")
PATH: Final = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Edge:
    """The product, and the provider behind it; what the provider does is the prompt's last word."""

    product: Product
    provider: ScriptedProvider

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.product.port("ingress"))

    async def opened(self) -> Opened:
        """What the product holds open once that stays the same for a while."""
        port = int(self.provider.url.rpartition(":")[2])
        last = opened_by(self.product.pid, provider_port=port)
        same = 0
        async with asyncio.timeout(WAIT_SECONDS):
            while same < 5:
                await asyncio.sleep(0.1)
                found = opened_by(self.product.pid, provider_port=port)
                same = same + 1 if found == last else 0
                last = found
        return last

    async def recorded(self, case: str) -> list[object]:
        """Outcome, error and status of the request of a case."""
        return await self._recorded(f"ticket = '{case}'")

    async def recorded_of(self, answer: bytes) -> list[object]:
        """The same of one that was refused before anything of it was read."""
        found = REQUEST_ID.search(answer)
        assert found
        return await self._recorded(f"request_id = '{found[1].decode()}'")

    async def _recorded(self, condition: str) -> list[object]:
        rows = await self.product.until_rows(
            f"SELECT outcome, error, status FROM requests WHERE {condition}",
            lambda found: len(found) == 1,
        )
        return list(rows[0])


async def as_asked(exchange: Exchange) -> None:
    """Whatever the last message of the prompt says."""
    messages = json.loads(exchange.seen.body)["messages"]
    match messages[-1]["content"]:
        case "silence":
            await exchange.until_closed()
        case "begin":
            await exchange.head(200, EVENTS)
            await exchange.chunk(CHAT_ROLE + CHAT_TEXT)
            await exchange.until_closed()
        case "long":
            await exchange.head(200, EVENTS)
            await exchange.chunk(CHAT_ROLE)
            piece = CHAT_MORE * 400
            for _ in range(LONG_ANSWER_BYTES // len(piece)):
                await exchange.chunk(piece)
            await exchange.chunk(CHAT_STOP + CHAT_USAGE + CHAT_DONE)
            await exchange.end()
        case _:
            await exchange.stream(*CHAT_STREAM)


@pytest.fixture(scope="module")
async def edge(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    made = Product(tmp_path_factory.mktemp("clients"))
    async with provider(as_asked) as scripted:
        made.settings |= {
            "TURNOUT_PROVIDERS__OPENAI__BASE_URL": f"{scripted.url}/v1",
            "OPENAI_API_KEY": "sk-of-this-test-alone",
            "TURNOUT_INGRESS__MAX_BODY_BYTES": str(MAX_BODY_BYTES),
            "TURNOUT_INGRESS__BODY_SECONDS": str(BODY_SECONDS),
            "TURNOUT_INGRESS__HEADER_SECONDS": str(HEADER_SECONDS),
        }
        try:
            await made.start()
            on = Edge(made, scripted)
            await asked(on, "warm-up", "all")
            yield on
        finally:
            await made.kill()
            made.report()


@pytest.fixture(scope="module")
async def at_rest(edge: Edge) -> Opened:
    return await edge.opened()


@pytest.fixture
async def nothing_left(edge: Edge, at_rest: Opened) -> AsyncIterator[None]:
    """Nothing that a case opened stays open, and the next request is served."""
    yield
    assert (await asked(edge, "after", "all")).startswith(b"HTTP/1.1 200")
    after = await edge.opened()
    assert (after.sockets, after.others) == (at_rest.sockets, at_rest.others)
    assert edge.provider.open_connections == after.pooled == 1
    assert await edge.product.metric("turnout_requests_in_flight") == 0


def head(case: str, *, length: int | None) -> bytes:
    lines = [
        f"POST {PATH} HTTP/1.1",
        "host: 127.0.0.1",
        "content-type: application/json",
        f"x-turnout-ticket: {case}",
        "transfer-encoding: chunked" if length is None else f"content-length: {length}",
    ]
    return "\r\n".join((*lines, "", "")).encode()


def question(case: str, does: str) -> bytes:
    messages = [{"role": "user", "content": case}, {"role": "user", "content": does}]
    return json.dumps({"model": "gpt-5.4", "stream": True, "messages": messages}).encode()


async def asked(edge: Edge, case: str, does: str) -> bytes:
    """The whole answer to a client that does all right, head included."""
    reader, writer = await edge.connect()
    body = question(case, does)
    writer.write(
        head(case, length=len(body)).replace(b"host:", b"connection: close\r\nhost:") + body
    )
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            return await reader.read()
    finally:
        writer.close()


async def left(edge: Edge, writer: asyncio.StreamWriter) -> None:
    """The client closes; comes back when the provider has been hung up on."""
    edge.provider.hung_up.clear()
    writer.close()
    async with asyncio.timeout(1.0):
        await edge.provider.hung_up.wait()


@pytest.mark.usefixtures("nothing_left")
async def test_a_client_that_leaves_before_its_body_is_whole_asks_nobody(edge: Edge) -> None:
    seen = len(edge.provider.seen)
    for cut in (0, 10):
        body = question("half", "all")
        _, writer = await edge.connect()
        writer.write(head("half", length=len(body)) + body[:cut])
        await writer.drain()
        writer.close()
    await asked(edge, "behind-half", "all")
    assert len(edge.provider.seen) == seen + 1
    await edge.recorded("behind-half")
    rows = await edge.product.rows("SELECT count() FROM requests WHERE ticket = 'half'")
    assert rows == [[0]]


@pytest.mark.usefixtures("nothing_left")
async def test_a_client_that_leaves_before_the_first_byte_takes_the_provider_along(
    edge: Edge,
) -> None:
    _, writer = await edge.connect()
    body = question("unanswered", "silence")
    seen = len(edge.provider.seen)
    writer.write(head("unanswered", length=len(body)) + body)
    async with asyncio.timeout(WAIT_SECONDS):
        while len(edge.provider.seen) == seen:
            await asyncio.sleep(0.01)
    await left(edge, writer)
    assert await edge.recorded("unanswered") == ["cancelled", "", 0]


@pytest.mark.usefixtures("nothing_left")
async def test_a_client_that_leaves_in_the_middle_pays_for_what_came(edge: Edge) -> None:
    reader, writer = await edge.connect()
    body = question("middle", "begin")
    writer.write(head("middle", length=len(body)) + body)
    async with asyncio.timeout(WAIT_SECONDS):
        await reader.readuntil(b'"Hello"')
    await left(edge, writer)
    assert await edge.recorded("middle") == ["cancelled", "", 200]
    rows = await edge.product.rows("SELECT output > 0 FROM requests WHERE ticket = 'middle'")
    assert rows == [[1]]


@pytest.mark.usefixtures("nothing_left")
async def test_a_client_that_reads_slowly_gets_all_and_makes_nothing_pile_up(edge: Edge) -> None:
    before = resident_bytes(edge.product.pid)
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", edge.product.port("ingress")))
    reader, writer = await asyncio.open_connection(sock=raw, limit=65536)
    body = question("slow-reader", "long")
    writer.write(head("slow-reader", length=len(body)) + body)
    size, last = 0, b""
    async with asyncio.timeout(WAIT_SECONDS):
        await asyncio.sleep(1.0)
        assert resident_bytes(edge.product.pid) - before < LONG_ANSWER_BYTES / 2
        while not last.endswith(CHAT_DONE + b"\r\n0\r\n\r\n"):
            data = await reader.read(65536)
            assert data
            size += len(data)
            last = last[-100:] + data
    writer.close()
    assert size > 0.99 * LONG_ANSWER_BYTES
    assert (await edge.recorded("slow-reader")) == ["answered", "", 200]


@pytest.mark.usefixtures("nothing_left")
async def test_a_client_that_writes_slowly_is_served_within_the_bodys_time_and_not_beyond(
    edge: Edge,
) -> None:
    for case, seconds, status in (("slow", 0.3, b"200"), ("too-slow", 3 * BODY_SECONDS, b"400")):
        reader, writer = await edge.connect()
        body = question(case, "all")
        writer.write(head(case, length=len(body)))
        answering = asyncio.ensure_future(reader.readuntil(b"\r\n\r\n"))
        for byte in body:
            if (await asyncio.wait({answering}, timeout=seconds / len(body)))[0]:
                break
            writer.write(bytes([byte]))
        async with asyncio.timeout(WAIT_SECONDS):
            told = await answering
        assert told.split()[1] == status
        writer.close()
    assert (await edge.recorded("slow")) == ["answered", "", 200]
    assert (await edge.recorded_of(told)) == ["rejected", "invalid_request", 400]


@pytest.fixture
def many_files() -> Iterator[None]:
    """For a client of thousands of connections; shells give a thousand files."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = IDLE_CONNECTIONS + 1_000
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], wanted), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("nothing_left", "many_files")
async def test_thousands_of_idle_connections_cost_little_and_are_closed(edge: Edge) -> None:
    before = resident_bytes(edge.product.pid)
    held = [await edge.connect() for _ in range(IDLE_CONNECTIONS)]
    assert (await asked(edge, "beside-idle", "all")).startswith(b"HTTP/1.1 200")
    cost = (resident_bytes(edge.product.pid) - before) / IDLE_CONNECTIONS
    assert cost < 20_000
    async with asyncio.timeout(WAIT_SECONDS):
        for reader, writer in held:
            assert await reader.read() == b""
            writer.close()
    assert (await edge.recorded("beside-idle"))[0] == "answered"


@pytest.mark.usefixtures("nothing_left")
async def test_a_flood_of_headers_is_refused_and_hung_up_on(edge: Edge) -> None:
    before = resident_bytes(edge.product.pid)
    reader, writer = await edge.connect()
    writer.write(head("header-flood", length=1)[:-2])
    sent = 0
    with suppress(ConnectionError):
        async with asyncio.timeout(WAIT_SECONDS):
            while sent < 40_000_000:
                writer.write(b"x-a: " + b"y" * 1_000 + b"\r\n")
                sent += 1_007
                await writer.drain()
    assert sent < 40_000_000
    assert resident_bytes(edge.product.pid) - before < 10_000_000
    # A client that goes on sending may be cut off before it has read why.
    with suppress(ConnectionError):
        told = await reader.read()
        assert told == b"" or told.startswith(b"HTTP/1.1 431 ")
    writer.close()
    await asked(edge, "behind-headers", "all")
    await edge.recorded("behind-headers")
    rows = await edge.product.rows("SELECT count() FROM requests WHERE ticket = 'header-flood'")
    assert rows == [[0]]


@pytest.mark.usefixtures("nothing_left")
async def test_a_client_that_drips_its_headers_is_given_up(edge: Edge) -> None:
    reader, writer = await edge.connect()
    answering = asyncio.ensure_future(reader.read())
    for byte in head("drip", length=1) * 10:
        writer.write(bytes([byte]))
        if (await asyncio.wait({answering}, timeout=0.1))[0]:
            break
    assert (await answering).startswith(b"HTTP/1.1 408 ")
    writer.close()


@pytest.mark.usefixtures("nothing_left")
async def test_a_flood_of_a_body_is_refused_in_the_dialect_and_hung_up_on(edge: Edge) -> None:
    before = resident_bytes(edge.product.pid)
    reader, writer = await edge.connect()
    writer.write(head("body-flood", length=None))
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    answering = asyncio.ensure_future(reader.readuntil(b"}}"))
    with suppress(ConnectionError):
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                writer.write(piece)
                await writer.drain()
    told = await answering
    assert told.startswith(b"HTTP/1.1 413 ")
    assert b"TURNOUT_INGRESS__MAX_BODY_BYTES" in told
    writer.close()
    assert resident_bytes(edge.product.pid) - before < 20 * MAX_BODY_BYTES
    assert (await edge.recorded_of(told)) == ["rejected", "request_too_large", 413]


def resident_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()
