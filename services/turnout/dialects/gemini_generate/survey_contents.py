"""The contents of a body as a survey sees them.

Rules: each content is gone through once, one level deep; its parts stay raw until something is to be
quoted of them or pictures are to be counted; equal contents have equal digests, whatever the order of
their two fields and whether the user's role is written.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from turnout.dialects.gemini_generate.contents_decode import ERROR
from turnout.dialects.gemini_generate.fields import WireFields, snake
from turnout.dialects.gemini_generate.parts_decode import (
    is_document,
    is_googles_file,
    media_kind,
)
from turnout.dialects.media_types import is_text
from turnout.dialects.prefix import Canonical
from turnout.dialects.reading import MALFORMED, complaint, decode_string
from turnout.dialects.survey import BYTES_PER_TOKEN, DOCUMENT_BYTES_PER_TOKEN
from turnout.dialects.survey_results import Call, Result, ToolOutcome, outcomes_of
from turnout.dialects.survey_thread import CONTEXT_BLOCK, joined_texts
from turnout.dialects.task_lists import names_task_tool
from turnout.errors import InvalidRequest

IMAGE_TOKENS: Final = 1_100
"""What Gemini counts for an image by default: https://ai.google.dev/gemini-api/docs/media-resolution."""

_BYTES_OF_BASE64: Final = 3 / 4

_ROLES: Final = {
    b"": "user",
    b"null": "user",
    b'""': "user",
    b'"user"': "user",
    b'"model"': "assistant",
    b'"function"': "user",
}
_MEDIA_ENDS: Final = b'ata"'
"""Of all four keys; inside a string the quote is escaped, so little else ends so."""
_TEXT_KEY: Final = b'"text"'
_CALL_KEYS: Final = (b'"functionCall"', b'"function_call"')
_ABSENT: Final = msgspec.Raw()
_LARGE_BYTES: Final = 4_096
_STRING_BEGINS: Final = ord('"')
_SORTED: Final = msgspec.json.Encoder(order="sorted")

_Fields = Mapping[str, msgspec.Raw]


_LIST: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def names_media(raw: bytes) -> bool:
    """Whether a picture or a document may be in it."""
    return _MEDIA_ENDS in raw


