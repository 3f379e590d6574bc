"""Our dataclasses to protobuf messages and back, by field name.

One rule for every type instead of a pair of functions for each: a dataclass and its message have
the same field names, and the kind of a field follows from its annotation:

    str, int, float, bool, bytes, Literal[...]   the scalar (closed choices travel as words)
    X | None                                     field presence
    another dataclass                            a submessage
    tuple[X, ...]                                a repeated field
    tuple[tuple[str, str], ...]                  repeated Header(name, value)

`tests/test_protos.py` holds that every pair has the same fields in the same order. Converters are
compiled once per class. A field that an older writer did not send arrives as its zero value.
"""

import dataclasses
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Literal, TypeVar, Union, get_args, get_origin

from google.protobuf.message import Message

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")
M = TypeVar("M", bound=Message)

_Plain = Callable[[object], object]


def to_pb(value: "DataclassInstance", message: type[M], *, without: type | None = None) -> M:
    """The message that says what `value` says.

    `without` names a class of which repeated fields stay empty, for who writes them another way.
    """
    fields = _writer(type(value), without)(value)
    assert isinstance(fields, Mapping)
    return message(**fields)


def from_pb(cls: type[T], message: Message) -> T:
    """The dataclass that `message` stands for."""
    value = _reader(cls)(message)
    assert isinstance(value, cls)
    return value


def annotations(cls: type) -> Mapping[str, object]:
    """Resolved field types of a dataclass, in field order."""
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in _fields(cls)}


def _fields(cls: type) -> tuple["dataclasses.Field[object]", ...]:
    if not dataclasses.is_dataclass(cls):
        raise TypeError(f"{cls!r} is no dataclass")
    return dataclasses.fields(cls)


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
def _writer(cls: type, without: type | None) -> _Plain:
    steps = [
        (name, _write_field(annotation, without))
        for name, annotation in annotations(cls).items()
        if without is None or _element_of(annotation) is not without
    ]

    def write(value: object) -> object:
        fields: dict[str, object] = {}
        for name, convert in steps:
            item: object = getattr(value, name)
            if item is None:
                continue
            fields[name] = item if convert is None else convert(item)
        return fields

    return write


def _write_field(annotation: object, without: type | None) -> _Plain | None:
    """How to turn a field's value into what a message constructor takes; None for as it is."""
    annotation = optional_of(annotation) or annotation
    if annotation in _SCALARS or _is_word(annotation):
        return None
    element = _element_of(annotation)
    if element is not None:
        if get_origin(element) is tuple:
            return _write_headers
        convert = _write_field(element, without)
        if convert is None:
            return None

        def write_all(value: object) -> object:
            assert isinstance(value, Sequence)
            return [convert(item) for item in value]

        return write_all
    if isinstance(annotation, type) and dataclasses.is_dataclass(annotation):
        return _writer(annotation, without)
    raise TypeError(f"{annotation!r} cannot travel in a message")


def _write_headers(value: object) -> object:
    assert isinstance(value, Sequence)
    return [dict(zip(("name", "value"), _pair(item), strict=True)) for item in value]


def _pair(value: object) -> Sequence[object]:
    assert isinstance(value, Sequence)
    return value


@cache
def _reader(cls: type) -> _Plain:
    steps = [(name, *_read_field(annotation)) for name, annotation in annotations(cls).items()]

    def read(message: object) -> object:
        assert isinstance(message, Message)
        fields: dict[str, object] = {}
        for name, is_optional, convert in steps:
            if is_optional and not message.HasField(name):
                fields[name] = None
                continue
            item: object = getattr(message, name)
            fields[name] = item if convert is None else convert(item)
        return cls(**fields)

    return read


def _read_field(annotation: object) -> tuple[bool, _Plain | None]:
    inner = optional_of(annotation)
    is_optional = inner is not None
    annotation = inner or annotation
    if annotation in _SCALARS or _is_word(annotation):
        return is_optional, None
    element = _element_of(annotation)
    if element is not None:
        if get_origin(element) is tuple:
            return is_optional, _read_headers
        _, convert = _read_field(element)
        if convert is None:
            return is_optional, _read_scalars

        def read_all(value: object) -> object:
            assert isinstance(value, Iterable)
            return tuple(convert(item) for item in value)

        return is_optional, read_all
    assert isinstance(annotation, type)
    return is_optional, _reader(annotation)


def _read_scalars(value: object) -> object:
    assert isinstance(value, Iterable)
    return tuple(value)


def _read_headers(value: object) -> object:
    assert isinstance(value, Iterable)
    return tuple((_text(item, "name"), _text(item, "value")) for item in value)


def _text(message: object, field: str) -> str:
    text: object = getattr(message, field)
    assert isinstance(text, str)
    return text
