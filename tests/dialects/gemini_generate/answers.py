"""Answers and their streams for properties: reasoning of several makers, calls that interleave."""

from hypothesis import strategies as st

from tests.dialects.answers import ARGUMENTS, WORDS, interleaved, usages
from turnout.dialects.conversation import Provenance, Refusal, Text, Thinking, ToolCall
from turnout.dialects.stream import (
    Answer,
    AnswerPart,
    StopReason,
    StreamEvent,
)

USAGES = usages()
GEMINI = Provenance("gemini_generate", "alias")
SIGNATURES = st.sampled_from(["EqsBCqgB", "EmYKZAHR7Yp+/w=="])
FOREIGN = st.sampled_from(
    [Provenance("anthropic_messages", "claude"), Provenance("openai_chat", "deepseek-r9")]
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
    return Answer("id_1", "alias", tuple(parts), draw(USAGES), "reported", stop)


def streams() -> st.SearchStrategy[tuple[Answer, list[StreamEvent]]]:
    return interleaved(answers())


def spoken(answer: Answer) -> str:
    return "".join(part.text for part in answer.parts if isinstance(part, Text | Refusal))
