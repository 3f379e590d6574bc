"""Runs the simulated provider: a socket, uvicorn, and one line that says where it listens."""

import contextlib
import socket
import sys

import uvicorn

from turnout.catalog import Catalog, parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.simulator.app import SimulatedProvider
from turnout.simulator.directives import NONE, Directives

BACKLOG = 2_048
IDLE_SECONDS = 75
"""How long a connection is kept that nobody uses. Longer than the dispatcher and other clients keep
theirs, as providers do it: who closes first cuts off what the other is just sending.
"""

SHUTDOWN_SECONDS = 1
"""Streams that are still running when the process is told to stop are cut after this."""


def run(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    default: Directives = NONE,
    keep_bodies: bool = False,
    catalog: Catalog | None = None,
) -> None:
    """Serve until told to stop. Port 0 takes a free one; the line on stdout says which.

    The line is `simulated provider on http://HOST:PORT` and means that connections are accepted.
    """
    known = parse_catalog(snapshot_bytes()) if catalog is None else catalog
    app = SimulatedProvider(known, default=default, keep_bodies=keep_bodies)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        lifespan="off",
        # A scripted cut is an incomplete answer, which uvicorn would report as an error each time.
        log_level="critical",
        access_log=False,
        server_header=False,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    with socket.create_server((host, port), backlog=BACKLOG) as listener:
        bound = listener.getsockname()[1]
        sys.stdout.write(f"simulated provider on http://{host}:{bound}\n")
        sys.stdout.flush()
        # uvicorn raises the interrupt again once it has shut down; that is the way out, not a fault.
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])
