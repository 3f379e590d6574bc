"""The usage that we ask a chat server for, kept from a client that did not ask.

Rule: whole events pass as the bytes they came in, or not at all.
"""

import re
from typing import Final

from turnout.dialects.sse import EVENT_END, MAX_EVENT_BYTES
from turnout.errors import UpstreamFailed

_WHOLE: Final = (b"\n\n", b"\r\n\r\n")
_EMPTY_CHOICES: Final = re.compile(rb'"choices"\s*:\s*\[\s*\]')
_REPORTED_USAGE: Final = re.compile(rb'"usage"\s*:\s*\{')


class UsageChunkFilter:
    """Hides the usage-only chunk of an `openai_chat` stream from a client that did not ask for it.

    Whole events pass as the bytes they came in; an unfinished one is held until it is whole.
    """

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> bytes:
        """Return what may go on. Raises `UpstreamFailed` when an event exceeds the bound."""
        held = self._held
        if not held and data.endswith(_WHOLE) and not _EMPTY_CHOICES.search(data):
            return data
        scan_from = max(0, len(held) - 3)
        held += data
        # Only from where a line end could have begun in what was already held.
        if EVENT_END.search(held, scan_from) is None:
            if len(held) > MAX_EVENT_BYTES:
                raise UpstreamFailed(
                    f"an event of the upstream's stream exceeds {MAX_EVENT_BYTES} bytes"
                )
            return b""
        passed: list[bytes] = []
        at = 0
        for end in EVENT_END.finditer(held):
            event = bytes(held[at : end.end()])
            at = end.end()
            if not (_EMPTY_CHOICES.search(event) and _REPORTED_USAGE.search(event)):
                passed.append(event)
        del held[:at]
        return b"".join(passed)

    def close(self) -> bytes:
        """The stream has ended: return what was held."""
        rest = bytes(self._held)
        self._held.clear()
        return rest
