"""What telemetry says of an inserted batch: one span of its own, and one in each request's trace.

A batch has facts of many requests, so the span of the insert begins a trace and links to the spans
that recorded the facts, as the messaging conventions have it for batches. A request's trace gets a
span `process turnout.request.completed` below the span that recorded that fact, linked to the insert:
so one trace reaches through all services and says when its row could be read. Only facts of traces
that are kept are looked at, and without one the batch leaves no span.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from turnout.observe.spans import Tracer, is_sampled
from turnout.telemetry.batch import Block
from turnout.telemetry.tables import BY_SUBJECT

COMPLETED: Final = "turnout.request.completed"

MAX_LINKS: Final = 128
"""The SDK's own limit of links in a span; more would be dropped there."""

_CONTEXT: Final = "traceparent"


def tell_inserted(
    tracer: Tracer, blocks: Sequence[Block], *, messages: int, began: float, ended: float
) -> None:
    """Spans of a batch that is in ClickHouse. `began` and `ended` are unix seconds."""
    contexts = list(dict.fromkeys(_sampled(_contexts(blocks))))
    if not contexts:
        return
    insert = tracer.start(
        "insert facts",
        part="telemetry",
        kind="consumer",
        parent="",
        links=contexts[:MAX_LINKS],
        at=began,
    )
    if insert.is_recording:
        insert.tell(
            {
                "messaging.system": "nats",
                "messaging.operation.type": "process",
                "messaging.batch.message_count": messages,
                "turnout.rows": sum(block.rows for block in blocks),
            }
        )
    completed = BY_SUBJECT[COMPLETED].name
    for context in _sampled(_contexts(block for block in blocks if block.table == completed)):
        span = tracer.start(
            f"process {COMPLETED}",
            part="telemetry",
            kind="consumer",
            parent=context,
            links=(insert.traceparent,),
            at=began,
        )
        if span.is_recording:
            span.tell(
                {
                    "messaging.system": "nats",
                    "messaging.destination.name": COMPLETED,
                    "messaging.operation.type": "process",
                }
            )
        span.end(at=ended)
    insert.end(at=ended)


def _contexts(blocks: Iterable[Block]) -> Iterable[str]:
    for block in blocks:
        for context in block.columns.get(_CONTEXT, ()):
            yield str(context)


def _sampled(contexts: Iterable[str]) -> Iterable[str]:
    return (context for context in contexts if is_sampled(context))
