"""The contract of stream decoders and encoders, over every dialect."""

from collections.abc import Callable
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialects.anthropic_messages.answers import streams as anthropic_streams
from tests.dialects.contract import obey
from tests.dialects.events import encoded
from tests.dialects.gemini_generate.answers import streams as gemini_streams
from tests.dialects.golden import CUTS, GOLDEN_CASES, Golden, cut, shown
from tests.dialects.openai_chat.answers import streams as chat_streams
from tests.dialects.openai_responses.answers import streams as responses_streams
from turnout.capabilities import Dialect
from turnout.dialects.registry import DIALECTS
from turnout.dialects.stream import Answer, StreamEvent, accumulate

Streams: TypeAlias = Callable[[], st.SearchStrategy[tuple[Answer, list[StreamEvent]]]]

STREAMS: dict[Dialect, Streams] = {
    "anthropic_messages": anthropic_streams,
    "openai_chat": chat_streams,
    "openai_responses": responses_streams,
    "gemini_generate": gemini_streams,
}


@pytest.mark.parametrize(("dialect", "case"), GOLDEN_CASES)
def test_golden_stream(dialect: Dialect, case: str) -> None:
    golden = Golden(dialect)
    assert shown(golden.decode([golden.stream_of(case)])) == golden.expected_of(case)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_golden_stream_has_its_origin_written_down(dialect: Dialect) -> None:
    golden = Golden(dialect)
    told = (golden.folder / "README.md").read_text(encoding="utf-8")
    assert [case for case in golden.cases if f"| {case} |" not in told] == []


@pytest.mark.parametrize("dialect", DIALECTS)
@given(data=st.data(), cuts=CUTS)
def test_any_split_gives_the_same_events(
    dialect: Dialect, data: st.DataObject, cuts: list[int]
) -> None:
    golden = Golden(dialect)
    stream = golden.stream_of(data.draw(st.sampled_from(golden.cases)))
    assert shown(golden.decode(cut(stream, cuts))) == shown(golden.decode([stream]))


@pytest.mark.parametrize(("dialect", "case"), GOLDEN_CASES)
def test_events_obey_the_contract(dialect: Dialect, case: str) -> None:
    golden = Golden(dialect)
    obey(golden.decode([golden.stream_of(case)]))


@pytest.mark.parametrize("dialect", DIALECTS)
@given(data=st.data())
def test_bug_16_usage_is_conserved(dialect: Dialect, data: st.DataObject) -> None:
    """From our encoder to our decoder and to our tap."""
    answer, events = data.draw(STREAMS[dialect]())
    stream = encoded(dialect, events)
    golden = Golden(dialect)
    reading = golden.read([stream])
    assert accumulate(golden.decode([stream])).usage == answer.usage
    assert (reading.usage, reading.source) == (answer.usage, "reported")
