"""The upstream dispatcher's port over gRPC: both sides.

A stream message costs about 70 µs for both ends, so the serving side coalesces chunks that are
ready together: up to `COALESCE_BYTES`, waiting at most `COALESCE_SECONDS` after the first of them. An
answer that is no stream goes as one message.

The serving side sends its headers before it dispatches anything. A call whose headers have not come is
therefore one for which no provider was asked, and gRPC sends it again when its connection is lost.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import assert_never

from grpc import aio
from typing_extensions import override

from turnout.errors import TurnoutError, Unavailable
from turnout.ports import Chunk, DispatchEvent, DispatchRequest, Head, Served, UpstreamDispatcher
from turnout.protos import from_pb, to_pb
from turnout.rpc.errors import abort_with, error_from
from turnout.rpc.trace_context import trace_metadata
from turnout.rpc.v1 import upstream_dispatcher_pb2 as messages
from turnout.rpc.v1 import upstream_dispatcher_pb2_grpc as stubs

SERVICE_NAME = "turnout.rpc.v1.UpstreamDispatcher"

COALESCE_BYTES = 4096
COALESCE_SECONDS = 0.005


class RemoteUpstreamDispatcher:
    """Dispatches over gRPC; closing the iterator cancels the call."""

    def __init__(
        self, channel: aio.Channel, *, begin_seconds: float, deadline_seconds: float
    ) -> None:
        self._stub = stubs.UpstreamDispatcherStub(channel)
        self._begin_seconds = begin_seconds
        self._deadline_seconds = deadline_seconds

    async def dispatch(self, request: DispatchRequest) -> AsyncGenerator[DispatchEvent, None]:
        call = self._stub.Dispatch(
            to_pb(request, messages.DispatchRequest),
            timeout=self._deadline_seconds,
            metadata=trace_metadata(),
        )
        try:
            try:
                async with asyncio.timeout(self._begin_seconds):
                    await call.initial_metadata()
            except TimeoutError:
                raise Unavailable(
                    "No upstream-dispatcher took the request within"
                    f" {self._begin_seconds:g} s; no provider was asked."
                ) from None
            async for response in call:
                match response.WhichOneof("event"):
                    case "head":
                        yield from_pb(Head, response.head)
                    case "chunk":
                        yield Chunk(response.chunk.data)
                    case "answer":
                        yield from_pb(Head, response.answer.head)
                        yield Chunk(response.answer.data)
                    case "served":
                        yield from_pb(Served, response.served)
                    case None:
                        raise Unavailable("The upstream-dispatcher sent an event without content.")
        except aio.AioRpcError as failure:
            raise error_from(failure, service="upstream-dispatcher") from None
        finally:
            call.cancel()


class UpstreamDispatcherServer(stubs.UpstreamDispatcherServicer):
    """Serves a dispatcher that lives in this process."""

    def __init__(self, dispatcher: UpstreamDispatcher) -> None:
        self._dispatcher = dispatcher

    @override
    async def Dispatch(
        self,
        request: messages.DispatchRequest,
        context: aio.ServicerContext[
            messages.DispatchRequest, AsyncIterator[messages.DispatchResponse]
        ],
    ) -> AsyncIterator[messages.DispatchResponse]:
        await context.send_initial_metadata(())
        told = from_pb(DispatchRequest, request)
        events = self._dispatcher.dispatch(told)
        try:
            if told.features.stream:
                async with aclosing(coalesced(events)) as chunks:
                    async for event in chunks:
                        yield _message(event)
            else:
                async with aclosing(events):
                    for response in _messages([event async for event in events]):
                        yield response
        except TurnoutError as error:
            await abort_with(context, error)
            raise

    def add_to(self, server: aio.Server) -> None:
        stubs.add_UpstreamDispatcherServicer_to_server(self, server)


def _message(event: DispatchEvent) -> messages.DispatchResponse:
    match event:
        case Head():
            return messages.DispatchResponse(head=to_pb(event, messages.Head))
        case Chunk(data):
            return messages.DispatchResponse(chunk=messages.Chunk(data=data))
        case Served():
            return messages.DispatchResponse(served=to_pb(event, messages.Served))
        case _:
            assert_never(event)


def _messages(events: Sequence[DispatchEvent]) -> list[messages.DispatchResponse]:
    """One for an answer of one piece, as every answer is that is no stream."""
    match events:
        case [Head() as head, Chunk(data)]:
            answer = messages.Answer(head=to_pb(head, messages.Head), data=data)
            return [messages.DispatchResponse(answer=answer)]
        case _:
            return [_message(event) for event in events]


async def coalesced(
    events: AsyncGenerator[DispatchEvent, None],
) -> AsyncGenerator[DispatchEvent, None]:
    """The same answer in fewer, larger chunks; a head is never held back.

    Closing this closes `events`.
    """
    pending: list[bytes] = []
    size = 0
    upcoming: asyncio.Future[DispatchEvent] | None = None
    loop = asyncio.get_running_loop()
    flush_at = 0.0
    try:
        while True:
            if pending:
                if upcoming is None:
                    upcoming = asyncio.ensure_future(anext(events))
                await asyncio.wait({upcoming}, timeout=max(0.0, flush_at - loop.time()))
                if not upcoming.done():
                    yield Chunk(b"".join(pending))
                    pending, size = [], 0
                    continue
            try:
                # Only what may have to be left alone in the middle needs a task of its own.
                event = await (anext(events) if upcoming is None else upcoming)
            except StopAsyncIteration:
                if pending:
                    yield Chunk(b"".join(pending))
                return
            except TurnoutError:
                # What came before the error goes before it.
                if pending:
                    yield Chunk(b"".join(pending))
                raise
            upcoming = None
            match event:
                case Head():
                    yield event
                case Served():
                    # It stands before the chunks that it is about.
                    if pending:
                        yield Chunk(b"".join(pending))
                        pending, size = [], 0
                    yield event
                case Chunk(data):
                    if not pending:
                        flush_at = loop.time() + COALESCE_SECONDS
                    pending.append(data)
                    size += len(data)
                    if size >= COALESCE_BYTES:
                        yield Chunk(b"".join(pending))
                        pending, size = [], 0
                case _:
                    assert_never(event)
    finally:
        if upcoming is not None and not upcoming.done():
            upcoming.cancel()
            await asyncio.wait({upcoming})
        await events.aclose()
