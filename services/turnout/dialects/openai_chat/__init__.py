"""OpenAI's chat completions, and the many servers that speak them more or less."""

from turnout.dialects.dialect import WireDialect
from turnout.dialects.openai_chat.dialect import OpenAiChat

OPENAI_CHAT: WireDialect = OpenAiChat()

__all__ = ["OPENAI_CHAT", "OpenAiChat"]
