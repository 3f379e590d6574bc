"""Results that say nothing but that they failed, for wires that have no word for it.

Rule: what a result says for itself stays alone, because tools say there what went wrong.
"""

from typing import Final

from msgspec.structs import replace

from turnout.dialects.conversation import Conversation, Part, Text, ToolResult
from turnout.dialects.fit.walk import with_parts

FAILED: Final = "(failed)"


def with_failures(conversation: Conversation) -> Conversation:
    has_failed = any(
        isinstance(part, ToolResult) and part.is_error
        for message in conversation.messages
        for part in message.parts
    )
    return with_parts(conversation, _told) if has_failed else conversation


def _told(part: Part) -> Part:
    if not isinstance(part, ToolResult) or not part.is_error:
        return part
    if any(isinstance(inner, Text) and inner.text.strip() for inner in part.parts):
        return part
    silent = tuple(inner for inner in part.parts if not isinstance(inner, Text))
    return replace(part, parts=(Text(FAILED), *silent))
