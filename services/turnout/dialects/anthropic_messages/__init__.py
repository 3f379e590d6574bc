"""Anthropic's messages, as Claude Code and the SDKs speak them."""

from turnout.dialects.anthropic_messages.dialect import AnthropicMessages
from turnout.dialects.dialect import WireDialect

ANTHROPIC_MESSAGES: WireDialect = AnthropicMessages()

__all__ = ["ANTHROPIC_MESSAGES", "AnthropicMessages"]
