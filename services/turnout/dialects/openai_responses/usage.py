"""Usage of this wire and ours; what the counts include is said at `openai_usage`."""

import msgspec

from turnout.dialects.openai_usage import OutputDetails, PromptDetails, usage_of
from turnout.dialects.usage import Usage


class WireUsage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    input_tokens_details: PromptDetails | None = None
    output_tokens_details: OutputDetails | None = None


def decode_usage(wire: WireUsage) -> Usage:
    details, said = wire.input_tokens_details, wire.output_tokens_details
    return usage_of(
        prompt=wire.input_tokens,
        output=wire.output_tokens,
        total=wire.total_tokens,
        cached=None if details is None else details.cached_tokens,
        written=None if details is None else details.cache_write_tokens,
        reasoning=None if said is None else said.reasoning_tokens,
    )


def encode_usage(usage: Usage) -> dict[str, object]:
    return {
        "input_tokens": usage.input_total,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write,
        },
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.total,
    }
