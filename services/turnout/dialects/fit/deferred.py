"""Deferred tools and references to them, for targets that know neither.

Rules: a deferred tool is offered once something has named it, behind all others and in the order of
first use, so that the tools before it stay a prefix that is cached; a reference is spelled out with
the schema, which is how a model learns what it has found; Claude Code's placeholder is never named
and so never offered.
"""

from collections.abc import Iterator
from dataclasses import replace

import msgspec

from turnout.dialects.conversation import (
    Conversation,
    Part,
    ResultPart,
    ServerTool,
    Text,
    Tool,
    ToolReference,
    ToolResult,
)
from turnout.dialects.fit.names import tool_names
from turnout.dialects.fit.walk import with_parts, with_result_parts


def without_deferral(conversation: Conversation) -> Conversation:
    tools = {tool.name: tool for tool in conversation.tools if isinstance(tool, Tool)}

    def inner(part: ResultPart) -> ResultPart:
        if isinstance(part, ToolReference):
            return Text(_spelled_out(part.tool_name, tools.get(part.tool_name)))
        return part

    def outer(part: Part) -> Part:
        match part:
            case ToolReference(tool_name=name):
                return Text(_spelled_out(name, tools.get(name)))
            case ToolResult():
                return with_result_parts(part, inner)
            case _:
                return part

    spelled = with_parts(conversation, outer)
    if not any(tool.is_deferred for tool in tools.values()):
        return spelled
    return replace(spelled, tools=tuple(_offered(conversation)))


def _offered(conversation: Conversation) -> Iterator[Tool | ServerTool]:
    deferred: dict[str, Tool] = {}
    for tool in conversation.tools:
        if isinstance(tool, Tool) and tool.is_deferred:
            deferred[tool.name] = tool
        else:
            yield tool
    # Without the definitions, which name every tool there is.
    for name in tool_names(replace(conversation, tools=())):
        found = deferred.pop(name, None)
        if found is not None:
            yield replace(found, is_deferred=False)


def _spelled_out(name: str, tool: Tool | None) -> str:
    if tool is None:
        return name
    shown: dict[str, object] = {"name": name, "description": tool.description}
    if tool.schema:
        shown["parameters"] = msgspec.Raw(tool.schema.encode())
    return msgspec.json.encode(shown).decode()
