"""What every dialect's taps have in common: when there is something to read, and when not any more.

Rules: a tap changes nothing and never fails; an event beyond the bound is relayed all the same, but from
then on the tap is blind, and says that there was content, so that nobody takes the answer back. An
answer in one piece is read when its bytes could be whole.
"""

from collections.abc import Callable
from typing import Final, Protocol

from turnout.dialects.dialect import TapReading
from turnout.dialects.sse import SseDecoder, SseEvent
from turnout.errors import UpstreamFailed

MAX_BODY_BYTES: Final = 32 * 1024 * 1024
"""Of an answer in one piece; what is larger passes unread."""

_ENDS: Final = (b"}", b"]")


class Seen(Protocol):
    """What a dialect's events so far add up to."""

    has_content: bool

    def on_event(self, event: SseEvent) -> None:
        """Take an event in; one that cannot be read counts as content."""
        ...

    def reading(self, *, at_boundary: bool) -> TapReading: ...


class EventTap:
    """Of a stream; see `dialect.StreamTap`."""

    __slots__ = ("_is_blind", "_seen", "_sse")

    def __init__(self, seen: Seen, *, bare_objects: bool = False) -> None:
        self._sse = SseDecoder(bare_objects=bare_objects)
        self._seen = seen
        self._is_blind = False

    def feed(self, data: bytes) -> None:
        if self._is_blind:
            return
        try:
            events = self._sse.feed(data)
        except UpstreamFailed:
            self._is_blind = True
            self._seen.has_content = True
            return
        for event in events:
            self._seen.on_event(event)

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
    def reading(self) -> TapReading:
        length = len(self._held)
        if length != self._read_length and length <= MAX_BODY_BYTES:
            self._read_length = length
            # Cheaper than keeping count of brackets: a body mostly comes in a few pieces.
            if self._held.rstrip().endswith(_ENDS):
                self._seen = self._read(bytes(self._held)) or self._seen
        return self._seen.reading(at_boundary=False)
