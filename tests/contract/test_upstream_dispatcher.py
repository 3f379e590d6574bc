"""What every upstream dispatcher does towards its caller, in this process or behind gRPC.

What it does towards providers is tested in tests/upstream_dispatcher; here it is a script.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import replace
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.hops import over_grpc, served
from tests.fakes import ScriptedDispatcher
from tests.upstream_dispatcher.workbench import request
from turnout import errors
from turnout.errors import TurnoutError, Unavailable
from turnout.ports import (
    Chunk,
    Credential,
    DispatchEvent,
    DispatchRequest,
    Head,
    Served,
    UpstreamDispatcher,
)
from turnout.rpc.channel import MAX_MESSAGE_BYTES, open_channel
from turnout.rpc.upstream_dispatcher import (
    COALESCE_BYTES,
    SERVICE_NAME,
    RemoteUpstreamDispatcher,
    UpstreamDispatcherServer,
    coalesced,
)

pytestmark = pytest.mark.anyio

WAIT_SECONDS = 5.0
"""Longer than anything here takes; a test that hangs fails by it."""

MEGABYTE = 1024 * 1024

Open: TypeAlias = Callable[[UpstreamDispatcher], AbstractAsyncContextManager[UpstreamDispatcher]]

HEAD = Head(
    status=200,
    headers=(("content-type", "text/event-stream"), ("request-id", "büro")),
    target="openai/gpt-5.4@env",
    model="gpt-5.4",
    provider="openai",
    attempts=2,
)


@asynccontextmanager
async def here(dispatcher: UpstreamDispatcher) -> AsyncGenerator[UpstreamDispatcher]:
    yield dispatcher


def behind_grpc(deadline_seconds: float = WAIT_SECONDS) -> Open:
    @asynccontextmanager
    async def opened(dispatcher: UpstreamDispatcher) -> AsyncGenerator[UpstreamDispatcher]:
        async with over_grpc(UpstreamDispatcherServer(dispatcher), SERVICE_NAME) as channel:
            yield RemoteUpstreamDispatcher(
                channel, begin_seconds=WAIT_SECONDS, deadline_seconds=deadline_seconds
            )

    return opened


OPENERS: dict[str, Open] = {"local": here, "remote": behind_grpc()}


@pytest.fixture(params=OPENERS)
def opened(request: pytest.FixtureRequest) -> Open:
    return OPENERS[str(request.param)]


async def played(
    opened: Open, dispatcher: UpstreamDispatcher, asked: DispatchRequest | None = None
) -> list[DispatchEvent]:
    async with asyncio.timeout(WAIT_SECONDS), opened(dispatcher) as on:
        return [event async for event in on.dispatch(asked or request("openai/gpt-5.4@env"))]


async def keep(events: AsyncGenerator[DispatchEvent, None], seen: list[DispatchEvent]) -> None:
    """Like a list of them, but what came before an error stays."""
    async for event in events:
        seen.append(event)


def body_of(events: Sequence[DispatchEvent]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Chunk))


async def test_one_head_then_the_bytes(opened: Open) -> None:
    events = await played(
        opened, ScriptedDispatcher(HEAD, Chunk(b"data: 1\n\n"), Chunk(b"data: 2\n\n"))
    )
    assert events[0] == HEAD
    assert body_of(events) == b"data: 1\n\ndata: 2\n\n"
    assert all(isinstance(event, Chunk) for event in events[1:])


async def test_who_answers_passes_after_a_head_that_could_not_say_so(opened: Open) -> None:
    served = Served(target="t", model="m", provider="p", attempts=2)
    events = await played(opened, ScriptedDispatcher(HEAD, served, Chunk(b"data: 1\n\n")))
    assert events == [HEAD, served, Chunk(b"data: 1\n\n")]


async def test_an_answer_without_a_body(opened: Open) -> None:
    assert await played(opened, ScriptedDispatcher(HEAD)) == [HEAD]


async def test_a_request_arrives_as_it_was_sent(opened: Open) -> None:
    asked = replace(
        request("a", "b", body=os.urandom(1000), query="beta=true"),
        headers=(("x-one", "1"), ("x-one", "2"), ("x-name", "b\xfcro")),
        credentials=(Credential("anthropic", "authorization", "Bearer secret"),),
    )
    scripted = ScriptedDispatcher(HEAD)
    await played(opened, scripted, asked)
    assert scripted.asked == [asked]


async def test_a_body_of_the_edges_limit_passes(opened: Open) -> None:
    asked = request("a", body=b"x" * (32 * MEGABYTE))
    scripted = ScriptedDispatcher(HEAD, Chunk(b"y" * (32 * MEGABYTE)))
    events = await played(opened, scripted, asked)
    assert len(scripted.asked[0].body) == 32 * MEGABYTE
    assert len(body_of(events)) == 32 * MEGABYTE


@pytest.mark.parametrize("kind", errors.BY_KIND.values(), ids=lambda kind: kind.kind)
async def test_an_error_keeps_its_type_and_what_it_carries(
    opened: Open, kind: type[TurnoutError]
) -> None:
    error = kind("Grüße, it was wrong", retry_after_seconds=2.5, upstream_status=429)
    with pytest.raises(TurnoutError) as raised:
        await played(opened, ScriptedDispatcher(error))
    assert type(raised.value) is kind
    assert raised.value.message == "Grüße, it was wrong"
    assert (raised.value.retry_after_seconds, raised.value.upstream_status) == (2.5, 429)


async def test_an_error_without_hints_has_none(opened: Open) -> None:
    with pytest.raises(Unavailable) as raised:
        await played(opened, ScriptedDispatcher(Unavailable("down")))
    assert (raised.value.retry_after_seconds, raised.value.upstream_status) == (None, None)


async def test_an_error_with_a_long_message_is_still_that_error(opened: Open) -> None:
    with pytest.raises(errors.InvalidRequest):
        await played(opened, ScriptedDispatcher(errors.InvalidRequest("Überlänge " * 2000)))


async def test_an_error_after_the_beginning_comes_after_the_bytes(opened: Open) -> None:
    scripted = ScriptedDispatcher(HEAD, Chunk(b"data: 1\n\n"), errors.UpstreamFailed("broke off"))
    seen: list[DispatchEvent] = []
    async with opened(scripted) as on:
        with pytest.raises(errors.UpstreamFailed, match="broke off"):
            await keep(on.dispatch(request("a")), seen)
    assert (seen[0], body_of(seen)) == (HEAD, b"data: 1\n\n")


async def test_closing_the_iterator_aborts_the_work(opened: Open) -> None:
    scripted = ScriptedDispatcher(HEAD, Chunk(b"data: 1\n\n"), asyncio.Event())
    async with asyncio.timeout(WAIT_SECONDS), opened(scripted) as on:
        async with aclosing(on.dispatch(request("a"))) as events:
            assert await anext(events) == HEAD
            assert await anext(events) == Chunk(b"data: 1\n\n")
        await scripted.closed.wait()


async def test_cancelling_the_caller_aborts_the_work(opened: Open) -> None:
    scripted = ScriptedDispatcher(asyncio.Event())
    async with asyncio.timeout(WAIT_SECONDS), opened(scripted) as on:
        events = on.dispatch(request("a"))
        waiting = asyncio.ensure_future(anext(events))
        await scripted.reached.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await events.aclose()
        await scripted.closed.wait()


async def test_many_answers_at_a_time_are_not_mixed(opened: Open) -> None:
    class Echo:
        async def dispatch(self, request: DispatchRequest) -> AsyncGenerator[DispatchEvent, None]:
            yield HEAD
            for _ in range(20):
                await asyncio.sleep(0)
                yield Chunk(request.body)

    async with asyncio.timeout(WAIT_SECONDS), opened(Echo()) as on:

        async def one(number: int) -> bytes:
            asked = request("a", body=b"%d," % number)
            return body_of([event async for event in on.dispatch(asked)])

        bodies = await asyncio.gather(*(one(number) for number in range(50)))
    assert bodies == [b"%d," % number * 20 for number in range(50)]


# -- what only the hop has ---------------------------------------------------------------------


async def test_an_answer_over_its_deadline_is_unavailable_and_stopped() -> None:
    scripted = ScriptedDispatcher(HEAD, asyncio.Event())
    async with behind_grpc(0.1)(scripted) as on:
        events = on.dispatch(request("a"))
        assert await anext(events) == HEAD
        with pytest.raises(Unavailable, match="in time"):
            await anext(events)
        await asyncio.wait_for(scripted.closed.wait(), WAIT_SECONDS)


async def test_a_message_over_the_limit_says_so() -> None:
    asked = request("a", body=b"x" * (MAX_MESSAGE_BYTES + 1))
    with pytest.raises(errors.RequestTooLarge, match="TURNOUT_INGRESS__MAX_BODY_BYTES"):
        await played(behind_grpc(), ScriptedDispatcher(HEAD), asked)


async def test_a_fault_behind_the_hop_is_internal_and_keeps_its_text_there() -> None:
    with pytest.raises(errors.Internal) as raised:
        await played(behind_grpc(), ScriptedDispatcher(HEAD, ZeroDivisionError("the secret text")))
    assert "secret" not in raised.value.message


async def test_a_dispatcher_that_goes_away_in_the_middle_is_unavailable() -> None:
    scripted = ScriptedDispatcher(HEAD, asyncio.Event())
    servicer = UpstreamDispatcherServer(scripted)
    async with (
        asyncio.timeout(WAIT_SECONDS),
        served(servicer, SERVICE_NAME) as (server, address),
        open_channel(address, tls=None) as channel,
    ):
        events = RemoteUpstreamDispatcher(
            channel, begin_seconds=WAIT_SECONDS, deadline_seconds=WAIT_SECONDS
        ).dispatch(request("a"))
        assert await anext(events) == HEAD
        await server.stop(grace_seconds=0)
        with pytest.raises(Unavailable, match="upstream-dispatcher cannot be reached"):
            await anext(events)


# -- coalescing --------------------------------------------------------------------------------


async def coalesce(scripted: ScriptedDispatcher) -> list[DispatchEvent]:
    return [event async for event in coalesced(scripted.dispatch(request("a")))]


@settings(deadline=None, max_examples=50)
@given(parts=st.lists(st.binary(max_size=2 * COALESCE_BYTES), max_size=8))
def test_coalescing_keeps_the_bytes_and_their_order(parts: list[bytes]) -> None:
    events = asyncio.run(coalesce(ScriptedDispatcher(HEAD, *(Chunk(part) for part in parts))))
    assert events[0] == HEAD
    assert body_of(events) == b"".join(parts)


async def test_chunks_that_are_ready_together_go_together() -> None:
    events = await coalesce(ScriptedDispatcher(HEAD, *(Chunk(b"x" * 100) for _ in range(1000))))
    assert len(events) <= 2 + 100_000 // COALESCE_BYTES


async def test_what_is_ready_does_not_wait_for_what_is_not() -> None:
    scripted = ScriptedDispatcher(HEAD, Chunk(b"1"), asyncio.Event())
    async with (
        asyncio.timeout(WAIT_SECONDS),
        aclosing(coalesced(scripted.dispatch(request("a")))) as events,
    ):
        assert await anext(events) == HEAD
        assert await anext(events) == Chunk(b"1")
    assert scripted.closed.is_set()


async def test_who_answers_is_said_between_the_chunks_where_it_was_said() -> None:
    served = Served(target="t", model="m", provider="p", attempts=2)
    said: list[DispatchEvent] = [Chunk(b": keep-alive"), served, Chunk(b"hello")]
    assert await coalesce(ScriptedDispatcher(HEAD, *said)) == [HEAD, *said]


async def test_chunks_before_an_error_come_before_it() -> None:
    scripted = ScriptedDispatcher(HEAD, Chunk(b"1"), Unavailable("down"))
    seen: list[DispatchEvent] = []
    with pytest.raises(Unavailable):
        await keep(coalesced(scripted.dispatch(request("a"))), seen)
    assert seen == [HEAD, Chunk(b"1")]
