"""Narrowing of decoded JSON: a value is an object, an array, a text, or it is not.

Rules of this module: pure; nothing raises; what is not of the wanted type reads as empty.
"""

from typing import TypeAlias, TypeGuard

JsonObject: TypeAlias = dict[str, object]


def is_object(value: object) -> TypeGuard[JsonObject]:
    """Decoded JSON objects always have text keys."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)


def object_of(value: object) -> JsonObject:
    return value if is_object(value) else {}


def array_of(value: object) -> list[object]:
    return value if is_array(value) else []


def text_of(value: object) -> str:
    return value if isinstance(value, str) else ""
