"""What the translation benchmark sends is what it says, and its targets are counted right."""

import pytest

from loadtest import translation
from loadtest.streams import EventCpu, Streams
from loadtest.translation import EventCost, Translation, Way
from turnout.capabilities import Dialect
from turnout.dialects.registry import DIALECTS
from turnout.dialects.stream import StreamEvent, accumulate


@pytest.mark.parametrize("dialect", DIALECTS)
def test_requests_are_of_their_size_in_every_dialect(dialect: Dialect) -> None:
    small = translation.body_of(dialect, steps=0)
    assert 54_000 < len(small) < 66_000
    steps = translation.steps_for(translation.MEGABYTE)
    added = len(translation.body_of(dialect, steps=2 * steps)) - len(small)
    assert 1.8 * translation.MEGABYTE < added < 2.2 * translation.MEGABYTE


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_unusual_request_says_the_same_with_a_field_more_on_every_message_and_tool(
    dialect: Dialect,
) -> None:
    small = translation.body_of(dialect, steps=0)
    unusual = translation.with_unknown_fields(small)
    # The first user message, 24 calls with their results, and 20 tools at least.
    assert unusual.count(b'"x_unknown":true') >= 69
    assert unusual.replace(b',"x_unknown":true', b"") == small


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_answer_is_the_same_in_every_dialect_and_comes_an_event_a_piece(
    dialect: Dialect,
) -> None:
    decoder = DIALECTS[dialect].stream_decoder()
    pieces = translation.wire_of(dialect)
    events: list[StreamEvent] = []
    for piece in pieces:
        events += decoder.feed(piece)
    told = accumulate([*events, *decoder.close()])
    assert told.has_tool_calls
    assert told.stop == "tool_use"
    # Gemini's wire has whole calls alone.
    assert len(pieces) > translation.DELTAS * (1 if dialect == "gemini_generate" else 2)


def test_both_ways_are_added_up_and_steps_compared_with_steps() -> None:
    there = Way("anthropic_messages", "openai_chat", 0.7, 20.7, 40.7, unusual_ms=1.2)
    back = Way("openai_chat", "anthropic_messages", 0.9, 20.9, 50.9, unusual_ms=1.4)
    event = EventCost("openai_chat", "anthropic_messages", 30.0)
    both, growth, slowest = Translation((there, back), (event,)).targets()
    assert both.line.endswith(
        "anthropic_messages and openai_chat: 1.60 ms, target under 1.5 ms: NOT MET"
    )
    assert growth.measured == pytest.approx(1.5)
    assert "openai_chat to anthropic_messages" in growth.what
    assert not slowest.is_met


def test_an_event_is_compared_with_the_relays_of_its_own_round() -> None:
    rounds = [("relay", 10.0), ("turnout", 12.0), ("relay", 20.0), ("turnout", 25.0)]
    events = tuple(
        EventCpu("relay" if name == "relay" else "turnout", "openai_chat", cpu)
        for name, cpu in rounds
    )
    ratio, memory = Streams(events, (("relay", 90.0), ("turnout", 70.0))).targets()
    assert ratio.measured == pytest.approx((1.2 + 1.25) / 2)
    assert (memory.measured, memory.is_met) == (70.0, False)
