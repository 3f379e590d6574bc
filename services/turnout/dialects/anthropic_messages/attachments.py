"""Images, documents and cache markers of a body, found by their marks and not by parsing.

Rules: base64 is skipped over, never looked into; a mark is a quoted word, whose quotes are escaped
wherever it is written inside a text.
"""

import re
from typing import Final

IMAGE_TOKENS: Final = 1_600
"""What Anthropic counts for an image of the size to which it scales larger ones down."""

DOCUMENT_BYTES_PER_TOKEN: Final = 33
"""A page of a PDF is about 100 kB of base64 and 3,000 tokens."""

_IMAGE: Final = re.compile(rb'"type"\s*:\s*"image"')
_DOCUMENT: Final = re.compile(rb'"type"\s*:\s*"document"')
_DATA: Final = re.compile(rb'"data"\s*:\s*"')
_MARKER: Final = re.compile(rb'"cache_control"\s*:\s*\{([^{}]*)\}')
_BASE64: Final = b'"base64"'
_NEAR: Final = 400
"""Bytes around the word `base64` in which its `data` begins: the other fields are short."""


class Attachments:
    """Attributes:
    bytes: of base64, which count as no text.
    tokens: what a model reads of the images and documents, estimated.

    """

    def __init__(self, body: bytes) -> None:
        self.images = 0
        self.documents = 0
        self.bytes = 0
        image_bytes = 0
        if b'"image"' in body:
            self.images = len(_IMAGE.findall(body))
        if b'"document"' in body:
            self.documents = len(_DOCUMENT.findall(body))
        if self.images or self.documents:
            image_bytes = self._skip_base64(body)
        documents = (self.bytes - image_bytes) // DOCUMENT_BYTES_PER_TOKEN
        self.tokens = self.images * IMAGE_TOKENS + documents

    def _skip_base64(self, body: bytes) -> int:
        """Sum up the base64 and return how much of it is of images."""
        images = 0
        place = body.find(_BASE64)
        while place >= 0:
            following = place + len(_BASE64)
            # `data` mostly follows; where it came before the type, its end is a few bytes back.
            found = _DATA.search(body, following, following + _NEAR)
            if found is not None:
                end = body.find(b'"', found.end())
                size = max(0, end - found.end())
                is_image = b'"image/' in body[max(0, place - _NEAR) : found.start()]
                following = max(following, end)
            else:
                end = body.rfind(b'",', 0, place)
                start = body.rfind(b'"', 0, max(0, end))
                size = max(0, end - start - 1)
                is_image = b'"image/' in body[end : place + _NEAR]
            self.bytes += size
            images += size if is_image else 0
            place = body.find(_BASE64, following)
        return images


def breakpoints(body: bytes) -> tuple[int, int]:
    """Markers of the client: (five minutes, one hour)."""
    markers: list[bytes] = _MARKER.findall(body)
    long = sum(b'"1h"' in marker for marker in markers)
    return (len(markers) - long, long)
