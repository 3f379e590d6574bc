"""Neutral messages as chat messages.

Rules: system messages stay at their place; tool results follow the calls they answer at once and
before anything else, every call has one, and one whose call is gone is told as user text, because
this wire refuses anything else; images and files in results move to a user message behind them,
for the same reason; text alone is a plain string, which every compatible server takes, unless this
dialect's client wrote a list; reasoning goes back only to where it came from.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from turnout.capabilities import Capabilities
from turnout.dialects.cache_markers import cache_marker
from turnout.dialects.conversation import (
    Base64Source,
    Conversation,
    Document,
    Fields,
    FileSource,
    Image,
    Message,
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
    joined_text,
)
from turnout.dialects.offered_tools import told
from turnout.dialects.openai_chat.parts_decode import REFUSAL_FIELD
from turnout.dialects.openai_chat.reasoning_details import FIELD as DETAILS
from turnout.dialects.openai_requests import NO_RESULT, file_name, first_word
from turnout.dialects.reading import raw_fields
from turnout.errors import Unsupported

ATTACHED: Final = "(attached below)"
"""For a result that is nothing but images or files."""

_Json = dict[str, object]


def encode_messages(conversation: Conversation, *, model: str, has: Capabilities) -> list[_Json]:
    return _MessageEncoder(conversation, model=model, has=has).encode()


class _MessageEncoder:
    def __init__(self, conversation: Conversation, *, model: str, has: Capabilities) -> None:
        self._conversation = conversation
        self._family = first_word(model)
        self._own = conversation.dialect == "openai_chat"
        self._has = has
        self._out: list[_Json] = []
        # Calls of the last assistant message that wait for a result, and what waits behind them.
        self._unanswered: list[str] = []
        self._waiting: list[_Json] = []

    def encode(self) -> list[_Json]:
        for message in self._conversation.messages:
            match message.role:
                case "system":
                    self._system(message)
                case "user":
                    self._user(message)
                case "assistant":
                    self._end_results()
                    self._assistant(message)
        self._end_results()
        return self._out

    def _put(self, message: _Json) -> None:
        (self._waiting if self._unanswered else self._out).append(message)

    def _end_results(self) -> None:
        for call_id in self._unanswered:
            self._out.append({"role": "tool", "tool_call_id": call_id, "content": NO_RESULT})
        self._unanswered = []
        self._out += self._waiting
        self._waiting = []

    def _system(self, message: Message) -> None:
        role = "system"
        extras = dict(message.extras) if self._own else {}
        if extras.pop("role", "") == '"developer"':
            role = "developer"
        content = self._content(message.parts, is_plain=message.is_plain)
        if content or self._own:
            encoded: _Json = {"role": role, "content": content}
            self._put(encoded | raw_fields(tuple(extras.items())))

    def _user(self, message: Message) -> None:
        attached: list[_Json] = []
        rest: list[Part] = []
        for part in message.parts:
            if isinstance(part, ToolResult):
                attached += self._result(part)
            else:
                rest.append(part)
        if not self._unanswered:
            self._end_results()
        if attached:
            # Behind all results: nothing may stand between two of them.
            shown = self._parts(rest)
            self._put({"role": "user", "content": attached + shown})
        elif rest or not message.parts:
            content = self._content(rest, is_plain=message.is_plain)
            if content or self._own:
                encoded: _Json = {"role": "user", "content": content}
                self._put(encoded | self._extras(message.extras))

    def _result(self, result: ToolResult) -> list[_Json]:
        """Put the result; return what has to follow in a user message."""
        call_id = result.call_id
        pictures = [part for part in result.parts if isinstance(part, Image | Document)]
        content: object
        if self._own and not result.is_plain:
            rest = [part for part in result.parts if not isinstance(part, Image | Document)]
            content = self._parts(rest) or ""
        else:
            content = "\n\n".join(text for part in result.parts if (text := self._shown(part)))
        attached: list[_Json] = []
        if pictures:
            # Some servers refuse an empty result.
            content = content or ATTACHED
            attached.append({"type": "text", "text": f"Attached to the result of {call_id}:"})
            attached += self._parts(pictures)
        if call_id not in self._unanswered:
            note = f"[result of {call_id}] {content if isinstance(content, str) else ''}"
            self._put({"role": "user", "content": note.rstrip()})
            return attached
        self._unanswered.remove(call_id)
        encoded: _Json = {"role": "tool", "tool_call_id": call_id, "content": content}
        if self._own:
            encoded |= cache_marker(result.cache)
        self._out.append(encoded | self._extras(result.extras))
        return attached

    def _shown(self, part: ResultPart) -> str:
        match part:
            case Text(text=text):
                return text
            case ToolReference():
                return told(self._conversation, part)
            case Image() | Document() | Opaque():
                return ""

    def _assistant(self, message: Message) -> None:
        texts: list[Part] = []
        calls: list[_Json] = []
        encoded: _Json = {"role": "assistant", "content": None}
        refusal = ""
        for part in message.parts:
            match part:
                case Thinking():
                    encoded |= self._reasoning(part)
                case ToolCall():
                    calls.append(self._call(part))
                    self._unanswered.append(part.call_id)
                case Refusal(text=text, extras=extras) if self._own and extras == REFUSAL_FIELD:
                    refusal = text
                case _:
                    texts.append(part)
        content = self._content(texts, is_plain=message.is_plain) if texts else None
        if content or content == "" or calls or refusal or self._own:
            encoded["content"] = content
            if refusal:
                encoded["refusal"] = refusal
            if calls:
                encoded["tool_calls"] = calls
            self._out.append(encoded | self._extras(message.extras))

    def _reasoning(self, thinking: Thinking) -> _Json:
        made_by = thinking.provenance
        if made_by.dialect != "openai_chat" or not (thinking.text or thinking.signature):
            return {}
        # DeepSeek and Kimi refuse a tool turn without the reasoning that led to it, OpenAI refuses
        # the field: so it goes back to the family that wrote it. A history that does not say who
        # did came from a server that has the field.
        if made_by.model and first_word(made_by.model) != self._family:
            return {}
        field = "reasoning" if ("field", '"reasoning"') in thinking.extras else "reasoning_content"
        encoded: _Json = {field: thinking.text} if thinking.text else {}
        if thinking.signature:
            encoded[DETAILS] = msgspec.Raw(thinking.signature.encode())
        return encoded

    def _call(self, call: ToolCall) -> _Json:
        text = "input" if call.kind == "custom" else "arguments"
        inner = {"name": call.name, text: call.arguments}
        encoded: _Json = {"id": call.call_id, "type": call.kind, call.kind: inner}
        return encoded | self._extras(call.extras)

    def _extras(self, extras: Fields) -> _Json:
        return raw_fields(extras) if self._own else {}

    def _content(self, parts: Sequence[Part], *, is_plain: bool) -> object:
        only_text = all(isinstance(part, Text | Refusal | Opaque) for part in parts)
        if is_plain and self._own:
            # One string, taken apart where reasoning stood in it.
            return joined_text(parts, separator="")
        if is_plain or (only_text and not self._own):
            return joined_text(parts)
        return self._parts(parts)

    def _parts(self, parts: Sequence[Part]) -> list[_Json]:
        encoded: list[_Json] = []
        for part in parts:
            shown = self._part(part)
            if shown is None:
                continue
            if isinstance(part, Text | Image | Document) and self._own:
                shown |= cache_marker(part.cache) | self._extras(part.extras)
            encoded.append(shown)
        return encoded

    def _part(self, part: Part) -> _Json | None:
        match part:
            case Text(text=text):
                return {"type": "text", "text": text}
            case Refusal(text=text):
                return {"type": "refusal" if self._own else "text", _word(self._own): text}
            case Image():
                return self._image(part)
            case Document():
                return self._document(part)
            case ToolReference():
                return {"type": "text", "text": told(self._conversation, part)}
            case Opaque(dialect="openai_chat", json=json):
                return msgspec.json.decode(json, type=dict[str, object])
            case _:
                return None

    def _image(self, image: Image) -> _Json:
        if not self._has.images:
            raise Unsupported("images: the target model takes none")
        match image.source:
            case Base64Source(media_type=media_type, data=data):
                url = f"data:{media_type};base64,{data}"
            case UrlSource(url=url):
                pass
            case FileSource():
                raise Unsupported("images: an uploaded file can be read by its provider only")
        inner: _Json = {"url": url}
        if image.detail:
            inner["detail"] = image.detail
        return {"type": "image_url", "image_url": inner}

    def _document(self, document: Document) -> _Json:
        inner: _Json = {}
        match document.source:
            case FileSource(file_id=file_id) if self._own:
                inner["file_id"] = file_id
            case Base64Source(media_type=media_type, data=data) if self._has.documents:
                inner["filename"] = document.name if self._own else file_name(document)
                inner["file_data"] = f"data:{media_type};base64,{data}"
            case Base64Source():
                raise Unsupported("documents: the target model takes none")
            case FileSource() | UrlSource():
                raise Unsupported("documents: only files given in the request can be translated")
        return {"type": "file", "file": inner}


def _word(own: bool) -> str:
    return "refusal" if own else "text"
