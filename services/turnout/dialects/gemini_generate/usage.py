"""Usage of this wire and ours.

Rules: `promptTokenCount` includes the cached part, `candidatesTokenCount` excludes thoughts, and what
the provider's own tools put into the prompt (`toolUsePromptTokenCount`) is in neither; a total
survives the way there and back.
Source: https://ai.google.dev/api/generate-content#UsageMetadata
"""

import msgspec

from turnout.dialects.usage import Usage


class WireUsage(msgspec.Struct, rename="camel"):
    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None


def decode_usage(wire: WireUsage) -> Usage:
    prompt = max(0, wire.prompt_token_count or 0)
    read = min(max(0, wire.cached_content_token_count or 0), prompt)
    reasoning = max(0, wire.thoughts_token_count or 0)
    return Usage(
        fresh_input=prompt - read + max(0, wire.tool_use_prompt_token_count or 0),
        cache_read=read,
        output=max(0, wire.candidates_token_count or 0) + reasoning,
        reasoning=reasoning,
    )


def encode_usage(usage: Usage) -> dict[str, int]:
    """Every count, also where it is 0: clients add them up without looking."""
    return {
        "promptTokenCount": usage.input_total,
        "cachedContentTokenCount": usage.cache_read,
        "candidatesTokenCount": usage.output - usage.reasoning,
        "thoughtsTokenCount": usage.reasoning,
        "totalTokenCount": usage.total,
    }
