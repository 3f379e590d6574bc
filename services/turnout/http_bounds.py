"""What one connection of the HTTP port may cost beside the requests on it.

Rules: a head is bounded in bytes and in time, a connection that says nothing, or takes nothing of its answer, in
time, all of them in number; whoever goes beyond a bound is told so where that can be told, and the connection is
closed. One that has asked nothing yet has the time of a head to begin, one that was served the longer time between
requests. Bodies are the application's to bound.
"""

import asyncio
import json
import resource
from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar, TypeGuard

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

FILES_BESIDE = 4096
"""Open files of a process that are no connections of clients: connections to providers above all."""

RETRY_AFTER_SECONDS = 1

UNREAD_SECONDS = 0.05
"""Within this time what lies in a socket is read, by a process that is not stopped."""

LINGER_SECONDS = 2.0
"""How long a body is still read, and thrown away, that has been answered before it was whole: closing at
once would take the answer from a client that is sending."""


@dataclass(frozen=True, slots=True)
class HttpBounds:
    """Attributes:
    head_bytes: of a request's line and headers together.
    head_seconds: to a new connection's first byte, and from a head's first byte to its last.
    write_seconds: how long a client may take nothing while an answer waits for it.
    keep_alive_seconds: how long a connection that was served is kept without a request.
    connections: open at once.

    """

    head_bytes: int
    head_seconds: float
    write_seconds: float
    keep_alive_seconds: int
    connections: int


def allow_files(bounds: HttpBounds) -> None:
    """Let the process open what it may serve; shells give a thousand files, and allow far more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = bounds.connections + FILES_BESIDE
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class _TooLarge(Exception):
    pass


def _is_of_a_socket(transport: asyncio.BaseTransport) -> TypeGuard[asyncio.Transport]:
    """Uvloop's are none of asyncio's classes."""
    return hasattr(transport, "write")


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol within `bounds`."""

    bounds: ClassVar[HttpBounds]
    _head_bytes = 0
    """Of the names and values that the parser has told."""
    _untold_bytes = 0
    """Received, and neither a head nor a piece of a body so far: the parser keeps these."""
    _is_in_head = False
    _is_in_message = False
    _is_upgraded = False
    _linger: asyncio.TimerHandle | None = None
    _head_due: asyncio.TimerHandle | None = None
    _write_due: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert _is_of_a_socket(transport)
        super().connection_made(transport)
        if len(self.connections) > self.bounds.connections:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections are open")
            return
        self.timeout_keep_alive_task = self.loop.call_later(
            self.bounds.head_seconds, self.timeout_keep_alive_handler
        )

    @override
    def handle_websocket_upgrade(self) -> None:
        self._is_upgraded = True
        super().handle_websocket_upgrade()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_for_head(is_needed=False)
        self._stop_lingering()
        self._stop_waiting_for_reader()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._stop_waiting_for_reader()
        # What it does take in small sips fills its own buffers, and says nothing here.
        self._write_due = self.loop.call_later(self.bounds.write_seconds, self.transport.abort)

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_waiting_for_reader()

    def _stop_waiting_for_reader(self) -> None:
        if self._write_due is not None:
            self._write_due.cancel()
            self._write_due = None

    @override
    def data_received(self, data: bytes) -> None:
        self._untold_bytes += len(data)
        super().data_received(data)
        if self._untold_bytes > self.bounds.head_bytes:
            self._refuse_head()
        # Nearly every head comes in one piece, so that none of these needs a timer.
        is_awaited = self._is_in_head or self._is_unwatched()
        self._wait_for_head(is_needed=is_awaited and not self.transport.is_closing())

    def _is_unwatched(self) -> bool:
        """Whether line ends alone have come, which may stand in front of a head and end the wait for one."""
        if self._is_in_message or self._is_upgraded or self.timeout_keep_alive_task is not None:
            return False
        cycle = self._cycle()
        return cycle is None or cycle.response_complete

    def _cycle(self) -> RequestResponseCycle | None:
        """Its type says that there always is one; before the first request there is none."""
        cycle: object = vars(self).get("cycle")
        return cycle if isinstance(cycle, RequestResponseCycle) else None

    @override
    def timeout_keep_alive_handler(self) -> None:
        # A process that was stopped hears of its clock before it reads what has come meanwhile.
        self.timeout_keep_alive_task = self.loop.call_later(
            UNREAD_SECONDS, super().timeout_keep_alive_handler
        )

    def _wait_for_head(self, *, is_needed: bool) -> None:
        if not is_needed and self._head_due is not None:
            self._head_due.cancel()
            self._head_due = None
        elif is_needed and self._head_due is None:
            self._head_due = self.loop.call_later(self.bounds.head_seconds, self._head_is_late)

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head = True
        self._head_bytes = 0

    @override
    def on_url(self, url: bytes) -> None:
        self._take(len(url))
        super().on_url(url)

    @override
    def on_header(self, name: bytes, value: bytes) -> None:
        # Those behind a body are headers, too.
        self._take(len(name) + len(value))
        super().on_header(name, value)

    def _take(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self.bounds.head_bytes:
            raise _TooLarge

    @override
    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._is_in_message = True
        self._untold_bytes = 0
        super().on_headers_complete()

    @override
    def on_body(self, body: bytes) -> None:
        self._untold_bytes = 0
        super().on_body(body)

    @override
    def on_message_complete(self) -> None:
        self._untold_bytes = 0
        self._is_in_message = False
        self._stop_lingering()
        super().on_message_complete()

    @override
    def on_response_complete(self) -> None:
        super().on_response_complete()
        # Of requests that come one behind the other the last is being read.
        if self._is_in_message and self.cycle.response_complete:
            self._linger = self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _stop_lingering(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None

    @override
    def send_400_response(self, msg: str) -> None:
        if self._head_bytes > self.bounds.head_bytes:
            self._refuse_head()
        else:
            self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def _refuse_head(self) -> None:
        self._refuse(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            f"the request's headers exceed {self.bounds.head_bytes} bytes",
        )

    def _head_is_late(self) -> None:
        self._refuse(
            HTTPStatus.REQUEST_TIMEOUT,
            f"the request's headers did not come within {self.bounds.head_seconds:g} s",
        )

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        if self.transport.is_closing():
            return
        cycle = self._cycle()
        if cycle is None or cycle.response_complete:
            self.transport.write(refusal(status, message))
        # Else an answer is under way, which nothing may be put into.
        self.transport.close()


def bounded_by(bounds: HttpBounds) -> type[HttpToolsProtocol]:
    """The protocol as a class, which uvicorn makes one of for each connection."""

    class Within(BoundedProtocol):
        pass

    Within.bounds = bounds
    return Within


def refusal(status: HTTPStatus, message: str) -> bytes:
    """A whole answer; which dialect its client speaks is not known, so it is in the form of all."""
    kind = "overloaded_error" if status >= 500 else "invalid_request_error"
    told = {"type": kind, "message": message, "param": None, "code": None}
    body = json.dumps({"type": "error", "error": told}).encode()
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        "content-type: application/json",
        f"content-length: {len(body)}",
        "connection: close",
    ]
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        lines.append(f"retry-after: {RETRY_AFTER_SECONDS}")
    return "\r\n".join((*lines, "", "")).encode() + body
