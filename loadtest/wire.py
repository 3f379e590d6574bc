"""The few parts of HTTP/1.1 that a benchmark needs: where a message's head ends and its body ends.

Pure, and no server's or client's library: a library's cost on the load's CPU would be measured as
the gateway's. Both sides of the bench write well-formed messages, so nothing here is lenient.
"""

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, runtime_checkable

HEAD_END = b"\r\n\r\n"

LAST_CHUNK = b"0\r\n\r\n"
"""What ends a chunked body. Bodies of the bench contain no carriage return, so no data ends so."""

Framing: TypeAlias = Literal["length", "chunked", "none"]


@runtime_checkable
class Writer(Protocol):
    """What of a transport is used; uvloop's transports are no subclasses of asyncio's."""

    def write(self, data: bytes, /) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of a message when its head is complete.

    Attributes:
        first_line: request line or status line, as sent.
        body_at: offset of the body's first byte.
        length: of the body in bytes; 0 unless framing is "length".
        closes: the sender closes the connection after this message.

    """

    first_line: bytes
    body_at: int
    framing: Framing
    length: int
    closes: bool

    @property
    def status(self) -> int:
        """Of a status line."""
        return int(self.first_line[9:12])

    @property
    def path(self) -> bytes:
        """Of a request line."""
        return self.first_line.split(b" ", 2)[1]


def read_head(data: bytes | bytearray) -> Head | None:
    """The head at the beginning of `data`; None while it is incomplete."""
    end = data.find(HEAD_END)
    if end < 0:
        return None
    head = bytes(data[:end]).lower()
    line_end = head.find(b"\r\n")
    first_line = bytes(data[: end if line_end < 0 else line_end])
    length = _field(head, b"\r\ncontent-length:")
    framing: Framing = "length" if length else "none"
    if b"chunked" in _field(head, b"\r\ntransfer-encoding:"):
        framing = "chunked"
    return Head(
        first_line=first_line,
        body_at=end + len(HEAD_END),
        framing=framing,
        length=int(length) if framing == "length" else 0,
        closes=_field(head, b"\r\nconnection:") == b"close",
    )


def _field(head: bytes, name: bytes) -> bytes:
    """The value of a header of a lower-case head; empty if it is not there."""
    at = head.find(name)
    if at < 0:
        return b""
    end = head.find(b"\r\n", at + 2)
    return head[at + len(name) : end if end >= 0 else len(head)].strip()


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def request(method: str, path: str, headers: tuple[tuple[str, str], ...], body: bytes) -> bytes:
    """A whole request."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + HEAD_END + body


def response(body: bytes, *, content_type: str = "application/json", status: int = 200) -> bytes:
    """A whole answer of known length."""
    head = f"HTTP/1.1 {status} -\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}"
    return head.encode("latin-1") + HEAD_END + body
