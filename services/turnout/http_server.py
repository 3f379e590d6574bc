"""The HTTP server of the ingress: its port, its life, its end. Knows nothing of what it serves."""

import asyncio
import signal
import socket
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override

from turnout.rpc.address import is_loopback
from turnout.settings import BadSetting, Settings


class _HttpServer(uvicorn.Server):
    """uvicorn without its own signal handling: the composition stops its parts in order."""

    @override
    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def stop_on_signals() -> asyncio.Event:
    """Set by SIGTERM and SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def listen(settings: Settings) -> socket.socket:
    """Take the ingress's port before anything else is started. Raises `BadSetting`."""
    told = settings.ingress
    if not is_loopback(told.host) and not told.keys:
        raise BadSetting(
            f"TURNOUT_INGRESS__HOST is {told.host}, which others can reach: set at least one router"
            " key in TURNOUT_INGRESS__KEYS (`turnout keys new` makes one)."
        )
    family = socket.AF_INET6 if ":" in told.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((told.host.strip("[]"), told.port))
    except OSError as reason:
        listener.close()
        raise BadSetting(
            f"Cannot listen on {told.host}:{told.port} ({reason.strerror}); set"
            " TURNOUT_INGRESS__PORT to a free port."
        ) from None
    listener.listen(4096)
    return listener


async def serve_http(
    app: ASGIApp, listener: socket.socket, stop: asyncio.Event, *, drain_seconds: float
) -> None:
    """Serve until `stop`, then let answers under way finish for `drain_seconds`."""
    server = _HttpServer(
        uvicorn.Config(
            app,
            loop="none",
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=max(1, int(drain_seconds)),
        )
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve(sockets=[listener]))
        await stop.wait()
        server.should_exit = True
