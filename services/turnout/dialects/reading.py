"""Reading JSON objects of a request field by field.

Rules: a field is asked for by name and type, and what nobody asked for is left as extras in its
own characters; null is the same as absent; every complaint names the path of the field, with dots
between names and numbers, which is how Anthropic's API writes it and what its clients look for.
"""

import re
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

ABSENT: Final = msgspec.Raw()
"""In structs: a value that is not there."""

MALFORMED: Final = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
"""What msgspec raises on bytes that are no JSON of the wanted shape; strings that are not UTF-8 are
no DecodeError to it."""

READ_LEVELS: Final = 900
"""Of objects and arrays within each other: msgspec counts them and the calls that have led to it
against Python's limit of 1,000."""

_TRUNCATED: Final = "Input data was truncated"
"""Told by msgspec also of nothing, and of half a surrogate pair that ends a string."""

_SURROGATES: Final = re.compile(
    rb"\\(?:u(?P<half>[dD](?:[89abAB]..(?P<whole>\\u[dD][c-fC-F]..)?|[c-fC-F]..))|.)", re.DOTALL
)
"""Escapes, one by one; `half` is a surrogate and `whole` says that the second one follows the first."""

_T = TypeVar("_T")


def complaint(
    where: str, error: Exception, raw: bytes | msgspec.Raw | None = None
) -> InvalidRequest:
    """`field: expected string, got int`, with the deepest path that is known; `raw` is what was read,
    given where nobody has looked at it before.
    """
    text, _, path = str(error).partition(" - at ")
    inner = path.strip("`").removeprefix("$").replace("[", ".").replace("]", "").lstrip(".")
    name = ".".join(part for part in (where, inner) if part) or "the body"
    return InvalidRequest(f"{name}: {_fault(error, text, b'{}' if raw is None else bytes(raw))}")


def _fault(error: Exception, text: str, raw: bytes) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "must be UTF-8"
    if isinstance(error, RecursionError):
        return f"is nested too deeply; JSON is read to about {READ_LEVELS} levels"
    if not raw.strip():
        return "is empty, and must be JSON"
    if any(pair["whole"] is None for pair in _SURROGATES.finditer(raw) if pair["half"]):
        return "must not hold half of a surrogate pair (\\ud800 to \\udfff), which is no character"
    if text == _TRUNCATED:
        return "ends in the middle of its JSON"
    text = text.replace("`", "")
    return text if text.startswith("JSON") else f"{text[:1].lower()}{text[1:]}"


class ObjectReader:
    """One JSON object; every field that is taken is gone from `rest()`."""

    __slots__ = ("_fields", "where")

    def __init__(self, raw: bytes | msgspec.Raw, where: str) -> None:
        self.where = where
        try:
            self._fields = _OBJECT.decode(raw)
        except MALFORMED as error:
            raise complaint(where, error, raw) from None

    def path(self, name: str) -> str:
        return f"{self.where}.{name}" if self.where else name

    def raw(self, name: str) -> bytes | None:
        value = self._fields.pop(name, None)
        if value is None:
            return None
        taken = bytes(value)
        return None if taken == _NULL else taken

    def json(self, name: str) -> JsonText:
        """The value as written; "" when absent."""
        raw = self.raw(name)
        return "" if raw is None else utf8(self.path(name), raw)

    def string(self, name: str) -> str | None:
        return self._typed(name, _STRING)

    def required_string(self, name: str) -> str:
        value = self._typed(name, _STRING)
        if value is None:
            raise InvalidRequest(f"{self.path(name)}: required, a string")
        return value

    def boolean(self, name: str) -> bool | None:
        return self._typed(name, _BOOL)

    def integer(self, name: str) -> int | None:
        return self._typed(name, _INT)

    def number(self, name: str) -> float | None:
        return self._typed(name, _FLOAT)

    def strings(self, name: str) -> tuple[str, ...]:
        values = self._typed(name, _STRINGS)
        return () if values is None else tuple(values)

    def object(self, name: str) -> "ObjectReader | None":
        raw = self.raw(name)
        return None if raw is None else ObjectReader(raw, self.path(name))

    def list(self, name: str) -> list[msgspec.Raw] | None:
        return self._typed(name, _LIST)

    def rest(self) -> Fields:
        """What nobody asked for, in order."""
        fields = self._fields
        if not fields:
            return ()
        return tuple([(name, utf8(self.path(name), bytes(raw))) for name, raw in fields.items()])

    def _typed(self, name: str, decoder: msgspec.json.Decoder[_T]) -> _T | None:
        value = self._fields.pop(name, None)
        if value is None:
            return None
        try:
            return decoder.decode(value)
        except MALFORMED as error:
            # Looked at last, because fields are hardly ever null and may be large.
            if bytes(value) == _NULL:
                return None
            raise complaint(self.path(name), error) from None


def json_text(raw: msgspec.Raw) -> JsonText:
    """A value as written; "" for null and where it is absent. Raises UnicodeDecodeError."""
    text = str(raw, "utf-8")
    return "" if text == "null" else text


def utf8(where: str, raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise InvalidRequest(f"{where}: must be UTF-8") from None


def decode_string(raw: bytes, where: str) -> str:
    try:
        return _STRING.decode(raw)
    except MALFORMED as error:
        raise complaint(where, error) from None


def decode_list(raw: bytes, where: str) -> list[msgspec.Raw]:
    try:
        return _LIST.decode(raw)
    except MALFORMED as error:
        raise complaint(where, error) from None


def raw_fields(fields: Fields) -> dict[str, object]:
    """Fields as an object that `msgspec.json.encode` writes in their own characters."""
    return {name: msgspec.Raw(value.encode()) for name, value in fields} if fields else {}
