"""Read a request's body within its limits."""

import asyncio

from starlette.types import Receive, Scope

from turnout.errors import InvalidRequest, RequestTooLarge, Unsupported


class ClientGone(Exception):
    """The client closed the connection; there is nobody to answer."""


async def read_body(scope: Scope, receive: Receive, *, max_bytes: int, seconds: float) -> bytes:
    """The whole body. Raises `RequestTooLarge`, `InvalidRequest` when it does not arrive in time,
    `Unsupported` when it is compressed, `ClientGone` when the client leaves first.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    coding = _header(scope, b"content-encoding").lower()
    if coding not in (b"", b"identity"):
        raise Unsupported(
            f"The body is compressed ({coding[:40].decode('latin-1')}); send it as it is, without"
            " content-encoding."
        )
    announced = _content_length(scope)
    if announced is not None and announced > max_bytes:
        raise _too_large(announced, max_bytes)
    message = await _next(receive, deadline)
    if not message[1]:
        if len(message[0]) > max_bytes:
            raise _too_large(len(message[0]), max_bytes)
        return message[0]
    parts = [message[0]]
    size = len(message[0])
    while message[1]:
        message = await _next(receive, deadline)
        size += len(message[0])
        if size > max_bytes:
            raise _too_large(size, max_bytes)
        parts.append(message[0])
    return b"".join(parts)


async def _next(receive: Receive, deadline: float) -> tuple[bytes, bool]:
    """The next part and whether more follows. `deadline` is on the loop's clock."""
    try:
        async with asyncio.timeout_at(deadline):
            message = await receive()
    except TimeoutError:
        raise InvalidRequest("The request body did not arrive in time.") from None
    if message["type"] == "http.disconnect":
        raise ClientGone
    body: object = message.get("body", b"")
    assert isinstance(body, bytes)
    return body, bool(message.get("more_body", False))


def _content_length(scope: Scope) -> int | None:
    value = _header(scope, b"content-length")
    return int(value) if value.isdigit() else None


def _header(scope: Scope, wanted: bytes) -> bytes:
    for name, value in scope["headers"]:
        if name == wanted:
            assert isinstance(value, bytes)
            return value
    return b""


def _too_large(size: int, max_bytes: int) -> RequestTooLarge:
    return RequestTooLarge(
        f"The body has {size} bytes or more; the limit is {max_bytes}"
        " (TURNOUT_INGRESS__MAX_BODY_BYTES)."
    )
