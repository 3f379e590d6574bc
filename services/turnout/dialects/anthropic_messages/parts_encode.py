"""Neutral parts into content blocks.

Rules: reasoning goes out only where Claude wrote and signed it; what another dialect alone
understands is left out; a source that the target cannot read is refused by name; extras go out
only to their own dialect.
"""

from collections.abc import Iterable
from typing import assert_never

import msgspec

from turnout.capabilities import Capabilities
from turnout.dialects.anthropic_messages.parts_decode import TOOL_CHANGE
from turnout.dialects.anthropic_messages.response import opaque_block
from turnout.dialects.cache_markers import cache_marker
from turnout.dialects.calls import arguments_object
from turnout.dialects.conversation import (
    Base64Source,
    CacheLifetime,
    Document,
    Fields,
    FileSource,
    Image,
    Opaque,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolReference,
    ToolResult,
    UrlSource,
)
from turnout.dialects.reading import raw_fields
from turnout.dialects.seal import is_sealed_in
from turnout.errors import Unsupported

Json = dict[str, object]


class PartEncoder:
    """Blocks for one target.

    Attributes:
        own: the conversation came in this dialect, so extras, markers and opaque parts are kept.

    """

    def __init__(self, has: Capabilities, *, own: bool) -> None:
        self._has = has
        self.own = own

    def blocks(self, parts: Iterable[Part]) -> list[Json]:
        return [block for part in parts if (block := self._block(part)) is not None]

    def _block(self, part: Part) -> Json | None:
        match part:
            # The kinds that a history is made of first.
            case ToolResult():
                return self._result(part)
            case ToolCall():
                return self._call(part)
            case Text(text=text):
                if not text and not self.own:
                    return None
                return self._finish({"type": "text", "text": text}, part.cache, part.extras)
            case Refusal(text=text):
                return {"type": "text", "text": text}
            case Image():
                source = self._image_source(part)
                return self._finish({"type": "image", "source": source}, part.cache, part.extras)
            case Document():
                return self._document(part)
            case Thinking():
                return self._thinking(part)
            case ToolReference(extras=((name, json),)) if self.own and name == TOOL_CHANGE:
                return msgspec.json.decode(json, type=Json)
            case ToolReference(tool_name=name):
                block: Json = {"type": "tool_reference", "tool_name": name}
                return self._finish(block, None, part.extras)
            case Opaque():
                return opaque_block(part)
            case _:
                assert_never(part)

    def _finish(self, block: Json, cache: CacheLifetime | None, extras: Fields) -> Json:
        if self.own:
            block |= raw_fields(extras) | cache_marker(cache)
        return block

    def _call(self, call: ToolCall) -> Json:
        block: Json = {
            "type": "tool_use",
            "id": call.call_id,
            "name": call.name,
            "input": arguments_object(call.arguments, is_custom=call.kind == "custom"),
        }
        return self._finish(block, call.cache, call.extras)

    def _result(self, result: ToolResult) -> Json:
        block: Json = {"type": "tool_result", "tool_use_id": result.call_id}
        match result.parts:
            case ():
                pass
            case (Text(text=text),) if result.is_plain or not (self.own or text.strip()):
                block["content"] = text
            case parts:
                block["content"] = self.blocks(parts)
        if result.is_error:
            block["is_error"] = True
        return self._finish(block, result.cache, result.extras)

    def _thinking(self, thinking: Thinking) -> Json | None:
        if not self._has.thinking or not is_sealed_in(thinking, "anthropic_messages"):
            return None
        block: Json
        if thinking.redacted:
            block = {"type": "redacted_thinking", "data": thinking.redacted}
        else:
            block = {
                "type": "thinking",
                "thinking": thinking.text,
                "signature": thinking.signature,
            }
        return self._finish(block, None, thinking.extras)

    def _image_source(self, image: Image) -> Json:
        if not self._has.images:
            raise Unsupported("images: the target model takes none")
        match image.source:
            case Base64Source(media_type=media_type, data=data):
                return _base64(media_type, data)
            case UrlSource(url=url):
                return {"type": "url", "url": url}
            case FileSource(file_id=file_id):
                return self._file(file_id)

    def _document(self, document: Document) -> Json:
        source: Json
        match document.source:
            case _ if not self._has.documents:
                raise Unsupported("documents: the target model takes none")
            case Base64Source(media_type=media_type, data=data):
                source = _base64(media_type, data)
            case UrlSource(url=url):
                source = {"type": "url", "url": url}
            case FileSource(file_id=file_id):
                source = self._file(file_id)
        block: Json = {"type": "document", "source": source}
        if document.name:
            block["title"] = document.name
        return self._finish(block, document.cache, document.extras)

    def _file(self, file_id: str) -> Json:
        if not self.own:
            raise Unsupported("files: an uploaded file can be read by its provider only")
        return {"type": "file", "file_id": file_id}


def _base64(media_type: str, data: str) -> Json:
    # ASCII without escapes in all that a client writes; Raw spares a second walk over megabytes.
    if data.isascii() and '"' not in data and "\\" not in data and data.isprintable():
        return {
            "type": "base64",
            "media_type": media_type,
            "data": msgspec.Raw(f'"{data}"'.encode()),
        }
    return {"type": "base64", "media_type": media_type, "data": data}
