"""Parts that only their own dialect has a form for, as what others can be told of them.

Rule: what a part says elsewhere, its dialect has said when it read it (`Opaque.elsewhere`).
"""

from collections.abc import Iterator, Sequence
from operator import is_not

from msgspec.structs import replace

from turnout.dialects.conversation import (
    Conversation,
    Message,
    Opaque,
    Part,
    ResultPart,
    ToolResult,
)


def as_elsewhere(conversation: Conversation) -> Conversation:
    """The conversation with such parts told, at their places."""
    messages = tuple(map(_message, conversation.messages))
    if not any(map(is_not, messages, conversation.messages)):
        return conversation
    return replace(conversation, messages=messages)


def _message(message: Message) -> Message:
    if not any(map(_holds_some, message.parts)):
        return message
    return replace(message, parts=tuple(_parts(message.parts)))


def _holds_some(part: Part) -> bool:
    for one in part.parts if isinstance(part, ToolResult) else (part,):
        if isinstance(one, Opaque) and one.elsewhere:
            return True
    return False


def _parts(parts: Sequence[Part]) -> Iterator[Part]:
    for part in parts:
        match part:
            case Opaque(elsewhere=told) if told:
                yield from told
            case ToolResult():
                yield replace(part, parts=tuple(_in_result(part.parts)))
            case _:
                yield part


def _in_result(parts: Sequence[ResultPart]) -> Iterator[ResultPart]:
    for part in parts:
        if isinstance(part, Opaque) and part.elsewhere:
            yield from part.elsewhere
        else:
            yield part
