"""Which types of files are text, which every model reads, also one that takes no documents."""

from typing import Final

_TEXTS: Final = "text/"
_ALSO_TEXT: Final = "application/json"

TEXT_PATTERN: Final = rb'(?:%b[^;",]*|%b)(?:;[^;",]*)*?' % (_TEXTS.encode(), _ALSO_TEXT.encode())
"""The same in a link that holds its data, in JSON: in front of `;base64,`."""


def is_text(media_type: str) -> bool:
    """Whatever the type says of its characters (`;charset=utf-8`)."""
    kind = media_type.partition(";")[0]
    return kind.startswith(_TEXTS) or kind == _ALSO_TEXT
