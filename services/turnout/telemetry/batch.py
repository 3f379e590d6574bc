"""Bus messages to blocks of rows: what one cycle of the consumer inserts.

Rules: pure. Every message ends up in some block: a fact that cannot be read becomes a row of
`undecodable_facts_raw` and holds nobody up. Fields that are unknown here are passed over, fields that
an older writer did not send have their zero value. The token of a block follows from the messages
alone, so that the same batch told again inserts nothing.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.message import DecodeError, Message

from turnout.bus.subjects import BY_SUBJECT as ROUTES
from turnout.events.v1 import facts_pb2
from turnout.telemetry.columns import STRING, TIME, WORD, Table, Undecodable
from turnout.telemetry.tables import BY_SUBJECT as TABLES

UNDECODABLE = "undecodable_facts_raw"
_UNDECODABLE_TYPES = (STRING, TIME, WORD, STRING, STRING)
# Enough to find out what it was; a fact is a few kilobytes.
_KEPT_PAYLOAD_BYTES = 64 * 1024
_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class BusMessage:
    """A message as the stream keeps it.

    Attributes:
        sequence: its number in the stream.
        stored_at: unix seconds at which the server took it.
    """

    subject: str
    sequence: int
    stored_at: float
    payload: bytes


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of one table, as columns."""

    table: str
    columns: Mapping[str, Sequence[object]]
    types: Sequence[str]
    rows: int
    token: str


@dataclass(frozen=True, slots=True)
class _Unread:
    message: BusMessage
    place: int
    reason: str
    payload: bytes


def blocks_of(messages: Sequence[BusMessage]) -> list[Block]:
    """The blocks of a batch, one per table that has rows."""
    facts: dict[str, list[Message]] = {}
    unread: list[_Unread] = []
    for message in messages:
        _read(message, facts.setdefault(message.subject, []), unread)
    token = _token(messages)
    blocks = [
        _block(TABLES[subject], found, token=token) for subject, found in facts.items() if found
    ]
    if unread:
        blocks.append(_unread_block(unread, token=token))
    return blocks


def _read(message: BusMessage, found: list[Message], unread: list[_Unread]) -> None:
    route = ROUTES.get(message.subject)
    if route is None:
        unread.append(_Unread(message, 0, "no fact of this subject is known", message.payload))
        return
    table = TABLES[message.subject]
    try:
        batch = facts_pb2.FactBatch.FromString(message.payload)
    except DecodeError as error:
        unread.append(_Unread(message, 0, f"no batch of facts: {error}", message.payload))
        return
    for place, encoded in enumerate(batch.facts):
        try:
            fact = route.message.FromString(encoded)
            table.check(fact)
        except (DecodeError, Undecodable) as error:
            unread.append(_Unread(message, place, str(error), encoded))
        else:
            found.append(fact)


def _block(table: Table, facts: Sequence[Message], *, token: str) -> Block:
    return Block(
        table=table.name,
        columns=table.build(facts),
        types=table.types,
        rows=len(facts),
        token=token,
    )


def _unread_block(unread: Sequence[_Unread], *, token: str) -> Block:
    columns: dict[str, list[object]] = {
        "event_id": [f"{item.message.sequence}:{item.place}" for item in unread],
        "occurred_at": [round(item.message.stored_at * _MICROSECONDS) for item in unread],
        "subject": [item.message.subject for item in unread],
        "reason": [item.reason for item in unread],
        "payload": [
            base64.b64encode(item.payload[:_KEPT_PAYLOAD_BYTES]).decode() for item in unread
        ],
    }
    return Block(
        table=UNDECODABLE,
        columns=columns,
        types=_UNDECODABLE_TYPES,
        rows=len(unread),
        token=token,
    )


def _token(messages: Sequence[BusMessage]) -> str:
    """Names the batch: which messages, in which order. Tables have tokens of their own."""
    words = ",".join(f"{message.sequence}@{message.stored_at}" for message in messages)
    return hashlib.sha256(words.encode()).hexdigest()
