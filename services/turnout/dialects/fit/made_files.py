"""Pictures and documents in what a model has said, for wires on which the user alone shows some.

Anthropic refuses them in an answer, and the Responses API has no form for them there; Gemini's models
make them. Rules: the next message of the user's begins with them; an answer keeps its place and says the
same whether such a message follows or not, so one more message leaves those before it alone; behind the
last answer nobody shows them, so they are left out and told.
"""

from typing import Final

from msgspec.structs import replace

from turnout.dialects.conversation import (
    Conversation,
    Document,
    Image,
    Message,
    Part,
    Refusal,
    Text,
    ToolCall,
)

MADE: Final = "(made by the assistant)"
"""In front of them."""

_INSTEAD: Final = {Image: "(a picture)", Document: "(a document)"}
"""What an answer says that was nothing else."""

_CHANGE: Final = "made_file"
_DROPPED: Final = {Image: "dropped:image", Document: "dropped:document"}


def with_made_files(conversation: Conversation) -> tuple[Conversation, tuple[str, ...]]:
    """The conversation with such files shown by the user, and what was done."""
    messages: list[Message] = []
    waiting: list[Image | Document] = []
    changes: list[str] = []
    for message in conversation.messages:
        if message.role == "assistant":
            made = [part for part in message.parts if isinstance(part, Image | Document)]
            waiting += made
            messages.append(_without_files(message, made[0]) if made else message)
        elif message.role == "user" and waiting:
            parts = (Text(MADE), *waiting, *message.parts)
            messages.append(replace(message, parts=parts, is_plain=False))
            waiting = []
            changes.append(_CHANGE)
        else:
            messages.append(message)
    changes += [_DROPPED[type(part)] for part in waiting]
    if not changes:
        return conversation, ()
    return replace(conversation, messages=tuple(messages)), tuple(changes)


def _without_files(message: Message, first: Image | Document) -> Message:
    kept = tuple(part for part in message.parts if not isinstance(part, Image | Document))
    if not any(map(_says_something, kept)):
        kept = (*kept, Text(_INSTEAD[type(first)]))
    return replace(message, parts=kept)


def _says_something(part: Part) -> bool:
    match part:
        case Text(text=text) | Refusal(text=text):
            return bool(text.strip())
        case _:
            return isinstance(part, ToolCall)
