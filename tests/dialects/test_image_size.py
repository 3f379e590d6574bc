"""Sizes out of the first bytes of images."""

import base64
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.dialects.image_size import HEAD_CHARACTERS, Size, size_of

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 800, 600)
GIF = b"GIF89a" + struct.pack("<HH", 800, 600)
LOSSY = b"RIFF\0\0\0\0WEBPVP8 " + b"\0" * 10 + struct.pack("<HH", 800 | 1 << 14, 600)
LOSSLESS = b"RIFF\0\0\0\0WEBPVP8L" + b"\0" * 4 + b"\x2f" + struct.pack("<I", 799 | 599 << 14)
EXTENDED = (
    b"RIFF\0\0\0\0WEBPVP8X" + b"\0" * 8 + (799).to_bytes(3, "little") + (599).to_bytes(3, "little")
)
APP0 = b"\xff\xe0" + struct.pack(">H", 16) + b"\0" * 14
FRAME = b"\xff\xc2" + struct.pack(">HBHH", 17, 8, 600, 800)
JPEG = b"\xff\xd8" + APP0 + b"\xff\xff\xdb" + struct.pack(">H", 4) + b"\0\0" + FRAME


def encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@pytest.mark.parametrize("raw", [PNG, GIF, LOSSY, LOSSLESS, EXTENDED, JPEG])
def test_reads_the_size(raw: bytes) -> None:
    assert size_of(encoded(raw + b"\0" * 100)) == Size(800, 600)


@pytest.mark.parametrize(
    "data",
    [
        "",
        "not base64 at all!",
        encoded(b"BM" + b"\0" * 60),
        encoded(PNG[:20]),
        encoded(PNG[:16] + b"\0" * 8),
        encoded(b"\xff\xd8" + b"\xff\xe1\xff\xff"),
        encoded(b"\xff\xd8\x00\x00\x00\x00"),
        encoded(b"RIFF\0\0\0\0WEBPVP9 " + b"\0" * 40),
    ],
)
def test_what_cannot_be_read_has_no_size(data: str) -> None:
    assert size_of(data) is None


def test_a_size_behind_much_metadata_is_not_looked_for() -> None:
    behind = b"\xff\xd8" + (b"\xff\xe1" + struct.pack(">H", 65_000) + b"\0" * 64_998) * 2 + FRAME
    assert len(encoded(behind)) > HEAD_CHARACTERS
    assert size_of(encoded(behind)) is None


@given(st.binary(max_size=200), st.sampled_from([b"", PNG, GIF[:6], LOSSY[:16], b"\xff\xd8"]))
def test_no_bytes_are_an_error(tail: bytes, head: bytes) -> None:
    size = size_of(encoded(head + tail))
    assert size is None or min(size) > 0
