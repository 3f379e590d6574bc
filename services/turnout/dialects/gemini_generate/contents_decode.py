"""Contents of a request: calls, their results, and what binds them.

Rules: ids are optional on this wire. A call without one gets an id from its number among the calls of
the history, so that the same history gives the same ids again. A result belongs to the call with its
id; where there is none (gemini-cli makes up ids that no call has), to the first call of its name that
still waits in the answer before it; else it keeps its own. Of `response` one text under `output`,
`result` or `error` is the result's text; anything else is its JSON, as written.
"""

from dataclasses import dataclass
from typing import Final

import msgspec

from turnout.dialects.conversation import (
    Document,
    Fields,
    Image,
    Opaque,
    Part,
    ResultPart,
    Text,
    ToolCall,
    ToolResult,
)
from turnout.dialects.gemini_generate.fields import WireFields
from turnout.dialects.gemini_generate.parts_decode import (
    ReasoningDecoder,
    decode_media,
    executed,
    opaque,
    text_part,
)
from turnout.dialects.gemini_generate.usual import TEXT_KEYS, UsualContent, UsualPart
from turnout.dialects.reading import MALFORMED, decode_string, utf8
from turnout.errors import InvalidRequest

MADE_ID: Final = "turnout_call_"
"""How ids begin that no client and no provider wrote; on this wire they are left out again."""

OUTPUT: Final = "output"
ERROR: Final = "error"

_PLAIN_KEYS: Final = frozenset({OUTPUT, ERROR, ""})
"""Of a response, those that the result says by itself."""

_STRING_BEGINS: Final = ord('"')

_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_STRING: Final = msgspec.json.Decoder(str)


@dataclass(slots=True)
class _Waiting:
    call_id: str
    name: str


