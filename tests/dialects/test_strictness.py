"""What breaks a client, measured, is what the grammars of our streams refuse.

A client that meets such a stream fails, or sends the same paid request again for ever. Three things
are held: each defect is one that the grammar of its dialect sees; whatever stream of one dialect
comes in, what goes out in another is without any, or ends in the error event of its protocol; that
also holds for streams of servers that leave out, repeat or add events.
"""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialects.anthropic_messages import grammar as anthropic_grammar
from tests.dialects.defects import DEFECTS, chunks_of, stream_of
from tests.dialects.events import encoded, events_of
from tests.dialects.gemini_generate import grammar as gemini_grammar
from tests.dialects.golden import Golden
from tests.dialects.openai_chat import grammar as chat_grammar
from tests.dialects.openai_responses import grammar as responses_grammar
from turnout.capabilities import Dialect
from turnout.dialects.conversation import Provenance, Text, Thinking, ToolCall
from turnout.dialects.registry import DIALECTS
from turnout.dialects.sse import SseDecoder
from turnout.dialects.stream import Answer, StreamEvent, StreamFailed
from turnout.dialects.usage import Usage
from turnout.errors import UpstreamFailed

GRAMMARS: dict[Dialect, Callable[[bytes], object]] = {
    "anthropic_messages": anthropic_grammar.check,
    "openai_chat": lambda stream: chat_grammar.check(stream, include_usage=True),
    "openai_responses": responses_grammar.check,
    "gemini_generate": gemini_grammar.check,
}
SOURCES = [(dialect, case) for dialect in GRAMMARS for case in Golden(dialect).cases]

WHOLE = Answer(
    "resp_1",
    "upstream",
    (
        Thinking("hm", Provenance("anthropic_messages", "upstream"), signature="EqQB"),
        Text("Hello"),
        ToolCall("call_1", "read", '{"path":"a"}'),
        ToolCall("call_2", "list", "{}"),
    ),
    Usage(fresh_input=5, cache_read=3, output=7),
    "reported",
    "tool_use",
)


@pytest.mark.parametrize("dialect", GRAMMARS)
def test_a_whole_answer_is_without_a_defect(dialect: Dialect) -> None:
    stream = encoded(dialect, events_of(WHOLE))
    GRAMMARS[dialect](stream)
    GRAMMARS[dialect](stream_of(chunks_of(stream)))


@pytest.mark.parametrize(
    ("dialect", "name"), [(dialect, name) for dialect, named in DEFECTS.items() for name in named]
)
def test_the_grammar_sees_what_breaks_a_client(dialect: Dialect, name: str) -> None:
    spoilt = stream_of(DEFECTS[dialect][name](chunks_of(encoded(dialect, events_of(WHOLE)))))
    with pytest.raises((AssertionError, KeyError, ValueError)):
        GRAMMARS[dialect](spoilt)


def is_taken_or_told(dialect: Dialect, stream: bytes) -> None:
    """Assert that strict clients take it, or that it ends in the error of its protocol."""
    tap = DIALECTS[dialect].tap(stream=True)
    tap.feed(stream)
    if tap.reading.error is None:
        GRAMMARS[dialect](stream)
    else:
        assert tap.reading.at_boundary
        assert not tap.reading.is_complete
        assert b"error" in SseDecoder(bare_objects=True).feed(stream)[-1].data


def decoded(dialect: Dialect, stream: bytes) -> list[StreamEvent]:
    """The events of a stream; one that is none has failed, as the dispatcher says it."""
    decoder = DIALECTS[dialect].stream_decoder()
    events: list[StreamEvent] = []
    try:
        for event in stream.split(b"\n\n"):
            events += decoder.feed(event + b"\n\n")
        return [*events, *decoder.close()]
    except UpstreamFailed as error:
        return [*events, StreamFailed(error)]


@pytest.mark.parametrize("to", GRAMMARS)
@pytest.mark.parametrize(("source", "case"), SOURCES)
def test_a_stream_of_any_server_becomes_one_that_strict_clients_take(
    source: Dialect, case: str, to: Dialect
) -> None:
    events = Golden(source).decode([Golden(source).stream_of(case)])
    is_taken_or_told(to, encoded(to, events))


ASIDES = [
    b": ping",
    b"event: ping\ndata: {}",
    b'event: later\ndata: {"type":"later","choices":[]}',
]
ENDS = [
    b"data: [DONE]",
    b'event: message_stop\ndata: {"type":"message_stop"}',
    b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}',
]
CUT_ARGUMENTS = "cut_by_length"


def has_arguments(event: bytes) -> bool:
    """A call whose arguments lack a piece is broken whatever we do."""
    return b"partial_json" in event or b"arguments" in event


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[Dialect, bytes]:
    """A golden stream with events left out, repeated, added, or cut off somewhere."""
    source, case = draw(st.sampled_from([one for one in SOURCES if one[1] != CUT_ARGUMENTS]))
    stream = Golden(source).stream_of(case).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    events = [event for event in stream.split(b"\n\n") if event]
    added = ASIDES if any(map(has_arguments, events)) else ASIDES + ENDS
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(0, len(events) - 1)))
        is_fixed = not events or has_arguments(events[at])
        match draw(st.sampled_from(["drop", "repeat", "add", "cut"])):
            case "drop" if not is_fixed:
                del events[at]
            case "repeat" if not is_fixed:
                events.insert(at, events[at])
            case "cut":
                del events[at:]
            case _:
                events.insert(at, draw(st.sampled_from(added)))
    return source, b"".join(event + b"\n\n" for event in events)


@given(spoilt(), st.sampled_from(sorted(GRAMMARS.keys())))
def test_a_stream_that_its_server_has_spoilt_becomes_whole_or_is_told_as_failed(
    made: tuple[Dialect, bytes], to: Dialect
) -> None:
    source, stream = made
    is_taken_or_told(to, encoded(to, decoded(source, stream)))
