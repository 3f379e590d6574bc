"""Google's `generateContent`, `streamGenerateContent` and `countTokens`."""

from turnout.dialects.dialect import WireDialect
from turnout.dialects.gemini_generate.dialect import GeminiGenerate

GEMINI_GENERATE: WireDialect = GeminiGenerate()

__all__ = ["GEMINI_GENERATE", "GeminiGenerate"]
