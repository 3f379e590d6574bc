"""Usage of this wire and ours.

Rules: `input_tokens` excludes cached and written tokens, so the counts are disjoint as they come;
reports are cumulative and a field that is absent keeps what was said before; a write that is not
split by lifetime is of lifetime `other`, never guessed; a report whose whole input side is 0 says
nothing about the input (compatible servers send such in `message_delta`).
"""

import msgspec

from turnout.dialects.usage import Usage


class WireCacheCreation(msgspec.Struct):
    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


class WireOutputDetails(msgspec.Struct):
    thinking_tokens: int | None = None


class WireUsage(msgspec.Struct):
    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation: WireCacheCreation | None = None
    output_tokens: int | None = None
    output_tokens_details: WireOutputDetails | None = None


class UsageTally:
    """The reports of one answer, the later ones over the earlier ones."""

    __slots__ = (
        "_fresh",
        "_has_report",
        "_long",
        "_output",
        "_read",
        "_reasoning",
        "_short",
        "_written",
    )

    def __init__(self) -> None:
        self._has_report = False
        self._fresh = self._read = self._written = 0
        self._short = self._long = 0
        self._output = self._reasoning = 0

    def report(self, wire: WireUsage) -> None:
        self._has_report = True
        if wire.input_tokens or wire.cache_read_input_tokens or wire.cache_creation_input_tokens:
            self._fresh = _count(wire.input_tokens, self._fresh)
            self._read = _count(wire.cache_read_input_tokens, self._read)
            self._written = _count(wire.cache_creation_input_tokens, self._written)
        if wire.cache_creation is not None:
            self._short = _count(wire.cache_creation.ephemeral_5m_input_tokens, self._short)
            self._long = _count(wire.cache_creation.ephemeral_1h_input_tokens, self._long)
        self._output = _count(wire.output_tokens, self._output)
        if wire.output_tokens_details is not None:
            self._reasoning = _count(wire.output_tokens_details.thinking_tokens, self._reasoning)

    @property
    def usage(self) -> Usage | None:
        if not self._has_report:
            return None
        return Usage(
            fresh_input=self._fresh,
            cache_read=self._read,
            cache_write_5m=self._short,
            cache_write_1h=self._long,
            cache_write_other=max(0, self._written - self._short - self._long),
            output=self._output,
            reasoning=min(self._reasoning, self._output),
        )


def _count(said: int | None, before: int) -> int:
    return before if said is None else max(0, said)


def encode_usage(usage: Usage) -> dict[str, object]:
    encoded: dict[str, object] = {
        "input_tokens": usage.fresh_input,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_5m,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        },
        "output_tokens": usage.output,
    }
    if usage.reasoning:
        encoded["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return encoded
