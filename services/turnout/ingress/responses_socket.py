"""The Responses API over WebSocket: who may open a connection, and how many there may be.

Rules: host, origin and key are checked before the upgrade and again with each frame that asks a model;
connections are bounded, by key and in all, and one too many is answered 426, by which Codex goes over to
HTTP at once; one that is silent is closed with its hour, one that a replaced or stopping ingress holds
when what has come is answered; what is refused leaves a fact. `socket_connection` has the rest.
"""

import asyncio
from collections import Counter
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from turnout.dialects.dialect import ErrorAnswer, WireDialect
from turnout.dialects.openai_responses.socket import error_frame
from turnout.errors import TurnoutError, Unavailable
from turnout.ingress.answers import encode_headers
from turnout.ingress.callers import Caller
from turnout.ingress.intake import Arrival, Intake
from turnout.ingress.proxy import Limits
from turnout.ingress.rejected import rejected
from turnout.ingress.socket_connection import Connection
from turnout.ports import FactSink

UPGRADE_REQUIRED: Final = 426
"""The protocol that was asked for is not spoken now, the other one is (RFC 9110, 15.5.22)."""


class ResponsesSockets:
    """All connections of one ingress; an ASGI application for scopes of type `websocket`."""

    def __init__(
        self,
        endpoint: ASGIApp,
        intake: Intake,
        facts: FactSink,
        dialect: WireDialect,
        *,
        path: str,
        limits: Limits,
    ) -> None:
        """`endpoint` is what serves a POST to `path`."""
        self._endpoint = endpoint
        self._intake = intake
        self._facts = facts
        self._dialect = dialect
        self._path = path
        self._limits = limits
        self._open: set[Connection] = set()
        self._by_principal: Counter[str] = Counter()
        self._is_leaving = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "websocket.connect"
        try:
            caller = await self._admitted(scope, send)
            if caller is not None:
                await self._serve(scope, receive, send, caller.principal)
        except OSError:
            # Gone while something was sent.
            return

    async def leave(self) -> None:
        """Close what is idle now and the others when their answer is over; returns when all are."""
        self._is_leaving = True
        for connection in self._open:
            connection.leave()
        ends = [connection.ended.wait() for connection in self._open]
        if ends:
            await asyncio.gather(*ends)

    async def _admitted(self, scope: Scope, send: Send) -> Caller | None:
        """Who opens a connection; None when it is refused."""
        arrival = self._arrive(scope)
        headers: tuple[tuple[str, str], ...] = ()
        try:
            caller = self._intake.admit(arrival, self._dialect.name)
            full = self._is_full_for(caller)
            if full is None:
                return caller
            answer = self._refuse(full, arrival, status=UPGRADE_REQUIRED)
            headers = (("upgrade", "HTTP/1.1"),)
        except TurnoutError as error:
            answer = self._refuse(error, arrival)
        headers = (*answer.headers, *headers, ("turnout-request-id", arrival.request_id))
        await send(
            {
                "type": "websocket.http.response.start",
                "status": answer.status,
                "headers": encode_headers(headers),
            }
        )
        await send({"type": "websocket.http.response.body", "body": answer.body})
        return None

    def _is_full_for(self, caller: Caller) -> Unavailable | None:
        limits = self._limits
        if self._by_principal[caller.principal] >= limits.sockets_per_key:
            told = f"{limits.sockets_per_key} WebSockets of this key are open"
            setting = "TURNOUT_INGRESS__MAX_SOCKETS_PER_KEY"
        elif len(self._open) >= limits.sockets:
            told = f"{limits.sockets} WebSockets are open"
            setting = "TURNOUT_INGRESS__MAX_SOCKETS"
        else:
            return None
        return Unavailable(f"{told} ({setting}); close one, or send the request over HTTP.")

    async def _serve(self, scope: Scope, receive: Receive, send: Send, principal: str) -> None:
        connection = Connection(
            scope,
            receive,
            send,
            endpoint=self._endpoint,
            dialect=self._dialect,
            path=self._path,
            clock=self._intake.clock,
            refuse=self._frame_refused,
            max_bytes=self._limits.max_body_bytes,
        )
        self._open.add(connection)
        self._by_principal[principal] += 1
        try:
            await send({"type": "websocket.accept"})
            if self._is_leaving:
                connection.leave()
            await connection.serve(seconds=self._limits.socket_seconds)
        finally:
            self._open.discard(connection)
            self._by_principal -= Counter((principal,))
            connection.ended.set()

    def _frame_refused(self, error: TurnoutError, scope: Scope, /) -> bytes:
        return error_frame(self._refuse(error, self._arrive(scope)))

    def _arrive(self, scope: Scope) -> Arrival:
        return self._intake.arrive(
            path=self._path,
            query=scope["query_string"].decode("latin-1"),
            raw_headers=scope["headers"],
        )

    def _refuse(
        self, error: TurnoutError, arrival: Arrival, *, status: int | None = None
    ) -> ErrorAnswer:
        """The answer, with another status than the error's where one is given; a fact tells of it."""
        answer = self._dialect.encode_error(error, request_id=arrival.request_id)
        if status is not None:
            answer = ErrorAnswer(status, answer.headers, answer.body)
        self._facts.record(
            rejected(
                error,
                arrival=arrival,
                question=None,
                dialect=self._dialect.name,
                status=answer.status,
                now=self._intake.clock(),
            )
        )
        return answer
