"""The ASGI side of one request: its body, its silence, its answer, and the client hanging up.

Rules of this module: nothing of the wire formats; a client that hangs up raises `ClientGone` at
the next silence or send, because uvicorn drops what is sent to nobody without a word.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias

from turnout.simulator.exchange import Refused

Scope: TypeAlias = Mapping[str, object]
Message: TypeAlias = MutableMapping[str, object]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

MAX_BODY_BYTES = 32 * 1024 * 1024
"""Anthropic's limit for a request."""

BODY_SECONDS = 60.0
"""A client that sends nothing of its request for a minute is given up."""

SEND_SECONDS = 600.0
"""A client that reads nothing for so long is given up; the SDKs' own time limit."""


class ClientGone(Exception):
    """The client has closed the connection."""


class Connection:
    """One request and its answer."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._gone = asyncio.Event()

    async def body(self) -> bytes:
        """The whole body. Raises `Refused` when it is too large."""
        parts: list[bytes] = []
        size = 0
        more = True
        while more:
            message = await self._next_part()
            part = message.get("body", b"")
            if isinstance(part, bytes):
                parts.append(part)
                size += len(part)
            if size > MAX_BODY_BYTES:
                raise Refused(
                    "Request exceeds the maximum size", status=413, kind="request_too_large"
                )
            more = message.get("more_body") is True
        return b"".join(parts)

    @asynccontextmanager
    async def watched(self) -> AsyncGenerator[None, None]:
        """While inside, a client that hangs up is noticed; only after the body has been read."""
        left: ClientGone | None = None
        async with asyncio.TaskGroup() as group:
            watcher = group.create_task(self._watch())
            try:
                yield
            except ClientGone as gone:
                # A group would wrap it; it is raised again outside.
                left = gone
            finally:
                watcher.cancel()
        if left is not None:
            raise left

    async def silence(self, seconds: float) -> None:
        """Send nothing for a while."""
        if seconds > 0:
            try:
                async with asyncio.timeout(seconds):
                    await self._gone.wait()
            except TimeoutError:
                pass
        else:
            await asyncio.sleep(0)
        if self._gone.is_set():
            raise ClientGone

    async def start(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        await self._deliver(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(name.encode(), value.encode()) for name, value in headers],
            }
        )

    async def write(self, data: bytes, *, more: bool = True) -> None:
        await self._deliver({"type": "http.response.body", "body": data, "more_body": more})

    async def _deliver(self, message: Message) -> None:
        if self._gone.is_set():
            raise ClientGone
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._send(message)
        except TimeoutError:
            raise ClientGone from None

    async def _next_part(self) -> Message:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                message = await self._receive()
        except TimeoutError:
            raise ClientGone from None
        if message["type"] == "http.disconnect":
            raise ClientGone
        return message

    async def _watch(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._gone.set()
                return
