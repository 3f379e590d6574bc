"""The image's health check: asks the service that process 1 of the container runs.

    python healthcheck.py [SERVICE]

Ingress: /health answers. A gRPC service: its health service says SERVING, with the certificates of
the settings. Telemetry: its metrics answer, where it has a port for them. Exit status 0 or 1, and one
line that says why.
"""

import asyncio
import sys
import urllib.error
import urllib.request
from pathlib import Path

from turnout import parts, settings
from turnout.errors import TurnoutError
from turnout.rpc.channel import open_channel, serving_status
from turnout.settings import BadSetting, RpcService, Settings

SECONDS = 4.0
"""Below the five after which the check itself is ended."""

COMMAND_LINE = Path("/proc/1/cmdline")


def main(arguments: list[str]) -> int:
    service = arguments[0] if arguments else _service_of(COMMAND_LINE)
    try:
        trouble = check(service, settings.load())
    except (BadSetting, TurnoutError) as reason:
        trouble = str(reason)
    sys.stdout.write(f"{service}: {trouble or 'ok'}\n")
    return 1 if trouble else 0


def check(service: str, told: Settings) -> str:
    """What is wrong with it; empty when nothing is."""
    match service:
        case "ingress":
            return _http(f"http://{_reached(told.ingress.host)}:{told.ingress.port}/health")
        case "telemetry":
            port = told.telemetry.metrics_port
            return _http(f"http://{_reached(told.telemetry.host)}:{port}/metrics") if port else ""
        case "scorer" | "session-cache-tracker" | "upstream-dispatcher":
            return asyncio.run(_grpc(service, told))
        case _:
            return "no such service; expected ingress, telemetry or a gRPC service"


def _service_of(command_line: Path) -> str:
    """The last argument of process 1: `turnout run SERVICE`."""
    return command_line.read_bytes().rstrip(b"\0").split(b"\0")[-1].decode()


def _reached(host: str) -> str:
    return "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104  compared, not bound


def _http(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=SECONDS):  # noqa: S310  the address is ours
            return ""
    except (urllib.error.URLError, OSError) as reason:
        return str(reason)


async def _grpc(service: RpcService, told: Settings) -> str:
    rpc = told.rpc(service)
    channel = open_channel(f"{_reached(rpc.host)}:{rpc.port}", tls=parts.tls_of(told))
    async with channel:
        status = await serving_status(channel, deadline_seconds=SECONDS)
    return "" if status == "ok" else status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
