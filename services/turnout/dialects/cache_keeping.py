"""An Anthropic request again, only to keep its prompt cached: read, billed as read, and not answered.

Rules: `max_tokens` 0 asks for that (platform.claude.com/docs/en/build-with-claude/prompt-caching, "pre-warming").
It is refused for a stream, with a thinking budget, with a form of the answer and with a forced tool. A
stream can be given up; the others are a part of what the cached messages are found by, as the effort
is, so what asks for one of them cannot be kept. Every other byte stays as it is.
"""

from typing import Final

import msgspec

from turnout.dialects.passthrough import DropField, SetField, splice
from turnout.dialects.reading import MALFORMED

_FORCED: Final = frozenset({"any", "tool"})


class _Kind(msgspec.Struct):
    type: str | None = None


class _Form(msgspec.Struct):
    format: msgspec.Raw | None = None


class _Asked(msgspec.Struct):
    """What decides whether it can be kept; `output_format` is the older word for `output_config.format`."""

    max_tokens: int
    thinking: _Kind | None = None
    tool_choice: _Kind | None = None
    output_config: _Form | None = None
    output_format: msgspec.Raw | None = None


_ASKED: Final = msgspec.json.Decoder(_Asked)
_NULL: Final = b"null"


def only_read(body: bytes) -> bytes | None:
    """None where it cannot be kept."""
    try:
        asked = _ASKED.decode(body)
    except MALFORMED:
        return None
    config = asked.output_config
    forms = (asked.output_format, None if config is None else config.format)
    if (
        (asked.thinking and asked.thinking.type == "enabled")
        or (asked.tool_choice and asked.tool_choice.type in _FORCED)
        or any(form is not None and bytes(form) != _NULL for form in forms)
    ):
        return None
    return splice(body, (DropField("stream"), SetField("max_tokens", b"0")))
