"""What answers of every dialect are drawn from, and the streams that they may come in."""

from dataclasses import replace

from hypothesis import strategies as st

from tests.dialects.events import events_of
from turnout.dialects.conversation import ToolCall
from turnout.dialects.stream import (
    Answer,
    Finished,
    PartEnded,
    StreamEvent,
    ToolArgumentsDelta,
    ToolCallStarted,
    UsageReported,
)
from turnout.dialects.usage import Usage

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
COUNTS = st.integers(0, 10_000)
ARGUMENTS = st.sampled_from(
    ["{}", '{"a":1}', '{"path":"x\\n\\"y\\"","n":[1,2]}', '{"é":"\\u00e9", "f": 1.50}']
)


@st.composite
def usages(draw: st.DrawFn, *written: str) -> Usage:
    """`written`: the counts of tokens written to a cache that a wire can tell."""
    output = draw(COUNTS)
    return Usage(
        # No prompt is empty, and Anthropic's wire never says 0.
        fresh_input=1 + draw(COUNTS),
        cache_read=draw(COUNTS),
        output=output,
        reasoning=draw(st.integers(0, output)),
        **{name: draw(COUNTS) for name in written},
    )


@st.composite
def interleaved(
    draw: st.DrawFn, answers: st.SearchStrategy[Answer]
) -> tuple[Answer, list[StreamEvent]]:
    """An answer, its calls behind the rest, with its events: all calls are open at once, their
    fragments cut and shuffled among each other."""
    answer = draw(answers)
    assert answer.usage is not None
    assert answer.stop is not None
    calls = [part for part in answer.parts if isinstance(part, ToolCall)]
    rest = tuple(part for part in answer.parts if not isinstance(part, ToolCall))
    head = Answer(answer.response_id, answer.model, rest)
    events: list[StreamEvent] = list(events_of(head))
    queues: list[list[StreamEvent]] = []
    for index, call in enumerate(calls, start=len(rest)):
        cut = draw(st.integers(0, len(call.arguments)))
        fragments = [call.arguments[:cut], call.arguments[cut:]]
        events.append(ToolCallStarted(index, call.call_id, call.name, kind=call.kind))
        queue: list[StreamEvent] = [ToolArgumentsDelta(index, text) for text in fragments if text]
        queues.append([*queue, PartEnded(index)])
    while any(queues):
        queue = draw(st.sampled_from([queue for queue in queues if queue]))
        events.append(queue.pop(0))
    events += [
        UsageReported(answer.usage, answer.source),
        Finished(answer.stop, answer.stop_sequence),
    ]
    return replace(answer, parts=(*rest, *calls)), events
