"""What OpenAI's two wires say of usage alike, and its arithmetic.

Rules: the prompt includes the cached and the written part, so they are taken apart into counts that
do not overlap; the output includes reasoning; a total survives the way there and back.
"""

import msgspec

from turnout.dialects.usage import Usage


class PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class OutputDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


def usage_of(
    *,
    prompt: int | None,
    output: int | None,
    total: int | None,
    cached: int | None,
    written: int | None,
    reasoning: int | None,
) -> Usage:
    """Tokens of each kind, None where the wire says none; below zero counts as zero."""
    everything, said, thought = _count(prompt), _count(output), _count(reasoning)
    read, write = min(_count(cached), everything), _count(written)
    # The documentation does not say whether written tokens are inside the prompt's. Where they
    # cannot be, nothing is left of the fresh part to take them from.
    fresh = everything - read - write if read + write <= everything else everything - read
    if thought and total == everything + said + thought:
        # xAI leaves reasoning out of its output; the total gives it away.
        said += thought
    return Usage(
        fresh_input=fresh,
        cache_read=read,
        cache_write_other=write,
        output=said,
        reasoning=min(thought, said),
    )


def _count(tokens: int | None) -> int:
    return max(0, tokens or 0)
