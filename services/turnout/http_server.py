"""The HTTP server of the ingress: its port, its life, its end. Knows nothing of what it serves."""

import asyncio
import errno
import signal
import socket
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress

import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from turnout.engines.handover import Handover, inherited
from turnout.http_bounds import HttpBounds, allow_files, bounded_by
from turnout.rpc.address import is_loopback
from turnout.settings import LISTENER_VARIABLE, BadSetting, Settings

BACKLOG = 4096
"""Connections that may wait to be accepted; what a second brings while an ingress is started again."""

IDLE_SECONDS = 20
"""How long a replaced ingress keeps a connection that nothing is sent on. A client that sends now and
then moves within this time, because its next answer says `connection: close`; closing any that a client
still keeps can meet a request on its way. undici keeps an idle one for 4 s, httpx for 5, aiohttp for 15."""

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""Of one WebSocket message, where the caller names no other limit."""

POLL_SECONDS = 0.1
"""How often a replaced ingress looks whether its connections are gone; uvicorn's own interval."""


class _HttpServer(uvicorn.Server):
    """uvicorn without its own signal handling: the composition stops its parts in order.

    Attributes:
        leave_seconds: how long clients may take to leave by themselves, set when a successor
            accepts at the same port; None when there is none and idle connections are closed.

    """

    def __init__(
        self,
        config: uvicorn.Config,
        leave_sockets: Callable[[], Awaitable[None]],
        *,
        idle_seconds: int,
    ) -> None:
        super().__init__(config)
        self.leave_seconds: float | None = None
        self._leave_sockets = leave_sockets
        self._idle_seconds = idle_seconds
        self._hurried = asyncio.Event()

    @override
    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        seconds = self.leave_seconds
        if seconds is None:
            seconds = self.config.timeout_graceful_shutdown
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
                # uvicorn would cut the answers that are given on WebSockets.
                group.create_task(self._sockets_left())
                if self.leave_seconds is not None:
                    group.create_task(self._left_by_clients())
        await super().shutdown(sockets)

    async def _sockets_left(self) -> None:
        leaving = asyncio.ensure_future(self._leave_sockets())
        hurried = asyncio.ensure_future(self._hurried.wait())
        try:
            await asyncio.wait({leaving, hurried}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            hurried.cancel()
            await asyncio.wait({leaving, hurried})

    def hurry(self) -> None:
        """Wait for no client any longer."""
        self._hurried.set()

    async def _left_by_clients(self) -> None:
        """Answer what comes on open connections as the last on each of them."""
        self.server_state.default_headers = [(b"connection", b"close")]
        connections = self.server_state.connections
        idle: set[HttpToolsProtocol] = set()
        for connection in connections:
            if isinstance(connection, HttpToolsProtocol):
                connection.timeout_keep_alive = self._idle_seconds
                # Its type says that there always is one; before the first request there is none.
                cycle: object = vars(connection).get("cycle")
                if not isinstance(cycle, RequestResponseCycle) or cycle.response_complete:
                    idle.add(connection)
        loop = asyncio.get_running_loop()
        idle_until = loop.time() + self._idle_seconds
        is_over = False
        while connections and not self._hurried.is_set():
            await asyncio.sleep(POLL_SECONDS)
            if is_over:
                # Those that nothing has come on since; the others close by their own clock.
                for connection in idle & connections:
                    connection.shutdown()
                idle.clear()
            # One look late: a process that was stopped hears of its clock before it reads what has come.
            is_over = loop.time() >= idle_until


async def _no_sockets() -> None:
    """For applications without WebSockets."""


def stop_on_signals() -> asyncio.Event:
    """Set by SIGTERM and SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def listen(settings: Settings) -> socket.socket:
    """Take the ingress's port before anything else is started, or the socket that we were given.
    Raises `BadSetting`.
    """
    told = settings.ingress
    if not is_loopback(told.host) and not told.keys:
        raise BadSetting(
            f"TURNOUT_INGRESS__HOST is {told.host}, which others can reach: set at least one router"
            " key in TURNOUT_INGRESS__KEYS (`turnout keys new` makes one)."
        )
    given = inherited(LISTENER_VARIABLE)
    if given is not None:
        return socket.socket(fileno=given)
    family = socket.AF_INET6 if ":" in told.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((told.host.strip("[]"), told.port))
    except OSError as reason:
        listener.close()
        right = (
            "TURNOUT_INGRESS__PORT to a free port"
            if reason.errno in (errno.EADDRINUSE, errno.EACCES)
            else "TURNOUT_INGRESS__HOST to an address of this machine, such as 127.0.0.1"
        )
        raise BadSetting(
            f"Cannot listen on {told.host}:{told.port} ({reason.strerror}); set {right}."
        ) from None
    listener.listen(BACKLOG)
    return listener


async def serve_http(
    app: ASGIApp,
    listener: socket.socket,
    stop: asyncio.Event,
    *,
    handover: Handover,
    drain_seconds: float,
    replaced_seconds: float,
    bounds: HttpBounds,
    leave_sockets: Callable[[], Awaitable[None]] = _no_sockets,
    max_message_bytes: int = MAX_MESSAGE_BYTES,
    idle_seconds: int = IDLE_SECONDS,
) -> None:
    """Serve until `stop`, then let answers under way finish: for `drain_seconds`, or where a successor
    serves for `replaced_seconds`. `leave_sockets` closes the application's WebSockets, each when its
    answer is over.
    """
    allow_files(bounds)
    server = _HttpServer(
        uvicorn.Config(
            app,
            loop="none",
            http=bounded_by(bounds),
            ws="websockets-sansio",
            ws_max_size=max_message_bytes,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_keep_alive=bounds.keep_alive_seconds,
            timeout_graceful_shutdown=max(1, int(drain_seconds)),
        ),
        leave_sockets,
        idle_seconds=idle_seconds,
    )
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(server.serve(sockets=[listener]))
        await stop.wait()
        if await handover.leaves():
            server.leave_seconds = replaced_seconds
        server.should_exit = True
        all_ends = group.create_task(handover.ends())
        await asyncio.wait((serving, all_ends), return_when=asyncio.FIRST_COMPLETED)
        server.hurry()
        all_ends.cancel()
