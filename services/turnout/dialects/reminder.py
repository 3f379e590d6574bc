"""A system message that cannot be one where it stands: text of the user's that says whose it is.

Rule: it stays at its place, because moved to the front it would change the prefix that a cache
compares, and speak of what has not happened yet.
"""

from collections.abc import Sequence
from typing import Final

from turnout.dialects.conversation import Part, Text, joined_text

SYSTEM_TAG: Final = "system-reminder"
"""The tag that agents' models know best."""

_OPENS: Final = b'[{"type":"text","text":"<%b>"},' % SYSTEM_TAG.encode()
_CLOSES: Final = b',{"type":"text","text":"</%b>"}]' % SYSTEM_TAG.encode()
_NOTHING: Final = frozenset({b"", b'""', b"null"})


def reminder_blocks(content: bytes) -> bytes:
    """The JSON of a content of Anthropic's, as blocks between the tag's two ends: the same whether it
    was written as a text or as a block, because clients change that from turn to turn.
    """
    is_list = content.startswith(b"[")
    said = content[1:-1].strip() if is_list else content
    if said in _NOTHING:
        return content
    return _OPENS + (said if is_list else b'{"type":"text","text":%b}' % said) + _CLOSES


def reminder(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Nothing where there is no text."""
    text = joined_text(parts)
    return (Text(f"<{SYSTEM_TAG}>\n{text}\n</{SYSTEM_TAG}>"),) if text.strip() else ()
