"""Log probabilities and annotations of this wire in neutral form and back."""

from collections.abc import Sequence
from typing import Final

import msgspec

from turnout.dialects.conversation import Annotation, Citation, TokenLogprob
from turnout.dialects.reading import MALFORMED


class _Token(msgspec.Struct):
    token: str = ""
    logprob: float = 0.0
    bytes: list[int] | None = None


class WireLogprob(_Token):
    top_logprobs: list[_Token] | None = None


class WireLogprobs(msgspec.Struct):
    content: list[WireLogprob] | None = None


class _UrlCitation(msgspec.Struct):
    url: str = ""
    title: str = ""
    start_index: int | None = None
    end_index: int | None = None


class _WireAnnotation(msgspec.Struct):
    type: str | None = None
    url_citation: _UrlCitation | None = None


_ANNOTATION: Final = msgspec.json.Decoder(_WireAnnotation)


def decode_logprobs(wire: WireLogprobs | None) -> tuple[TokenLogprob, ...]:
    if wire is None or not wire.content:
        return ()
    return tuple(
        TokenLogprob(
            one.token,
            one.logprob,
            data=None if one.bytes is None else tuple(one.bytes),
            top=tuple((top.token, top.logprob) for top in one.top_logprobs or ()),
        )
        for one in wire.content
    )


def encode_logprobs(logprobs: Sequence[TokenLogprob]) -> dict[str, object]:
    return {"content": [_encoded(one) for one in logprobs], "refusal": None}


def _encoded(one: TokenLogprob) -> dict[str, object]:
    return {
        "token": one.token,
        "logprob": one.logprob,
        "bytes": None if one.data is None else list(one.data),
        "top_logprobs": [
            {"token": token, "logprob": logprob, "bytes": list(token.encode())}
            for token, logprob in one.top
        ],
    }


def decode_annotation(raw: bytes) -> Annotation:
    json = raw.decode("utf-8", "replace")
    try:
        wire = _ANNOTATION.decode(raw)
    except MALFORMED:
        return Annotation("openai_chat", json)
    said = wire.url_citation
    if said is None or not said.url:
        return Annotation("openai_chat", json)
    citation = Citation(said.url, said.title, start=said.start_index, end=said.end_index)
    return Annotation("openai_chat", json, citation)


def encode_annotation(annotation: Annotation) -> bytes:
    """Empty for a kind that this wire does not have."""
    if annotation.dialect == "openai_chat":
        return annotation.json.encode()
    citation = annotation.citation
    if citation is None:
        return b""
    inner = {
        "url": citation.url,
        "title": citation.title,
        "start_index": citation.start or 0,
        "end_index": citation.end or 0,
    }
    return msgspec.json.encode({"type": "url_citation", "url_citation": inner})
