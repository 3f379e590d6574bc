"""A fact as the bytes of its message.

Most facts are encoded by protobuf. The candidates of a decision are half of the largest fact, and to
make a protobuf message of each costs four times what writing its bytes costs: words of a candidate
repeat and are kept encoded, its numbers are one `struct`. Rules: what is written is what protobuf
would read from its own bytes (a property holds it); what does not fit the short way goes the long
one. Protobuf merges a message that comes in two parts, so the candidates follow the rest.
"""

from struct import Struct
from typing import Final, TypeAlias

from turnout.bus.subjects import BY_FACT
from turnout.events.v1 import facts_pb2
from turnout.facts import Fact, RequestRouted
from turnout.policy.decision import Candidate
from turnout.protos import to_pb

MAX_WORDS: Final = 4_096
"""Candidates' words kept encoded, at some 60 bytes each. A catalog has a hundred targets, of which
each lacks one of a few combinations of things."""

_Words: TypeAlias = tuple[str, str, str, tuple[str, ...]]

_FIXED64: Final = 1
_LENGTH_DELIMITED: Final = 2


# The classes by way of the fact that holds them: the bus knows no messages of the RPCs.
_DecisionMessage: Final = type(facts_pb2.RequestRouted().decision)
_CandidateMessage: Final = type(_DecisionMessage().candidates.add())


def _tag(field: int, wire_type: int) -> int:
    return field << 3 | wire_type


_WARM_TOKENS: Final = _tag(_CandidateMessage.WARM_TOKENS_FIELD_NUMBER, _FIXED64)
_COST_NOW: Final = _tag(_CandidateMessage.COST_NOW_USD_FIELD_NUMBER, _FIXED64)
_COST_TO_GO: Final = _tag(_CandidateMessage.COST_TO_GO_USD_FIELD_NUMBER, _FIXED64)
_QUALITY: Final = _tag(_CandidateMessage.QUALITY_FIELD_NUMBER, _FIXED64)
_QUALITY_SD: Final = _tag(_CandidateMessage.QUALITY_SD_FIELD_NUMBER, _FIXED64)
_SCORE: Final = _tag(_CandidateMessage.SCORE_FIELD_NUMBER, _FIXED64)
_CANDIDATE: Final = bytes((_tag(_DecisionMessage.CANDIDATES_FIELD_NUMBER, _LENGTH_DELIMITED),))
_DECISION: Final = bytes((_tag(facts_pb2.RequestRouted.DECISION_FIELD_NUMBER, _LENGTH_DELIMITED),))

_NUMBERS: Final = Struct("<BdBdBdBdBdBd")


class FactEncoder:
    def __init__(self) -> None:
        self._words: dict[_Words, bytes] = {}

    def encode(self, fact: Fact) -> bytes:
        message = BY_FACT[type(fact)].message
        if not isinstance(fact, RequestRouted):
            return to_pb(fact, message).SerializeToString()
        rest = to_pb(fact, message, without=Candidate).SerializeToString()
        candidates = self._candidates(fact.decision.candidates)
        return b"".join((rest, _DECISION, _varint(len(candidates)), candidates))

    def _candidates(self, candidates: tuple[Candidate, ...]) -> bytes:
        parts: list[bytes] = []
        for candidate in candidates:
            data = self._candidate(candidate)
            parts += (_CANDIDATE, _varint(len(data)), data)
        return b"".join(parts)

    def _candidate(self, candidate: Candidate) -> bytes:
        now_usd, to_go_usd = candidate.cost_now_usd, candidate.cost_to_go_usd
        score = candidate.score
        if now_usd is None or to_go_usd is None or score is None:
            return to_pb(candidate, _CandidateMessage).SerializeToString()
        numbers = _NUMBERS.pack(
            _WARM_TOKENS,
            candidate.warm_tokens,
            _COST_NOW,
            now_usd,
            _COST_TO_GO,
            to_go_usd,
            _QUALITY,
            candidate.quality,
            _QUALITY_SD,
            candidate.quality_sd,
            _SCORE,
            score,
        )
        return self._words_of(candidate) + numbers

    def _words_of(self, candidate: Candidate) -> bytes:
        words = (candidate.target, candidate.model, candidate.provider, candidate.lacks)
        encoded = self._words.get(words)
        if encoded is None:
            if len(self._words) >= MAX_WORDS:
                self._words.clear()
            target, model, provider, lacks = words
            encoded = self._words[words] = _CandidateMessage(
                target=target, model=model, provider=provider, lacks=lacks
            ).SerializeToString()
        return encoded


def _varint(number: int) -> bytes:
    if number < 0x80:
        return bytes((number,))
    low: list[int] = []
    while number >= 0x80:
        low.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*low, number))
