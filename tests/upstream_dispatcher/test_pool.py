"""Bytes that nobody asked for are nobody's answer, whenever they come."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from tests.upstream_dispatcher.samples import CHAT_STREAM, CHAT_WHOLE, EVENTS, JSON
from tests.upstream_dispatcher.scripted import Exchange, Script, ScriptedProvider, provider
from tests.upstream_dispatcher.workbench import (
    CHAT_BODY,
    CHAT_WHOLE_BODY,
    QUICK,
    Bench,
    answer_of,
    bench,
    request,
)
from turnout.ports import DispatchRequest
from turnout.upstream_dispatcher.transport import HttpTransport, Incoming, Outgoing

pytestmark = pytest.mark.anyio

FIRST = "openai/gpt-5.4@env"


def written(body: bytes) -> bytes:
    return b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
        len(body),
        body,
    )


ANOTHERS = written(b'{"whose":"another client"}')
SURPLUS = {
    "an answer": ANOTHERS,
    "its head": ANOTHERS[: ANOTHERS.index(b"{")],
    "half of its head": ANOTHERS[:20],
    "half of its body": ANOTHERS[:-9],
    "a letter": ANOTHERS[:1],
    "what comes before an answer": b"HTTP/1.1 100 Continue\r\n\r\n",
}


@pytest.fixture(
    params=[("asyncio", {}), ("asyncio", {"use_uvloop": True})], ids=["asyncio", "uvloop"]
)
def anyio_backend(request: pytest.FixtureRequest) -> object:
    """The loop that the product runs on as well: what a socket has unread is asked of its own."""
    return request.param


@pytest.fixture(params=SURPLUS.values(), ids=list(SURPLUS))
def surplus(request: pytest.FixtureRequest) -> bytes:
    assert isinstance(request.param, bytes)
    return request.param


async def whole(exchange: Exchange) -> None:
    await exchange.answer(200, CHAT_WHOLE, EVENTS, JSON)


def asked(*, stream: bool = False) -> DispatchRequest:
    return request(FIRST, body=CHAT_BODY if stream else CHAT_WHOLE_BODY, stream=stream)


@asynccontextmanager
async def against(*scripts: Script) -> AsyncGenerator[tuple[ScriptedProvider, Bench]]:
    async with provider(*scripts) as openai, bench({"openai": openai.url}) as on:
        yield openai, on


async def the_next_gets_its_own(
    openai: ScriptedProvider, on: Bench, *, connections: int = 2
) -> None:
    assert (await answer_of(on, asked())).body == CHAT_WHOLE
    assert openai.connections == connections
    assert [fact.outcome for fact in on.facts.attempts] == ["answered"] * len(openai.seen)


async def test_a_connection_without_surplus_serves_again() -> None:
    async with against(whole) as (openai, on):
        for _ in range(3):
            await the_next_gets_its_own(openai, on, connections=1)


async def test_behind_an_answer_in_one_read(surplus: bytes) -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.write(written(CHAT_WHOLE) + surplus)

    async with against(script, whole) as (openai, on):
        assert (await answer_of(on, asked())).body == CHAT_WHOLE
        await hung_up(openai)
        await the_next_gets_its_own(openai, on)


async def test_behind_the_end_of_a_body_whose_head_came_before(surplus: bytes) -> None:
    """aiohttp gives the connection back while it still reads what came with the end."""
    has_head = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        await exchange.head(200, JSON, length=len(CHAT_WHOLE))
        await has_head.wait()
        await exchange.write(CHAT_WHOLE + surplus)

    async with provider(script, whole) as openai, closing_transport() as transport:
        incoming = await transport.send(Outgoing(openai.url, (), b""))
        has_head.set()
        assert await body_of(incoming) == CHAT_WHOLE
        assert await body_of(await transport.send(Outgoing(openai.url, (), b""))) == CHAT_WHOLE
        assert openai.connections == 2


async def test_while_the_connection_is_idle(surplus: bytes) -> None:
    has_answer = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        await whole(exchange)
        await has_answer.wait()
        await exchange.write(surplus)

    async with against(script, whole) as (openai, on):
        assert (await answer_of(on, asked())).body == CHAT_WHOLE
        has_answer.set()
        await hung_up(openai)
        await the_next_gets_its_own(openai, on)


async def test_behind_a_stream_in_one_read(surplus: bytes) -> None:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in CHAT_STREAM)

    async def script(exchange: Exchange) -> None:
        await exchange.head(200, EVENTS)
        await exchange.write(chunks + b"0\r\n\r\n" + surplus)

    async with against(script, whole) as (openai, on):
        assert (await answer_of(on, asked(stream=True))).body == b"".join(CHAT_STREAM)
        await hung_up(openai)
        await the_next_gets_its_own(openai, on)


async def test_some_time_behind_a_stream(surplus: bytes) -> None:
    has_answer = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        await exchange.stream(*CHAT_STREAM)
        await has_answer.wait()
        await exchange.write(surplus)

    async with against(script, whole) as (openai, on):
        assert (await answer_of(on, asked(stream=True))).body == b"".join(CHAT_STREAM)
        has_answer.set()
        await hung_up(openai)
        await the_next_gets_its_own(openai, on)


@pytest.mark.parametrize("unseen", [ANOTHERS, b""], ids=["an answer", "the other side's farewell"])
async def test_what_the_loop_has_not_seen_when_the_next_request_is_sent(unseen: bytes) -> None:
    exchanges: list[Exchange] = []

    async def script(exchange: Exchange) -> None:
        exchanges.append(exchange)
        await whole(exchange)

    async with provider(script, whole) as openai, closing_transport() as transport:
        await body_of(await transport.send(Outgoing(openai.url, (), b"")))
        exchanges[0].slip(unseen)
        assert await body_of(await transport.send(Outgoing(openai.url, (), b""))) == CHAT_WHOLE
        assert openai.connections == 2


async def test_what_is_no_http_behind_an_answer_takes_that_answer_and_no_other_with_it() -> None:
    """aiohttp tells nothing of what it read before the fault."""

    async def script(exchange: Exchange) -> None:
        await exchange.write(written(CHAT_WHOLE) + b"more")

    async with against(script, whole) as (openai, on):
        assert (await answer_of(on, asked())).head.status == 502
        await hung_up(openai)
        assert (await answer_of(on, asked())).body == CHAT_WHOLE
        assert openai.connections == 2


async def hung_up(openai: ScriptedProvider) -> None:
    async with asyncio.timeout(5):
        await openai.hung_up.wait()


@asynccontextmanager
async def closing_transport() -> AsyncGenerator[HttpTransport]:
    transport = HttpTransport(QUICK)
    try:
        yield transport
    finally:
        await transport.aclose()


async def body_of(incoming: Incoming) -> bytes:
    try:
        return await incoming.read_all(max_bytes=9_000)
    finally:
        await incoming.aclose()
