"""Facts that telemetry itself makes, over the bus like all others. There is no spool: who publishes makes
up for what fails.
"""

from collections.abc import Sequence

from nats.js import JetStreamContext

from turnout.bus.connection import ensure_stream
from turnout.bus.publisher import ACK_TIMEOUT_SECONDS
from turnout.bus.subjects import BY_FACT, SCHEMA_HEADER, SCHEMA_VERSION, STREAM
from turnout.events.v1 import facts_pb2
from turnout.facts import Fact
from turnout.protos import to_pb


async def publish(jetstream: JetStreamContext, facts: Sequence[Fact], *, message_id: str) -> None:
    """Publish facts of one kind as one message, which is acknowledged or fails."""
    await ensure_stream(jetstream)
    route = BY_FACT[type(facts[0])]
    batch = facts_pb2.FactBatch(
        facts=[to_pb(fact, route.message).SerializeToString() for fact in facts]
    )
    await jetstream.publish(
        route.subject,
        batch.SerializeToString(),
        timeout=ACK_TIMEOUT_SECONDS,
        stream=STREAM,
        headers={"Nats-Msg-Id": message_id, SCHEMA_HEADER: SCHEMA_VERSION},
    )
