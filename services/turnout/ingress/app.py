"""The ingress application: proxy endpoints, probes and control endpoints on one FastAPI app."""

from collections.abc import Mapping

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from turnout import __version__
from turnout.capabilities import Dialect
from turnout.dialects.dialect import WireDialect
from turnout.dialects.registry import DIALECTS
from turnout.errors import InvalidRequest, TurnoutError, UnknownPath
from turnout.ingress.answers import send_whole
from turnout.ingress.body import ClientGone
from turnout.ingress.control import Control, ControlEndpoints
from turnout.ingress.proxy import Proxy

PROXY_PATHS: Mapping[str, Dialect] = {
    "/v1/messages": "anthropic_messages",
    "/v1/messages/count_tokens": "anthropic_messages",
    "/v1/chat/completions": "openai_chat",
}

_STATUS: Mapping[str, int] = {
    "invalid_request": 400,
    "context_too_long": 400,
    "request_too_large": 413,
    "unknown_model": 404,
    "unknown_path": 404,
    "unsupported": 400,
    "not_authenticated": 401,
    "not_allowed": 403,
    "unavailable": 503,
}


class _ProxyEndpoint:
    """One proxy path as an ASGI application."""

    def __init__(self, proxy: Proxy, dialect: WireDialect, path: str) -> None:
        self._proxy = proxy
        self._dialect = dialect
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._proxy.handle(scope, receive, send, dialect=self._dialect, path=self._path)


async def _alive(scope: Scope, receive: Receive, send: Send) -> None:
    """Probes that agents make before they work."""
    del scope, receive
    await send_whole(send, status=200, headers=(("content-type", "text/plain"),), body=b"")


async def _no_websocket(scope: Scope, receive: Receive, send: Send) -> None:
    """426 makes Codex fall back to HTTP at once; anything else costs it seconds or is fatal."""
    del receive
    headers = dict(scope["headers"])
    if headers.get(b"upgrade", b"").lower() == b"websocket":
        await send_whole(
            send,
            status=426,
            headers=(("upgrade", "HTTP/1.1"), ("content-type", "application/json")),
            body=_error_body(InvalidRequest("WebSocket is not served here; use HTTP with SSE.")),
        )
        return
    error = UnknownPath(_no_such_path(scope["path"]))
    await send_whole(
        send,
        status=404,
        headers=(("content-type", "application/json"),),
        body=DIALECTS["openai_chat"].encode_error(error, request_id="").body,
    )


def build_app(proxy: Proxy, control: Control) -> FastAPI:
    """The application. Lifetimes of its parts belong to whoever composes it."""
    app = FastAPI(
        title="Turnout",
        version=__version__,
        description="A cache-aware model router for coding agents.",
        docs_url="/docs",
        redoc_url=None,
    )
    for path, dialect in PROXY_PATHS.items():
        endpoint: ASGIApp = _ProxyEndpoint(proxy, DIALECTS[dialect], path)
        # A leading place in the list: these are the hot paths.
        app.router.routes.insert(0, Route(path, endpoint, methods=["POST"]))
    for probe in ("/", "/api/hello"):
        app.router.routes.append(Route(probe, _Asgi(_alive), methods=["GET", "HEAD"]))
    app.router.routes.append(Route("/v1/responses", _Asgi(_no_websocket), methods=["GET", "POST"]))
    app.include_router(ControlEndpoints(control).routes())
    app.add_exception_handler(TurnoutError, _on_error)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(ClientGone, _on_gone)
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
    return Response(
        content=_error_body(error),
        status_code=_STATUS.get(error.kind, 500),
        media_type="application/json",
    )


async def _on_validation(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part != "body") or "body"
    wrong = InvalidRequest(f"{place}: {first['msg']}.")
    return Response(content=_error_body(wrong), status_code=400, media_type="application/json")


async def _on_http(request: Request, error: Exception) -> Response:
    """Unknown paths and methods, in the dialect of whoever asks."""
    assert isinstance(error, HTTPException)
    is_anthropic = "anthropic-version" in request.headers or request.url.path.startswith(
        "/v1/messages"
    )
    dialect = DIALECTS["anthropic_messages" if is_anthropic else "openai_chat"]
    if error.status_code == 405:
        wrong: TurnoutError = InvalidRequest(
            f"{request.method} is not served at {request.url.path[:200]}; use POST."
        )
    elif error.status_code == 404:
        wrong = UnknownPath(_no_such_path(request.url.path))
    else:
        wrong = InvalidRequest(str(error.detail))
    answer = dialect.encode_error(wrong, request_id="")
    status = error.status_code if error.status_code == 405 else answer.status
    return Response(content=answer.body, status_code=status, headers=dict(answer.headers))


async def _on_gone(_: Request, error: Exception) -> Response:
    """Nobody reads this answer; it ends the exchange."""
    del error
    return Response(status_code=499)


def _no_such_path(path: str) -> str:
    served = ", ".join(PROXY_PATHS)
    return f"Nothing is served at {path[:200]}; model APIs are at {served}."
