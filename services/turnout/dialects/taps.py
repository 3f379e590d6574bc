"""What every dialect's taps have in common: when there is something to read, and when not any more.

Rules: a tap changes nothing and never fails; an event beyond the bound is relayed all the same, but from
then on the tap is blind, and says that there was content, so that nobody takes the answer back. An
answer in one piece is read when its bytes could be whole.
"""

import re
from collections.abc import Callable
from typing import Final, Protocol

from turnout.dialects.dialect import TapReading
from turnout.dialects.sse import SseDecoder, SseEvent
from turnout.errors import UpstreamFailed

MAX_BODY_BYTES: Final = 32 * 1024 * 1024
"""Of an answer in one piece; what is larger passes unread."""

JSON_TEXT: Final = rb'[^"\\\x00-\x1f]*+(?:\\[^\x00-\x1f][^"\\\x00-\x1f]*+)*+'
"""A pattern for what stands between the quotes of a JSON string. Like those below it goes back over
nothing, so that its time is linear in what it reads."""

PLAIN_TEXT: Final = rb"[\x20\x21\x23-\x5b\x5d-\x7e]*+"
"""The same where every byte is a character of the text, so that its length is known without reading it."""

PLAIN_VALUE: Final = rb'(?:"%b"|null|0|[1-9]\d*+)' % PLAIN_TEXT

_ENDS: Final = (b"}", b"]")


def plain_pieces(pattern: re.Pattern[bytes], data: bytes) -> tuple[int, re.Match[bytes] | None]:
    """How many bytes of text (its first group) the events hold that the data begins with, and the last
    of these events.
    """
    size = 0
    last: re.Match[bytes] | None = None
    while found := pattern.match(data, 0 if last is None else last.end()):
        size += found.end(1) - found.start(1)
        last = found
    return size, last


class Seen(Protocol):
    """What a dialect's events so far add up to."""

    has_content: bool

    @property
    def is_over(self) -> bool:
        """The terminal event or an error has passed."""
        ...

    def skim(self, data: bytes) -> int:
        """Take in the plain pieces of text that whole bytes begin with; return where they end.

        What it takes it takes as `on_event` would, without the cost of an event: nearly all of a stream
        is such pieces. Figures for usage it may keep unread; those that cannot be read are none. What is not plain, or not written as providers write it, is left to `on_event`.
        """
        ...

    def on_event(self, event: SseEvent) -> None:
        """Take an event in; one that cannot be read counts as content."""
        ...

    def reading(self, *, at_boundary: bool) -> TapReading: ...


class EventTap:
    """Of a stream; see `dialect.StreamTap`."""

    __slots__ = ("_is_blind", "_seen", "_sse", "behind", "is_over")

    def __init__(self, seen: Seen, *, bare_objects: bool = False) -> None:
        self._sse = SseDecoder(bare_objects=bare_objects)
        self._seen = seen
        self._is_blind = False
        # Plain pieces end nothing, so only events change it.
        self.is_over = False
        self.behind = 0

    def feed(self, data: bytes) -> None:
        self.behind = 0
        if self._is_blind:
            return
        if self._sse.is_between:
            end = self._seen.skim(data)
            if end == len(data):
                return
            data = data[end:]
        try:
            events = self._sse.feed(data)
        except UpstreamFailed:
            self._is_blind = True
            self._seen.has_content = True
            return
        for event in events:
            if self.is_over:
                self.behind += 1
            self._seen.on_event(event)
            self.is_over = self._seen.is_over

    @property
    def reading(self) -> TapReading:
        return self._seen.reading(at_boundary=self._sse.at_boundary and not self._is_blind)


class BodyTap:
    """Of an answer in one piece; see `dialect.StreamTap`.

    `read` makes something seen of a body, None of one that is no answer or is not whole.
    """

    __slots__ = ("_held", "_read", "_read_length", "_seen")

    def __init__(self, nothing: Seen, read: Callable[[bytes], Seen | None]) -> None:
        self._held = bytearray()
        self._read_length = 0
        self._seen = nothing
        self._read = read

    def feed(self, data: bytes) -> None:
        if len(self._held) <= MAX_BODY_BYTES:
            self._held += data

    @property
    def behind(self) -> int:
        return 0

    @property
    def is_over(self) -> bool:
        reading = self.reading
        return reading.is_complete or reading.error is not None

    @property
    def reading(self) -> TapReading:
        length = len(self._held)
        if length != self._read_length and length <= MAX_BODY_BYTES:
            self._read_length = length
            # Cheaper than keeping count of brackets: a body mostly comes in a few pieces.
            if self._held.rstrip().endswith(_ENDS):
                self._seen = self._read(bytes(self._held)) or self._seen
        return self._seen.reading(at_boundary=False)
