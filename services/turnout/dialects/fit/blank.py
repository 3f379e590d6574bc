"""Turns that say nothing, for other dialects.

Anthropic refuses a text without a character to read, and encoders leave out texts that are empty. Rules:
a turn of the user's stays a turn, because what is asked may be an answer to what was said before it; an
answer that says nothing is left out, but for one that was said aloud, whose sound lies at its provider.
"""

from typing import Final

from msgspec.structs import replace

from turnout.bonds import is_asked
from turnout.dialects.conversation import Conversation, Message, Refusal, Text

EMPTY: Final = "(empty message)"
SPOKEN: Final = "(said aloud, and not written down)"

_SOUND: Final = "audio"
"""On an answer of OpenAI's chat: the id of its sound."""

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
    messages: list[Message] = []
    for message in conversation.messages:
        if not says_nothing(message):
            messages.append(message)
        elif message.role == "user":
            messages.append(replace(message, parts=(Text(EMPTY),)))
        elif is_asked(dict(message.extras).get(_SOUND, "null")):
            messages.append(replace(message, parts=(Text(SPOKEN),)))
    return replace(conversation, messages=tuple(messages))
