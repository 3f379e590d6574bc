"""What comes behind the end of a streamed answer.

Rule: of it goes on what the dialect knows to follow an end, in the bytes it came in; a provider that goes on
talking after it has said that it is done is not relayed.
"""

import re
from collections.abc import Callable
from typing import Final

from turnout.dialects.sse import EVENT_END, SseDecoder

_DATA: Final = re.compile(rb"(?:^|[\r\n])data")


def start_of_last(data: bytes, count: int) -> int:
    """Where the last `count` whole events begin that `data` holds; comments are none."""
    # An answer may have come at once, with hundreds of events before.
    starts, end = _starts(data, _shortly_before(data, count))
    if len(starts) < count:
        starts, end = _starts(data, 0)
    return min(starts[-count:], default=end) if count else end


def _shortly_before(data: bytes, count: int) -> int:
    """Behind some blank line that has `count` others of its kind behind it; 0 where there is none."""
    blank = b"\r\n\r\n" if data.endswith(b"\r\n") else b"\n\n"
    at = len(data)
    for _ in range(count + 1):
        at = data.rfind(blank, 0, at)
        if at < 0:
            return 0
    return at + len(blank)


def _starts(data: bytes, at: int) -> tuple[list[int], int]:
    """Of the events from `at` on, and the end of the last one."""
    starts: list[int] = []
    for end in EVENT_END.finditer(data, at):
        if _DATA.search(data[at : end.start()]):
            starts.append(at)
        at = end.end()
    return starts, at


class Tail:
    """Bytes in, the events of them that `may_follow` by their data out."""

    __slots__ = ("_held", "_may_follow", "dropped_bytes")

    def __init__(self, may_follow: Callable[[bytes], bool]) -> None:
        self._may_follow = may_follow
        # The beginning of an event whose end has not come.
        self._held = b""
        self.dropped_bytes = 0

    def feed(self, data: bytes) -> bytes:
        held = self._held + data
        passed: list[bytes] = []
        at = 0
        for end in EVENT_END.finditer(held):
            if end.end() == len(held) and held.endswith(b"\r"):
                # Its LF may still come.
                break
            passed.append(self._passed(held[at : end.end()]))
            at = end.end()
        self._held = held[at:]
        return b"".join(passed)

    def close(self) -> bytes:
        """The bytes have ended: what is held is an event without its blank line, or half of one."""
        rest, self._held = self._held, b""
        return self._passed(rest)

    def _passed(self, event: bytes) -> bytes:
        events = SseDecoder().feed(event + b"\n\n")
        if all(self._may_follow(one.data.strip()) for one in events):
            return event
        # A line end in front belongs to the CR that the event before ends in.
        begin = len(event) - len(event.lstrip(b"\r\n"))
        self.dropped_bytes += len(event) - begin
        return event[:begin]
