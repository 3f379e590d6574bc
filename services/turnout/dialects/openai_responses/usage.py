"""Usage of this wire and ours.

Rules: `input_tokens` include the cached and the written part, so they are taken apart into counts
that do not overlap; `output_tokens` include reasoning; a total survives the way there and back.
"""

import msgspec

from turnout.dialects.usage import Usage


class InputDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class OutputDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class WireUsage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    input_tokens_details: InputDetails | None = None
    output_tokens_details: OutputDetails | None = None


def decode_usage(wire: WireUsage) -> Usage:
    prompt = max(0, wire.input_tokens or 0)
    output = max(0, wire.output_tokens or 0)
    read, written = 0, 0
    if wire.input_tokens_details is not None:
        read = min(max(0, wire.input_tokens_details.cached_tokens or 0), prompt)
        written = max(0, wire.input_tokens_details.cache_write_tokens or 0)
    # The documentation does not say whether written tokens are inside `input_tokens`. Where they
    # cannot be, nothing is left of the fresh part to take them from.
    fresh = prompt - read - written if read + written <= prompt else prompt - read
    reasoning = 0
    if wire.output_tokens_details is not None:
        reasoning = max(0, wire.output_tokens_details.reasoning_tokens or 0)
    if reasoning and wire.total_tokens == prompt + output + reasoning:
        # xAI leaves reasoning out of its output; the total gives it away.
        output += reasoning
    return Usage(
        fresh_input=fresh,
        cache_read=read,
        cache_write_other=written,
        output=output,
        reasoning=min(reasoning, output),
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
