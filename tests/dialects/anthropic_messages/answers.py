"""Answers and their streams for properties: any parts, calls that interleave."""

from hypothesis import strategies as st

from tests.dialects.answers import ARGUMENTS, WORDS, interleaved, usages
from turnout.dialects.conversation import Provenance, Text, Thinking, ToolCall
from turnout.dialects.stream import (
    Answer,
    AnswerPart,
    StopReason,
    StreamEvent,
)

USAGES = usages("cache_write_5m", "cache_write_1h", "cache_write_other")
MAKERS = st.sampled_from(
    [
        Provenance("anthropic_messages", "upstream"),
        Provenance("openai_chat", "deepseek-r9"),
        Provenance("gemini_generate"),
    ]
)


CLAUDE = st.just(Provenance("anthropic_messages", "upstream"))


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
        "resp_1", "upstream", tuple(parts), draw(USAGES), "reported", stop, stop_sequence=sequence
    )


def streams() -> st.SearchStrategy[tuple[Answer, list[StreamEvent]]]:
    """All by Claude: a stream tells whose thinking it was only at the end of the block."""
    return interleaved(answers(CLAUDE))
