"""What is left out for another dialect because only the client's own has it, by name.

Rules: this changes nothing, it says what encoders leave out; names are out of a small set, because
clients may call a field of theirs whatever they like; what the conversation holds elsewhere too (a mark
that a call is the model's own), or says to no one else (Claude Code's billing line), is not lost.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from turnout.capabilities import Dialect, is_asked
from turnout.dialects.conversation import (
    Conversation,
    Fields,
    Opaque,
    Part,
    Tool,
    ToolResult,
)
from turnout.dialects.reading import ObjectReader

FIELDS: Final[Mapping[Dialect, frozenset[str]]] = MappingProxyType(
    {
        "anthropic_messages": frozenset(
            {
                *("cache_control", "context_management", "diagnostics", "fallback_credit_token"),
                *("fallbacks", "output_config", "safeguards", "speed"),
                # Of blocks and tools.
                *("allowed_callers", "citations", "eager_input_streaming", "input_examples"),
                "transformations",
            }
        )
    }
)
"""Documented fields that have no neutral place, and without which the answer does not suffer."""

PARTS: Final[Mapping[Dialect, frozenset[str]]] = MappingProxyType(
    {
        "anthropic_messages": frozenset(
            {
                *("advisor_tool_result", "bash_code_execution_tool_result"),
                *("code_execution_tool_result", "fallback", "mcp_tool_listing", "mcp_tool_result"),
                *("mcp_tool_use", "server_tool_use", "text_editor_code_execution_tool_result"),
                *("tool_addition", "tool_removal", "tool_search_tool_result"),
                *("web_fetch_tool_result", "web_search_tool_result"),
            }
        )
    }
)
"""Documented parts of the same kind: what the provider has run itself, and has told in its answer."""

_NOT_LOST: Final[Mapping[Dialect, frozenset[str]]] = MappingProxyType(
    {
        "anthropic_messages": frozenset(
            {"caller", "clear_at", "text", "tool_change", "toolset_name", "type"}
        )
    }
)
"""Fields and parts that say nothing more to others."""

_OFF: Final = '{"enabled":false}'


def untold(conversation: Conversation) -> Iterator[str]:
    """Names of what other dialects cannot be told, in order; of dialects that are in the tables."""
    if conversation.dialect not in FIELDS:
        return
    known, silent = FIELDS[conversation.dialect], _NOT_LOST[conversation.dialect]
    for name in _said(conversation):
        if name not in silent:
            yield name if name in known else "unknown_field"
    parts = PARTS[conversation.dialect]
    for part in _parts(conversation):
        if not isinstance(part, Opaque):
            continue
        if part.elsewhere:
            yield from (name for name in _asked(_members(part)) if name in known)
        elif part.kind not in silent:
            yield part.kind if part.kind in parts else "unknown_part"


def _said(conversation: Conversation) -> Iterator[str]:
    yield from _asked(conversation.extras)
    for tool in conversation.tools:
        if isinstance(tool, Tool):
            yield from _asked(tool.extras)
    for message in conversation.messages:
        yield from _asked(message.extras)
    for part in _parts(conversation):
        if not isinstance(part, Opaque):
            yield from _asked(part.extras)


def _parts(conversation: Conversation) -> Iterator[Part]:
    for message in conversation.messages:
        for part in message.parts:
            yield part
            if isinstance(part, ToolResult):
                yield from part.parts


def _asked(fields: Fields) -> Iterator[str]:
    for name, json in fields:
        if is_asked(json) and json.replace(" ", "") != _OFF:
            yield name


def _members(part: Opaque) -> Fields:
    return ObjectReader(part.json.encode(), part.kind).rest()
