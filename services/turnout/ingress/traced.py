"""A proxy endpoint with the server span of each request around it.

It stands outside of the proxy, which knows nothing of it: what it says of a request it reads from the
answer's own headers. `compose` puts it there where tracing is on.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from turnout.observe.names import AttributeName
from turnout.observe.spans import Span, Tracer, Value, spanning

CLIENT_GONE = "client_gone"
"""The error of a request whose client left before its answer began."""

_SAID_IN_HEADERS: dict[bytes, AttributeName] = {
    b"turnout-request-id": "turnout.request_id",
    b"turnout-model": "turnout.served_model",
    b"turnout-decision": "turnout.decision.action",
    b"turnout-reason": "turnout.decision.reason",
    b"turnout-mode": "turnout.mode",
    b"turnout-degraded": "turnout.degraded",
}


class TracedEndpoint:
    """One proxy path."""

    def __init__(self, endpoint: ASGIApp, tracer: Tracer, *, path: str) -> None:
        self._endpoint = endpoint
        self._tracer = tracer
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with spanning(
            self._tracer,
            f"POST {self._path}",
            part="ingress",
            kind="server",
            parent=_traceparent(scope),
        ) as span:
            answer = _Answer(send)
            try:
                await self._endpoint(scope, receive, answer)
            finally:
                if span.is_recording:
                    span.tell({"http.request.method": "POST", "http.route": self._path})
                    answer.tell(span)


class _Answer:
    """The client's side of an answer; keeps the message that begins it."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
        await self._send(message)

    def tell(self, span: Span) -> None:
        if self._start is None:
            span.fail(CLIENT_GONE)
            return
        status: int = self._start["status"]
        told: dict[AttributeName, Value] = {"http.response.status_code": status}
        headers: list[tuple[bytes, bytes]] = self._start["headers"]
        for name, value in headers:
            attribute = _SAID_IN_HEADERS.get(name)
            if attribute is not None:
                told[attribute] = value.decode("latin-1")
        span.tell(told)
        if status >= 500:
            span.fail(str(status))


def _traceparent(scope: Scope) -> str:
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    for name, value in headers:
        if name == b"traceparent":
            return value.decode("latin-1")
    return ""
