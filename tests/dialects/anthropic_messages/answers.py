"""Answers and their streams for properties: any parts, calls that interleave."""

from hypothesis import strategies as st

from tests.dialects.events import events_of
from turnout.dialects.conversation import Provenance, Text, Thinking, ToolCall
from turnout.dialects.stream import (
    Answer,
    AnswerPart,
    Finished,
    PartEnded,
    StopReason,
    StreamEvent,
    StreamStarted,
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
MAKERS = st.sampled_from(
    [
        Provenance("anthropic_messages", "upstream"),
        Provenance("openai_chat", "deepseek-r9"),
        Provenance("gemini_generate"),
    ]
)


CLAUDE = st.just(Provenance("anthropic_messages", "upstream"))


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    output = draw(COUNTS)
    return Usage(
        fresh_input=draw(st.integers(1, 10_000)),
        cache_read=draw(COUNTS),
        cache_write_5m=draw(COUNTS),
        cache_write_1h=draw(COUNTS),
        cache_write_other=draw(COUNTS),
        output=output,
        reasoning=draw(st.integers(0, output)),
    )


@st.composite
def thinkings(draw: st.DrawFn, makers: st.SearchStrategy[Provenance]) -> Thinking:
    made_by = draw(makers)
    if made_by.dialect == "anthropic_messages" and draw(st.booleans()):
        return Thinking("", made_by, redacted=draw(WORDS))
    return Thinking(draw(WORDS), made_by, signature=draw(WORDS))


@st.composite
def answers(draw: st.DrawFn, makers: st.SearchStrategy[Provenance] = MAKERS) -> Answer:
    parts: list[AnswerPart] = []
    parts.extend(draw(st.lists(thinkings(makers), max_size=2)))
    if draw(st.booleans()):
        parts.append(Text(draw(WORDS)))
    count = draw(st.integers(0, 3))
    parts.extend(ToolCall(f"call_{n}", draw(WORDS), draw(ARGUMENTS)) for n in range(count))
    stop: StopReason = draw(st.sampled_from(["max_output", "end", "refusal", "stop_sequence"]))
    sequence = draw(WORDS) if stop == "stop_sequence" else None
    if stop == "end" and count:
        stop = "tool_use"
    return Answer(
        "resp_1", "upstream", tuple(parts), draw(usages()), "reported", stop, stop_sequence=sequence
    )


@st.composite
def streams(draw: st.DrawFn) -> tuple[Answer, list[StreamEvent]]:
    """An answer with its events, the fragments of its calls cut and shuffled among each other.

    All by Claude: a stream tells whose thinking it was only at the end of the block.
    """
    answer = draw(answers(CLAUDE))
    assert answer.usage is not None
    assert answer.stop is not None
    calls = [part for part in answer.parts if isinstance(part, ToolCall)]
    first = len(answer.parts) - len(calls)
    head = Answer(answer.response_id, answer.model, answer.parts[:first])
    events: list[StreamEvent] = list(events_of(head))
    queues: list[list[StreamEvent]] = []
    for offset, call in enumerate(calls):
        index = first + offset
        cut = draw(st.integers(0, len(call.arguments)))
        fragments = [call.arguments[:cut], call.arguments[cut:]]
        events.append(ToolCallStarted(index, call.call_id, call.name))
        queue: list[StreamEvent] = [ToolArgumentsDelta(index, text) for text in fragments if text]
        queues.append([*queue, PartEnded(index)])
    while any(queues):
        queue = draw(st.sampled_from([queue for queue in queues if queue]))
        events.append(queue.pop(0))
    events += [UsageReported(answer.usage, "reported"), Finished(answer.stop, answer.stop_sequence)]
    assert isinstance(events[0], StreamStarted)
    return answer, events
