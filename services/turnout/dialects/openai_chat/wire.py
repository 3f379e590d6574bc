"""Reading the JSON objects of this wire field by field, and the shapes of its answers.

Rules: a field is asked for by name and type, and what nobody asked for is left as extras in its
own characters; null is the same as absent; every complaint names the path of the field; answers
are read leniently, because servers that call themselves compatible differ in every optional field.
"""

from typing import Final, TypeVar

import msgspec

from turnout.dialects.conversation import Fields, JsonText
from turnout.errors import InvalidRequest

_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_STRING: Final = msgspec.json.Decoder(str)
_STRINGS: Final = msgspec.json.Decoder(list[str])
_BOOL: Final = msgspec.json.Decoder(bool)
_INT: Final = msgspec.json.Decoder(int)
_FLOAT: Final = msgspec.json.Decoder(float)
_NULL: Final = b"null"

_T = TypeVar("_T")


def complaint(where: str, error: Exception) -> InvalidRequest:
    """`field: expected string, got int`, with the deepest path that is known."""
    text, _, path = str(error).partition(" - at ")
    inner = path.strip("`").removeprefix("$").lstrip(".")
    if where and inner and not inner.startswith("["):
        inner = f".{inner}"
    name = f"{where}{inner}" or "the body"
    text = text.replace("`", "")
    return InvalidRequest(f"{name}: {text[:1].lower()}{text[1:]}")


def decode_string(raw: bytes, where: str) -> str:
    try:
        return _STRING.decode(raw)
    except msgspec.DecodeError as error:
        raise complaint(where, error) from None


class ObjectReader:
    """One JSON object; every field that is taken is gone from `rest()`."""

    __slots__ = ("_fields", "where")

    def __init__(self, raw: bytes | msgspec.Raw, where: str) -> None:
        self.where = where
        try:
            self._fields = _OBJECT.decode(raw)
        except (msgspec.DecodeError, RecursionError) as error:
            raise complaint(where, error) from None

    def path(self, name: str) -> str:
        return f"{self.where}.{name}" if self.where else name

    def raw(self, name: str) -> bytes | None:
        value = self._fields.pop(name, None)
        if value is None:
            return None
        taken = bytes(value)
        return None if taken == _NULL else taken

    def json(self, name: str) -> JsonText:
        raw = self.raw(name)
        return "" if raw is None else self._utf8(name, raw)

    def string(self, name: str) -> str | None:
        return self._typed(name, _STRING)

    def boolean(self, name: str) -> bool | None:
        return self._typed(name, _BOOL)

    def integer(self, name: str) -> int | None:
        return self._typed(name, _INT)

    def number(self, name: str) -> float | None:
        return self._typed(name, _FLOAT)

    def strings(self, name: str) -> tuple[str, ...]:
        """A list of strings, or one string alone."""
        raw = self.raw(name)
        if raw is None:
            return ()
        try:
            return (_STRING.decode(raw),) if raw[:1] == b'"' else tuple(_STRINGS.decode(raw))
        except msgspec.DecodeError as error:
            raise complaint(self.path(name), error) from None

    def object(self, name: str) -> "ObjectReader | None":
        raw = self.raw(name)
        return None if raw is None else ObjectReader(raw, self.path(name))

    def list(self, name: str) -> list[msgspec.Raw] | None:
        return self._typed(name, _LIST)

    def rest(self) -> Fields:
        """What nobody asked for, in order."""
        return tuple((name, self._utf8(name, bytes(raw))) for name, raw in self._fields.items())

    def _typed(self, name: str, decoder: msgspec.json.Decoder[_T]) -> _T | None:
        raw = self.raw(name)
        if raw is None:
            return None
        try:
            return decoder.decode(raw)
        except (msgspec.DecodeError, RecursionError) as error:
            raise complaint(self.path(name), error) from None

    def _utf8(self, name: str, raw: bytes) -> str:
        try:
            return raw.decode()
        except UnicodeDecodeError:
            raise InvalidRequest(f"{self.path(name)}: must be UTF-8") from None


class PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class OutputDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class WireUsage(msgspec.Struct):
    """Attributes:
    cached_tokens: Moonshot's place for the cached part.
    prompt_cache_hit_tokens: DeepSeek's.
    """

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: OutputDetails | None = None
    cached_tokens: int | None = None
    prompt_cache_hit_tokens: int | None = None


class CalledFunction(msgspec.Struct):
    """A function's `arguments` or a custom tool's `input`, whole or in part."""

    name: str | None = None
    arguments: object = None
    input: str | None = None


class WireToolCall(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: CalledFunction | None = None
    custom: CalledFunction | None = None


class ContentPart(msgspec.Struct):
    type: str | None = None
    text: str | None = None


class Delta(msgspec.Struct):
    """A piece of a message in a stream, and a whole message outside of one.

    Attributes:
        content: a string; Mistral also writes a list of parts.
        reasoning: vLLM's and OpenRouter's name for `reasoning_content`.
        function_call: the form before there were parallel calls.

    """

    content: str | list[ContentPart] | None = None
    reasoning_content: str | None = None
    reasoning: object = None
    refusal: str | None = None
    tool_calls: list[WireToolCall] | None = None
    function_call: CalledFunction | None = None


class Choice(msgspec.Struct):
    """Attributes:
    stop_reason: vLLM's: the stop sequence that was met, or a token id.
    usage: Moonshot reports it here.
    """

    index: int | None = 0
    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: str | None = None
    stop_reason: object = None
    usage: WireUsage | None = None


class Chunk(msgspec.Struct):
    """A chunk of a stream or a whole answer."""

    id: str | None = None
    created: object = None
    model: str | None = None
    choices: list[Choice] | None = None
    usage: WireUsage | None = None
    error: msgspec.Raw = msgspec.Raw()

    @property
    def has_error(self) -> bool:
        return bytes(self.error) not in {b"", b"null"}


CHUNK: Final = msgspec.json.Decoder(Chunk)


def content_text(delta: Delta) -> str:
    """The text of a delta's content, whether string or list of parts."""
    match delta.content:
        case str() as text:
            return text
        case None:
            return ""
        case parts:
            return "".join(part.text or "" for part in parts if part.type == "text")


def reasoning_text(delta: Delta) -> str:
    """The reasoning of a delta, under whichever name; where both are sent they say the same."""
    if delta.reasoning_content:
        return delta.reasoning_content
    return delta.reasoning if isinstance(delta.reasoning, str) else ""
