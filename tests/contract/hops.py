"""The hop between two services: a real gRPC server on loopback and a channel to it."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from grpc import aio

from turnout.rpc.address import Tls
from turnout.rpc.channel import RpcServer, open_channel


class Servicer(Protocol):
    def add_to(self, server: aio.Server) -> None: ...


@asynccontextmanager
async def served(
    servicer: Servicer,
    name: str,
    *,
    tls: Tls | None = None,
    interceptors: Sequence[aio.ServerInterceptor] = (),
) -> AsyncGenerator[tuple[RpcServer, str]]:
    """The server and its address."""
    server = RpcServer(service_names=(name,), interceptors=interceptors)
    servicer.add_to(server.server)
    port = await server.start(host="127.0.0.1", port=0, tls=tls)
    try:
        yield server, f"127.0.0.1:{port}"
    finally:
        await server.stop(grace_seconds=0)


@asynccontextmanager
async def over_grpc(
    servicer: Servicer, name: str, *, interceptors: Sequence[aio.ServerInterceptor] = ()
) -> AsyncGenerator[aio.Channel]:
    """A channel to the servicer."""
    async with (
        served(servicer, name, interceptors=interceptors) as (_, address),
        open_channel(address, tls=None) as channel,
    ):
        yield channel
