"""OpenAI's responses, and the servers that speak them too."""

from turnout.dialects.dialect import WireDialect
from turnout.dialects.openai_responses.dialect import OpenAiResponses

OPENAI_RESPONSES: WireDialect = OpenAiResponses()

__all__ = ["OPENAI_RESPONSES", "OpenAiResponses"]
