"""The sockets that `turnout serve --split` holds for the services it starts.

Rules: the ingress's port is listened on here and inherited by every process that stands for the
ingress, so that connections wait while one takes the place of another. A gRPC port is bound here and
never listened on: the server that is started, and its successor beside it, bind it as well
(SO_REUSEPORT), and nobody else can take it while one is down. Whoever holds a port asks first without
SO_REUSEPORT, because with it two Turnouts of one user would share a port and each other's requests.
"""

import asyncio
import errno
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass

from turnout import http_server
from turnout.engines.child import PORT_PATIENCE_SECONDS
from turnout.engines.failure import EngineFailed
from turnout.engines.incarnation import PORT_INTERVAL_SECONDS
from turnout.settings import RpcService, Settings

RPC_SERVICES: tuple[RpcService, ...] = ("session-cache-tracker", "scorer", "upstream-dispatcher")


@dataclass(frozen=True, slots=True)
class HeldSockets:
    """What is held: the ingress's listening socket, and the ports of every replica by service."""

    listener: socket.socket
    ports: Mapping[RpcService, tuple[int, ...]]


@asynccontextmanager
async def holding(settings: Settings) -> AsyncGenerator[HeldSockets]:
    """Raises `BadSetting` or `EngineFailed` for a port that is taken."""
    with ExitStack() as stack:
        listener = stack.enter_context(http_server.listen(settings))
        ports: dict[RpcService, tuple[int, ...]] = {}
        for service in RPC_SERVICES:
            told = settings.rpc(service)
            more = settings.scorer.replicas - 1 if service == "scorer" else 0
            held = [await _held(told.host, told.port, service)]
            # Any free port serves for the replicas: nobody but us needs to know it.
            held += [await _held(told.host, 0, service) for _ in range(more)]
            for one in held:
                stack.enter_context(one)
            ports[service] = tuple(int(one.getsockname()[1]) for one in held)
        yield HeldSockets(listener=listener, ports=ports)


async def _held(host: str, port: int, service: RpcService) -> socket.socket:
    """The processes of a parent killed a moment ago may still be there; they are waited for."""
    for is_last in (*([False] * int(PORT_PATIENCE_SECONDS / PORT_INTERVAL_SECONDS)), True):
        try:
            return _bound(host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or is_last:
                section = service.replace("-", "_").upper()
                taken = "is taken by another program or service; stop that one or"
                why = taken if error.errno == errno.EADDRINUSE else f"({error.strerror});"
                raise EngineFailed(
                    f"{service} cannot start: {host}:{port} {why} set TURNOUT_{section}__PORT"
                ) from None
        await asyncio.sleep(PORT_INTERVAL_SECONDS)
    raise AssertionError("the last try returns or raises")


def _bound(host: str, port: int) -> socket.socket:
    name = host.strip("[]")
    family = socket.AF_INET6 if ":" in name else socket.AF_INET
    if port:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # Connections of a predecessor in TIME_WAIT are nobody's.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((name, port))
    held = socket.socket(family, socket.SOCK_STREAM)
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind((name, port))
    except OSError:
        held.close()
        raise
    return held
