"""Errors that keep their type across a gRPC hop.

The server puts kind, message and hints into trailing metadata under one key as JSON; the client
raises the same class again. A gRPC failure without that key (connection lost, deadline passed, part
late) becomes `Unavailable` that names the service, never `UpstreamTimeout`: a late part of ours is
unavailable, only providers time out upstream. A message over the limit is a request that is too
large, and an exception that the server did not mean is `Internal`; its text stays over there.
"""

import json
from collections.abc import Awaitable
from typing import Protocol

import grpc
from grpc import aio

from turnout.errors import BY_KIND, Internal, RequestTooLarge, TurnoutError, Unavailable

ERROR_KEY = "turnout-error"

_NOT_AGAIN = ("grpc-retry-pushback-ms", "-1")
"""The server has spoken; only calls that it could not answer are sent again (`rpc/channel.py`)."""

MAX_MESSAGE_CHARACTERS = 1000
"""gRPC drops an answer whose trailing metadata exceed 8 kB; escaped, a character takes up to 12
bytes of that in the worst case and one in all usual ones."""

_CODES: dict[str, grpc.StatusCode] = {
    "invalid_request": grpc.StatusCode.INVALID_ARGUMENT,
    "context_too_long": grpc.StatusCode.INVALID_ARGUMENT,
    "request_too_large": grpc.StatusCode.INVALID_ARGUMENT,
    "unknown_model": grpc.StatusCode.NOT_FOUND,
    "unknown_path": grpc.StatusCode.NOT_FOUND,
    "wrong_method": grpc.StatusCode.INVALID_ARGUMENT,
    "unsupported": grpc.StatusCode.UNIMPLEMENTED,
    "not_authenticated": grpc.StatusCode.UNAUTHENTICATED,
    "not_allowed": grpc.StatusCode.PERMISSION_DENIED,
    "upstream_failed": grpc.StatusCode.ABORTED,
    "rate_limited": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "overloaded": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "upstream_timeout": grpc.StatusCode.ABORTED,
    "unavailable": grpc.StatusCode.UNAVAILABLE,
    "internal": grpc.StatusCode.INTERNAL,
}


class Aborting(Protocol):
    """The part of a servicer context that ends a call."""

    def abort(
        self,
        code: grpc.StatusCode,
        details: str = "",
        trailing_metadata: tuple[tuple[str, str | bytes], ...] = (),
    ) -> Awaitable[None]: ...


async def abort_with(context: Aborting, error: TurnoutError) -> None:
    """End the call so that the client raises the same error again."""
    packed = json.dumps(
        {
            "kind": error.kind,
            "message": error.message[:MAX_MESSAGE_CHARACTERS],
            "retry_after_seconds": error.retry_after_seconds,
            "upstream_status": error.upstream_status,
        }
    )
    await context.abort(_CODES[error.kind], error.message[:200], ((ERROR_KEY, packed), _NOT_AGAIN))


def error_from(failure: aio.AioRpcError, *, service: str) -> TurnoutError:
    """The error that the server meant, or `Unavailable` when it could say nothing."""
    for key, value in failure.trailing_metadata() or ():
        if key == ERROR_KEY:
            return _unpack(value if isinstance(value, str) else bytes(value).decode())
    match failure.code():
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return Unavailable(f"The {service} did not answer in time.")
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            return RequestTooLarge(
                f"The request is larger than the {service} takes ({failure.details()}); lower"
                " TURNOUT_INGRESS__MAX_BODY_BYTES so that it is refused at the edge."
            )
        case grpc.StatusCode.INTERNAL | grpc.StatusCode.UNKNOWN:
            return Internal(f"The {service} failed; its log says where.")
        case code:
            return Unavailable(f"The {service} cannot be reached ({code.name.lower()}).")


def _unpack(packed: str) -> TurnoutError:
    fields: dict[str, object] = json.loads(packed)
    cls = BY_KIND.get(str(fields.get("kind")), Internal)
    retry_after, status = fields.get("retry_after_seconds"), fields.get("upstream_status")
    return cls(
        str(fields.get("message", "")),
        retry_after_seconds=float(retry_after) if isinstance(retry_after, int | float) else None,
        upstream_status=status if isinstance(status, int) else None,
    )
