"""The shapes of this wire's answers: stream events and whole messages.

Rules: answers are read leniently, because servers that call themselves compatible differ in every
optional field; an event type that is not known here is none of ours.
"""

from typing import Final

import msgspec

from turnout.dialects.anthropic_messages.usage import WireUsage
from turnout.dialects.reading import MALFORMED
from turnout.errors import UpstreamFailed


class WireMessage(msgspec.Struct):
    """Attributes:
    content: empty in `message_start`, the whole answer in a JSON body.
    """

    id: str | None = None
    model: str | None = None
    content: list[msgspec.Raw] | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: WireUsage | None = None
    type: str | None = None


class WireDelta(msgspec.Struct):
    """Of a block, or of the message at its end."""

    type: str | None = None
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    signature: str | None = None
    citation: msgspec.Raw = msgspec.Raw()
    stop_reason: str | None = None
    stop_sequence: str | None = None


class WireEvent(msgspec.Struct):
    type: str | None = None
    index: int = 0
    message: WireMessage | None = None
    content_block: msgspec.Raw = msgspec.Raw()
    delta: WireDelta | None = None
    usage: WireUsage | None = None


class WireBlock(msgspec.Struct):
    """A content block of an answer; what is not listed here stays in the raw block."""

    type: str
    text: str = ""
    thinking: str = ""
    signature: str = ""
    data: str = ""
    id: str = ""
    name: str = ""
    input: msgspec.Raw = msgspec.Raw()
    citations: list[msgspec.Raw] | None = None


_EVENT: Final = msgspec.json.Decoder(WireEvent)
_MESSAGE: Final = msgspec.json.Decoder(WireMessage)
_BLOCK: Final = msgspec.json.Decoder(WireBlock)


def decode_event(raw: bytes) -> WireEvent:
    try:
        return _EVENT.decode(raw)
    except MALFORMED as error:
        raise _foreign(error) from None


def decode_message(raw: bytes | bytearray) -> WireMessage:
    try:
        return _MESSAGE.decode(raw)
    except MALFORMED as error:
        raise _foreign(error) from None


def decode_block(raw: bytes | msgspec.Raw) -> WireBlock:
    try:
        return _BLOCK.decode(raw)
    except MALFORMED as error:
        raise _foreign(error) from None


def _foreign(error: Exception) -> UpstreamFailed:
    return UpstreamFailed(f"the upstream sent what is no message of Anthropic's API: {error}")
