"""Citations of this wire as annotations and back.

Rules: a citation of a page on the web says where, all others name places in documents of the request,
which only this dialect can say; Anthropic reads its own back by an index that it has sealed, so the index
of a page that another vendor's model cites is under our seal, and stays here when it comes back.
"""

from typing import Final

import msgspec

from turnout.dialects.conversation import Annotation, Citation, Fields, JsonText
from turnout.dialects.passthrough import DropField, SetField, splice
from turnout.dialects.reading import MALFORMED
from turnout.dialects.seal import SEAL_PREFIX


class _WireCitation(msgspec.Struct):
    type: str | None = None
    url: str | None = None
    title: str | None = None
    cited_text: str | None = None
    encrypted_index: str | None = None


class _Cited(msgspec.Struct):
    citations: list[msgspec.Raw] = []


FOREIGN_INDEX: Final = SEAL_PREFIX + "citation"
FOREIGN_MARK: Final = FOREIGN_INDEX.encode()

_CITED: Final = msgspec.json.Decoder(_Cited)
_CITATION: Final = msgspec.json.Decoder(_WireCitation)


def decode_citation(raw: bytes) -> Annotation:
    json = raw.decode("utf-8", "replace")
    try:
        wire = _CITATION.decode(raw)
    except MALFORMED:
        return Annotation("anthropic_messages", json)
    citation = None
    if wire.type == "web_search_result_location" and wire.url:
        citation = Citation(wire.url, wire.title or "", wire.cited_text or "")
    return Annotation("anthropic_messages", json, citation)


def encode_citation(annotation: Annotation) -> JsonText:
    """As a client of this dialect takes it; "" for a place that it has no word for."""
    if annotation.dialect == "anthropic_messages":
        return annotation.json
    cited = annotation.citation
    if cited is None:
        return ""
    told = {
        "type": "web_search_result_location",
        "cited_text": cited.cited_text,
        "encrypted_index": FOREIGN_INDEX,
        "title": cited.title or None,
        "url": cited.url,
    }
    return msgspec.json.encode(told).decode()


def encode_citations(annotations: tuple[Annotation, ...]) -> Fields:
    """The field of a text block; none without citations."""
    told = [json for json in map(encode_citation, annotations) if json]
    return (("citations", "[" + ",".join(told) + "]"),) if told else ()


def without_foreign_citations(block: bytes) -> bytes:
    """A text block without the citations that others made; the very object where there are none."""
    if FOREIGN_MARK not in block:
        return block
    told = [bytes(raw) for raw in _CITED.decode(block).citations]
    own = [raw for raw in told if _CITATION.decode(raw).encrypted_index != FOREIGN_INDEX]
    if len(own) == len(told):
        return block
    kept = SetField("citations", b"[%b]" % b",".join(own)) if own else DropField("citations")
    return splice(block, (kept,))
