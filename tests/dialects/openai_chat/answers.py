"""Answers and their streams for properties: parts in order, calls that interleave."""

from hypothesis import strategies as st

from tests.dialects.answers import ARGUMENTS, WORDS, interleaved, usages
from turnout.dialects.conversation import Provenance, Refusal, Text, Thinking, ToolCall
from turnout.dialects.stream import (
    Answer,
    AnswerPart,
    StopReason,
    StreamEvent,
)

USAGES = usages("cache_write_other")
MADE_BY = Provenance("openai_chat", "upstream")


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
    return Answer("resp_1", "upstream", tuple(parts), draw(USAGES), "reported", stop)


def streams() -> st.SearchStrategy[tuple[Answer, list[StreamEvent]]]:
    return interleaved(answers())
