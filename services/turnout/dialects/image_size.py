"""Width and height of an image from its first bytes: PNG, GIF, WebP, JPEG.

Rules of this module: pure, bounded, and never an error: an image that cannot be read has no size
here. Only the head of the base64 is decoded; a JPEG whose size stands behind more metadata than
that is one that cannot be read.
"""

import base64
import binascii
import struct
from typing import Final, NamedTuple

HEAD_CHARACTERS: Final = 64 * 1024
"""Of base64, a multiple of four. Cameras put thumbnails of up to 64 kB in front of a JPEG's size;
screenshots have nothing there."""


class Size(NamedTuple):
    width: int
    height: int


def size_of(data: str) -> Size | None:
    """The size of an image in base64."""
    head = data[:HEAD_CHARACTERS]
    try:
        raw = base64.b64decode(head[: len(head) // 4 * 4])
        size = _size(raw)
    except (binascii.Error, ValueError, struct.error, IndexError):
        return None
    return size if size is not None and size.width > 0 and size.height > 0 else None


def _size(raw: bytes) -> Size | None:
    if raw.startswith(b"\x89PNG\r\n\x1a\n"):
        return Size(*struct.unpack_from(">II", raw, 16))
    if raw.startswith((b"GIF87a", b"GIF89a")):
        return Size(*struct.unpack_from("<HH", raw, 6))
    if raw.startswith(b"RIFF") and raw[8:12] == b"WEBP":
        return _webp(raw)
    if raw.startswith(b"\xff\xd8"):
        return _jpeg(raw)
    return None


def _webp(raw: bytes) -> Size | None:
    """RFC 9649: lossy, lossless and extended files each have their own place."""
    match raw[12:16]:
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", raw, 26)
            return Size(width & 0x3FFF, height & 0x3FFF)
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", raw, 21)
            return Size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
        case b"VP8X":
            width = int.from_bytes(raw[24:27], "little") + 1
            return Size(width, int.from_bytes(raw[27:30], "little") + 1)
        case _:
            return None


_START_OF_FRAME: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""ITU-T T.81, table B.1; the other three are no frames."""

_WITHOUT_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xD8)})


def _jpeg(raw: bytes) -> Size | None:
    at = 2
    while at + 4 <= len(raw):
        if raw[at] != 0xFF:
            return None
        marker = raw[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in _WITHOUT_LENGTH:
            at += 2
            continue
        if marker in _START_OF_FRAME:
            height, width = struct.unpack_from(">HH", raw, at + 5)
            return Size(width, height)
        (length,) = struct.unpack_from(">H", raw, at + 2)
        at += 2 + length
    return None
