"""The tools that a model is offered where the wire knows no deferred ones.

Rules: a deferred tool is offered once something has named it, behind all others and in the order of
first use, so that the tools before it stay a prefix that is cached; who refers to a tool is told its
schema, which is how a model learns what a search has found.
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


def offered_tools(conversation: Conversation) -> Iterator[Tool | ServerTool]:
    """Tools in order, deferred ones behind the others and only once something has named them."""
    deferred: dict[str, Tool] = {}
    for tool in conversation.tools:
        if isinstance(tool, Tool) and tool.is_deferred:
            deferred[tool.name] = tool
        else:
            yield tool
    for name in named_tools(conversation) if deferred else ():
        found = deferred.pop(name, None)
        if found is not None:
            yield found


def named_tools(conversation: Conversation) -> Iterator[str]:
    """Every name that calls, references and the choice of a tool say, in order."""
    for message in conversation.messages:
        for part in message.parts:
            if isinstance(part, ToolResult):
                for item in part.parts:
                    if isinstance(item, ToolReference):
                        yield item.tool_name
            elif isinstance(part, ToolCall):
                yield part.name
            elif isinstance(part, ToolReference):
                yield part.tool_name
    if conversation.tool_choice is not None:
        yield from conversation.tool_choice.names


def tool_text(conversation: Conversation, name: str) -> str:
    """A tool spelled out; its name alone where the conversation does not have it."""
    for tool in conversation.tools:
        if isinstance(tool, Tool) and tool.name == name:
            return spelled_out(name, tool.description, tool.schema)
    return name


def spelled_out(name: str, description: str, schema: JsonText) -> str:
    shown: dict[str, object] = {"name": name, "description": description}
    if schema:
        shown["parameters"] = msgspec.Raw(schema.encode())
    return msgspec.json.encode(shown).decode()
