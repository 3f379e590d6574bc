"""Sources and log probabilities of an answer, as this wire says them and as we do.

Rules: a support of `groundingMetadata` names sources by number and a stretch of the text in bytes; each
pair of the two is one citation, in characters; a source without a support is one without a stretch;
sources that are no web page are for this dialect alone.
Source: https://ai.google.dev/api/generate-content#GroundingMetadata
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from turnout.dialects.conversation import Annotation, Citation, TokenLogprob
from turnout.dialects.gemini_generate.wire import Logprobs
from turnout.dialects.reading import MALFORMED


class _Web(msgspec.Struct):
    uri: str | None = None
    title: str | None = None


class _Source(msgspec.Struct):
    web: _Web | None = None


class _Segment(msgspec.Struct, rename="camel"):
    start_index: int = 0
    end_index: int | None = None


class _Support(msgspec.Struct, rename="camel"):
    segment: _Segment | None = None
    grounding_chunk_indices: list[int] | None = None


class _Grounding(msgspec.Struct, rename="camel"):
    grounding_chunks: list[_Source] | None = None
    grounding_supports: list[_Support] | None = None


_GROUNDING: Final = msgspec.json.Decoder(_Grounding)

_Json = dict[str, object]


def decode_grounding(raw: bytes, text: str) -> Iterator[Annotation]:
    """The citations of `text`; one without a citation where all sources are of other kinds."""
    try:
        wire = _GROUNDING.decode(raw)
    except MALFORMED:
        return
    sources = wire.grounding_chunks or []
    webs = {n: one.web for n, one in enumerate(sources) if one.web is not None and one.web.uri}
    if not webs:
        if sources:
            yield Annotation("gemini_generate", raw.decode("utf-8", "replace"))
        return
    encoded = text.encode("utf-8", "surrogatepass")
    cited: set[int] = set()
    for support in wire.grounding_supports or ():
        start, end = _stretch(support.segment, encoded)
        for number in support.grounding_chunk_indices or ():
            if number in webs:
                cited.add(number)
                yield _annotation(webs[number], support.segment, start, end)
    for number, web in webs.items():
        if number not in cited:
            yield _annotation(web, None, None, None)


def _annotation(
    web: _Web, segment: _Segment | None, start: int | None, end: int | None
) -> Annotation:
    json = msgspec.json.encode({"web": web, "segment": segment}).decode()
    citation = Citation(web.uri or "", web.title or "", start=start, end=end)
    return Annotation("gemini_generate", json, citation)


def _stretch(segment: _Segment | None, encoded: bytes) -> tuple[int | None, int | None]:
    if segment is None or segment.end_index is None:
        return None, None
    if not 0 <= segment.start_index <= segment.end_index <= len(encoded):
        return None, None
    start = len(encoded[: segment.start_index].decode("utf-8", "ignore"))
    return start, len(encoded[: segment.end_index].decode("utf-8", "ignore"))


class GroundingEncoder:
    """Gathers the citations of an answer; texts in the order of their parts."""

    def __init__(self) -> None:
        self._sources: dict[tuple[str, str], int] = {}
        self._supports: list[_Json] = []

    def add(self, annotations: Sequence[Annotation], text: str, *, before: str) -> None:
        """The citations of one text, which stands behind `before` in the answer."""
        offset = len(before.encode())
        for one in annotations:
            citation = one.citation
            if citation is None:
                continue
            source = (citation.url, citation.title)
            number = self._sources.setdefault(source, len(self._sources))
            if citation.start is None or citation.end is None:
                continue
            cited = text[citation.start : citation.end]
            start = offset + len(text[: citation.start].encode())
            segment = {"startIndex": start, "endIndex": start + len(cited.encode()), "text": cited}
            self._supports.append({"segment": segment, "groundingChunkIndices": [number]})

    def fields(self) -> _Json:
        """As a field of the candidate; empty without any source."""
        if not self._sources:
            return {}
        chunks = [{"web": {"uri": url, "title": title}} for url, title in self._sources]
        grounding: _Json = {"groundingChunks": chunks}
        if self._supports:
            grounding["groundingSupports"] = self._supports
        return {"groundingMetadata": grounding}


def decode_logprobs(wire: Logprobs) -> tuple[TokenLogprob, ...]:
    tops = wire.top_candidates or []
    found: list[TokenLogprob] = []
    for number, chosen in enumerate(wire.chosen_candidates or ()):
        if chosen.token is None or chosen.log_probability is None:
            continue
        others = tops[number].candidates if number < len(tops) else None
        top = tuple(
            (one.token, one.log_probability)
            for one in others or ()
            if one.token is not None and one.log_probability is not None
        )
        found.append(TokenLogprob(chosen.token, chosen.log_probability, top=top))
    return tuple(found)


def encode_logprobs(logprobs: Sequence[TokenLogprob]) -> _Json:
    """As a field of the candidate; empty without any."""
    if not logprobs:
        return {}
    chosen = [{"token": one.token, "logProbability": one.logprob} for one in logprobs]
    top = [
        {"candidates": [{"token": token, "logProbability": value} for token, value in one.top]}
        for one in logprobs
    ]
    result: _Json = {"chosenCandidates": chosen}
    if any(one.top for one in logprobs):
        result["topCandidates"] = top
    return {"logprobsResult": result}
