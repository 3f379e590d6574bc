"""Messages between the agents of one session, as Codex sends them for its newer models.

Such an item is the task of a subagent, or the report of one. OpenAI encrypts what its own models write
there; what any other model has written stands in the same place as it is.

Rules: a text that OpenAI has sealed can be read by its models alone and stays whole; any other is text
of the user's to every model, OpenAI's included, which refuse a seal that they cannot open.
github.com/openai/codex/pull/26210 says how the item is made; openai/codex#33551 that OpenAI's seals are
Fernet tokens, and that what others wrote is left as it is.
"""

from typing import Final

import msgspec

from turnout.dialects.conversation import Fields, Message, Opaque, Text
from turnout.dialects.reading import ObjectReader, utf8

KIND: Final = "agent_message"

WHOLE: Final = "turnout_agent_message"
"""On the message of the user that stands for such an item: the item."""

_SEALED_PART: Final = "encrypted_content"
_FERNET: Final = "gAAAAA"
"""How a Fernet token of this century begins: its version and the first bytes of its time."""

_Part = dict[str, msgspec.Raw]

_PARTS: Final = msgspec.json.Decoder(list[_Part])
_TEXT: Final = msgspec.json.Decoder(str)
_ITEM: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_PLAIN: Final = msgspec.Raw(b'"input_text"')


def decode_agent_message(fields: ObjectReader, raw: bytes) -> Message:
    parts: list[Text | Opaque] = []
    for number, one in enumerate(fields.list("content") or []):
        part = ObjectReader(one, f"{fields.path('content')}.{number}")
        kind = part.required_string("type")
        text = part.string(_SEALED_PART if kind == _SEALED_PART else "text")
        if text is None or _is_sealed(kind, text):
            parts.append(Opaque("openai_responses", kind, utf8(part.where, bytes(one)), part.where))
        else:
            parts.append(Text(text))
    extras: Fields = ((WHOLE, utf8(fields.where, raw)),)
    return Message("user", tuple(parts), extras=extras)


def texts_of(content: bytes) -> tuple[list[str], bool]:
    """The texts that everybody can read, and whether OpenAI has sealed one. Raises `MALFORMED`."""
    texts: list[str] = []
    is_sealed = False
    for part in _PARTS.decode(content):
        kind, text = _read(part)
        if _is_sealed(kind, text):
            is_sealed = True
        else:
            texts.append(text)
    return texts, is_sealed


def holds_unsealed(content: bytes) -> bool:
    """Whether a text stands in the place of a sealed one. Raises `MALFORMED`."""
    return any(_is_unsealed(part) for part in _PARTS.decode(content))


def with_plain_texts(raw: bytes) -> bytes:
    """The item with what nobody has sealed as plain text; the very object where there is nothing.

    Raises `MALFORMED`.
    """
    item = _ITEM.decode(raw)
    parts = _PARTS.decode(item.get("content", b"[]"))
    if not any(map(_is_unsealed, parts)):
        return raw
    plain = [
        {"type": _PLAIN, "text": part[_SEALED_PART]} if _is_unsealed(part) else part
        for part in parts
    ]
    return msgspec.json.encode(item | {"content": msgspec.Raw(msgspec.json.encode(plain))})


def _read(part: _Part) -> tuple[str, str]:
    kind = _TEXT.decode(part.get("type", b'""'))
    return kind, _TEXT.decode(part.get(_SEALED_PART if kind == _SEALED_PART else "text", b'""'))


def _is_unsealed(part: _Part) -> bool:
    kind, text = _read(part)
    return kind == _SEALED_PART and not _is_sealed(kind, text)


def _is_sealed(kind: str, text: str) -> bool:
    return kind == _SEALED_PART and text.startswith(_FERNET)
