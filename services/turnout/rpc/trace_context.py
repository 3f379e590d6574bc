"""Trace context in gRPC metadata, under the name that W3C gives it.

Route and Dispatch hold their context in a field, because facts are made of it; Look and Note do not,
and for all four the metadata are what a proxy or a mesh between two services can read.
"""

from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar

import grpc
from grpc import aio
from typing_extensions import override

from turnout.observe.spans import current_traceparent, enter, is_traceparent

KEY = "traceparent"

Request = TypeVar("Request")
Response = TypeVar("Response")

# A string, because the class is generic in its stubs alone.
Answering: TypeAlias = "Awaitable[grpc.RpcMethodHandler[Request, Response] | None]"


def trace_metadata() -> tuple[tuple[str, str], ...] | None:
    """What goes with a call; None outside of any trace, which without tracing is always."""
    traceparent = current_traceparent()
    return ((KEY, traceparent),) if traceparent else None


class TraceContextInterceptor(aio.ServerInterceptor):
    """Makes the caller's context current for the call: gRPC runs both in one task.

    It is installed only where tracing is on.
    """

    @override
    async def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], Answering[Request, Response]]",
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Request, Response] | None":
        for name, value in handler_call_details.invocation_metadata or ():
            # What a stranger writes there must not get as far as log lines and spans.
            if name == KEY and isinstance(value, str) and is_traceparent(value):
                enter(value)
        return await continuation(handler_call_details)
