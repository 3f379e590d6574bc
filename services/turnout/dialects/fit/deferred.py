"""Deferred tools, references to them and changes of what is offered, for targets that know none.

Rules: tools are offered as `offered_tools` says; a reference is spelled out with the schema, and so is
a tool that a system message adds; Claude Code's placeholder is never named and so never offered.
"""

from msgspec.structs import replace

from turnout.dialects.conversation import (
    Conversation,
    Part,
    ResultPart,
    Text,
    Tool,
    ToolReference,
)
from turnout.dialects.fit.walk import with_contents
from turnout.dialects.offered_tools import changes_tools, offered_tools, told


def without_deferral(conversation: Conversation, holds: set[type[Part]]) -> Conversation:
    """`holds` are the types of its parts."""

    def spelled_out(part: ResultPart) -> ResultPart:
        return Text(told(conversation, part)) if isinstance(part, ToolReference) else part

    has_references = ToolReference in holds
    spelled = with_contents(conversation, spelled_out) if has_references else conversation
    is_deferring = any(isinstance(tool, Tool) and tool.is_deferred for tool in conversation.tools)
    if not is_deferring and not changes_tools(conversation):
        return spelled
    offered = (
        replace(tool, is_deferred=False) if isinstance(tool, Tool) and tool.is_deferred else tool
        for tool in offered_tools(conversation)
    )
    return replace(spelled, tools=tuple(offered))
