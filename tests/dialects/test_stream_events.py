"""The fold over neutral events, its inverse, and the registry."""

import pytest
from hypothesis import given

from tests.dialects.anthropic_messages.answers import answers
from tests.dialects.events import events_of
from turnout.dialects.conversation import (
    Annotation,
    Opaque,
    Refusal,
    Text,
    TokenLogprob,
    ToolCall,
)
from turnout.dialects.registry import DIALECTS
from turnout.dialects.stream import (
    AnnotationAdded,
    Answer,
    LogprobsAdded,
    PartEnded,
    StreamEvent,
    StreamFailed,
    StreamStarted,
    TextDelta,
    TextStarted,
    ToolCallStarted,
    UsageReported,
    accumulate,
)
from turnout.dialects.usage import Usage
from turnout.errors import Overloaded, UpstreamFailed


@given(answers())
def test_events_of_an_answer_add_up_to_it(answer: Answer) -> None:
    assert accumulate(events_of(answer)) == answer


def test_refusals_opaque_parts_and_errors_survive() -> None:
    opaque = Opaque("openai_responses", "web_search_call", "{}")
    answer = Answer("r", "m", (Refusal("no"), opaque), error=Overloaded("full"))
    assert accumulate(events_of(answer)) == answer


def test_a_later_report_replaces_an_earlier_one() -> None:
    started = StreamStarted("r", "m", Usage(5, output=1))
    assert accumulate([started]).source == "partial"
    folded = accumulate([started, UsageReported(Usage(6, output=9), "reported")])
    assert (folded.usage, folded.source) == (Usage(6, output=9), "reported")


def test_a_call_without_fragments_has_an_empty_object() -> None:
    folded = accumulate([ToolCallStarted(0, "c", "t"), PartEnded(0)])
    assert folded.parts == (ToolCall("c", "t", "{}"),)
    assert folded.has_tool_calls


def test_annotations_stay_on_their_text() -> None:
    cited = Annotation("anthropic_messages", '{"a":1}')
    events: list[StreamEvent] = [
        TextStarted(0),
        AnnotationAdded(0, cited),
        TextDelta(0, "x"),
    ]
    assert accumulate(events).parts == (Text("x", annotations=(cited,)),)


def test_log_probabilities_are_joined() -> None:
    first, second = TokenLogprob("a", -0.1), TokenLogprob("b", -2.0, top=(("c", -0.2),))
    events: list[StreamEvent] = [
        TextStarted(0),
        LogprobsAdded(0, (first,)),
        TextDelta(0, "ab"),
        LogprobsAdded(0, (second,)),
    ]
    text = Text("ab", logprobs=(first, second))
    assert accumulate(events).parts == (text,)
    assert accumulate(events_of(Answer("r", "m", (text,)))).parts == (text,)


def test_a_delta_to_no_part_is_an_error_of_the_upstream() -> None:
    with pytest.raises(UpstreamFailed, match="part 3"):
        accumulate([TextDelta(3, "x")])


def test_a_failed_stream_says_why_and_has_no_stop() -> None:
    folded = accumulate([StreamStarted("r", "m"), StreamFailed(Overloaded("full"))])
    assert folded.stop is None
    assert isinstance(folded.error, Overloaded)


def test_dialects_are_found_by_their_own_names() -> None:
    assert {name: dialect.name for name, dialect in DIALECTS.items()} == {
        "anthropic_messages": "anthropic_messages",
        "openai_chat": "openai_chat",
        "openai_responses": "openai_responses",
        "gemini_generate": "gemini_generate",
    }
