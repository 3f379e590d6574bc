"""Several servers of one service: calls are shared out, and what no server has begun is sent again."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack

import pytest
from grpc import (
    RpcMethodHandler,
    StatusCode,
    aio,
    method_handlers_generic_handler,
    unary_unary_rpc_method_handler,
)
from typing_extensions import override

from tests.contract.hops import over_grpc, served
from tests.ingress.edge import FakeScorer, ask, edge
from tests.upstream_dispatcher.workbench import request
from turnout.engines.free_ports import free_ports
from turnout.errors import Unavailable
from turnout.ports import Chunk, DispatchEvent, DispatchRequest, Head
from turnout.protos import to_pb
from turnout.rpc import scorer, session_cache_tracker
from turnout.rpc.address import is_address, listed
from turnout.rpc.channel import RpcServer, open_channel
from turnout.rpc.upstream_dispatcher import (
    SERVICE_NAME,
    RemoteUpstreamDispatcher,
    UpstreamDispatcherServer,
)
from turnout.rpc.v1 import upstream_dispatcher_pb2 as messages
from turnout.rpc.v1.upstream_dispatcher_pb2_grpc import UpstreamDispatcherStub

pytestmark = pytest.mark.anyio

WAIT_SECONDS = 20.0

HEAD = Head(status=200, headers=(), target="t", model="m", provider="p", attempts=1)


class Counting:
    """Counts what it is asked; refuses when told to."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.asked = 0
        self._refuses = refuses

    async def dispatch(self, request: DispatchRequest) -> AsyncGenerator[DispatchEvent, None]:
        self.asked += 1
        if self._refuses:
            raise Unavailable("Not now.")
        yield HEAD
        yield Chunk(request.body)


async def test_calls_are_shared_out() -> None:
    replicas = [Counting() for _ in range(3)]
    async with AsyncExitStack() as stack:
        ports: list[int] = []
        for replica in replicas:
            hop = served(UpstreamDispatcherServer(replica), SERVICE_NAME)
            _, address = await stack.enter_async_context(hop)
            ports.append(int(address.rpartition(":")[2]))
        channel = await stack.enter_async_context(open_channel(listed(tuple(ports)), tls=None))
        dispatcher = RemoteUpstreamDispatcher(
            channel, begin_seconds=WAIT_SECONDS, deadline_seconds=WAIT_SECONDS
        )
        # Each is connected to by itself; calls are shared out among those that are.
        async with asyncio.timeout(WAIT_SECONDS):
            while not all(replica.asked for replica in replicas):
                assert [event async for event in dispatcher.dispatch(request("a", body=b"hi"))]
        before = [replica.asked for replica in replicas]
        for _ in range(12):
            assert [event async for event in dispatcher.dispatch(request("a", body=b"hi"))]
    assert [now.asked - then for now, then in zip(replicas, before, strict=True)] == [4, 4, 4]


async def test_a_call_waits_for_a_server_that_is_started() -> None:
    (port,) = free_ports(1)
    async with open_channel(f"127.0.0.1:{port}", tls=None) as channel:
        dispatcher = RemoteUpstreamDispatcher(
            channel, begin_seconds=WAIT_SECONDS, deadline_seconds=WAIT_SECONDS
        )
        events = dispatcher.dispatch(request("a", body=b"hi"))
        first = asyncio.ensure_future(anext(events))
        await asyncio.wait((first,), timeout=0.5)
        assert not first.done()
        server = RpcServer(service_names=(SERVICE_NAME,))
        UpstreamDispatcherServer(Counting()).add_to(server.server)
        await server.start(host="127.0.0.1", port=port, tls=None)
        assert await first == HEAD
        assert [event async for event in events] == [Chunk(b"hi")]
        await server.stop(grace_seconds=0)


async def test_a_server_that_refuses_is_asked_once() -> None:
    refusing = Counting(refuses=True)
    async with over_grpc(UpstreamDispatcherServer(refusing), SERVICE_NAME) as channel:
        dispatcher = RemoteUpstreamDispatcher(
            channel, begin_seconds=WAIT_SECONDS, deadline_seconds=WAIT_SECONDS
        )
        with pytest.raises(Unavailable, match="Not now"):
            await anext(dispatcher.dispatch(request("a")))
    assert refusing.asked == 1


