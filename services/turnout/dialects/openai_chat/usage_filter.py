"""The usage that we ask a chat server for, kept from a client that did not ask.

Rule: events pass as the bytes they came in, or not at all.
"""

import re
from typing import Final

from turnout.dialects.sse import EVENT_END

EMPTY_CHOICES: Final = re.compile(rb'"choices"\s*:\s*\[\s*\]')
_REPORTED_USAGE: Final = re.compile(rb'"usage"\s*:\s*\{')


class UsageHidden:
    """Whole events of one stream without the usage-only chunk."""

    __slots__ = ()

    def feed(self, events: bytes) -> bytes:
        if not EMPTY_CHOICES.search(events):
            return events
        ends = [end.end() for end in EVENT_END.finditer(events)]
        starts = [0, *ends]
        passed = (
            events[start:end] for start, end in zip(starts, [*ends, len(events)], strict=True)
        )
        return b"".join(event for event in passed if not _is_usage(event))


def _is_usage(event: bytes) -> bool:
    return EMPTY_CHOICES.search(event) is not None and _REPORTED_USAGE.search(event) is not None
