"""Read a request's body within its limits."""

import asyncio

from starlette.types import Receive, Scope

from turnout.errors import InvalidRequest, RequestTooLarge


class ClientGone(Exception):
    """The client closed the connection; there is nobody to answer."""


async def read_body(scope: Scope, receive: Receive, *, max_bytes: int, seconds: float) -> bytes:
    """The whole body. Raises `RequestTooLarge`, `InvalidRequest` when it does not arrive in time,
    `ClientGone` when the client leaves first.
    """
    announced = _content_length(scope)
    if announced is not None and announced > max_bytes:
        raise _too_large(announced, max_bytes)
    message = await _next(receive, seconds)
    if not message[1]:
        if len(message[0]) > max_bytes:
            raise _too_large(len(message[0]), max_bytes)
        return message[0]
    parts = [message[0]]
    size = len(message[0])
    deadline = asyncio.get_running_loop().time() + seconds
    while message[1]:
        message = await _next(receive, deadline - asyncio.get_running_loop().time())
        size += len(message[0])
        if size > max_bytes:
            raise _too_large(size, max_bytes)
        parts.append(message[0])
    return b"".join(parts)


async def _next(receive: Receive, seconds: float) -> tuple[bytes, bool]:
    """The next part and whether more follows."""
    try:
        async with asyncio.timeout(seconds):
            message = await receive()
    except TimeoutError:
        raise InvalidRequest("The request body did not arrive in time.") from None
    if message["type"] == "http.disconnect":
        raise ClientGone
    body: object = message.get("body", b"")
    assert isinstance(body, bytes)
    return body, bool(message.get("more_body", False))


def _content_length(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            try:
                return int(value)
            except ValueError:
                return None
    return None


def _too_large(size: int, max_bytes: int) -> RequestTooLarge:
    return RequestTooLarge(
        f"The body has {size} bytes or more; the limit is {max_bytes}"
        " (TURNOUT_INGRESS__MAX_BODY_BYTES)."
    )
