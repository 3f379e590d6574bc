"""Deferred tools, references to them and changes of what is offered, for targets that know none.

Rules: tools are offered as `offered_tools` says, and from the start where a provider would have searched
them, because nothing else would ever name them; a reference is spelled out with the schema, and so is
a tool that a system message adds; Claude Code's placeholder is never named and so never offered.
"""

from msgspec.structs import replace

from turnout.capabilities import TOOL_SEARCHES
from turnout.dialects.conversation import (
    Conversation,
    Part,
    ResultPart,
    ServerTool,
    Text,
    Tool,
    ToolReference,
)
from turnout.dialects.fit.walk import with_contents
from turnout.dialects.offered_tools import changes_tools, offered_tools, told


def offered_unsearched(conversation: Conversation) -> Conversation:
    """For a target that does not run the search of the client's provider."""
    searches = TOOL_SEARCHES.get(conversation.dialect, frozenset[str]())
    if not _is_deferring(conversation) or not any(
        isinstance(tool, ServerTool) and tool.kind in searches for tool in conversation.tools
    ):
        return conversation
    return _offering(conversation, conversation.tools)


def without_deferral(conversation: Conversation, holds: set[type[Part]]) -> Conversation:
    """`holds` are the types of its parts."""

    def spelled_out(part: ResultPart) -> ResultPart:
        return Text(told(conversation, part)) if isinstance(part, ToolReference) else part

    has_references = ToolReference in holds
    spelled = with_contents(conversation, spelled_out) if has_references else conversation
    if not _is_deferring(conversation) and not changes_tools(conversation):
        return spelled
    return _offering(spelled, offered_tools(conversation))


def _is_deferring(conversation: Conversation) -> bool:
    return any(isinstance(tool, Tool) and tool.is_deferred for tool in conversation.tools)


def _offering(conversation: Conversation, tools: tuple[Tool | ServerTool, ...]) -> Conversation:
    plain = (
        replace(tool, is_deferred=False) if isinstance(tool, Tool) and tool.is_deferred else tool
        for tool in tools
    )
    return replace(conversation, tools=tuple(plain))
