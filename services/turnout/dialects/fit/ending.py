"""A history that ends in what the model itself has said.

Some models go on from there, newer ones refuse it. Agents send such histories at their limit of steps
and after an interruption (anomalyco/opencode#14772, QwenLM/qwen-code#8039).

Rules: all that was said stays as it is, and the user asks to go on; a call stands for no end, because
its result follows on every wire.
"""

from typing import Final

from msgspec.structs import replace

from turnout.dialects.conversation import Conversation, Message, Text, ToolCall

GO_ON: Final = "Continue."


def ending_in_the_user(conversation: Conversation) -> Conversation:
    last = conversation.messages[-1]
    if last.role != "assistant" or any(isinstance(part, ToolCall) for part in last.parts):
        return conversation
    asking = Message("user", (Text(GO_ON),), is_plain=True)
    return replace(conversation, messages=(*conversation.messages, asking))
