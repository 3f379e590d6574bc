"""What every gRPC server of ours has: health, reflection, limits, mutual TLS, a clean end."""

import asyncio
import socket
import subprocess
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from grpc import aio
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from tests.contract.hops import served
from tests.upstream_dispatcher.workbench import request
from turnout.engines.free_ports import free_port
from turnout.errors import Unavailable
from turnout.ports import Chunk, DispatchEvent, DispatchRequest, Head
from turnout.rpc.address import Tls, is_loopback
from turnout.rpc.channel import (
    MAX_CONNECTION_AGE_SECONDS,
    RpcServer,
    open_channel,
    server_options,
)
from turnout.rpc.upstream_dispatcher import (
    SERVICE_NAME,
    RemoteUpstreamDispatcher,
    UpstreamDispatcherServer,
)

pytestmark = pytest.mark.anyio

WAIT_SECONDS = 10.0
"""A TLS handshake on a loaded machine; a test that hangs fails by it."""

BEGIN_SECONDS = 3.0
"""How long a caller waits for a server that will not come."""

HEAD = Head(status=200, headers=(), target="t", model="m", provider="p", attempts=1)


class OneAnswer:
    """Answers at once, or holds the end back until it is let go."""

    def __init__(self, hold: asyncio.Event | None = None) -> None:
        self._hold = hold

    async def dispatch(self, request: DispatchRequest) -> AsyncGenerator[DispatchEvent, None]:
        yield HEAD
        if self._hold is not None:
            await self._hold.wait()
        yield Chunk(request.body)


def servicer(hold: asyncio.Event | None = None) -> UpstreamDispatcherServer:
    return UpstreamDispatcherServer(OneAnswer(hold))


async def asked(address: str, *, tls: Tls | None = None) -> list[DispatchEvent]:
    async with asyncio.timeout(WAIT_SECONDS), open_channel(address, tls=tls) as channel:
        remote = RemoteUpstreamDispatcher(
            channel, begin_seconds=BEGIN_SECONDS, deadline_seconds=WAIT_SECONDS
        )
        return [event async for event in remote.dispatch(request("a", body=b"hi"))]


ANSWERED: list[DispatchEvent] = [HEAD, Chunk(b"hi")]


async def health_of(channel: aio.Channel, name: str) -> int:
    check = channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    told = await check(health_pb2.HealthCheckRequest(service=name), timeout=WAIT_SECONDS)
    return int(told.status)


SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.mark.parametrize("name", ["", SERVICE_NAME])
async def test_health_is_told_of_the_server_and_of_the_service(name: str) -> None:
    async with (
        served(servicer(), SERVICE_NAME) as (_, address),
        open_channel(address, tls=None) as channel,
    ):
        assert await health_of(channel, name) == SERVING


async def test_a_stop_is_told_first_and_streams_finish() -> None:
    hold = asyncio.Event()
    async with (
        served(servicer(hold), SERVICE_NAME) as (server, address),
        asyncio.timeout(WAIT_SECONDS),
        open_channel(address, tls=None) as channel,
    ):
        watch = channel.unary_stream(
            "/grpc.health.v1.Health/Watch",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )(health_pb2.HealthCheckRequest(service=SERVICE_NAME))
        told = aiter(watch)
        assert (await anext(told)).status == SERVING
        remote = RemoteUpstreamDispatcher(
            channel, begin_seconds=BEGIN_SECONDS, deadline_seconds=WAIT_SECONDS
        )
        events = remote.dispatch(request("a", body=b"hi"))
        assert await anext(events) == HEAD
        stopping = asyncio.ensure_future(server.stop(grace_seconds=WAIT_SECONDS))
        assert (await anext(told)).status == NOT_SERVING
        hold.set()
        assert [event async for event in events] == [Chunk(b"hi")]
        watch.cancel()
        await stopping


