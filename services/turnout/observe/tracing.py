"""W3C trace context from hop to hop, as the string that travels.

The string crosses HTTP (`traceparent`), gRPC (a field of the command) and NATS (a header), so a
request is one trace wherever its parts run. Spans and their export stand on this.
"""

from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import (
    INVALID_SPAN_CONTEXT,
    SpanContext,
    TraceFlags,
    get_current_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR = TraceContextTextMapPropagator()


def traceparent_of(inbound: str, ids: IdGenerator) -> str:
    """The context of a request: a child of the caller's when that is valid, else a new trace."""
    parent = _parse(inbound) if inbound else INVALID_SPAN_CONTEXT
    if parent.is_valid:
        trace_id, flags = parent.trace_id, parent.trace_flags
    else:
        trace_id, flags = ids.generate_trace_id(), TraceFlags(TraceFlags.DEFAULT)
    return f"00-{trace_id:032x}-{ids.generate_span_id():016x}-{flags:02x}"


def id_generator() -> IdGenerator:
    return RandomIdGenerator()


def _parse(inbound: str) -> SpanContext:
    context = _PROPAGATOR.extract({"traceparent": inbound})
    return get_current_span(context).get_span_context()
