"""Reading the body of a request: bounded, within a deadline, decoded, forms taken apart.

Rules: nothing runs here; what cannot be read is a refusal that says why.
"""

import asyncio
from typing import Final

from aiohttp import BodyPartReader, web

from turnout.engines.clickhouse.codec import decoded
from turnout.engines.clickhouse.outcome import (
    BAD_ARGUMENTS,
    NOT_IMPLEMENTED,
    QUERY_IS_TOO_LARGE,
    TIMEOUT_EXCEEDED,
    Access,
    refused,
)
from turnout.engines.clickhouse.request import Request

_MIB: Final = 1024 * 1024

# A batch of 10,000 facts is 6 MB; readers send text only.
WRITER_BODY_BYTES: Final = 64 * _MIB
READER_BODY_BYTES: Final = 1 * _MIB
BODY_SECONDS: Final = 60.0


async def received(request: web.Request, access: Access) -> Request:
    """The request with its body read, decoded and, for a form, taken apart."""
    limit = WRITER_BODY_BYTES if access == "writer" else READER_BODY_BYTES
    parameters = dict(request.query)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            if request.content_type == "multipart/form-data":
                parameters |= await _form(request, limit)
                return Request(request.method, request.headers, parameters)
            body = await _body(request, limit)
    except TimeoutError:
        raise refused(
            TIMEOUT_EXCEEDED, f"The body did not come within {BODY_SECONDS:.0f} s."
        ) from None
    encoding = request.headers.get("Content-Encoding", "")
    body = await asyncio.to_thread(decoded, body, encoding=encoding, limit_bytes=limit)
    return Request(request.method, request.headers, parameters, body)


async def _body(request: web.Request, limit: int) -> bytes:
    body = bytearray()
    async for part in request.content.iter_any():
        body += part
        if len(body) > limit:
            raise refused(QUERY_IS_TOO_LARGE, f"The body is larger than {limit} bytes.")
    return bytes(body)


async def _form(request: web.Request, limit: int) -> dict[str, str]:
    """Query and parameters as form fields, as clients send them when a URL would be too long."""
    fields: dict[str, str] = {}
    size = 0
    reader = await request.multipart()
    while (part := await reader.next()) is not None:
        name = part.name if isinstance(part, BodyPartReader) else None
        if name is None or not (name == "query" or name.startswith("param_")):
            raise refused(NOT_IMPLEMENTED, "External tables are not served by the embedded front.")
        assert isinstance(part, BodyPartReader)
        value = bytearray()
        while chunk := await part.read_chunk():
            value += chunk
            size += len(chunk)
            if size > limit:
                raise refused(QUERY_IS_TOO_LARGE, f"The form is larger than {limit} bytes.")
        try:
            fields[name] = value.decode()
        except UnicodeDecodeError:
            raise refused(BAD_ARGUMENTS, f"The form field {name} is not valid UTF-8.") from None
    return fields
