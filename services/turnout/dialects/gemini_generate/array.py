"""A stream of this wire as one JSON array, which is what Google answers without `alt=sse`.

Rules: an element a chunk, given out as it comes and in its own bytes, set off as Google does; an error is
an element like any other, the last one, and an answer that is one from the start is an array of it; a sign
of life is a line end, which JSON allows between any two elements and in front of the first.
Google's clients for it: `google.api_core.rest_streaming`, and the SDKs that are made from its protos.
"""

from typing import Final

from turnout.dialects.sse import SseDecoder

CONTENT_TYPE: Final = "application/json; charset=UTF-8"

_SEPARATOR: Final = b",\r\n"
_SIGN_OF_LIFE: Final = b"\n"


class ArrayOfEvents:
    """One answer: whole events in, bytes of the array out."""

    __slots__ = ("_before", "_decoder")

    def __init__(self) -> None:
        self._decoder = SseDecoder(bare_objects=True)
        self._before = b"["

    def feed(self, data: bytes) -> bytes:
        """Raises `UpstreamFailed` when an event exceeds the bound of `SseDecoder`."""
        if self._decoder.at_boundary and data.isspace():
            return _SIGN_OF_LIFE
        out: list[bytes] = []
        for event in self._decoder.feed(data):
            out += (self._before, event.data)
            self._before = _SEPARATOR
        return b"".join(out)

    def close(self) -> bytes:
        """The answer is over."""
        return b"[]" if self._before == b"[" else b"]"


def array_of_error(body: bytes) -> bytes:
    """An error answer where a stream in this form was asked for."""
    return b"[%b]" % body if body.lstrip().startswith(b"{") else body
