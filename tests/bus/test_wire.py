"""The bytes of a fact are read by protobuf as what the fact said."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bus import samples
from turnout.bus import wire
from turnout.bus.subjects import BY_FACT
from turnout.bus.wire import FactEncoder
from turnout.facts import Fact, RequestRouted
from turnout.policy.decision import Candidate
from turnout.protos import from_pb, to_pb

NUMBERS = st.floats(allow_nan=False)
MAYBE = st.one_of(st.none(), NUMBERS)
WORDS = st.text(max_size=150)
CANDIDATES = st.builds(
    Candidate,
    target=WORDS,
    model=WORDS,
    provider=WORDS,
    lacks=st.lists(WORDS, max_size=3).map(tuple),
    warm_tokens=NUMBERS,
    cost_now_usd=MAYBE,
    cost_to_go_usd=MAYBE,
    quality=NUMBERS,
    quality_sd=NUMBERS,
    score=MAYBE,
)


def read(fact: Fact, payload: bytes) -> object:
    return from_pb(type(fact), BY_FACT[type(fact)].message.FromString(payload))


def routed(candidates: tuple[Candidate, ...]) -> RequestRouted:
    fact = samples.routed()
    return replace(fact, decision=replace(fact.decision, candidates=candidates))


@given(candidates=st.lists(CANDIDATES, max_size=12).map(tuple))
def test_any_candidates_survive(candidates: tuple[Candidate, ...]) -> None:
    fact = routed(candidates)
    encoder = FactEncoder()

    # Twice: the second time the words are known.
    assert read(fact, encoder.encode(fact)) == fact
    assert read(fact, encoder.encode(fact)) == fact


@pytest.mark.parametrize(
    "fact",
    [
        samples.routed(),
        samples.attempt(),
        samples.completed(),
        samples.switched(),
        samples.outcome(),
    ],
    ids=lambda fact: type(fact).__name__,
)
def test_a_fact_is_what_protobuf_says(fact: Fact) -> None:
    message = BY_FACT[type(fact)].message
    assert message.FromString(FactEncoder().encode(fact)) == to_pb(fact, message)


def test_words_that_are_kept_are_bounded() -> None:
    encoder = FactEncoder()
    [one] = samples.candidates(1)
    for number in range(wire.MAX_WORDS + 5):
        fact = routed((replace(one, target=f"target-{number}"),))
        encoder.encode(fact)

    assert len(encoder._words) == 5
    assert read(fact, encoder.encode(fact)) == fact
