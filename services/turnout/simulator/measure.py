"""How long a prompt is, in tokens, without a tokenizer.

Rules of this module: pure; a token is 3.6 bytes of the JSON as the provider sees it, whatever the
text, so the figures are deterministic and off by some tens of percent from a real tokenizer's; an
image or a document counts a fixed number of tokens instead of the bytes of its encoding.
"""

import hashlib
import math

import msgspec

from turnout.simulator.json_types import is_array, is_object

BYTES_PER_TOKEN = 3.6
"""Mean of English prose and source code under current tokenizers."""

ATTACHMENT_TOKENS = 1_600
"""What one full-size image costs at Anthropic; a page of a document costs about as much."""

ATTACHMENT_BYTES = round(ATTACHMENT_TOKENS * BYTES_PER_TOKEN)


def count_bytes(length: int) -> int:
    """Tokens in `length` bytes, rounded up."""
    return math.ceil(length / BYTES_PER_TOKEN)


def count_text(text: str) -> int:
    """Tokens in a text."""
    return count_bytes(len(text.encode()))


def canonical(value: object) -> bytes:
    """What a provider's prompt is made of: JSON without white space.

    Keys keep their order, because that order reaches the model; attachments are replaced by bytes
    that depend on their content and have the length that their price in tokens has.
    """
    return msgspec.json.encode(_without_attachments(value))


def _without_attachments(value: object) -> object:
    if is_object(value):
        is_base64 = value.get("type") == "base64" or "mime_type" in value
        return {
            key: _stand_in(item)
            if isinstance(item, str) and ((is_base64 and key == "data") or item[:5] == "data:")
            else _without_attachments(item)
            for key, item in value.items()
        }
    if is_array(value):
        return [_without_attachments(item) for item in value]
    return value


def _stand_in(data: str) -> str:
    digest = hashlib.blake2b(data.encode()).hexdigest()
    return (digest * (ATTACHMENT_BYTES // len(digest) + 1))[:ATTACHMENT_BYTES]
