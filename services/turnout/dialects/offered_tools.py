"""The tools that a model is offered where the wire knows neither deferred ones nor changes.

Rules: a deferred tool is offered once something has named it, behind all others and in the order of
first use, so that the tools before it stay a prefix that is cached; what a system message adds comes
likewise, in the place of one of its name, and what one removes is gone until another adds it again;
who refers to a tool is told its schema, which is how a model learns what a search has found.
"""

from collections.abc import Iterator

import msgspec

from turnout.dialects.conversation import (
    Conversation,
    JsonText,
    ServerTool,
    Tool,
    ToolCall,
    ToolReference,
    ToolResult,
)


def changes_tools(conversation: Conversation) -> bool:
    """Whether a system message adds or removes a tool."""
    return any(
        isinstance(part, ToolReference) and part.change
        for message in conversation.messages
        if message.role == "system"
        for part in message.parts
    )


def offered_tools(conversation: Conversation) -> tuple[Tool | ServerTool, ...]:
    """Tools in the order in which they are offered."""
    deferred = {
        tool.name: tool
        for tool in conversation.tools
        if isinstance(tool, Tool) and tool.is_deferred
    }
    if not deferred and not changes_tools(conversation):
        return conversation.tools
    offered = [
        tool for tool in conversation.tools if not (isinstance(tool, Tool) and tool.is_deferred)
    ]
    removed: dict[str, Tool | ServerTool] = {}
    for use in _uses(conversation):
        if isinstance(use, str) or not use.change:
            name = use if isinstance(use, str) else use.tool_name
            if name in deferred:
                offered.append(deferred.pop(name))
            continue
        name = use.tool_name
        given = (use.definition, deferred.pop(name, None), removed.pop(name, None))
        meant = next((tool for tool in given if tool is not None), None)
        for tool in offered if use.change == "removed" else ():
            if tool.name == name:
                meant = tool
        if meant is None:
            continue
        offered = [tool for tool in offered if tool.name != name]
        if use.change == "added":
            offered.append(meant)
        else:
            removed[name] = meant
    return tuple(offered)


def named_tools(conversation: Conversation) -> list[str]:
    """Every name that calls, references and the choice of a tool say, in order."""
    return [use if isinstance(use, str) else use.tool_name for use in _uses(conversation)]


def _uses(conversation: Conversation) -> Iterator[str | ToolReference]:
    for message in conversation.messages:
        for part in message.parts:
            if isinstance(part, ToolResult):
                for item in part.parts:
                    if isinstance(item, ToolReference):
                        yield item
            elif isinstance(part, ToolCall):
                yield part.name
            elif isinstance(part, ToolReference):
                yield part
    if conversation.tool_choice is not None:
        yield from conversation.tool_choice.names


def told(conversation: Conversation, reference: ToolReference) -> str:
    """A tool spelled out; its name alone where the conversation does not have it."""
    name = reference.tool_name
    if reference.change == "removed":
        return f"The tool {name} is no longer offered."
    tools = (reference.definition, *conversation.tools)
    for tool in tools:
        if isinstance(tool, Tool) and tool.name == name:
            return spelled_out(name, tool.description, tool.schema)
    return name


def spelled_out(name: str, description: str, schema: JsonText) -> str:
    shown: dict[str, object] = {"name": name, "description": description}
    if schema:
        shown["parameters"] = msgspec.Raw(schema.encode())
    return msgspec.json.encode(shown).decode()
