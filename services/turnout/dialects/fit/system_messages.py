"""System messages for a target that takes one, in front of all others."""

from itertools import takewhile

from msgspec.structs import replace

from turnout.dialects.conversation import Conversation, Message
from turnout.dialects.reminder import reminder


def with_one_system_message(conversation: Conversation) -> Conversation:
    """Those in front become one; the others become what the user says, each at its place."""
    messages = conversation.messages
    leading = list(takewhile(lambda message: message.role == "system", messages))
    behind = messages[len(leading) :]
    if len(leading) < 2 and all(message.role != "system" for message in behind):
        return conversation
    front = (
        (Message("system", tuple(part for message in leading for part in message.parts)),)
        if len(leading) > 1
        else tuple(leading)
    )
    return replace(conversation, messages=front + tuple(map(_demoted, behind)))


def _demoted(message: Message) -> Message:
    return Message("user", reminder(message.parts)) if message.role == "system" else message
