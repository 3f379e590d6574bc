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
    JsonText,
    Opaque,
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

_MARKERS: Final = frozenset({"cache_control"})
"""On a part the neutral conversation has them."""

_OFF: Final = '{"enabled":false}'


def untold(conversation: Conversation) -> Iterator[str]:
    """Names of what other dialects cannot be told, in order; of dialects that are in the tables."""
    if conversation.dialect not in FIELDS:
        return
    yield from _fields(conversation.extras, conversation.dialect)
    for tool in conversation.tools:
        if isinstance(tool, Tool):
            yield from _fields(tool.extras, conversation.dialect)
    for message in conversation.messages:
        if message.extras:
            yield from _fields(message.extras, conversation.dialect)
        for part in message.parts:
            if isinstance(part, Opaque):
                yield from _opaque(part)
                continue
            if part.extras:
                yield from _fields(part.extras, conversation.dialect)
            for inner in part.parts if isinstance(part, ToolResult) else ():
                if isinstance(inner, Opaque):
                    yield from _opaque(inner)
                elif inner.extras:
                    yield from _fields(inner.extras, conversation.dialect)


def _fields(fields: Fields, dialect: Dialect) -> Iterator[str]:
    for name, json in fields:
        if name not in _NOT_LOST[dialect] and _is_on(json):
            yield name if name in FIELDS[dialect] else "unknown_field"


def _opaque(part: Opaque) -> Iterator[str]:
    """What is lost of a part that others are told something of, or the part."""
    if part.elsewhere:
        for name, json in ObjectReader(part.json.encode(), part.kind).rest():
            if name in FIELDS[part.dialect] - _MARKERS and _is_on(json):
                yield name
    elif part.kind not in _NOT_LOST[part.dialect]:
        yield part.kind if part.kind in PARTS[part.dialect] else "unknown_part"


def _is_on(json: JsonText) -> bool:
    return is_asked(json) and json.replace(" ", "") != _OFF
