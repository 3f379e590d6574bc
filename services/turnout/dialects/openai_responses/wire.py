"""The shapes of this wire's answers: events of a stream, items, whole responses.

Rules: answers are read leniently, because servers that call themselves compatible differ in every
optional field; null is the same as absent; an event of a kind that nobody reads is never a fault.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from turnout.dialects.conversation import Annotation, Citation, TokenLogprob
from turnout.dialects.openai_responses.usage import WireUsage
from turnout.dialects.reading import MALFORMED
from turnout.errors import UpstreamFailed

ABSENT: Final = msgspec.Raw()


class WireTop(msgspec.Struct, gc=False):
    token: str | None = None
    logprob: float | None = None


class WireLogprob(msgspec.Struct):
    token: str | None = None
    logprob: float | None = None
    bytes: list[int] | None = None
    top_logprobs: list[WireTop] | None = None


class WireEvent(msgspec.Struct):
    """Attributes:
    delta, arguments, input: strings in every event that is read; servers' own events differ.
    """

    type: str | None = None
    item_id: str | None = None
    output_index: int | None = None
    content_index: int | None = None
    summary_index: int | None = None
    delta: object = None
    arguments: object = None
    input: object = None
    logprobs: list[WireLogprob] | None = None
    item: msgspec.Raw = ABSENT
    part: msgspec.Raw = ABSENT
    annotation: msgspec.Raw = ABSENT
    response: msgspec.Raw = ABSENT
    error: msgspec.Raw = ABSENT


class WirePart(msgspec.Struct):
    """A content part of a message, of a reasoning item's summary or of its content."""

    type: str | None = None
    text: str | None = None
    refusal: str | None = None
    annotations: list[msgspec.Raw] | None = None
    logprobs: list[WireLogprob] | None = None


class WireItem(msgspec.Struct):
    """Attributes:
    content, summary: lists of parts in messages and reasoning; other kinds have their own.
    """

    type: str | None = None
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    namespace: str | None = None
    arguments: object = None
    input: object = None
    execution: str | None = None
    encrypted_content: str | None = None
    content: msgspec.Raw = ABSENT
    summary: msgspec.Raw = ABSENT


class IncompleteDetails(msgspec.Struct):
    reason: str | None = None


class WireResponse(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    status: str | None = None
    output: list[msgspec.Raw] | None = None
    usage: WireUsage | None = None
    incomplete_details: IncompleteDetails | None = None
    error: msgspec.Raw = ABSENT

    @property
    def has_error(self) -> bool:
        return is_there(self.error)

    @property
    def reason(self) -> str | None:
        return None if self.incomplete_details is None else self.incomplete_details.reason


class _Kind(msgspec.Struct):
    type: str | None = None


class _WireAnnotation(msgspec.Struct):
    type: str | None = None
    url: str | None = None
    title: str | None = None
    start_index: int | None = None
    end_index: int | None = None


EVENT: Final = msgspec.json.Decoder(WireEvent)
_KIND: Final = msgspec.json.Decoder(_Kind)
_ITEM: Final = msgspec.json.Decoder(WireItem)
_PARTS: Final = msgspec.json.Decoder(list[WirePart])
_PART: Final = msgspec.json.Decoder(WirePart)
_RESPONSE: Final = msgspec.json.Decoder(WireResponse)
_ANNOTATION: Final = msgspec.json.Decoder(_WireAnnotation)


def is_there(raw: msgspec.Raw) -> bool:
    return bytes(raw) not in {b"", b"null"}


def _refused(error: Exception) -> UpstreamFailed:
    return UpstreamFailed(f"the upstream sent what is no response: {error}")


def decode_event(raw: bytes, *, known: frozenset[str], named: str) -> WireEvent | None:
    """None for an event of a kind that is not among the `known`, whatever it holds."""
    try:
        event = EVENT.decode(raw)
    except MALFORMED as error:
        try:
            kind = _KIND.decode(raw).type or named
        except MALFORMED:
            raise _refused(error) from None
        if kind in known:
            raise _refused(error) from None
        return None
    event.type = event.type or named
    return event if event.type in known else None


def decode_item(raw: bytes | msgspec.Raw) -> WireItem:
    try:
        return _ITEM.decode(raw)
    except MALFORMED as error:
        raise _refused(error) from None


def decode_response_object(raw: bytes | msgspec.Raw) -> WireResponse:
    try:
        return _RESPONSE.decode(raw)
    except MALFORMED as error:
        raise _refused(error) from None


def decode_part(raw: msgspec.Raw) -> WirePart:
    try:
        return _PART.decode(raw)
    except MALFORMED as error:
        raise _refused(error) from None


def decode_parts(raw: msgspec.Raw) -> Sequence[WirePart]:
    if not is_there(raw):
        return ()
    try:
        return _PARTS.decode(raw)
    except MALFORMED as error:
        raise _refused(error) from None


def decode_annotation(raw: msgspec.Raw) -> Annotation:
    json = bytes(raw).decode("utf-8", "replace")
    try:
        wire = _ANNOTATION.decode(raw)
    except MALFORMED:
        return Annotation("openai_responses", json)
    citation = None
    if wire.type == "url_citation" and wire.url:
        citation = Citation(wire.url, wire.title or "", start=wire.start_index, end=wire.end_index)
    return Annotation("openai_responses", json, citation)


def decode_logprobs(wire: Sequence[WireLogprob]) -> tuple[TokenLogprob, ...]:
    return tuple(
        TokenLogprob(
            one.token,
            one.logprob,
            None if one.bytes is None else tuple(one.bytes),
            tuple(
                (top.token, top.logprob)
                for top in one.top_logprobs or ()
                if top.token is not None and top.logprob is not None
            ),
        )
        for one in wire
        if one.token is not None and one.logprob is not None
    )
