"""Answers and their streams for properties: parts in any order, calls that interleave."""

from hypothesis import strategies as st

from tests.dialects.answers import ARGUMENTS, WORDS, interleaved, usages
from turnout.dialects.conversation import (
    Annotation,
    Citation,
    Opaque,
    Provenance,
    Refusal,
    Text,
    Thinking,
    TokenLogprob,
    ToolCall,
)
from turnout.dialects.stream import (
    Answer,
    AnswerPart,
    StopReason,
    StreamEvent,
)

USAGES = usages("cache_write_other")
NAMES = st.text(alphabet="abcdefg_", min_size=1, max_size=8) | st.sampled_from(
    ["multi_agent_v1--spawn", "a-0b--c", "mcp__files__read"]
)
MADE_BY = Provenance("openai_responses", "upstream")
CITED = Annotation(
    "openai_responses",
    '{"type":"url_citation","url":"https://a.example","title":"A","start_index":0,"end_index":1}',
    Citation("https://a.example", "A", start=0, end=1),
)
SEARCHED = Opaque(
    "openai_responses",
    "web_search_call",
    '{"id":"ws_1","type":"web_search_call","status":"completed",'
    '"action":{"type":"search","query":"a page","queries":["a page"]}}',
)
LOGPROBS = (TokenLogprob("a", -0.5, (97,), (("a", -0.5), ("b", -1.25))),)


@st.composite
def parts(draw: st.DrawFn, number: int) -> AnswerPart:
    match draw(st.sampled_from(["text", "thinking", "sealed", "refusal", "call", "custom"])):
        case "text":
            cited = draw(st.sampled_from([(), (CITED,)]))
            logprobs = draw(st.sampled_from([(), LOGPROBS]))
            return Text(draw(WORDS), annotations=cited, logprobs=logprobs)
        case "thinking":
            return Thinking(draw(WORDS), MADE_BY, signature="gAAAA", is_summary=True)
        case "sealed":
            return Thinking("", MADE_BY, redacted="gAAAA")
        case "refusal":
            return Refusal(draw(WORDS))
        case "call":
            return ToolCall(f"call_{number}", draw(NAMES), draw(ARGUMENTS))
        case _:
            return ToolCall(f"call_{number}", draw(NAMES), draw(WORDS), kind="custom")


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    found: list[AnswerPart] = [draw(parts(n)) for n in range(draw(st.integers(1, 4)))]
    if draw(st.booleans()):
        found.insert(draw(st.integers(0, len(found))), SEARCHED)
    stop: StopReason = draw(st.sampled_from(["max_output", "content_filter", "end"]))
    if stop == "end" and any(isinstance(part, ToolCall) for part in found):
        stop = "tool_use"
    elif stop == "end" and any(isinstance(part, Refusal) for part in found):
        stop = "refusal"
    return Answer("resp_1", "upstream", tuple(found), draw(USAGES), "reported", stop)


def streams() -> st.SearchStrategy[tuple[Answer, list[StreamEvent]]]:
    return interleaved(answers())
