"""JSON objects of this wire, read by the names that the documentation writes.

Rules: names are camelCase here, and snake_case on the wire means the same (protobuf's JSON takes
both, and google-genai mixes them in one body); numbers without a fraction are integers however they
are written, because that SDK sends `topK` as `40.0`; words of enums are read in any case.
"""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from turnout.dialects.conversation import Fields, JsonText
from turnout.dialects.reading import ObjectReader
from turnout.errors import InvalidRequest

_CAPITAL: Final = re.compile(r"(?=[A-Z])")

_SNAKE: Final[Mapping[str, str]] = MappingProxyType(
    {
        name: _CAPITAL.sub("_", name).lower()
        for name in (
            *("generateContentRequest", "systemInstruction", "cachedContent", "serviceTier"),
            *("generationConfig", "candidateCount", "maxOutputTokens", "stopSequences", "topP"),
            *("topK", "presencePenalty", "frequencyPenalty", "responseLogprobs", "thinkingConfig"),
            *("thinkingBudget", "thinkingLevel", "includeThoughts", "responseMimeType"),
            *("responseSchema", "responseJsonSchema", "toolConfig", "functionCallingConfig"),
            *("allowedFunctionNames", "functionDeclarations", "parametersJsonSchema"),
            *("thoughtSignature", "functionCall", "functionResponse", "inlineData", "fileData"),
            *("mimeType", "fileUri", "displayName", "executableCode", "codeExecutionResult"),
            *("responseModalities", "responseFormat"),
        )
    }
)
"""Of each name that is read and has two spellings, the other one."""


JSON_MEDIA_TYPE: Final = "application/json"

_PLAIN_FORMS: Final = frozenset({None, "", "text/plain", JSON_MEDIA_TYPE})
_PLAIN_MODALITIES: Final = frozenset({"TEXT", "MODALITY_UNSPECIFIED"})


def bound_forms(
    media_type: str | None, modalities: Iterable[str], form: JsonText
) -> tuple[str, ...]:
    """Which of them asks for an answer that only this wire has, as `turnout.bonds` names it. A form
    is only known to Vertex AI.
    """
    is_form = media_type not in _PLAIN_FORMS
    is_media = any(word.upper() not in _PLAIN_MODALITIES for word in modalities)
    asked = {"responseMimeType": is_form, "responseModalities": is_media, "responseFormat": form}
    return tuple(name for name, is_asked in asked.items() if is_asked)


def snake(name: str) -> str:
    return _SNAKE.get(name, name)


class WireFields:
    """One JSON object; every field that is taken is gone from `rest()`."""

    __slots__ = ("_inner",)

    def __init__(self, raw: bytes | msgspec.Raw, where: str) -> None:
        self._inner = ObjectReader(raw, where)

    @property
    def where(self) -> str:
        return self._inner.where

    def path(self, name: str) -> str:
        return self._inner.path(name)

    def raw(self, name: str) -> bytes | None:
        found = self._inner.raw(name)
        return self._inner.raw(_SNAKE[name]) if found is None and name in _SNAKE else found

    def json(self, name: str) -> JsonText:
        """The value as written; "" when absent."""
        return self._inner.json(name) or (self._inner.json(_SNAKE[name]) if name in _SNAKE else "")

    def string(self, name: str) -> str | None:
        found = self._inner.string(name)
        return self._inner.string(_SNAKE[name]) if found is None and name in _SNAKE else found

    def required_string(self, name: str) -> str:
        found = self.string(name)
        if found is None:
            raise InvalidRequest(f"{self.path(name)}: required, a string")
        return found

    def word(self, name: str) -> str:
        """A word of an enum; "" when absent."""
        return (self.string(name) or "").upper()

    def boolean(self, name: str) -> bool | None:
        found = self._inner.boolean(name)
        return self._inner.boolean(_SNAKE[name]) if found is None and name in _SNAKE else found

    def number(self, name: str) -> float | None:
        found = self._inner.number(name)
        return self._inner.number(_SNAKE[name]) if found is None and name in _SNAKE else found

    def integer(self, name: str) -> int | None:
        value = self.number(name)
        if value is None:
            return None
        if not value.is_integer():
            raise InvalidRequest(f"{self.path(name)}: must be an integer")
        return int(value)

    def strings(self, name: str) -> tuple[str, ...]:
        return self._inner.strings(name) or self._inner.strings(snake(name))

    def object(self, name: str) -> "WireFields | None":
        raw = self.raw(name)
        return None if raw is None else WireFields(raw, self.path(name))

    def list(self, name: str) -> list[msgspec.Raw] | None:
        found = self._inner.list(name)
        return self._inner.list(_SNAKE[name]) if found is None and name in _SNAKE else found

    def rest(self) -> Fields:
        """What nobody asked for, in order and as it was spelled."""
        return self._inner.rest()
