"""Our seal on the reasoning in an answer that comes from an imitation of the client's dialect.

What such an endpoint writes in the place of the vendor's signature (DeepSeek the message's id,
NousResearch/hermes-agent#21048, others nothing) looks like the vendor's own. The vendor refuses it once
the thread has moved there (can1357/oh-my-pi#6379), and a thread's record is no help where a client has
forked or rewritten it.

Rules: signatures become seals that hold them, reasoning without one gets a seal, every other byte
stays; so does what cannot be read. Chat has no such place, and of Gemini's API there is no imitation.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import msgspec

from turnout.capabilities import Dialect
from turnout.dialects.conversation import Provenance
from turnout.dialects.passthrough import AddField, SetField, in_items, in_member, splice
from turnout.dialects.reading import MALFORMED
from turnout.dialects.seal import seal
from turnout.dialects.sse import EVENT_END, encode_event
from turnout.errors import InvalidRequest

SEALED_DIALECTS: Final = frozenset[Dialect]({"anthropic_messages", "openai_responses"})
"""Those that have a place for a seal."""

_DATA: Final = re.compile(rb"^data: ?([^\r\n]+)", re.MULTILINE)

_BLOCK_MARK: Final = re.compile(rb"content_block_st|signature_delta|message_delta")
"""In every event that begins or ends a block, or signs one; pieces of text and reasoning have none."""

_ITEM_MARK: Final = b'"reasoning"'


def events_sealed(made_by: Provenance) -> "MessagesSealed | ResponsesSealed | None":
    """What seals whole events of one stream; None where the dialect of the answer has no place for a seal."""
    match made_by.dialect:
        case "anthropic_messages":
            return MessagesSealed(made_by)
        case "openai_responses":
            return ResponsesSealed(made_by)
        case "openai_chat" | "gemini_generate":
            return None


def sealed_in_body(made_by: Provenance, body: bytes) -> bytes:
    """A whole answer with our seal."""
    try:
        match made_by.dialect:
            case "anthropic_messages":
                change = partial(_sealed_block, made_by)
                return in_member(body, "content", partial(in_items, change=change))
            case "openai_responses":
                return _sealed_output(made_by, body)
            case "openai_chat" | "gemini_generate":
                return body
    except InvalidRequest:
        return body


class _Block(msgspec.Struct, frozen=True):
    type: str | None = None
    signature: str | None = None
    data: str | None = None


class _Event(msgspec.Struct, frozen=True):
    type: str | None = None
    index: int = 0
    content_block: _Block = _Block()
    delta: _Block = _Block()


class _Item(msgspec.Struct, frozen=True):
    type: str | None = None
    encrypted_content: str | None = None


_BLOCK: Final = msgspec.json.Decoder(_Block)
_EVENT: Final = msgspec.json.Decoder(_Event)
_ITEM: Final = msgspec.json.Decoder(_Item)


class MessagesSealed:
    """Anthropic's: blocks come one after another, and a signature at the end of its block."""

    __slots__ = ("_made_by", "_unsigned")

    def __init__(self, made_by: Provenance) -> None:
        self._made_by = made_by
        # The thinking block that is open and has no signature so far.
        self._unsigned: int | None = None

    def feed(self, events: bytes) -> bytes:
        if _BLOCK_MARK.search(events) is None:
            return events
        return b"".join(map(self._sealed, _each(events)))

    def _sealed(self, event: bytes) -> bytes:
        found = _DATA.search(event)
        if found is None:
            return event
        try:
            told = _EVENT.decode(found[1])
        except MALFORMED:
            return event
        match told.type:
            case "content_block_start":
                before, block = self._end(), told.content_block
                if block.type == "thinking" and not block.signature:
                    self._unsigned = told.index
                    return before + event
                change = partial(_sealed_block, self._made_by)
                edit = partial(in_member, name="content_block", replace=change)
                return before + _edited(event, found, edit)
            case "content_block_delta" if told.delta.signature:
                self._unsigned = None
                change = partial(_with_seal, self._made_by, told.delta.signature)
                return _edited(event, found, partial(in_member, name="delta", replace=change))
            case "content_block_stop" | "message_delta":
                return self._end() + event
            case _:
                return event

    def _end(self) -> bytes:
        """What seals the block that ends here without a signature."""
        index, self._unsigned = self._unsigned, None
        if index is None:
            return b""
        signed = {"type": "signature_delta", "signature": seal(self._made_by)}
        delta = {"type": "content_block_delta", "index": index, "delta": signed}
        return encode_event("content_block_delta", msgspec.json.encode(delta))


class ResponsesSealed:
    """OpenAI's: an item is told when it begins, when it ends, and in the response at the end."""

    __slots__ = ("_made_by",)

    def __init__(self, made_by: Provenance) -> None:
        self._made_by = made_by

    def feed(self, events: bytes) -> bytes:
        if _ITEM_MARK not in events:
            return events
        return b"".join(map(self._sealed, _each(events)))

    def _sealed(self, event: bytes) -> bytes:
        found = _DATA.search(event)
        return event if found is None else _edited(event, found, self._in_data)

    def _in_data(self, data: bytes) -> bytes:
        data = in_member(data, "item", partial(_sealed_item, self._made_by))
        return in_member(data, "response", partial(_sealed_output, self._made_by))


def _each(events: bytes) -> Iterator[bytes]:
    at = 0
    for end in EVENT_END.finditer(events):
        yield events[at : end.end()]
        at = end.end()
    if at < len(events):
        yield events[at:]


def _edited(event: bytes, found: re.Match[bytes], edit: Callable[[bytes], bytes]) -> bytes:
    """The event with its data edited."""
    try:
        data = edit(found[1])
    except InvalidRequest:
        return event
    return event[: found.start(1)] + data + event[found.end(1) :]


def _sealed_block(made_by: Provenance, raw: bytes) -> bytes:
    try:
        block = _BLOCK.decode(raw)
    except MALFORMED:
        return raw
    if block.type == "thinking":
        return _with_seal(made_by, block.signature or "", raw)
    if block.type == "redacted_thinking" and block.data:
        sealed = seal(made_by, redacted=block.data)
        return splice(raw, (SetField("data", msgspec.json.encode(sealed)),))
    return raw


def _with_seal(made_by: Provenance, signature: str, raw: bytes) -> bytes:
    return _set(raw, "signature", seal(made_by, signature=signature))


def _sealed_output(made_by: Provenance, response: bytes) -> bytes:
    return in_member(response, "output", partial(in_items, change=partial(_sealed_item, made_by)))


def _sealed_item(made_by: Provenance, raw: bytes) -> bytes:
    try:
        item = _ITEM.decode(raw)
    except MALFORMED:
        return raw
    if item.type != "reasoning":
        return raw
    sealed = seal(made_by, redacted=item.encrypted_content or "")
    return _set(raw, "encrypted_content", sealed)


def _set(raw: bytes, name: str, value: str) -> bytes:
    json = msgspec.json.encode(value)
    return splice(raw, (SetField(name, json), AddField(name, json)))
