"""Answers and their streams for properties: reasoning of several makers, calls that interleave."""

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
GEMINI = Provenance("gemini_generate", "alias")
SIGNATURES = st.sampled_from(["EqsBCqgB", "EmYKZAHR7Yp+/w=="])
FOREIGN = st.sampled_from(
    [Provenance("anthropic_messages", "claude"), Provenance("openai_chat", "deepseek-r9")]
)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    output = draw(COUNTS)
    return Usage(
        fresh_input=draw(st.integers(1, 10_000)),
        cache_read=draw(COUNTS),
        output=output,
        reasoning=draw(st.integers(0, output)),
    )


@st.composite
def reasoning(draw: st.DrawFn) -> list[AnswerPart]:
    """Of Google: a summary, and a signature without a text; or of another: one sealed piece."""
    if draw(st.booleans()):
        return [Thinking(draw(WORDS), draw(FOREIGN), signature=draw(WORDS | st.just("")))]
    parts: list[AnswerPart] = []
    if draw(st.booleans()):
        parts.append(Thinking(draw(WORDS), GEMINI))
    if draw(st.booleans()):
        parts.append(Thinking("", GEMINI, signature=draw(SIGNATURES)))
    return parts


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    """An answer as this wire can say it: reasoning, then text, then calls."""
    parts = draw(reasoning())
    if draw(st.booleans()):
        parts.append(Text(draw(WORDS)))
    count = draw(st.integers(0, 3))
    parts.extend(ToolCall(f"call_{n}", draw(WORDS), draw(ARGUMENTS)) for n in range(count))
    stop: StopReason = draw(st.sampled_from(["max_output", "content_filter", "end"]))
    if stop == "end" and count:
        stop = "tool_use"
    return Answer("resp_1", "alias", tuple(parts), draw(usages()), "reported", stop)


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
        queue: list[StreamEvent] = [ToolArgumentsDelta(index, text) for text in fragments if text]
        queues.append([*queue, PartEnded(index)])
    while any(queues):
        queue = draw(st.sampled_from([queue for queue in queues if queue]))
        events.append(queue.pop(0))
    events += [UsageReported(answer.usage, "reported"), Finished(answer.stop)]
    return answer, events


def spoken(answer: Answer) -> str:
    return "".join(part.text for part in answer.parts if isinstance(part, Text | Refusal))
