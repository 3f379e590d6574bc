"""The embedded ClickHouse as a child process: its description for the supervisor.

Rules: light to import, since the composition imports it: neither chDB nor an HTTP server is loaded
here. The token reaches the child through its environment, never through its arguments, which every
user of the machine can read.
"""

import asyncio
import base64
import os
import sys
from pathlib import Path
from typing import Final

import turnout
from turnout.engines.child import Child, Endpoint

DEFAULT_PORT: Final = 8123
PORT_SETTING: Final = "TURNOUT_CLICKHOUSE__PORT (or TURNOUT_CLICKHOUSE__URL for a server outside)"
TOKEN_VARIABLE: Final = "TURNOUT_CLICKHOUSE_TOKEN"  # noqa: S105  (a name, no secret)
WRITER: Final = "telemetry"

# Running queries may finish; an insert of a batch takes 50 ms.
DRAIN_SECONDS: Final = 5.0
# After the drain: kill what is left, close the tables.
STOP_GRACE_SECONDS: Final = DRAIN_SECONDS + 10.0


def clickhouse_child(*, data_dir: Path, token: str, port: int = DEFAULT_PORT) -> Child:
    """Describe the process; `token` is the password of the user `telemetry`."""
    home = (data_dir / "clickhouse").resolve()
    endpoint = Endpoint(port=port, setting=PORT_SETTING)

    async def ready() -> bool:
        return await _answers(endpoint, token)

    # The child imports the same turnout as we do, installed or not.
    source = str(Path(next(iter(turnout.__path__))).parent)
    inherited = os.environ.get("PYTHONPATH")
    return Child(
        name="clickhouse",
        argv=(
            *(sys.executable, "-m", "turnout.engines.clickhouse"),
            *("--path", str(home), "--host", endpoint.host, "--port", str(port)),
        ),
        ready=ready,
        endpoint=endpoint,
        env={
            TOKEN_VARIABLE: token,
            "PYTHONPATH": os.pathsep.join(filter(None, (source, inherited))),
            # Times without a zone mean the same on every machine.
            "TZ": "UTC",
        },
        directories=(home,),
        stop_grace_seconds=STOP_GRACE_SECONDS,
    )


async def _answers(endpoint: Endpoint, token: str) -> bool:
    """Whether our own child answers a query: another server there would not know the token."""
    credentials = base64.b64encode(f"{WRITER}:{token}".encode()).decode()
    reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    try:
        writer.write(
            f"GET /?query=SELECT%2042 HTTP/1.1\r\nHost: {endpoint.address}\r\n"
            f"Authorization: Basic {credentials}\r\nConnection: close\r\n\r\n".encode()
        )
        await writer.drain()
        answer = await reader.read()
        return b" 200 " in answer.partition(b"\r\n")[0] and answer.endswith(b"\r\n42\n")
    finally:
        writer.close()