class SurveyedContents:
    """All contents of a body; by number.

    Attributes:
        roles: `user` or `assistant`.
        canonical: what decides whether two contents are the same.
        base64_bytes: which count as no text.
        attached_tokens: what a model reads of pictures and documents, estimated.
        bound: kinds of what else the user has attached, each once.
        task_calls: to the tools by which agents keep their task lists.

    """

    def __init__(
        self, contents: Sequence[_Fields], *, has_media: bool, has_task_tools: bool
    ) -> None:
        """Both are what is known of the whole body: mostly there is nothing to look for."""
        self._contents = contents
        self.roles: list[str] = []
        self.canonical: list[Canonical] = []
        self.images = 0
        self.documents = 0
        self.base64_bytes = 0
        self.attached_tokens = 0
        self.bound: list[str] = []
        self.task_calls: list[Call] = []
        for number, fields in enumerate(contents):
            role = self._role(fields, number)
            self.roles.append(role)
            self.canonical.append(_canonical(fields, role))
            if (
                has_task_tools
                and role == "assistant"
                and names_task_tool(fields.get("parts", _ABSENT))
            ):
                self._add_task_calls(number)
            if has_media and names_media(bytes(fields.get("parts", _ABSENT))):
                self._count(self._parts(number), f"contents.{number}.parts", role)

    def typed(self, number: int) -> str:
        """What the user typed of one content."""
        # Most contents of an agent's thread are results, and need not be parsed to be none.
        if _TEXT_KEY not in bytes(self._contents[number].get("parts", _ABSENT)):
            return ""
        where = f"contents.{number}.parts"
        texts = [
            decode_string(bytes(text), where)
            for part in self._parts(number)
            if (text := part.get("text")) is not None
            and memoryview(text)[0] == _STRING_BEGINS
            and "thought" not in part
        ]
        return joined_texts([text for text in texts if not CONTEXT_BLOCK.match(text)])

    def has_calls(self, number: int) -> bool:
        parts = bytes(self._contents[number].get("parts", _ABSENT))
        return any(key in parts for key in _CALL_KEYS)

    def _add_task_calls(self, number: int) -> None:
        try:
            calls = self._calls(number)
        except InvalidRequest:
            # Its provider's to complain about.
            return
        self.task_calls += [call for several in calls.values() for call in several]

    def outcomes(self, *, since: int) -> tuple[ToolOutcome, ...]:
        """Tool results that follow content `since`."""
        calls = self._calls(since)
        results: list[Result] = []
        for number in range(since + 1, len(self._contents)):
            where = f"contents.{number}.parts.functionResponse"
            for part in self._parts(number):
                raw = _either(part, "functionResponse")
                if raw is None:
                    continue
                result = WireFields(raw, where)
                response = result.raw("response") or b""
                name, call_id = result.string("name") or "", result.string("id") or ""
                waiting = calls.get(call_id or name)
                results.append(
                    Result(
                        call=waiting.pop(0) if waiting else None,
                        call_id=call_id,
                        texts=_texts_of(response),
                        size=len(response),
                        tool=name,
                        is_error=_is_error(response),
                    )
                )
        return outcomes_of(results)

    def _calls(self, number: int) -> dict[str, list[Call]]:
        """The calls of one content by their ids, or by the names of their functions in order."""
        calls: dict[str, list[Call]] = {}
        for part in self._parts(number) if number >= 0 else ():
            raw = _either(part, "functionCall")
            if raw is not None:
                said = WireFields(raw, f"contents.{number}.parts.functionCall")
                name, call_id = said.string("name") or "", said.string("id") or ""
                call = Call(name, msgspec.Raw(said.raw("args") or b""))
                calls.setdefault(call_id or name, []).append(call)
        return calls

    def _role(self, fields: _Fields, number: int) -> str:
        raw = bytes(fields.get("role", _ABSENT))
        role = _ROLES.get(raw)
        if role is not None:
            return role
        where = f"contents.{number}.role"
        # Encoded again it has no escapes.
        role = _ROLES.get(msgspec.json.encode(decode_string(raw, where)))
        if role is None:
            raise InvalidRequest(f"{where}: must be one of user, model, function")
        return role

    def _parts(self, number: int) -> list[dict[str, msgspec.Raw]]:
        raw = self._contents[number].get("parts", _ABSENT)
        if raw is _ABSENT or bytes(raw) == b"null":
            return []
        try:
            return _LIST.decode(raw)
        except MALFORMED as error:
            raise complaint(f"contents.{number}.parts", error) from None

    def _count(self, parts: Sequence[_Fields], where: str, role: str) -> None:
        for part in parts:
            raw = _either(part, "functionResponse")
            if raw is not None:
                inner = WireFields(raw, where).raw("parts")
                if inner is not None:
                    self._count(_nested(inner, where), where, role)
            for name in ("inlineData", "fileData"):
                blob = _either(part, name)
                if blob is not None:
                    kind = self._add(WireFields(blob, f"{where}.{name}"), name)
                    if kind and role == "user" and kind not in self.bound:
                        self.bound.append(kind)

    def _add(self, blob: WireFields, name: str) -> str:
        """The kind of what is neither picture nor document; else ""."""
        size = len(blob.raw("data") or b"")
        self.base64_bytes += size
        media_type, uri = blob.string("mimeType") or "", blob.string("fileUri") or ""
        if media_type.startswith("image/"):
            self.images += 1
            self.attached_tokens += IMAGE_TOKENS
            return name if is_googles_file(uri) else ""
        if size and is_text(media_type):
            self.attached_tokens += round(size * _BYTES_OF_BASE64 / BYTES_PER_TOKEN)
            return ""
        self.attached_tokens += size // DOCUMENT_BYTES_PER_TOKEN
        if is_document(media_type):
            self.documents += 1
            return name if is_googles_file(uri) else ""
        return media_kind(media_type, uri) or name


def _either(part: _Fields, name: str) -> msgspec.Raw | None:
    raw = part.get(name)
    raw = part.get(snake(name)) if raw is None else raw
    return None if raw is None or bytes(raw) == b"null" else raw


def _nested(raw: bytes, where: str) -> list[dict[str, msgspec.Raw]]:
    try:
        return _LIST.decode(raw)
    except MALFORMED as error:
        raise complaint(where, error) from None


def _texts_of(response: bytes) -> Sequence[msgspec.Raw]:
    """What of an answer's fields is text: most tools say `output`, and an error is `error`."""
    try:
        return list(_OBJECT.decode(response).values())
    except MALFORMED:
        return ()


def _is_error(response: bytes) -> bool:
    """Whether `error` is all that a tool answered, as Google's clients say that it failed."""
    try:
        return _OBJECT.decode(response).keys() == {ERROR}
    except MALFORMED:
        return False


def _canonical(fields: _Fields, role: str) -> Canonical:
    parts = fields.get("parts")
    wire = b"model" if role == "assistant" else b"user"
    if parts is not None and len(fields) - ("role" in fields) == 1:
        # A large content is hashed where it lies.
        if len(view := memoryview(parts)) > _LARGE_BYTES:
            return b'{"parts":', view, b',"role":"%b"}' % wire
        return b'{"parts":%b,"role":"%b"}' % (parts, wire)
    return _SORTED.encode({**fields, "role": msgspec.Raw(b'"%b"' % wire)})
