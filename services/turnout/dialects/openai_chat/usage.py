"""Usage of this wire and ours.

Rules: `prompt_tokens` include the cached and the written part, so they are taken apart into counts
that do not overlap; `completion_tokens` include reasoning; a total survives the way there and back.
"""

from turnout.dialects.openai_chat.wire import WireUsage
from turnout.dialects.usage import Usage


def decode_usage(wire: WireUsage) -> Usage:
    prompt = max(0, wire.prompt_tokens or 0)
    output = max(0, wire.completion_tokens or 0)
    details = wire.prompt_tokens_details
    cached = details.cached_tokens if details is not None else None
    if cached is None:
        cached = wire.prompt_cache_hit_tokens
    if cached is None:
        cached = wire.cached_tokens
    read = min(max(0, cached or 0), prompt)
    written = max(0, (details.cache_write_tokens or 0) if details is not None else 0)
    # The specification does not say whether written tokens are inside `prompt_tokens`. Where they
    # cannot be, nothing is left of the fresh part to take them from.
    fresh = prompt - read - written if read + written <= prompt else prompt - read
    reasoning = 0
    if wire.completion_tokens_details is not None:
        reasoning = max(0, wire.completion_tokens_details.reasoning_tokens or 0)
    if reasoning and wire.total_tokens == prompt + output + reasoning:
        # xAI leaves reasoning out of `completion_tokens`; the total gives it away.
        output += reasoning
    return Usage(
        fresh_input=fresh,
        cache_read=read,
        cache_write_other=written,
        output=output,
        reasoning=min(reasoning, output),
    )


def encode_usage(usage: Usage) -> dict[str, object]:
    prompt: dict[str, int] = {"cached_tokens": usage.cache_read, "audio_tokens": 0}
    if usage.cache_write:
        prompt["cache_write_tokens"] = usage.cache_write
    return {
        "prompt_tokens": usage.input_total,
        "completion_tokens": usage.output,
        "total_tokens": usage.total,
        "prompt_tokens_details": prompt,
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
