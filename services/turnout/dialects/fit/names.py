"""Tool names and call ids that a target refuses, as ones that it takes.

Rules: what the target takes stays as it is; what it refuses becomes a function of itself alone (a
readable beginning and a digest), so every replay and every longer history has the same names again;
two names never become one; definitions, calls, choices and references are renamed alike.
"""

import re
from collections.abc import Collection, Mapping
from typing import Final

from msgspec.structs import replace

from turnout.dialects.conversation import (
    Conversation,
    Part,
    ResultPart,
    ServerTool,
    Tool,
    ToolCall,
    ToolReference,
    ToolResult,
)
from turnout.dialects.fit.walk import with_parts, with_result_parts
from turnout.dialects.offered_tools import named_tools
from turnout.dialects.prefix import digest

_ILLEGAL: Final = re.compile(r"[^a-zA-Z0-9_-]")
_HEAD_CHARACTERS: Final = 40
"""With a digest behind it well below the shortest limit, 64."""

_WITH_IDS: Final = (ToolCall, ToolResult)

_LETTERS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


def renamed(name: str, taken: Collection[str]) -> str:
    """A name of letters, digits, `_` and `-` with a letter in front, of 57 characters at most."""
    head = _ILLEGAL.sub("_", name)[:_HEAD_CHARACTERS]
    if not head[:1].isalpha():
        head = f"t_{head}"[:_HEAD_CHARACTERS]
    found = f"{head}_{digest(name.encode())}"
    while found in taken:
        # Somebody offers a tool that is called what another one would become.
        found = f"{head}_{digest(found.encode())}"
    return found


def names_to_change(conversation: Conversation, pattern: str) -> dict[str, str]:
    """Names that do not match, with what they become."""
    if not pattern:
        return {}
    legal = re.compile(pattern)
    names = dict.fromkeys([tool.name for tool in conversation.tools] + named_tools(conversation))
    refused = [name for name in names if legal.fullmatch(name) is None]
    taken = set(names)
    found: dict[str, str] = {}
    for name in refused:
        found[name] = renamed(name, taken)
        taken.add(found[name])
    return found


def with_names(conversation: Conversation, names: Mapping[str, str]) -> Conversation:
    """The conversation with tools called otherwise, wherever they are named."""
    if not names:
        return conversation

    def inner(part: ResultPart) -> ResultPart:
        if isinstance(part, ToolReference) and part.tool_name in names:
            return replace(part, tool_name=names[part.tool_name])
        return part

    def outer(part: Part) -> Part:
        match part:
            case ToolCall(name=name) if name in names:
                return replace(part, name=names[name])
            case ToolReference(tool_name=name) if name in names:
                return replace(part, tool_name=names[name])
            case ToolResult():
                return with_result_parts(part, inner)
            case _:
                return part

    tools = tuple(_renamed_tool(tool, names) for tool in conversation.tools)
    choice = conversation.tool_choice
    if choice is not None:
        choice = replace(choice, names=tuple(names.get(name, name) for name in choice.names))
    return replace(with_parts(conversation, outer), tools=tools, tool_choice=choice)


def _renamed_tool(tool: Tool | ServerTool, names: Mapping[str, str]) -> Tool | ServerTool:
    if isinstance(tool, Tool) and tool.name in names:
        return replace(tool, name=names[tool.name])
    return tool


def made_id(call_id: str, characters: int | None) -> str:
    """An id of letters and digits alone, where a length is given, else one that begins `call_`."""
    if characters is None:
        return f"call_{digest(call_id.encode())}"
    number = int(digest(b"id", call_id.encode()) + digest(b"di", call_id.encode()), 16)
    letters: list[str] = []
    for _ in range(characters):
        number, place = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[place])
    return "".join(letters)


def with_call_ids(
    conversation: Conversation, pattern: str, characters: int | None
) -> tuple[Conversation, bool]:
    """The conversation with ids that match, and whether any did not."""
    if not pattern:
        return conversation, False
    legal = re.compile(pattern)
    call_ids = {
        part.call_id
        for message in conversation.messages
        for part in message.parts
        if isinstance(part, _WITH_IDS)
    }
    refused = {one for one in call_ids if legal.fullmatch(one) is None}
    if not refused:
        return conversation, False

    def change(part: Part) -> Part:
        if isinstance(part, _WITH_IDS) and part.call_id in refused:
            return replace(part, call_id=made_id(part.call_id, characters))
        return part

    return with_parts(conversation, change), True
