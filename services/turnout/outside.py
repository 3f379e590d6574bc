"""Says on the console which server that is not ours to run cannot be reached, and when it can again.

Services wait for their servers by themselves and say so in their own logs, which nobody looks at who
has just mistyped an address. Rules: one line when a server is found to be away and one when it is
back; nothing waits for this; no user and no password of an address is shown. Reached means that
somebody accepts a connection there, not that it is the right server.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from turnout.engines.supervisor import one_error
from turnout.settings import Settings

LOOK_SECONDS = 5.0
"""Between two looks; a connection in that time is nothing to a server."""

CONNECT_SECONDS = 5.0
"""A server on another continent accepts in half a second, a lost packet costs one more."""

_PORTS = {
    "nats": 4222,
    "tls": 4222,
    "ws": 80,
    "wss": 443,
    "redis": 6379,
    "rediss": 6379,
    "http": 8123,
    "https": 8443,
}
"""What the clients take where an address names no port."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Server:
    """An outside server: what it is, where, and its address as it may be shown."""

    name: str
    shown: str
    host: str
    port: int
    path: str = ""
    """Of a Unix socket; empty for a host."""


def outside_servers(settings: Settings) -> tuple[Server, ...]:
    """Those whose addresses are set and were checked (`parts.check_addresses`)."""
    told = (
        ("NATS", settings.nats.url),
        ("Redis", settings.redis.url),
        ("ClickHouse", settings.clickhouse.url),
    )
    return tuple(_server(name, url) for name, url in told if url)


def shown(url: str) -> str:
    """An address without its user, password and options."""
    found = urlsplit(url)
    return f"{found.scheme}://{found.netloc.rpartition('@')[2]}" + (
        found.path if found.scheme == "unix" else ""
    )


def _server(name: str, url: str) -> Server:
    found = urlsplit(url)
    is_path = found.scheme == "unix"
    return Server(
        name=name,
        shown=shown(url),
        host=found.hostname or "",
        port=0 if is_path else found.port or _PORTS[found.scheme],
        path=found.path if is_path else "",
    )


@asynccontextmanager
async def telling_unreachable(
    servers: Sequence[Server], *, look_seconds: float = LOOK_SECONDS
) -> AsyncGenerator[None]:
    """Watch the servers for the length of the block."""
    with one_error():
        async with asyncio.TaskGroup() as group:
            watches = [group.create_task(_watch(server, look_seconds)) for server in servers]
            try:
                yield
            finally:
                for watch in watches:
                    watch.cancel()


async def _watch(server: Server, look_seconds: float) -> None:
    is_away = False
    while True:
        reason = await _why_not(server)
        if reason and not is_away:
            _LOG.warning(
                "%s cannot be reached; trying again",
                server.name,
                extra={"endpoint": server.shown, "reason": reason},
            )
        elif is_away and not reason:
            _LOG.info("%s can be reached again", server.name, extra={"endpoint": server.shown})
        is_away = bool(reason)
        await asyncio.sleep(look_seconds)


async def _why_not(server: Server) -> str:
    """Why nobody accepts a connection there; empty when somebody does."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            if server.path:
                _, writer = await asyncio.open_unix_connection(server.path)
            else:
                _, writer = await asyncio.open_connection(server.host, server.port)
    except TimeoutError:
        return f"no answer within {CONNECT_SECONDS:g} s"
    except OSError as error:
        return error.strerror or str(error)
    writer.close()
    return ""
