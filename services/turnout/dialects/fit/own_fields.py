"""Fields that only the client's own dialect has, on the way to another: they are left out and told.

Rules: what is off or empty asks for nothing; what a decoder has read and kept for the way back alone is
said already; a name is told where it is documented, because a client's own words never are.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from turnout.bonds import is_asked
from turnout.capabilities import Dialect
from turnout.dialects.conversation import (
    Conversation,
    Fields,
    JsonText,
    Opaque,
    Tool,
    ToolResult,
)
from turnout.dialects.openai_requests import OPENAI_DIALECTS, SHARED_FIELDS
from turnout.dialects.reading import ObjectReader

_READ: Final[Mapping[Dialect, frozenset[str]]] = MappingProxyType(
    {
        "anthropic_messages": frozenset(
            {"caller", "clear_at", "tool_change", "toolset_name", "type"}
        ),
        "openai_chat": frozenset({"safety_identifier"}),
        "openai_responses": frozenset(
            {
                *("tool_choice", "text", "reasoning", "include", "top_logprobs"),
                *("user", "safety_identifier"),
            }
        ),
        "gemini_generate": frozenset(
            {"responseSchema", "responseMimeType", "responseModalities", "responseFormat"}
        ),
    }
)
"""Kept for the way back; what they ask for arrives, or another step tells or refuses it."""

_DOCUMENTED: Final[Mapping[Dialect, frozenset[str]]] = MappingProxyType(
    {
        # platform.claude.com/docs/en/api/messages/create
        "anthropic_messages": frozenset(
            {
                *("cache_control", "context_management", "diagnostics", "fallback_credit_token"),
                *("fallbacks", "output_config", "safeguards", "speed"),
            }
        ),
        # platform.openai.com/docs/api-reference/chat/create
        "openai_chat": frozenset(
            {
                *("audio", "logit_bias", "moderation", "prediction", "prompt_cache_options"),
                *("prompt_cache_retention", "store"),
            }
        ),
        # platform.openai.com/docs/api-reference/responses/create; Codex adds `client_metadata`.
        "openai_responses": frozenset(
            {
                *("access_programs", "background_options", "context_management", "image"),
                *("max_tool_calls", "moderation", "prompt_cache_options"),
                *("prompt_cache_retention", "store", "stream_options", "truncation"),
                "client_metadata",
            }
        ),
        # ai.google.dev/api/generate-content, and Vertex's additions to `generationConfig`.
        "gemini_generate": frozenset(
            {
                *("safetySettings", "store", "toolConfig", "audioTimestamp", "imageConfig"),
                *(
                    "audioTranscriptionConfig",
                    "enableAffectiveDialog",
                    "enableEnhancedCivicAnswers",
                ),
                *("mediaResolution", "modelConfig", "modelSelectionConfig", "routingConfig"),
                *("speechConfig", "translationConfig"),
            }
        ),
    }
)
"""Of each dialect those that no neutral field holds."""

_BELOW: Final[Mapping[Dialect, frozenset[str]]] = MappingProxyType(
    {
        "anthropic_messages": frozenset(
            {
                *("allowed_callers", "citations", "eager_input_streaming", "input_examples"),
                # Of a system message: the effort from there on.
                *("output_config", "transformations"),
            }
        ),
        "openai_chat": frozenset({"audio", "name", "prompt_cache_breakpoint"}),
        "openai_responses": frozenset(
            {"allowed_callers", "async", "detail", "output_schema", "prompt_cache_breakpoint"}
        ),
        "gemini_generate": frozenset(
            {
                *("behavior", "mediaResolution", "partMetadata", "response", "responseJsonSchema"),
                *("scheduling", "videoMetadata", "willContinue"),
            }
        ),
    }
)
"""The same below the top: of messages, parts and tools."""

_ALL_THEIRS: Final = frozenset({"anthropic_messages"})
"""Dialects in whose extras below the top there are no marks of ours: what is not known is a client's."""

_MARKER: Final = "cache_control"
"""Of a block or tool the conversation has it, and other vendors cache without being told."""

_OF_THE_CALL: Final = "name"
"""On a result: said by the call that it answers."""

_NESTED: Final = "generationConfig"

_SNAKE: Final = re.compile(r"_([a-z])")
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def told_fields(conversation: Conversation, *, to: Dialect) -> Iterator[str]:
    """What is left out."""
    dialect = conversation.dialect
    silent = _READ[dialect] | (SHARED_FIELDS if to in OPENAI_DIALECTS else frozenset[str]())
    for written, json in _flat(conversation.extras):
        name = _known(written, dialect)
        if name not in silent and is_asked(json):
            yield _told(name, _DOCUMENTED[dialect])
    documented, is_theirs = _BELOW[dialect], dialect in _ALL_THEIRS
    for written, json in _below(conversation, documented):
        name = _known(written, dialect)
        is_left_out = is_theirs and name not in silent and name != _MARKER
        if (name in documented or is_left_out) and is_asked(json):
            yield _told(name, documented)


def _known(written: str, dialect: Dialect) -> str:
    """The name as it is documented: Gemini's have two spellings."""
    if dialect != "gemini_generate":
        return written
    return _SNAKE.sub(lambda found: found[1].upper(), written)


def _told(name: str, documented: frozenset[str]) -> str:
    return f"dropped:{name if name in documented else 'unknown_field'}"


def _flat(fields: Fields) -> Iterator[tuple[str, JsonText]]:
    """With the members of Gemini's settings in the place of these."""
    for name, json in fields:
        if name == _NESTED:
            yield from ((one, str(raw, "utf-8")) for one, raw in _OBJECT.decode(json).items())
        else:
            yield name, json


def _below(
    conversation: Conversation, documented: frozenset[str]
) -> Iterator[tuple[str, JsonText]]:
    for tool in conversation.tools:
        if isinstance(tool, Tool) and tool.extras:
            yield from tool.extras
    for message in conversation.messages:
        if message.extras:
            yield from message.extras
        for part in message.parts:
            if isinstance(part, Opaque):
                yield from _of_opaque(part, documented)
            elif isinstance(part, ToolResult):
                if part.extras:
                    yield from (one for one in part.extras if one[0] != _OF_THE_CALL)
                for inner in part.parts:
                    if isinstance(inner, Opaque):
                        yield from _of_opaque(inner, documented)
                    elif inner.extras:
                        yield from inner.extras
            elif part.extras:
                yield from part.extras


def _of_opaque(part: Opaque, documented: frozenset[str]) -> Iterator[tuple[str, JsonText]]:
    """What such a part says elsewhere is not in its fields any more, but for the documented ones."""
    if part.elsewhere:
        for name, json in ObjectReader(part.json.encode(), part.kind).rest():
            if name in documented:
                yield name, json
