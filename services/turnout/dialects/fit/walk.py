"""Changing parts of a conversation and leaving the rest the very objects that came in.

Rules: a message of which no part has changed is the same object again, a conversation of which
nothing has changed too.
"""

from collections.abc import Callable
from operator import is_not

from msgspec.structs import replace

from turnout.dialects.conversation import (
    Conversation,
    Document,
    Image,
    Message,
    Opaque,
    Part,
    ResultPart,
    Text,
    ToolReference,
    ToolResult,
)


def part_types(conversation: Conversation) -> set[type[Part]]:
    """The types of all parts, those inside results included."""
    found: set[type[Part]] = set()
    for message in conversation.messages:
        for part in message.parts:
            found.add(type(part))
            if isinstance(part, ToolResult):
                found.update(map(type, part.parts))
    return found


def with_parts(conversation: Conversation, change: Callable[[Part], Part]) -> Conversation:
    """Every part of every message, through `change`, which returns what it does not change."""
    changed = False
    messages: list[Message] = []
    for message in conversation.messages:
        parts = tuple(map(change, message.parts))
        if any(map(is_not, parts, message.parts)):
            changed = True
            messages.append(replace(message, parts=parts))
        else:
            messages.append(message)
    return replace(conversation, messages=tuple(messages)) if changed else conversation


def with_contents(
    conversation: Conversation, change: Callable[[ResultPart], ResultPart]
) -> Conversation:
    """Every part that may stand in a result too, there and in messages, through `change`."""

    def one(part: Part) -> Part:
        match part:
            case ToolResult():
                return with_result_parts(part, change)
            case Text() | Image() | Document() | ToolReference() | Opaque():
                return change(part)
            case _:
                return part

    return with_parts(conversation, one)


def with_result_parts(result: ToolResult, change: Callable[[ResultPart], ResultPart]) -> ToolResult:
    parts = tuple(map(change, result.parts))
    return replace(result, parts=parts) if any(map(is_not, parts, result.parts)) else result
