"""The ingress application: proxy endpoints, probes and control endpoints on one FastAPI app."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Final
from urllib.parse import quote_from_bytes

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from turnout import __version__
from turnout.capabilities import Dialect
from turnout.dialects.dialect import WireDialect
from turnout.dialects.endpoints import GEMINI_METHODS, gemini_call
from turnout.dialects.registry import DIALECTS
from turnout.errors import Internal, InvalidRequest, TurnoutError, UnknownPath, WrongMethod
from turnout.ingress.answers import send_whole
from turnout.ingress.body import ClientGone
from turnout.ingress.control import Control, ControlEndpoints
from turnout.ingress.gemini_array import ArrayAnswer
from turnout.ingress.paths import (
    GEMINI_PREFIXES,
    GEMINI_ROUTE,
    PROXY_PATHS,
    SOCKET_PATH,
    asks_for_array,
    is_gemini_call,
    speaks_at,
)
from turnout.ingress.proxy import Proxy
from turnout.ingress.rejected import rejected
from turnout.ingress.responses_socket import ResponsesSockets
from turnout.ingress.tenants import TenantEndpoints
from turnout.ingress.traced import TracedEndpoint
from turnout.observe.spans import Tracer

_STATUS: Mapping[str, int] = {
    "invalid_request": 400,
    "context_too_long": 400,
    "request_too_large": 413,
    "unknown_model": 404,
    "unknown_path": 404,
    "wrong_method": 405,
    "unsupported": 400,
    "not_authenticated": 401,
    "not_allowed": 403,
    "unavailable": 503,
}

_COME_BACK_SECONDS = 5
"""Retry-After of control endpoints: a part of ours is back within seconds or needs a person."""

_ASCII: Final = bytes(range(0x80))
"""What stands in a query as it is; the client has encoded what it had to."""

_LOG = logging.getLogger(__name__)


class _ProxyEndpoint:
    """A proxy path as an ASGI application; `path` is None where the request's own one tells more."""

    def __init__(self, proxy: Proxy, dialect: WireDialect, path: str | None) -> None:
        self._proxy = proxy
        self._dialect = dialect
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"] if self._path is None else self._path
        if self._path is None and asks_for_array(path, scope["query_string"].decode("latin-1")):
            send = ArrayAnswer(send)
        await self._proxy.handle(scope, receive, send, dialect=self._dialect, path=path)


async def _alive(scope: Scope, receive: Receive, send: Send) -> None:
    """Probes that agents make before they work."""
    del scope, receive
    await send_whole(send, status=200, headers=(("content-type", "text/plain"),), body=b"")


@dataclass(frozen=True, slots=True)
class Edge:
    """The application with its hot paths in front.

    The proxy endpoints are routes of the FastAPI application like all others; a POST to one of them
    goes there straight, because the middleware and the routing in between cost a tenth of a small
    request and have nothing to do for it.
    """

    app: FastAPI
    hot: Mapping[str, ASGIApp]
    gemini: ASGIApp
    sockets: ResponsesSockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not scope.get("query_string", b"").isascii():
            # What reads queries takes them for text, and a server passes them on as they came.
            scope = {
                **scope,
                "query_string": quote_from_bytes(scope["query_string"], _ASCII).encode(),
            }
        if scope["type"] == "http" and scope["method"] == "POST":
            path: str = scope["path"]
            endpoint = self.hot.get(path)
            if endpoint is None and gemini_call(path) is not None:
                endpoint = self.gemini
            if endpoint is not None:
                await endpoint(scope, receive, send)
                return
        if scope["type"] == "websocket" and scope["path"] == SOCKET_PATH:
            await self.sockets(scope, receive, send)
            return
        await self.app(scope, receive, send)

    async def leave_sockets(self) -> None:
        """Close all WebSockets, each when its answer is over."""
        await self.sockets.leave()


def build_edge(proxy: Proxy, control: Control, *, tracer: Tracer | None = None) -> Edge:
    """What the HTTP server serves. Lifetimes of its parts belong to whoever composes it."""

    def endpoint(path: str | None, dialect: Dialect) -> ASGIApp:
        made = _ProxyEndpoint(proxy, DIALECTS[dialect], path)
        return made if tracer is None else TracedEndpoint(made, tracer, path=path or GEMINI_ROUTE)

    hot = {path: endpoint(path, dialect) for path, dialect in PROXY_PATHS.items()}
    gemini = endpoint(None, "gemini_generate")
    sockets = ResponsesSockets(
        hot[SOCKET_PATH],
        control.intake,
        control.facts,
        DIALECTS[PROXY_PATHS[SOCKET_PATH]],
        path=SOCKET_PATH,
        limits=control.limits,
    )
    return Edge(app=build_app(hot, gemini, control), hot=hot, gemini=gemini, sockets=sockets)


