"""The content of a chat message into neutral parts.

Rules: a `data:` link is bytes with a media type, any other link stays one; cache markers that
OpenRouter's and LiteLLM's clients put on parts are read; a part that is not known is `Opaque`.
"""

from typing import Final

import msgspec

from turnout.dialects.cache_markers import read_cache
from turnout.dialects.conversation import (
    Base64Source,
    Document,
    Fields,
    FileSource,
    Image,
    Opaque,
    Refusal,
    Text,
    UrlSource,
)
from turnout.dialects.reading import MALFORMED, ObjectReader, complaint, decode_string, utf8
from turnout.errors import InvalidRequest

REFUSAL_FIELD: Final[Fields] = (("field", '"refusal"'),)
"""Marks a refusal that stood beside the content of a message and not in it."""

ContentPart = Text | Image | Document | Refusal | Opaque


def decode_parts(
    fields: ObjectReader, *, required: bool = True
) -> tuple[tuple[ContentPart, ...], bool]:
    """The parts of `content`, and whether it was a plain string."""
    where = fields.path("content")
    raw = fields.raw("content")
    if raw is None:
        if required:
            raise InvalidRequest(f"{where}: required, a string or a list of parts")
        return (), False
    try:
        if raw[:1] == b'"':
            return (Text(decode_string(raw, where)),), True
        items = msgspec.json.decode(raw, type=list[msgspec.Raw])
    except MALFORMED as error:
        raise complaint(where, error) from None
    return tuple(_part(bytes(item), f"{where}.{n}") for n, item in enumerate(items)), False


def _part(raw: bytes, where: str) -> ContentPart:
    fields = ObjectReader(raw, where)
    kind = fields.string("type") or ""
    match kind:
        case "text":
            text = fields.string("text")
            if text is None:
                raise InvalidRequest(f"{where}.text: required")
            return Text(text, cache=read_cache(fields), extras=fields.rest())
        case "refusal":
            return Refusal(fields.string("refusal") or "", extras=fields.rest())
        case "image_url":
            return _image(fields)
        case "file":
            return _document(fields)
        case _:
            return Opaque("openai_chat", kind, utf8(where, raw), where)


def _image(fields: ObjectReader) -> Image:
    cache = read_cache(fields)
    raw = fields.raw("image_url") or b"null"
    detail = ""
    if raw[:1] == b'"':
        # Older clients write the link alone.
        url = decode_string(raw, fields.path("image_url"))
    else:
        inner = ObjectReader(raw, fields.path("image_url"))
        url = inner.string("url") or ""
        detail = inner.string("detail") or ""
    if not url:
        raise InvalidRequest(f"{fields.path('image_url')}.url: required")
    return Image(_source(url), detail=detail, cache=cache, extras=fields.rest())


def _document(fields: ObjectReader) -> Document:
    cache = read_cache(fields)
    inner = fields.object("file")
    if inner is None:
        raise InvalidRequest(f"{fields.path('file')}: required")
    name = inner.string("filename") or ""
    file_id, data = inner.string("file_id"), inner.string("file_data")
    source: Base64Source | UrlSource | FileSource
    if file_id:
        source = FileSource(file_id)
    elif data:
        source = _source(data) if ":" in data else Base64Source("application/pdf", data)
    else:
        raise InvalidRequest(f"{inner.where}: needs file_id or file_data")
    return Document(source, name=name, cache=cache, extras=fields.rest())


def _source(url: str) -> Base64Source | UrlSource:
    if not url.startswith("data:"):
        return UrlSource(url)
    head, comma, data = url[5:].partition(",")
    if not comma or not head.endswith(";base64"):
        raise InvalidRequest("image_url: a data: link must be base64 with a media type")
    return Base64Source(head.removesuffix(";base64"), data)
