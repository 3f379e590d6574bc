"""Answers and their streams for properties: parts in order, calls that interleave."""

from hypothesis import strategies as st

from tests.dialects.events import events_of
from turnout.dialects.conversation import Provenance, Refusal, Text, Thinking, ToolCall
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
    ["{}", '{"a":1}', '{"path":"x\\n\\"y\\"","n":[1,2]}', '{"é":"\\u00e9"}']
)
MADE_BY = Provenance("openai_chat", "upstream")


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    output = draw(COUNTS)
    return Usage(
        # No prompt is empty, and Anthropic's wire never says 0.
        fresh_input=1 + draw(COUNTS),
        cache_read=draw(COUNTS),
        cache_write_other=draw(COUNTS),
        output=output,
        reasoning=draw(st.integers(0, output)),
    )


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    """An answer as this wire can say it: reasoning, then text or refusal, then calls."""
    parts: list[AnswerPart] = []
    if draw(st.booleans()):
        parts.append(Thinking(draw(WORDS), MADE_BY))
    spoken = draw(st.sampled_from(["text", "refusal", "none"]))
    if spoken == "text":
        parts.append(Text(draw(WORDS)))
    if spoken == "refusal":
        parts.append(Refusal(draw(WORDS)))
    count = draw(st.integers(0, 3)) if spoken != "refusal" else 0
    parts.extend(ToolCall(f"call_{n}", draw(WORDS), draw(ARGUMENTS)) for n in range(count))
    stop: StopReason = draw(st.sampled_from(["max_output", "end"]))
    if stop == "end":
        stop = "tool_use" if count else "refusal" if spoken == "refusal" else "end"
    return Answer("resp_1", "upstream", tuple(parts), draw(usages()), "reported", stop)


@st.composite
def streams(draw: st.DrawFn) -> tuple[Answer, list[StreamEvent]]:
    """An answer with its events, the fragments of its calls cut and shuffled among each other."""
    answer = draw(answers())
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
        queues.append([ToolArgumentsDelta(index, text) for text in fragments if text])
    while any(queues):
        queue = draw(st.sampled_from([queue for queue in queues if queue]))
        events.append(queue.pop(0))
    events += [PartEnded(first + offset) for offset in range(len(calls))]
    events += [UsageReported(answer.usage, "reported"), Finished(answer.stop)]
    assert isinstance(events[0], StreamStarted)
    return answer, events
