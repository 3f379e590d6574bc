"""Every dialect by its name: one mapping, written down here and nowhere else."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from turnout.capabilities import Dialect
from turnout.dialects.anthropic_messages import ANTHROPIC_MESSAGES
from turnout.dialects.dialect import WireDialect
from turnout.dialects.gemini_generate import GEMINI_GENERATE
from turnout.dialects.openai_chat import OPENAI_CHAT
from turnout.dialects.openai_responses import OPENAI_RESPONSES

DIALECTS: Final[Mapping[Dialect, WireDialect]] = MappingProxyType(
    {
        "anthropic_messages": ANTHROPIC_MESSAGES,
        "openai_chat": OPENAI_CHAT,
        "openai_responses": OPENAI_RESPONSES,
        "gemini_generate": GEMINI_GENERATE,
    }
)
"""A dialect that is named in `capabilities.Dialect` and missing here is not spoken yet."""
