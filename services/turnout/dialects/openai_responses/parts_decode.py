"""Content parts of a request into neutral parts.

Rules: a `data:` link is bytes with a media type, any other link stays one; the type of a text is
remembered where it is not the usual one for its place; a part that is not known is `Opaque`, whole.
"""

from typing import Final

import msgspec

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
from turnout.dialects.reading import ObjectReader, decode_list, decode_string, utf8
from turnout.errors import InvalidRequest

INPUT_TEXT: Final = "input_text"
OUTPUT_TEXT: Final = "output_text"

BARE: Final[tuple[str, str]] = ("turnout_form", '"bare"')
"""Marks a file whose base64 came without the head of a `data:` link."""

ContentPart = Text | Image | Document | Refusal | Opaque


def decode_content(raw: bytes, where: str, *, usual: str) -> tuple[tuple[ContentPart, ...], bool]:
    """The parts of a `content` or an `output`, and whether it was a plain string.

    `usual` is the type that texts have at this place.
    """
    if raw.startswith(b'"'):
        return (Text(decode_string(raw, where)),), True
    items = decode_list(raw, where)
    return tuple(_part(item, f"{where}.{n}", usual) for n, item in enumerate(items)), False


def _part(raw: msgspec.Raw, where: str, usual: str) -> ContentPart:
    fields = ObjectReader(raw, where)
    kind = fields.required_string("type")
    part: ContentPart | None = None
    match kind:
        case "input_text" | "output_text" | "text":
            text = fields.required_string("text")
            kept: Fields = () if kind == usual else (("type", f'"{kind}"'),)
            part = Text(text, extras=kept + fields.rest())
        case "refusal":
            part = Refusal(fields.required_string("refusal"), extras=fields.rest())
        case "input_image":
            part = decode_image(fields)
        case "input_file":
            part = _document(fields)
        case _:
            pass
    return part or Opaque("openai_responses", kind, utf8(where, bytes(raw)), where)


def decode_image(fields: ObjectReader) -> Image:
    detail = fields.string("detail") or ""
    file_id = fields.string("file_id")
    if file_id:
        return Image(FileSource(file_id), detail=detail, extras=fields.rest())
    url = fields.string("image_url")
    if not url:
        raise InvalidRequest(f"{fields.path('image_url')}: required, or file_id")
    return Image(_source(url, fields.path("image_url")), detail=detail, extras=fields.rest())


def _document(fields: ObjectReader) -> Document:
    name = fields.string("filename") or ""
    file_id, url, data = (fields.string(key) for key in ("file_id", "file_url", "file_data"))
    if file_id:
        return Document(FileSource(file_id), name, extras=fields.rest())
    if url:
        return Document(UrlSource(url), name, extras=fields.rest())
    if not data:
        raise InvalidRequest(f"{fields.path('file_data')}: required, or file_id or file_url")
    if data.startswith("data:"):
        return Document(_source(data, fields.path("file_data")), name, extras=fields.rest())
    bare = Base64Source("application/pdf", data)
    return Document(bare, name, extras=(BARE, *fields.rest()))


def _source(url: str, where: str) -> Base64Source | UrlSource:
    if not url.startswith("data:"):
        return UrlSource(url)
    head, comma, data = url[5:].partition(",")
    if not comma or not head.endswith(";base64"):
        raise InvalidRequest(f"{where}: a data: link must be base64 with a media type")
    return Base64Source(head.removesuffix(";base64"), data)
