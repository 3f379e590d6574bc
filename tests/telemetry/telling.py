"""Puts facts into ClickHouse the way telemetry does, without a bus between."""

from collections.abc import Sequence

from tests.bus import samples
from turnout.bus.subjects import BY_FACT
from turnout.events.v1 import facts_pb2
from turnout.facts import Fact
from turnout.protos import to_pb
from turnout.telemetry.batch import BusMessage, blocks_of
from turnout.telemetry.warehouse import Warehouse


async def tell(warehouse: Warehouse, facts: Sequence[Fact], *, sequence: int = 1) -> None:
    """Insert facts, one message each; another sequence is another delivery, which no token drops."""
    messages: list[BusMessage] = []
    for place, fact in enumerate(facts):
        route = BY_FACT[type(fact)]
        encoded = to_pb(fact, route.message).SerializeToString()
        batch = facts_pb2.FactBatch(facts=[encoded]).SerializeToString()
        messages.append(BusMessage(route.subject, sequence + place, samples.NOON, batch))
    for block in blocks_of(messages):
        await warehouse.insert(block.table, block.columns, block.types, token=block.token)