async def test_a_scorer_that_refuses_is_asked_once() -> None:
    """It says so before any headers, where gRPC would send the call again by itself."""
    on = edge()
    await ask(on)
    refusing = FakeScorer()
    refusing.failure = Unavailable("Not now.")
    servicer = scorer.ScorerServer(refusing, deadline_seconds=WAIT_SECONDS)
    async with over_grpc(servicer, scorer.SERVICE_NAME) as channel:
        with pytest.raises(Unavailable, match="Not now"):
            await scorer.RemoteScorer(channel).route(
                on.scorer.asked[0], deadline_seconds=WAIT_SECONDS
            )
    assert len(refusing.asked) == 1


ONE_CALL_EACH = {
    "Route": scorer.SERVICE_NAME,
    "Look": session_cache_tracker.SERVICE_NAME,
    "Note": session_cache_tracker.SERVICE_NAME,
    "Dispatch": SERVICE_NAME,
}

BODY = bytes(1_000_000)
"""More than gRPC keeps for another try unless told so."""


@pytest.mark.parametrize("code", [StatusCode.UNAVAILABLE, StatusCode.CANCELLED])
@pytest.mark.parametrize("method", ONE_CALL_EACH)
async def test_a_call_that_no_server_has_begun_is_sent_again(method: str, code: StatusCode) -> None:
    asked = 0

    async def fail_twice(body: bytes, context: "aio.ServicerContext[bytes, bytes]") -> bytes:
        nonlocal asked
        asked += 1
        if asked < 3:
            await context.abort(code)
        return body[:1]

    server = RpcServer(service_names=())
    handler: RpcMethodHandler[bytes, bytes] = unary_unary_rpc_method_handler(fail_twice)
    name = ONE_CALL_EACH[method]
    server.server.add_generic_rpc_handlers(
        (method_handlers_generic_handler(name, {method: handler}),)
    )
    port = await server.start(host="127.0.0.1", port=0, tls=None)
    async with open_channel(f"127.0.0.1:{port}", tls=None) as channel:
        call: aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/{name}/{method}")
        assert await call(BODY, timeout=WAIT_SECONDS) == BODY[:1]
    assert asked == 3
    await server.stop(grace_seconds=0)


async def test_a_dispatcher_says_that_it_has_begun_before_it_has_an_answer() -> None:
    """After that a lost connection is no reason to send the call to another."""
    hold = asyncio.Event()

    class Holding(Counting):
        @override
        async def dispatch(self, request: DispatchRequest) -> AsyncGenerator[DispatchEvent, None]:
            await hold.wait()
            async for event in super().dispatch(request):
                yield event

    async with over_grpc(UpstreamDispatcherServer(Holding()), SERVICE_NAME) as channel:
        call = UpstreamDispatcherStub(channel).Dispatch(
            to_pb(request("a", body=b"hi"), messages.DispatchRequest), timeout=WAIT_SECONDS
        )
        await call.initial_metadata()
        hold.set()
        assert [response.WhichOneof("event") async for response in call] == ["head", "chunk"]


@pytest.mark.parametrize(
    ("address", "is_one"),
    [
        ("scorer:7701", True),
        ("127.0.0.1:7701", True),
        ("[::1]:7701", True),
        ("dns:///scorer-headless:7701", True),
        ("ipv4:127.0.0.1:1,127.0.0.1:2", True),
        ("ipv6:[::1]:1,[::1]:2", True),
        ("scorer", False),
        ("http://scorer:7701", False),
        ("ipv4:127.0.0.1:1,127.0.0.1", False),
        ("127.0.0.1:1,127.0.0.1:2", False),
        ("scorer:port", False),
    ],
)
def test_what_an_address_is(address: str, is_one: bool) -> None:
    assert is_address(address) is is_one
