"""Neutral parts as content parts of items.

Rules: a source that the target cannot read is refused by name; extras go out only to their own dialect.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from turnout.capabilities import Capabilities
from turnout.dialects.conversation import (
    Base64Source,
    Conversation,
    Document,
    Fields,
    FileSource,
    Image,
    Opaque,
    Part,
    Refusal,
    Text,
    ToolReference,
    UrlSource,
)
from turnout.dialects.offered_tools import told
from turnout.dialects.openai_requests import file_name
from turnout.dialects.openai_responses.items_decode import ITEM
from turnout.dialects.openai_responses.parts_decode import BARE, INPUT_TEXT, OUTPUT_TEXT
from turnout.dialects.reading import raw_fields
from turnout.errors import Unsupported

Json = dict[str, object]

_MARKS: Final = frozenset({ITEM, BARE[0]})


class PartEncoder:
    """Content parts for one target.

    Attributes:
        own: the conversation came in this dialect, so extras and opaque parts are kept.

    """

    def __init__(self, conversation: Conversation, has: Capabilities) -> None:
        self._conversation = conversation
        self._has = has
        self.own = conversation.dialect == "openai_responses"

    def inputs(self, parts: Iterable[Part]) -> list[Json]:
        """Parts of a user, a system message or a result."""
        return [shown for part in parts if (shown := self._input(part)) is not None]

    def output(self, part: Text | Refusal) -> Json:
        """A part of what the assistant said."""
        if isinstance(part, Refusal):
            return {"type": "refusal", "refusal": part.text} | self.extras(part.extras)
        shown: Json = {"type": OUTPUT_TEXT, "text": part.text}
        if not self.own:
            # Required where a message of the assistant is written as the API gave it.
            shown["annotations"] = []
        return shown | self.extras(part.extras)

    def extras(self, extras: Fields) -> Json:
        if not self.own or not extras:
            return {}
        return raw_fields(tuple((name, json) for name, json in extras if name not in _MARKS))

    def _input(self, part: Part) -> Json | None:
        match part:
            case Text(text=text):
                return {"type": INPUT_TEXT, "text": text} | self.extras(part.extras)
            case Refusal(text=text) if self.own:
                return {"type": "refusal", "refusal": text} | self.extras(part.extras)
            case Refusal(text=text):
                return {"type": INPUT_TEXT, "text": text}
            case Image():
                return self._image(part) | self.extras(part.extras)
            case Document():
                return self._document(part) | self.extras(part.extras)
            case ToolReference():
                return {"type": INPUT_TEXT, "text": told(self._conversation, part)}
            case Opaque(dialect="openai_responses", json=json):
                return msgspec.json.decode(json, type=dict[str, object])
            case _:
                return None

    def _image(self, image: Image) -> Json:
        if not self._has.images:
            raise Unsupported("images: the target model takes none")
        shown: Json = {"type": "input_image"}
        if image.detail or not self.own:
            shown["detail"] = image.detail or "auto"
        match image.source:
            case Base64Source(media_type=media_type, data=data):
                shown["image_url"] = f"data:{media_type};base64,{data}"
            case UrlSource(url=url):
                shown["image_url"] = url
            case FileSource(file_id=file_id) if self.own:
                shown["file_id"] = file_id
            case FileSource():
                raise Unsupported("images: an uploaded file can be read by its provider only")
        return shown

    def _document(self, document: Document) -> Json:
        match document.source:
            case _ if not self._has.documents:
                raise Unsupported("documents: the target model takes none")
            case Base64Source(data=data) if BARE in document.extras:
                shown: Json = {"file_data": data}
            case Base64Source(media_type=media_type, data=data):
                shown = {"file_data": f"data:{media_type};base64,{data}"}
            case UrlSource(url=url):
                shown = {"file_url": url}
            case FileSource(file_id=file_id) if self.own:
                shown = {"file_id": file_id}
            case FileSource():
                raise Unsupported("documents: an uploaded file can be read by its provider only")
        if document.name or not (self.own or "file_url" in shown):
            shown["filename"] = document.name if self.own else file_name(document)
        return {"type": "input_file"} | shown
