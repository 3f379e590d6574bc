"""Neutral parts as parts of a content.

Rules: reasoning goes out only where a Gemini model wrote it, its signature on the part behind it, or
on an empty text where none is behind it; the first call of an answer has a signature always where the
model refuses calls without, and never one that Google did not write or document; what another dialect
alone understands is left out; a source that the target cannot read is refused by name.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from turnout.capabilities import Capabilities
from turnout.dialects.calls import arguments_object
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
    ResultPart,
    Text,
    Thinking,
    ToolCall,
    ToolReference,
    ToolResult,
    UrlSource,
)
from turnout.dialects.gemini_generate.contents_decode import ERROR, MADE_ID, OUTPUT
from turnout.dialects.gemini_generate.thoughts import STAND_IN, demands_signatures
from turnout.dialects.offered_tools import told
from turnout.dialects.reading import raw_fields
from turnout.errors import Unsupported

Json = dict[str, object]

IMAGE_TYPES: Final = {
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "heic": "image/heic",
}
"""By the end of a link, whose type this wire wants told; all others are taken for JPEG."""

_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_STRING: Final = msgspec.json.Decoder(str)


def opaque_part(part: Opaque) -> Json | None:
    """A part that only this dialect understands, its values raw; None for those of others."""
    if part.dialect != "gemini_generate":
        return None
    return dict(_OBJECT.decode(part.json))


class PartEncoder:
    """Parts for one target."""

    def __init__(self, conversation: Conversation, *, model: str, has: Capabilities) -> None:
        self._conversation = conversation
        self._own = conversation.dialect == "gemini_generate"
        self._has = has
        self._is_new = demands_signatures(model)
        calls = (p for m in conversation.messages for p in m.parts if isinstance(p, ToolCall))
        self._names = {call.call_id: call.name for call in calls}

    def parts(self, parts: Iterable[Part], *, is_answer: bool) -> list[Json]:
        """The parts of one content; an answer's with the signatures that it needs."""
        found: list[Json] = []
        beside: list[Json] = []
        signature = ""
        for part in parts:
            if isinstance(part, ToolResult):
                encoded: Json | None = self._result(part, beside)
            elif isinstance(part, ToolCall):
                encoded = self._call(part)
            elif not isinstance(part, Thinking):
                encoded = self._part(part)
            elif not self._is_sent(part):
                continue
            elif part.text:
                found.append(self._thought(part))
                continue
            else:
                found += _carried(signature)
                signature = part.signature
                continue
            if encoded is None:
                continue
            if signature:
                encoded["thoughtSignature"] = signature
                signature = ""
            found.append(encoded)
        found += _carried(signature)
        if is_answer and self._is_new:
            _sign_first_call(found)
        return found + beside

    def _is_sent(self, thinking: Thinking) -> bool:
        return thinking.provenance.dialect == "gemini_generate" and self._has.thinking

    def _thought(self, thinking: Thinking) -> Json:
        encoded: Json = {"text": thinking.text, "thought": True}
        if thinking.signature:
            encoded["thoughtSignature"] = thinking.signature
        return encoded | self._extras(thinking.extras)

    def _part(self, part: Part) -> Json | None:
        match part:
            case Text(text=text) if not self._own:
                return {"text": text} if text else None
            case Text(text=text):
                return {"text": text} | self._extras(part.extras)
            case Refusal(text=text):
                return {"text": text} if text else None
            case Image():
                return self._image(part) | self._extras(part.extras, inner=_MEDIA_FIELDS)
            case Document():
                return self._document(part) | self._extras(part.extras, inner=_MEDIA_FIELDS)
            case ToolCall():
                return self._call(part)
            case ToolReference():
                return {"text": told(self._conversation, part)}
            case Opaque():
                return opaque_part(part)
            case Thinking() | ToolResult():
                return None

    def _extras(self, extras: Fields, *, inner: frozenset[str] = frozenset()) -> Json:
        if not self._own:
            return {}
        return raw_fields(tuple(one for one in extras if one[0] not in inner))

    def _call(self, call: ToolCall) -> Json:
        inner: Json = {"name": call.name}
        if not call.call_id.startswith(MADE_ID):
            inner["id"] = call.call_id
        inner["args"] = arguments_object(call.arguments, is_custom=call.kind == "custom")
        return {"functionCall": inner | self._extras(call.extras) if self._own else inner}

    def _result(self, result: ToolResult, beside: list[Json]) -> Json:
        if self._own:
            return self._own_result(result)
        call_id = result.call_id
        inner: Json = {} if call_id.startswith(MADE_ID) else {"id": call_id}
        inner["name"] = self._names.get(call_id) or call_id
        inner["response"] = {ERROR if result.is_error else OUTPUT: self._text(result.parts)}
        media = self._media(result.parts)
        if not media:
            pass
        elif self._is_new:
            inner["parts"] = media
        else:
            beside += media
        return {"functionResponse": inner}

    def _own_result(self, result: ToolResult) -> Json:
        extras = dict(result.extras)
        name, written = extras.pop("name", ""), extras.pop("id", "")
        key = extras.pop("field", "")
        inner: Json = {}
        if written:
            inner["id"] = _STRING.decode(written)
        elif not result.call_id.startswith(MADE_ID):
            inner["id"] = result.call_id
        inner["name"] = _STRING.decode(name) if name else self._names.get(result.call_id, "")
        if not inner["name"]:
            inner["name"] = result.call_id
        inner["response"] = self._response(result, _STRING.decode(key) if key else OUTPUT)
        media = self._media(result.parts)
        if media:
            inner["parts"] = media
        outer = {name[5:]: raw for name, raw in extras.items() if name.startswith("part.")}
        kept = tuple((n, raw) for n, raw in extras.items() if not n.startswith("part."))
        encoded: Json = {"functionResponse": inner | raw_fields(kept)}
        return encoded | raw_fields(tuple(outer.items()))

    def _response(self, result: ToolResult, key: str) -> object:
        if not result.is_plain:
            texts = [part for part in result.parts if isinstance(part, Text)]
            if len(texts) == 1:
                # An object with more than one text in it, as the client wrote it.
                return msgspec.Raw(texts[0].text.encode())
        return {ERROR if result.is_error else key: self._text(result.parts)}

    def _text(self, parts: tuple[ResultPart, ...]) -> str:
        if len(parts) == 1 and isinstance(parts[0], Text):
            return parts[0].text
        return "\n\n".join(self._shown(parts))

    def _shown(self, parts: Iterable[Part]) -> Iterator[str]:
        for part in parts:
            match part:
                case Text(text=text) if text:
                    yield text
                case ToolReference():
                    yield told(self._conversation, part)
                case _:
                    pass

    def _media(self, parts: Iterable[Part]) -> list[Json]:
        found: list[Json] = []
        for part in parts:
            if isinstance(part, Text) or not isinstance(part, Image | Document | Opaque):
                continue
            encoded = self._part(part)
            if encoded is not None:
                found.append(encoded)
        return found

    def _image(self, image: Image) -> Json:
        if not self._has.images:
            raise Unsupported("images: the target model takes none")
        match image.source:
            case Base64Source(media_type=media_type, data=data):
                return _inline(media_type, data, _told(image.extras, "displayName"))
            case UrlSource(url=url):
                ending = url.partition("?")[0].rpartition(".")[2].lower()
                guessed = IMAGE_TYPES.get(ending, "image/jpeg")
                return self._file(url, image.extras, guessed)
            case FileSource(file_id=file_id):
                return self._googles_file(file_id, image.extras)

    def _document(self, document: Document) -> Json:
        match document.source:
            case _ if not self._has.documents:
                raise Unsupported("documents: the target model takes none")
            case Base64Source(media_type=media_type, data=data):
                return _inline(media_type, data, document.name if self._own else "")
            case UrlSource(url=url):
                return self._file(url, document.extras, "application/pdf")
            case FileSource(file_id=file_id):
                return self._googles_file(file_id, document.extras)

    def _googles_file(self, file_id: str, extras: Fields) -> Json:
        if not self._own:
            raise Unsupported("files: an uploaded file can be read by its provider only")
        return self._file(file_id, extras, "")

    def _file(self, uri: str, extras: Fields, guessed: str) -> Json:
        media_type = (_told(extras, "mimeType") if self._own else "") or guessed
        inner: Json = {"mimeType": media_type} if media_type else {}
        return {"fileData": inner | {"fileUri": uri}}


_MEDIA_FIELDS: Final = frozenset({"mimeType", "displayName"})
"""Extras of a picture that stand inside its data and not beside it."""


def _told(extras: Fields, name: str) -> str:
    value = dict(extras).get(name)
    return "" if value is None else _STRING.decode(value)


def _inline(media_type: str, data: str, name: str) -> Json:
    inner: Json = {"mimeType": media_type, "data": data}
    # ASCII without escapes in all that a client writes; Raw spares a second walk over megabytes.
    if data.isascii() and '"' not in data and "\\" not in data and data.isprintable():
        inner["data"] = msgspec.Raw(f'"{data}"'.encode())
    if name:
        inner["displayName"] = name
    return {"inlineData": inner}


def _carried(signature: str) -> list[Json]:
    """A signature with no part behind it."""
    return [{"text": "", "thoughtSignature": signature}] if signature else []


def _sign_first_call(parts: Sequence[Json]) -> None:
    first = next((part for part in parts if "functionCall" in part), None)
    if first is not None:
        first.setdefault("thoughtSignature", STAND_IN)
