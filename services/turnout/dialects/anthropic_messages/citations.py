"""Citations of this wire as annotations and back.

Rules: a citation of a page on the web says where, all others name places in documents of the request,
which only this dialect can say; Anthropic reads its own back with an index that it has sealed, so
nobody else's can be written here.
"""

from typing import Final

import msgspec

from turnout.dialects.conversation import Annotation, Citation, Fields
from turnout.dialects.reading import MALFORMED


class _WireCitation(msgspec.Struct):
    type: str | None = None
    url: str | None = None
    title: str | None = None
    cited_text: str | None = None


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


def encode_citations(annotations: tuple[Annotation, ...]) -> Fields:
    """The field of a text block; none without citations of this dialect."""
    own = [one.json for one in annotations if one.dialect == "anthropic_messages"]
    return (("citations", "[" + ",".join(own) + "]"),) if own else ()