def build_app(hot: Mapping[str, ASGIApp], gemini: ASGIApp, control: Control) -> FastAPI:
    """Every endpoint."""
    app = FastAPI(
        title="Turnout",
        version=__version__,
        description="A cache-aware model router for coding agents.",
        docs_url="/docs",
        redoc_url=None,
    )
    for path, endpoint in hot.items():
        app.router.routes.append(Route(path, endpoint, methods=["POST"]))
    for prefix, method in product(GEMINI_PREFIXES, GEMINI_METHODS):
        app.router.routes.append(Route(f"{prefix}{{model}}:{method}", gemini, methods=["POST"]))
    for probe in ("/", "/api/hello"):
        app.router.routes.append(Route(probe, _Asgi(_alive), methods=["GET", "HEAD"]))
    app.include_router(ControlEndpoints(control).routes())
    app.include_router(TenantEndpoints(control).routes())
    app.add_exception_handler(TurnoutError, _on_error)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _Unserved(control))
    app.add_exception_handler(ClientGone, _on_gone)
    app.add_exception_handler(Exception, _on_fault)
    return app


class _Asgi:
    """An ASGI function as an object, which is how Starlette tells it from a request handler."""

    def __init__(self, function: ASGIApp) -> None:
        self._function = function

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._function(scope, receive, send)


def _error_body(error: TurnoutError) -> bytes:
    return msgspec.json.encode({"error": {"type": error.kind, "message": error.message}})


async def _on_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, TurnoutError)
    status = _STATUS.get(error.kind, 500)
    headers = {"retry-after": str(_COME_BACK_SECONDS)} if status == 503 else {}
    return Response(
        content=_error_body(error),
        status_code=status,
        headers=headers,
        media_type="application/json",
    )


async def _on_validation(request: Request, error: Exception) -> Response:
    """Of paths and queries; bodies are checked by their endpoints."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"][1:])
    return await _on_error(request, InvalidRequest(f"{place}: {first['msg']}."))


async def _on_fault(request: Request, error: Exception) -> Response:
    """A fault of ours in a control endpoint; the server logs nothing that could hold a body."""
    _LOG.error("control request failed", exc_info=error, extra={"path": request.url.path[:200]})
    return await _on_error(request, Internal("Turnout failed on this request; its log says where."))


class _Unserved:
    """Answers unknown paths and methods in the dialect of whoever asks.

    A POST there is a request that somebody meant for a model, so it leaves a fact.
    """

    def __init__(self, control: Control) -> None:
        self._control = control

    async def __call__(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        path = request.url.path
        name = speaks_at(path, request.url.query, request.headers)
        allowed = (error.headers or {}).get("allow") or (error.headers or {}).get("Allow")
        status = error.status_code
        if is_gemini_call(path):
            # Names of models may hold colons, so the path is one of a model too, which can be got.
            status, allowed = (404, None) if gemini_call(path) is None else (405, "POST")
        if status == 405:
            wrong: TurnoutError = WrongMethod(
                f"{request.method} is not served at {path[:200]}; use {allowed or 'POST'}."
            )
        elif status == 404:
            wrong = UnknownPath(_no_such_path(path))
        else:
            wrong = InvalidRequest(str(error.detail))
        intake = self._control.intake
        arrival = intake.arrive(path=path, query=request.url.query, raw_headers=request.headers.raw)
        answer = DIALECTS[name].encode_error(wrong, request_id=arrival.request_id)
        if request.method == "POST":
            self._control.facts.record(
                rejected(
                    wrong,
                    arrival=arrival,
                    question=None,
                    dialect=name,
                    status=answer.status,
                    now=intake.clock(),
                )
            )
        headers = {**dict(answer.headers), "turnout-request-id": arrival.request_id}
        if allowed:
            headers["allow"] = allowed
        return Response(content=answer.body, status_code=answer.status, headers=headers)


async def _on_gone(_: Request, error: Exception) -> Response:
    """Nobody reads this answer; it ends the exchange."""
    del error
    return Response(status_code=499)


def _no_such_path(path: str) -> str:
    served = ", ".join((*PROXY_PATHS, GEMINI_ROUTE))
    return f"Nothing is served at {path[:200]}; model APIs are at {served}."
