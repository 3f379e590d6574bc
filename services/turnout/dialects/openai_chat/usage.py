"""Usage of this wire and ours; what the counts include is said at `openai_usage`."""

from turnout.dialects.openai_chat.wire import WireUsage
from turnout.dialects.openai_usage import usage_of
from turnout.dialects.usage import Usage


def decode_usage(wire: WireUsage) -> Usage:
    details, said = wire.prompt_tokens_details, wire.completion_tokens_details
    cached = None if details is None else details.cached_tokens
    if cached is None:
        cached = wire.prompt_cache_hit_tokens
    if cached is None:
        cached = wire.cached_tokens
    return usage_of(
        prompt=wire.prompt_tokens,
        output=wire.completion_tokens,
        total=wire.total_tokens,
        cached=cached,
        written=None if details is None else details.cache_write_tokens,
        reasoning=None if said is None else said.reasoning_tokens,
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
