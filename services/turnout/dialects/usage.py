"""Token usage in disjoint counts: every token is in exactly one of them."""

from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import structs

OUTPUT_BYTES_PER_TOKEN: Final = 3.6
"""Of answers, which are prose, code and JSON; for those whose usage nobody reported."""

UsageSource: TypeAlias = Literal["reported", "estimated", "partial"]
"""Who counted: the provider at the end, we from bytes, or the provider but cut short."""


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Tokens of one answer. `reasoning` is a part of `output`, everything else is disjoint."""

    fresh_input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    cache_write_other: int = 0
    output: int = 0
    reasoning: int = 0

    @property
    def cache_write(self) -> int:
        """Tokens written to a prompt cache, whatever the lifetime."""
        return self.cache_write_5m + self.cache_write_1h + self.cache_write_other

    @property
    def input_total(self) -> int:
        """Every prompt token, cached or not."""
        return self.fresh_input + self.cache_read + self.cache_write

    @property
    def total(self) -> int:
        return self.input_total + self.output


def final_usage(said: Usage | None, *, input_estimate: int, output_bytes: int) -> Usage:
    """As reported; what nobody has reported is estimated, and no prompt is empty."""
    if said is None:
        return Usage(
            fresh_input=input_estimate, output=round(output_bytes / OUTPUT_BYTES_PER_TOKEN)
        )
    return said if said.input_total else structs.replace(said, fresh_input=input_estimate)
