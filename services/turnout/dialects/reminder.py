"""A system message that cannot be one where it stands: text of the user's that says whose it is.

Rule: it stays at its place, because moved to the front it would change the prefix that a cache
compares, and speak of what has not happened yet.
"""

from collections.abc import Sequence
from typing import Final

from turnout.dialects.conversation import Part, Text, joined_text

SYSTEM_TAG: Final = "system-reminder"
"""The tag that agents' models know best."""


def reminder(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Nothing where there is no text."""
    text = joined_text(parts)
    return (Text(f"<{SYSTEM_TAG}>\n{text}\n</{SYSTEM_TAG}>"),) if text.strip() else ()
