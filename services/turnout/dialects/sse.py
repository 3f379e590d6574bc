"""Server-sent events: an incremental decoder over bytes and an encoder.

Rules: lines end at CR, LF or CRLF and at nothing else (other Unicode line breaks are data); any
split of the same bytes gives the same events; a comment is nobody's event; an event is bounded;
`id` and `retry` are read by no client of ours and are dropped. Google ends a stream that fails in an
object without `data:`, which a decoder that is told so gives as an event.
Format: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

import json
import re
from typing import Final

import msgspec

from turnout.errors import UpstreamFailed

MAX_EVENT_BYTES = 16 * 1024 * 1024
"""Bytes of one event. The largest honest one carries a whole answer with images as base64."""

_LINE_END = rb"(?:\r\n|\n|\r(?!\n))"

EVENT_END: Final = re.compile(_LINE_END + _LINE_END)
"""The blank line behind an event, for those who pass the bytes on. Written twice it is found four times as fast as
repeated."""

_BOM = b"\xef\xbb\xbf"

_MAX_BARE_BYTES = 16 * 1024
"""Of an object that is looked for before its blank line has come: errors are far smaller."""

_OBJECT: Final = json.JSONDecoder()


class SseEvent(msgspec.Struct, frozen=True, gc=False):
    """One event; `event` is "" where the stream names none.

    A Struct and not a dataclass: one is made for every token that passes, at a fifth of the cost.
    """

    event: str
    data: bytes


class SseDecoder:
    """Bytes in, whole events out."""

    __slots__ = (
        "_after_cr",
        "_at_start",
        "_bare_objects",
        "_buffer",
        "_max_event_bytes",
        "_scan_from",
    )

    def __init__(
        self, *, max_event_bytes: int = MAX_EVENT_BYTES, bare_objects: bool = False
    ) -> None:
        self._max_event_bytes = max_event_bytes
        self._bare_objects = bare_objects
        # Unfinished event, its line ends already turned into LF.
        self._buffer = bytearray()
        self._scan_from = 0
        # The last byte was a CR, already taken as a line end: an LF that follows belongs to it.
        self._after_cr = False
        self._at_start = True

    @property
    def at_boundary(self) -> bool:
        """The bytes so far end between two events.

        Not after a CR: its LF may still come, and a client that knows CRLF alone would see
        whatever is put between them as part of the event.
        """
        return not self._buffer and not self._after_cr

    @property
    def is_between(self) -> bool:
        """The same, and a first event has passed: what comes begins an event, without a byte order mark."""
        return not (self._buffer or self._after_cr or self._at_start)

    def feed(self, data: bytes) -> list[SseEvent]:
        """Return the events that `data` completes.

        Raises `UpstreamFailed` when an event grows beyond the bound.
        """
        if not data:
            return []
        if self._after_cr or b"\r" in data:
            data = self._with_lf(data)
        buffer = self._buffer
        if not buffer and data.endswith(b"\n\n"):
            blocks = data[:-2].split(b"\n\n")
        else:
            buffer += data
            end = buffer.rfind(b"\n\n", self._scan_from)
            if end < 0:
                return self._keep_unfinished()
            blocks = bytes(buffer[:end]).split(b"\n\n")
            del buffer[: end + 2]
            self._drop_blank_lines()
        events: list[SseEvent] = []
        for block in blocks:
            rest = self._take_bare(block, events) if self._is_bare(block) else block
            event = self._parse(rest)
            if event is not None:
                events.append(event)
        if buffer:
            events += self._keep_unfinished()
        else:
            self._scan_from = 0
        return events

    def close(self) -> list[SseEvent]:
        """The bytes have ended: return the last event if only its blank line is missing.

        The specification drops such an event; servers that leave the last blank line out exist,
        and their last event is the one that says how the answer ended.
        """
        if not self._buffer.endswith(b"\n"):
            return []
        block = bytes(self._buffer[:-1])
        self._buffer.clear()
        event = self._parse(block)
        return [] if event is None else [event]

    def _with_lf(self, data: bytes) -> bytes:
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
            if not data:
                self._after_cr = False
                return data
        self._after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _drop_blank_lines(self) -> None:
        """Blank lines before an event separate nothing."""
        buffer = self._buffer
        if buffer.startswith(b"\n"):
            del buffer[: len(buffer) - len(buffer.lstrip(b"\n"))]

    def _keep_unfinished(self) -> list[SseEvent]:
        """Let what is here wait for more, except bare objects: after one nothing may come."""
        self._drop_blank_lines()
        whole: list[SseEvent] = []
        if self._is_bare(self._buffer) and len(self._buffer) <= _MAX_BARE_BYTES:
            self._buffer[:] = self._take_bare(bytes(self._buffer), whole)
        held = len(self._buffer)
        if held > self._max_event_bytes:
            raise self._too_large()
        # A separator may have its first LF at the end of what is already here.
        self._scan_from = max(0, held - 1)
        return whole

    def _too_large(self) -> UpstreamFailed:
        return UpstreamFailed(
            f"an event of the upstream's stream exceeds {self._max_event_bytes} bytes"
        )

    def _parse(self, block: bytes) -> SseEvent | None:
        if len(block) > self._max_event_bytes:
            raise self._too_large()
        if self._at_start:
            self._at_start = False
            block = block.removeprefix(_BOM)
        # The two usual shapes, without a loop over lines.
        if block.startswith(b"data: ") and b"\n" not in block:
            return SseEvent("", block[6:])
        if block.startswith(b"event: "):
            end = block.find(b"\n")
            if block.startswith(b"data: ", end + 1) and block.find(b"\n", end + 1) < 0 < end:
                return SseEvent(block[7:end].decode("utf-8", "replace"), block[end + 7 :])
        return _parse_lines(block)

    def _is_bare(self, block: bytes | bytearray) -> bool:
        return self._bare_objects and block.startswith(b"{")

    def _take_bare(self, block: bytes, events: list[SseEvent]) -> bytes:
        """Add the objects that `block` begins with; return what follows them."""
        while self._is_bare(block) and b"}" in block:
            try:
                # What is no text behind an object is no reason to wait with it.
                text = block.decode("utf-8", "surrogateescape")
                _, end = _OBJECT.raw_decode(text)
            except (ValueError, RecursionError):
                break
            length = len(text[:end].encode("utf-8", "surrogateescape"))
            events.append(SseEvent("", block[:length]))
            block = block[length:].lstrip(b"\n")
        return block


def _parse_lines(block: bytes) -> SseEvent | None:
    name = b""
    data: list[bytes] = []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    if not data:
        return None
    return SseEvent(name.decode("utf-8", "replace"), b"\n".join(data))


def encode_event(event: str | None, data: bytes) -> bytes:
    """One event as bytes; data that holds line ends goes out as several lines."""
    if b"\n" in data or b"\r" in data:
        lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        data = b"\ndata: ".join(lines)
    if event:
        return b"event: %b\ndata: %b\n\n" % (event.encode(), data)
    return b"data: %b\n\n" % data


def encode_comment(text: bytes) -> bytes:
    """A comment that stands alone: every conforming reader skips it."""
    return b": %b\n\n" % text
