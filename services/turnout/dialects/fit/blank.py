"""Turns that say nothing, for other dialects.

Anthropic refuses a text without a character to read, and encoders leave out texts that are empty. Rules:
a turn of the user's stays a turn, because what is asked may be an answer to what was said before it; an
answer that says nothing is left out.
"""

from typing import Final

from msgspec.structs import replace

from turnout.dialects.conversation import Conversation, Message, Refusal, Text

EMPTY: Final = "(empty message)"
_WORDS: Final = (Text, Refusal)


def with_blank_turns(conversation: Conversation, *, may_be_space: bool) -> Conversation:
    """`may_be_space` says that the target takes a text of nothing but white space."""

    def says_nothing(message: Message) -> bool:
        if message.role == "system":
            return False
        for part in message.parts:
            if not isinstance(part, _WORDS):
                return False
            if part.text if may_be_space else part.text.strip():
                return False
        return True

    if not any(map(says_nothing, conversation.messages)):
        return conversation
    messages = tuple(
        replace(message, parts=(Text(EMPTY),)) if says_nothing(message) else message
        for message in conversation.messages
        if message.role == "user" or not says_nothing(message)
    )
    return replace(conversation, messages=messages)
