"""W3C trace context at the edge: what comes in, as the string that travels.

A request has a context also where no spans are made, because facts and log lines of one request are
joined by it.
"""

import random
from typing import Protocol

from opentelemetry.trace import (
    INVALID_SPAN_CONTEXT,
    SpanContext,
    TraceFlags,
    get_current_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR = TraceContextTextMapPropagator()


class IdGenerator(Protocol):
    """Makes ids that are unique for all practical purposes."""

    def generate_trace_id(self) -> int: ...

    def generate_span_id(self) -> int: ...


class RandomIds:
    """The SDK's generator without the SDK, which is imported only where spans are made."""

    def generate_trace_id(self) -> int:
        return _random_id(128)

    def generate_span_id(self) -> int:
        return _random_id(64)


def _random_id(bits: int) -> int:
    # Zero is no id (W3C Trace Context, 3.2.2.3); no id guards a secret.
    return random.getrandbits(bits) or 1


def traceparent_of(inbound: str, ids: IdGenerator) -> str:
    """The context of a request: a child of the caller's when that is valid, else a new trace."""
    parent = span_context(inbound)
    if parent.is_valid:
        trace_id, flags = parent.trace_id, parent.trace_flags
    else:
        trace_id, flags = ids.generate_trace_id(), TraceFlags(TraceFlags.DEFAULT)
    return f"00-{trace_id:032x}-{ids.generate_span_id():016x}-{flags:02x}"


def span_context(traceparent: str) -> SpanContext:
    """The context that a string names; an invalid one when it names none."""
    if not traceparent:
        return INVALID_SPAN_CONTEXT
    context = _PROPAGATOR.extract({"traceparent": traceparent})
    return get_current_span(context).get_span_context()
