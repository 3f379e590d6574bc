"""Read a request's body within its limits."""

import asyncio

from starlette.types import Receive, Scope

from turnout.errors import InvalidRequest, RequestTooLarge, Unsupported
from turnout.ingress.room import Place


class ClientGone(Exception):
    """The client closed the connection; there is nobody to answer."""


async def read_body(
    scope: Scope, receive: Receive, *, place: Place, max_bytes: int, seconds: float
) -> bytes:
    """The whole body, which `place` holds. Raises `RequestTooLarge`, `Overloaded`, `InvalidRequest` when it
    does not arrive in time, `Unsupported` when it is compressed, `ClientGone` when the client leaves first.
    """
    coding = _header(scope, b"content-encoding").lower()
    if coding not in (b"", b"identity"):
        raise Unsupported(
            f"The body is compressed ({coding[:40].decode('latin-1')}); send it as it is, without"
            " content-encoding."
        )
    announced = _content_length(scope)
    if announced is not None and announced > max_bytes:
        raise too_large(announced, max_bytes)
    place.hold(announced or 0)
    try:
        # One deadline for all parts: a large body comes in many.
        async with asyncio.timeout(seconds):
            return await _parts(receive, place, max_bytes)
    except TimeoutError:
        raise InvalidRequest("The request body did not arrive in time.") from None


async def _parts(receive: Receive, place: Place, max_bytes: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body: object = message.get("body", b"")
        assert isinstance(body, bytes)
        parts.append(body)
        size += len(body)
        if size > max_bytes:
            raise too_large(size, max_bytes)
        place.hold(size)
        if not message.get("more_body", False):
            return body if len(parts) == 1 else b"".join(parts)


def _content_length(scope: Scope) -> int | None:
    value = _header(scope, b"content-length")
    return int(value) if value.isdigit() else None


def _header(scope: Scope, wanted: bytes) -> bytes:
    for name, value in scope["headers"]:
        if name == wanted:
            assert isinstance(value, bytes)
            return value
    return b""


def too_large(size: int, max_bytes: int) -> RequestTooLarge:
    return RequestTooLarge(
        f"The body has {size} bytes or more; the limit is {max_bytes}"
        " (TURNOUT_INGRESS__MAX_BODY_BYTES)."
    )
