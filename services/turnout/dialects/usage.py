"""Token usage in disjoint counts: every token is in exactly one of them."""

from typing import Literal, TypeAlias

import msgspec

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
