"""Deferred tools and references to them, for targets that know neither.

Rules: tools are offered as `offered_tools` says; a reference is spelled out with the schema; Claude
Code's placeholder is never named and so never offered.
"""

from msgspec.structs import replace

from turnout.dialects.conversation import (
    Conversation,
    Part,
    ResultPart,
    Text,
    Tool,
    ToolReference,
    ToolResult,
)
from turnout.dialects.fit.walk import with_parts, with_result_parts
from turnout.dialects.offered_tools import offered_tools, tool_text


def without_deferral(conversation: Conversation) -> Conversation:
    def inner(part: ResultPart) -> ResultPart:
        if isinstance(part, ToolReference):
            return Text(tool_text(conversation, part.tool_name))
        return part

    def outer(part: Part) -> Part:
        match part:
            case ToolReference(tool_name=name):
                return Text(tool_text(conversation, name))
            case ToolResult():
                return with_result_parts(part, inner)
            case _:
                return part

    spelled = with_parts(conversation, outer)
    if not any(isinstance(tool, Tool) and tool.is_deferred for tool in conversation.tools):
        return spelled
    offered = (
        replace(tool, is_deferred=False) if isinstance(tool, Tool) and tool.is_deferred else tool
        for tool in offered_tools(conversation)
    )
    return replace(spelled, tools=tuple(offered))
