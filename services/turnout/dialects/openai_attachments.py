"""Images and files in bodies of OpenAI's two wires, found by their marks and not by parsing."""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from turnout.dialects.media_types import TEXT_PATTERN
from turnout.dialects.survey import BYTES_PER_TOKEN, DOCUMENT_BYTES_PER_TOKEN

IMAGE_TOKENS: Final = 1_100
"""A screenshot of a megapixel at any of the large providers, roughly."""

_BASE64: Final = re.compile(rb';base64,([^"\\]*+)')
_TEXT_FILE: Final = re.compile(rb'"file_data"\s*:\s*"data:%b;base64,([^"\\]*+)' % TEXT_PATTERN)
_FILE_ID: Final = b'"file_id"'
_ANY_FILE_ID: Final = re.compile(rb'"file_id"\s*:\s*"[^"]')
_HOLDERS: Final = frozenset(b"[{")
"""How a list of parts begins, and one part alone, as a screenshot stands in its output."""


class Attachments:
    """What has been counted so far.

    Attributes:
        bound: kinds of parts that no other dialect has, each once.

    """

    def __init__(
        self, image: re.Pattern[bytes], file: re.Pattern[bytes], bound: re.Pattern[bytes]
    ) -> None:
        """The patterns find the beginnings of parts; of what is bound, the kind too."""
        self.images = 0
        self.documents = 0
        self.bound: list[str] = []
        self._bound = bound
        self._image = image
        self._file = file
        self._image_bytes = 0
        self._document_bytes = 0

    def count(
        self, fields: Mapping[str, msgspec.Raw], *names: str, is_models: bool = False
    ) -> None:
        """Those in the fields of these names. What a model has said is history, and binds nobody."""
        for name in names:
            raw = fields.get(name)
            # Most contents are plain strings.
            if raw is not None and memoryview(raw)[0] in _HOLDERS:
                content = bytes(raw)
                self._count(content)
                if not is_models:
                    self._bind(content)

    def add_image(self, base64: msgspec.Raw) -> None:
        """One that is all there is in its field."""
        self.images += 1
        self._image_bytes += len(memoryview(base64))

    def _count(self, content: bytes) -> None:
        images = len(self._image.findall(content))
        documents = len(self._file.findall(content))
        if not images and not documents:
            return
        held = sum(len(data) for data in _BASE64.findall(content))
        if documents:
            # Text needs no model that takes documents, and is read letter by letter.
            texts = _TEXT_FILE.findall(content)
            documents -= len(texts)
            held -= sum(map(len, texts))
        if documents:
            self._document_bytes += held
        else:
            self._image_bytes += held
        self.images += images
        self.documents += documents

    def _bind(self, content: bytes) -> None:
        kinds = [kind.decode() for kind in self._bound.findall(content)]
        if _FILE_ID in content and _ANY_FILE_ID.search(content):
            kinds.append("file_id")
        self.bound += [kind for kind in dict.fromkeys(kinds) if kind not in self.bound]

    @property
    def tokens(self) -> int:
        files = self._document_bytes // DOCUMENT_BYTES_PER_TOKEN
        return files + self.images * IMAGE_TOKENS

    def estimate(self, prompt_bytes: int) -> int:
        """Tokens of a prompt of that many bytes with these in it."""
        text = prompt_bytes - self._image_bytes - self._document_bytes
        return round(max(0, text) / BYTES_PER_TOKEN) + self.tokens
