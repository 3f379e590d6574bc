"""Fields that only the client's own dialect has, on the way to another: they are left out and told.

Rules: what is off or empty asks for nothing; what a decoder has read and kept for the way back alone is
said already; a name is told where it is documented, because a client's own words never are.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from turnout.capabilities import Dialect
from turnout.dialects.conversation import Conversation, Fields, JsonText
from turnout.dialects.openai_requests import OPENAI_DIALECTS, SHARED_FIELDS

_READ: Final[Mapping[Dialect, frozenset[str]]] = MappingProxyType(
    {
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

DOCUMENTED: Final[Mapping[Dialect, frozenset[str]]] = MappingProxyType(
    {
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

_NESTED: Final = "generationConfig"

_NOTHING: Final = frozenset({"null", "false", "[]", "{}", '""'})
_SNAKE: Final = re.compile(r"_([a-z])")
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def told_fields(conversation: Conversation, *, to: Dialect) -> Iterator[str]:
    """What is left out."""
    dialect = conversation.dialect
    documented = DOCUMENTED.get(dialect)
    if dialect == to or documented is None:
        return
    said = _READ[dialect] | (SHARED_FIELDS if to in OPENAI_DIALECTS else frozenset[str]())
    for written, json in _flat(conversation.extras):
        name = written
        if dialect == "gemini_generate":
            name = _SNAKE.sub(lambda found: found[1].upper(), written)
        if name not in said and json not in _NOTHING:
            yield f"dropped:{name if name in documented else 'unknown_field'}"


def _flat(fields: Fields) -> Iterator[tuple[str, JsonText]]:
    """With the members of Gemini's settings in the place of these."""
    for name, json in fields:
        if name == _NESTED:
            yield from ((one, str(raw, "utf-8")) for one, raw in _OBJECT.decode(json).items())
        else:
            yield name, json
