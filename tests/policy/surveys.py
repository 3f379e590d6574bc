"""Surveys as harnesses send them, by difference from a plain main-loop request."""

from typing import TypedDict, Unpack

from turnout.capabilities import Needs
from turnout.dialects.survey import Survey
from turnout.dialects.survey_results import ToolOutcome

RESULT = ToolOutcome(tool="Bash", call_id="1", is_error=False, result_bytes=10)


class Difference(TypedDict, total=False):
    text: str
    first_typed_text: str
    tools: int
    messages: int
    system: str
    user_field: str
    prompt_cache_key: str
    stop_sequences: tuple[str, ...]
    has_output_format: bool
    outcomes: tuple[ToolOutcome, ...]
    tool_result_count: int
    max_output_tokens: int | None
    server_tools: tuple[str, ...]
    stream: bool


def survey(**given: Unpack[Difference]) -> Survey:
    tools = given.get("tools", 12)
    system = given.get("system", "system")
    text = given.get("text", "fix the bug")
    messages = given.get("messages", 1)
    return Survey(
        model="claude-opus-5-5",
        stream=given.get("stream", True),
        body_bytes=1_000,
        needs=Needs(
            prompt_tokens_estimate=250,
            max_output_tokens=given.get("max_output_tokens", 32_000),
            tools=tools > 0,
            server_tools=given.get("server_tools", ()),
        ),
        head_digest=f"{system}-{tools}",
        offered_digest=f"{tools} tools",
        tools_digest=f"{tools} tools" if tools else "",
        system_digest=system,
        message_digests=tuple(b"%d" % number for number in range(messages)),
        message_bytes=tuple(100 * (number + 1) for number in range(messages)),
        message_count=messages,
        last_role="user",
        tool_count=tools,
        outcomes=given.get("outcomes", ()),
        tool_result_count=given.get("tool_result_count", len(given.get("outcomes", ()))),
        first_typed_text=given.get("first_typed_text", text),
        text=text,
        stop_sequences=given.get("stop_sequences", ()),
        has_output_format=given.get("has_output_format", False),
        user_field=given.get("user_field", ""),
        prompt_cache_key=given.get("prompt_cache_key", ""),
        breakpoints=(0, 0),
    )
