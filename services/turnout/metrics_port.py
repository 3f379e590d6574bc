"""The port of `/metrics` and `/ready` of a service that has no HTTP port of its own.

Rules: it answers from threads of its own, so that a loop that is stuck can still be looked at; what is
missing is therefore asked from another thread and must only be read. `/ready` is 200 when nothing is
missing and else 503 with its names; every other path is 404.
"""

import json
import socket
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from threading import Thread
from typing import TYPE_CHECKING, Protocol, TypeAlias
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import prometheus_client
from prometheus_client import CollectorRegistry
from typing_extensions import override

from turnout.settings import BadSetting

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

Missing: TypeAlias = Callable[[], Sequence[str]]
"""What a service lacks before it can serve; empty when it is ready."""

PATHS = ("/metrics", "/ready")


class _Library(Protocol):
    """What we use of prometheus_client that it leaves half typed."""

    def make_wsgi_app(self, registry: CollectorRegistry) -> "WSGIApplication": ...


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Answering(WSGIRequestHandler):
    @override
    def log_message(self, format: str, *args: object) -> None:
        """A scrape every few seconds is no news."""


@contextmanager
def metrics_at(
    host: str, port: int, *, registry: CollectorRegistry, missing: Missing, service: str
) -> Generator[None]:
    """Serve there; port 0 means nowhere. Raises `BadSetting` when the port is taken."""
    if not port:
        yield
        return
    try:
        server = (_Server6 if ":" in host else _Server)((host, port), _Answering)
    except OSError as reason:
        name = service.replace("-", "_").upper()
        raise BadSetting(
            f"Cannot serve metrics at {host}:{port} ({reason.strerror}); set"
            f" TURNOUT_{name}__METRICS_PORT to a free port."
        ) from None
    server.set_app(_application(prometheus_client, registry, missing))
    thread = Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _application(
    library: _Library, registry: CollectorRegistry, missing: Missing
) -> "WSGIApplication":
    exposition = library.make_wsgi_app(registry)

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path: object = environ.get("PATH_INFO")
        match path:
            case "/metrics":
                return exposition(environ, start_response)
            case "/ready":
                lacks = list(missing())
                told = {"status": "waiting" if lacks else "ok", "missing": lacks}
                start_response(
                    "503 Service Unavailable" if lacks else "200 OK",
                    [("content-type", "application/json")],
                )
                return [json.dumps(told).encode()]
            case _:
                start_response("404 Not Found", [("content-type", "text/plain")])
                return [f"Nothing is here; there are {' and '.join(PATHS)}.\n".encode()]

    return answer
