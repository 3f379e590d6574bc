"""Which of our changes a refusal is about, by the field that it names: the rule to look at first. Pure.

Rules: a word whose own detail is named (`schema:anyOf` by "anyOf", `dropped:top_k` by "top_k") goes before one
whose field alone is; a keyword of a schema that is a word of English counts only in quotes; several that are named
alike are all told; what no word fits is not guessed.
"""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

_NAME: Final = re.compile(r"\$?[A-Za-z_][A-Za-z0-9_]*")
_QUOTED: Final = re.compile(r"['\"`](\$?[A-Za-z_]+)['\"`]")

_FIELDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "answer_begun": ("assistant", "prefill"),
        "answered_results": ("tool_calls", "tool_call_id", "tool_result", "tool_use"),
        "as_text": ("document", "search_result", "server_tool_use"),
        "blank_text": ("text",),
        "breakpoint": ("cache_control", "ttl"),
        "cache_key": ("prompt_cache_key",),
        "cache_lifetime": ("cache_control", "ttl"),
        "call_id": ("id", "call_id", "tool_call_id", "tool_use_id"),
        "custom_tool": ("custom",),
        "deferred_tools": ("defer_loading", "tool_reference"),
        "developer_role": ("developer", "role"),
        "effort": ("effort", "reasoning_effort", "thinkingLevel"),
        "failed_result": ("is_error", "tool_result"),
        "image_detail": ("detail",),
        "made_file": ("image", "image_url", "document", "file"),
        "max_output_tokens": ("max_tokens", "max_completion_tokens", "maxOutputTokens"),
        "output_format": (
            *("response_format", "json_schema", "output_config", "responseSchema"),
            "response_mime_type",
        ),
        "schema": (
            *("schema", "input_schema", "parameters", "json_schema", "responseSchema"),
            "parametersJsonSchema",
        ),
        "stop_sequences": ("stop",),
        "system_block": ("system",),
        "system_role": ("system", "role"),
        "thinking": (
            *("thinking", "reasoning", "reasoning_content", "reasoning_effort", "signature"),
            *("budget_tokens", "thinkingConfig", "thinkingBudget", "thinkingLevel", "effort"),
            "thought_signature",
        ),
        "tool_choice": ("tool_choice", "tool_config", "function_calling_config"),
        "tool_name": ("name",),
    }
)
"""How providers call what a change is of, where that is not the change's own word."""


def suspects(message: str, changes: Sequence[str]) -> tuple[str, ...]:
    """Those of `changes` that `message` most likely is about, in their order; none where it cannot be told."""
    names = {_plain(name) for name in _NAME.findall(message)}
    quoted = {_plain(name) for name in _QUOTED.findall(message)}
    exact = tuple(change for change in changes if _is_exactly(change, names, quoted))
    return exact or tuple(change for change in changes if _is_of(change, names))


def _is_exactly(change: str, names: set[str], quoted: set[str]) -> bool:
    head, _, detail = change.partition(":")
    if not detail:
        return False
    is_plain_word = head == "schema" and detail.isalpha() and detail.islower()
    return _plain(detail) in (quoted if is_plain_word else names)


def _is_of(change: str, names: set[str]) -> bool:
    head, _, detail = change.partition(":")
    fields = (head, *_FIELDS.get(head, ()), *_FIELDS.get(detail, ()))
    return any(_plain(field) in names for field in fields)


def _plain(name: str) -> str:
    """`maxOutputTokens` and `max_output_tokens` are one name."""
    return name.replace("_", "").lower()
