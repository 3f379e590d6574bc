"""The events of one response as bytes, numbered as they go out.

Rules: `event:` and `data:` lines both, because clients differ in which they read; the numbers count
up from 0 without gaps.
"""

from typing import Final

import msgspec

JSON: Final = msgspec.json.Encoder()


class Numbering:
    """One per answer.

    Attributes:
        next_number: of the event that goes out next.
        output_bytes: text, reasoning and arguments so far, to estimate usage that nobody reports.

    """

    __slots__ = ("next_number", "output_bytes")

    def __init__(self) -> None:
        self.next_number = 0
        self.output_bytes = 0

    def event(self, kind: str, fields: dict[str, object]) -> bytes:
        number = self.next_number
        self.next_number += 1
        name = kind.encode()
        rest = JSON.encode(fields)[1:]
        return b'event: %b\ndata: {"type":"%b","sequence_number":%d,%b\n\n' % (
            name,
            name,
            number,
            rest,
        )

    def delta(self, prepared: "PreparedDelta", text: str, logprobs: bytes = b"") -> bytes:
        """A piece of text, as nearly all events are."""
        number = self.next_number
        self.next_number += 1
        encoded = JSON.encode(text)
        self.output_bytes += len(encoded) - 2
        return b"%b%d%b%b%b" % (
            prepared.head,
            number,
            prepared.middle,
            encoded,
            prepared.tail % (logprobs or b"[]") if prepared.has_logprobs else prepared.tail,
        )


class PreparedDelta:
    """What all deltas of one part have in common."""

    __slots__ = ("has_logprobs", "head", "middle", "tail")

    def __init__(self, kind: str, fields: dict[str, object], *, has_logprobs: bool) -> None:
        name = kind.encode()
        self.head = b'event: %b\ndata: {"type":"%b","sequence_number":' % (name, name)
        self.middle = b',%b,"delta":' % JSON.encode(fields)[1:-1]
        self.has_logprobs = has_logprobs
        self.tail = b',"logprobs":%b}\n\n' if has_logprobs else b"}\n\n"