async def test_reflection_lists_the_services() -> None:
    async with (
        served(servicer(), SERVICE_NAME) as (_, address),
        open_channel(address, tls=None) as channel,
    ):
        ask = reflection_pb2.ServerReflectionRequest(list_services="")
        call = channel.stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )(iter([ask]), timeout=WAIT_SECONDS)
        answer = await anext(aiter(call))
        names = {one.name for one in answer.list_services_response.service}
        call.cancel()
    assert {SERVICE_NAME, "grpc.health.v1.Health"} <= names


def test_connections_end_so_that_clients_find_new_replicas() -> None:
    options = dict(server_options())
    assert options["grpc.max_connection_age_ms"] == MAX_CONNECTION_AGE_SECONDS * 1000
    assert int(options["grpc.max_connection_age_grace_ms"]) >= 3_600_000


async def test_a_taken_port_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        server = RpcServer(service_names=())
        with pytest.raises(Unavailable, match=f"Cannot listen on 127.0.0.1:{port}"):
            await server.start(host="127.0.0.1", port=port, tls=None)
        await server.stop(grace_seconds=0)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("", False)],
)
def test_what_loopback_is(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


# -- mutual TLS --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority of a test, with one certificate for 127.0.0.1."""

    tls: Tls


def made(directory: Path, name: str) -> Authority:
    """With the openssl program, which every Linux has; without it these tests cannot be run."""
    directory.mkdir()

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-subj", f"/CN={name}")
    openssl("req", *curve, "-keyout", "own.key", "-out", "own.csr", "-subj", "/CN=turnout")
    (directory / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    openssl(
        *("x509", "-req", "-in", "own.csr", "-CA", "ca.pem", "-CAkey", "ca.key"),
        *("-CAcreateserial", "-out", "own.pem", "-days", "2", "-extfile", "names"),
    )
    return Authority(
        Tls(
            certificate_file=directory / "own.pem",
            key_file=directory / "own.key",
            authority_file=directory / "ca.pem",
        )
    )


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return made(tmp_path_factory.mktemp("tls") / "ours", "ours")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return made(tmp_path_factory.mktemp("tls") / "theirs", "theirs")


async def test_both_sides_with_a_certificate_of_one_authority(authority: Authority) -> None:
    async with served(servicer(), SERVICE_NAME, tls=authority.tls) as (_, address):
        assert await asked(address, tls=authority.tls) == ANSWERED


async def test_a_client_without_a_certificate_is_refused(authority: Authority) -> None:
    credentials = grpc.ssl_channel_credentials(
        root_certificates=authority.tls.authority_file.read_bytes()
    )
    async with (
        served(servicer(), SERVICE_NAME, tls=authority.tls) as (_, address),
        aio.secure_channel(address, credentials) as channel,
    ):
        remote = RemoteUpstreamDispatcher(
            channel, begin_seconds=BEGIN_SECONDS, deadline_seconds=WAIT_SECONDS
        )
        with pytest.raises(Unavailable):
            await anext(remote.dispatch(request("a")))


async def test_a_client_without_tls_is_refused(authority: Authority) -> None:
    async with served(servicer(), SERVICE_NAME, tls=authority.tls) as (_, address):
        with pytest.raises(Unavailable):
            await asked(address)


async def test_a_client_of_another_authority_is_refused(
    authority: Authority, stranger: Authority
) -> None:
    mixed = Tls(
        certificate_file=stranger.tls.certificate_file,
        key_file=stranger.tls.key_file,
        authority_file=authority.tls.authority_file,
    )
    async with served(servicer(), SERVICE_NAME, tls=authority.tls) as (_, address):
        with pytest.raises(Unavailable):
            await asked(address, tls=mixed)


async def test_a_server_of_another_authority_is_refused(
    authority: Authority, stranger: Authority
) -> None:
    async with served(servicer(), SERVICE_NAME, tls=stranger.tls) as (_, address):
        with pytest.raises(Unavailable):
            await asked(address, tls=authority.tls)


async def test_nobody_there_is_unavailable_once_nobody_has_come() -> None:
    with pytest.raises(Unavailable, match=r"took the request within 3 s; no provider was asked"):
        await asked(f"127.0.0.1:{free_port()}")