class ContentsDecoder:
    """Walks the contents once, knowing which calls are still without a result."""

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []
        self._call_count = 0
        self._in_answer = False

    def begin_answer(self) -> None:
        """A content of the model: its calls, and those of contents right before it, wait."""
        if not self._in_answer:
            self._waiting = []
        self._in_answer = True

    def parts(self, raws: list[msgspec.Raw], where: str, *, numbered: bool) -> list[Part]:
        found = ReasoningDecoder([])
        for number, raw in enumerate(raws):
            self._part(raw, f"{where}.{number}" if numbered else where, found)
        return found.parts

    def usual_parts(self, content: UsualContent) -> list[Part]:
        found: list[Part] = []
        signed: ReasoningDecoder | None = None
        for written in content.parts:
            part = self._usual_part(written)
            if written.thought_signature and signed is None:
                signed = ReasoningDecoder(found)
            if signed is not None:
                signed.add(part, written.thought_signature)
            elif part is not None:
                found.append(part)
        return found

    def _usual_part(self, part: UsualPart) -> Part | None:
        """None for an empty text, which is there for its signature alone."""
        call, result = part.function_call, part.function_response
        if call is not None:
            return self._called(call.id, call.name, call.arguments, ())
        if result is None:
            return Text(part.text) if part.text else None
        self._in_answer = False
        ((key, text),) = result.response.items()
        # It has a name, so nothing is complained about.
        call_id, extras = self._answered(result.id, result.name, key, "")
        return ToolResult(
            call_id, (Text(text),), is_error=key == ERROR, is_plain=True, extras=extras
        )

    def _part(self, raw: msgspec.Raw, where: str, found: ReasoningDecoder) -> None:
        if memoryview(raw)[0] == _STRING_BEGINS:
            # The SDKs take a text for a part; some clients pass that on.
            found.add(Text(decode_string(bytes(raw), where)), "")
            return
        part = WireFields(raw, where)
        signature = part.string("thoughtSignature") or ""
        is_thought = bool(part.boolean("thought"))
        text = part.string("text")
        if text is not None:
            if is_thought:
                found.thought(text, signature, part.rest())
            else:
                found.add(text_part(text, part), signature)
            return
        call = part.object("functionCall")
        if call is not None:
            found.add(self._call(call, part), signature)
            return
        result = part.object("functionResponse")
        if result is not None:
            self._in_answer = False
            found.add(self._result(result, part), signature)
            return
        ran = executed(part, raw)
        if ran is not None:
            found.add(ran, "")
            return
        media = decode_media(part, raw)
        match media:
            case Image() | Document():
                found.add(media, signature)
            case None if not part.rest():
                # Nothing but a signature, or nothing at all.
                found.before(signature)
            case Opaque():
                found.add(media, "")
            case None:
                found.add(opaque(raw, where), "")

    def _call(self, call: WireFields, part: WireFields) -> ToolCall:
        call_id, name = call.string("id") or "", call.required_string("name")
        arguments = call.json("args") or "{}"
        return self._called(call_id, name, arguments, call.rest() + part.rest())

    def _called(self, call_id: str, name: str, arguments: str, extras: Fields) -> ToolCall:
        self._call_count += 1
        call_id = call_id or f"{MADE_ID}{self._call_count}"
        self._waiting.append(_Waiting(call_id, name))
        return ToolCall(call_id, name, arguments, extras=extras)

    def _result(self, result: WireFields, part: WireFields) -> ToolResult:
        written = result.string("id") or ""
        name = result.string("name") or ""
        raw = result.raw("response") or b"{}"
        key, text = _response(raw, result.path("response"))
        call_id, extras = self._answered(written, name, key, result.where)
        parts: list[ResultPart] = [Text(text)]
        for number, inner in enumerate(result.list("parts") or []):
            where = f"{result.path('parts')}.{number}"
            media = decode_media(WireFields(inner, where), inner) or opaque(inner, where)
            parts.append(media)
        return ToolResult(
            call_id,
            tuple(parts),
            is_error=key == ERROR or _has_error_alone(raw),
            is_plain=bool(key),
            extras=extras + result.rest() + _beside(part),
        )

    def _answered(self, written: str, name: str, key: str, where: str) -> tuple[str, Fields]:
        """The id of the call that a result answers, and what of the result the call does not say."""
        call = self._take_waiting(written, name)
        if (
            call is not None
            and call.name == name
            and written in {"", call.call_id}
            and key in _PLAIN_KEYS
        ):
            return call.call_id, ()
        extras: list[tuple[str, str]] = []
        if call is None or (call.name != name):
            extras.append(("name", _quoted(name)))
        if call is not None and written and written != call.call_id:
            extras.append(("id", _quoted(written)))
        call_id = call.call_id if call is not None else written or name
        if not call_id:
            raise InvalidRequest(f"{where}.name: required, the name of a function")
        if key not in _PLAIN_KEYS:
            extras.append(("field", _quoted(key)))
        return call_id, tuple(extras)

    def _take_waiting(self, call_id: str, name: str) -> _Waiting | None:
        found: _Waiting | None = None
        for one in self._waiting:
            if call_id and one.call_id == call_id:
                found = one
                break
            if found is None and one.name == name:
                found = one
        if found is not None:
            self._waiting.remove(found)
        return found


def _beside(part: WireFields) -> Fields:
    """What stands beside a result: kept apart from the result's own fields."""
    return tuple((f"part.{name}", value) for name, value in part.rest())


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _response(raw: bytes, where: str) -> tuple[str, str]:
    """The key under which one text is all that is said, and the text; else "" and the JSON."""
    try:
        fields = _OBJECT.decode(raw)
        if len(fields) == 1:
            ((key, value),) = fields.items()
            if key in TEXT_KEYS and bytes(memoryview(value)[:1]) == b'"':
                return key, _STRING.decode(value)
    except MALFORMED:
        raise InvalidRequest(f"{where}: must be an object") from None
    return "", utf8(where, raw)


def _has_error_alone(raw: bytes) -> bool:
    return _OBJECT.decode(raw).keys() == {ERROR}
