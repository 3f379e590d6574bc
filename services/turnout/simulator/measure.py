"""How long a prompt is, in tokens, without a tokenizer.

Rules of this module: pure; a token is as many bytes of the JSON as the provider sees it as the
catalog has measured for the model's family, whatever the text, so the figures are deterministic and
off by some tens of percent from a real tokenizer's; an image or a document counts a fixed number of
tokens instead of the bytes of its encoding.
"""

import hashlib
import math
from dataclasses import dataclass

import msgspec

from turnout.catalog import Model
from turnout.catalog.token_families import UNKNOWN, figures_of
from turnout.simulator.json_types import is_array, is_object

ATTACHMENT_TOKENS = 1_600
"""What one full-size image costs at Anthropic; a page of a document costs about as much."""


@dataclass(frozen=True, slots=True)
class Measure:
    """How one model counts."""

    bytes_per_token: float = UNKNOWN.bytes_per_token

    def count_bytes(self, length: int) -> int:
        """Tokens in `length` bytes, rounded up."""
        return math.ceil(length / self.bytes_per_token)

    def count_text(self, text: str) -> int:
        """Tokens in a text."""
        return self.count_bytes(len(text.encode()))

    def length_of(self, tokens: int) -> int:
        """Bytes of so many whole tokens."""
        return int(tokens * self.bytes_per_token)


PLAIN = Measure()
"""Of a model of which nothing is known."""


def measure_of(model: Model) -> Measure:
    return Measure(figures_of(model.id).bytes_per_token)


def canonical(value: object, measure: Measure) -> bytes:
    """What a provider's prompt is made of: JSON without white space.

    Keys keep their order, because that order reaches the model; attachments are replaced by bytes
    that depend on their content and have the length that their price in tokens has.
    """
    return msgspec.json.encode(_without_attachments(value, measure))


def _without_attachments(value: object, measure: Measure) -> object:
    if is_object(value):
        is_base64 = value.get("type") == "base64" or "mime_type" in value
        return {
            key: _stand_in(item, measure)
            if isinstance(item, str) and ((is_base64 and key == "data") or item[:5] == "data:")
            else _without_attachments(item, measure)
            for key, item in value.items()
        }
    if is_array(value):
        return [_without_attachments(item, measure) for item in value]
    return value


def _stand_in(data: str, measure: Measure) -> str:
    digest = hashlib.blake2b(data.encode()).hexdigest()
    length = measure.length_of(ATTACHMENT_TOKENS)
    return (digest * (length // len(digest) + 1))[:length]
