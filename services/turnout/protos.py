"""Our values to protobuf messages and back, by field name.

One rule for every type instead of a pair of functions for each: a value (a msgspec Struct, or a
dataclass where fields must not be printed) and its message have the same field names, and the kind
of a field follows from its annotation:

    str, int, float, bool, bytes, Literal[...]   the scalar (closed choices travel as words)
    X | None                                     field presence
    another value                                a submessage
    tuple[X, ...]                                a repeated field
    tuple[tuple[str, str], ...]                  repeated Header(name, value), at the top level only

`tests/test_protos.py` holds that every pair has the same fields in the same order. Both directions
are prepared once per class. A field that an older writer did not send arrives as its zero value.
"""

import dataclasses
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from operator import attrgetter
from typing import (
    TYPE_CHECKING,
    Literal,
    TypeAlias,
    TypeGuard,
    TypeVar,
    Union,
    get_args,
    get_origin,
)

import msgspec
from google.protobuf.message import Message

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Value: TypeAlias = "msgspec.Struct | DataclassInstance"
"""What travels."""

T = TypeVar("T", bound=Value)
M = TypeVar("M", bound=Message)

_Read: TypeAlias = Callable[..., object]
"""Takes what a message has for a field: a scalar, a message, or many of them."""

_AS_THEY_ARE = (bytes,)
"""A message takes bytes; msgspec would write them in base 64."""


def to_pb(value: Value, message: type[M]) -> M:
    """The message that says what `value` says."""
    headers = _header_fields(type(value))
    # Both steps are loops in C, and a message takes None for a field that is not set.
    fields: dict[str, object] = msgspec.to_builtins(value, builtin_types=_AS_THEY_ARE)
    for name in headers:
        fields[name] = _written_headers(fields[name])
    return message(**fields)


def from_pb(cls: type[T], message: Message) -> T:
    """The value that `message` stands for."""
    of: type = cls
    value = _reader(of)(message)
    assert isinstance(value, cls)
    return value


def is_value(annotation: object) -> TypeGuard[type[Value]]:
    """Whether this is the class of something that has fields."""
    if not isinstance(annotation, type):
        return False
    cls: type[object] = annotation
    return issubclass(cls, msgspec.Struct) or dataclasses.is_dataclass(cls)


def annotations(cls: type) -> Mapping[str, object]:
    """Resolved field types of a value's class, in field order."""
    hints = typing.get_type_hints(cls)
    return {name: hints[name] for name in _names(cls)}


def _names(cls: type[object]) -> Sequence[str]:
    if issubclass(cls, msgspec.Struct):
        return cls.__struct_fields__
    if not dataclasses.is_dataclass(cls):
        raise TypeError(f"{cls!r} has no fields")
    return [field.name for field in dataclasses.fields(cls)]


def optional_of(annotation: object) -> object | None:
    """X for `X | None`, else None."""
    if get_origin(annotation) not in (Union, types.UnionType):
        return None
    inner = [arg for arg in get_args(annotation) if arg is not type(None)]
    if len(inner) == len(get_args(annotation)):
        return None
    assert len(inner) == 1, f"only one type beside None can travel: {annotation}"
    only: object = inner[0]
    return only


def _element_of(annotation: object) -> object | None:
    """X for `tuple[X, ...]`, else None."""
    args = get_args(annotation)
    if get_origin(annotation) is tuple and len(args) == 2 and args[1] is Ellipsis:
        element: object = args[0]
        return element
    return None


def _is_word(annotation: object) -> bool:
    if get_origin(annotation) is Literal:
        return True
    return get_origin(annotation) in (Union, types.UnionType) and all(
        get_origin(arg) is Literal for arg in get_args(annotation)
    )


_SCALARS: tuple[object, ...] = (str, int, float, bool, bytes)


@cache
def _header_fields(cls: type) -> tuple[str, ...]:
    """Fields whose pairs become messages. Raises `TypeError` for what cannot travel."""
    found: list[str] = []
    for name, annotation in annotations(cls).items():
        element = _element_of(optional_of(annotation) or annotation)
        if get_origin(element) is tuple:
            found.append(name)
        else:
            _check(annotation)
    return tuple(found)


def _check(annotation: object) -> None:
    inner = optional_of(annotation) or annotation
    inner = _element_of(inner) or inner
    if is_value(inner):
        for field in annotations(inner).values():
            _check(field)
    elif inner not in _SCALARS and not _is_word(inner):
        raise TypeError(f"{annotation!r} cannot travel in a message")


def _written_headers(pairs: object) -> object:
    assert isinstance(pairs, Sequence)
    return [dict(zip(("name", "value"), _pair(item), strict=True)) for item in pairs]


def _pair(value: object) -> Sequence[object]:
    assert isinstance(value, Sequence)
    return value


@cache
def _reader(cls: type) -> _Read:
    fields = annotations(cls)
    values_of = _attributes(tuple(fields))
    # Most fields are scalars that are there: one call reads them all, and only the others are touched.
    steps = [
        (place, name, is_optional, convert)
        for place, (name, annotation) in enumerate(fields.items())
        for is_optional, convert in (_read_field(annotation),)
        if is_optional or convert is not None
    ]

    def read(message: Message) -> object:
        values = list(values_of(message))
        for place, name, is_optional, convert in steps:
            if is_optional and convert is None:
                # A value that is not zero is there: asking for it costs more than reading it.
                if not values[place] and not message.HasField(name):
                    values[place] = None
            elif is_optional and not message.HasField(name):
                values[place] = None
            elif convert is not None:
                values[place] = convert(values[place])
        return cls(*values)

    return read


def _attributes(names: tuple[str, ...]) -> Callable[[object], tuple[object, ...]]:
    """All of them at once."""
    get = attrgetter(*names)
    if len(names) == 1:
        return lambda message: (get(message),)
    return get


def _read_field(annotation: object) -> tuple[bool, _Read | None]:
    inner = optional_of(annotation)
    is_optional = inner is not None
    annotation = inner or annotation
    if annotation in _SCALARS or _is_word(annotation):
        return is_optional, None
    element = _element_of(annotation)
    if element is not None:
        if get_origin(element) is tuple:
            return is_optional, _each(_read_header)
        _, convert = _read_field(element)
        return is_optional, _each(convert)
    assert isinstance(annotation, type)
    return is_optional, _reader(annotation)


def _each(convert: _Read | None) -> _Read:
    """Reads a repeated field."""

    def read(items: Iterable[object]) -> object:
        return tuple(items) if convert is None else tuple(map(convert, items))

    return read


def _read_header(item: object) -> object:
    return _text(item, "name"), _text(item, "value")


def _text(message: object, field: str) -> str:
    text: object = getattr(message, field)
    assert isinstance(text, str)
    return text
