"""The inputs and candidates of a decision as JSON, field by field as our dataclasses name them.

`msgspec.json.decode(text, type=DecisionInputs)` gives back what the decision was made from. Rules:
pure; readers are compiled once per class; a message goes to plain dicts and from there to JSON,
because building frozen dataclasses on the way takes twice as long.
"""

from collections.abc import Callable, Iterable
from dataclasses import is_dataclass
from functools import cache
from operator import attrgetter
from typing import Literal, get_args, get_origin

import msgspec
from google.protobuf.message import Message

from turnout.events.v1 import facts_pb2
from turnout.policy.decision import Candidate, DecisionInputs
from turnout.protos import annotations, optional_of

_Convert = Callable[[Message], object]

_encode = msgspec.json.Encoder().encode


def inputs_json(fact: facts_pb2.RequestRouted) -> str:
    return _encode(_reader(DecisionInputs)(fact.inputs)).decode()


def candidates_json(fact: facts_pb2.RequestRouted) -> str:
    read = _reader(Candidate)
    return _encode([read(candidate) for candidate in fact.decision.candidates]).decode()


@cache
def _reader(cls: type) -> _Convert:
    """A function from a message of `cls` to a dict of plain values.

    Plain fields, which are most, are fetched in one call; the others follow one by one.
    """
    kinds = {name: _kind(annotation) for name, annotation in annotations(cls).items()}
    plain = [name for name, kind in kinds.items() if kind == (False, False, None)]
    assert len(plain) > 1, "attrgetter gives no tuple for a single name"
    fetch = attrgetter(*plain)
    others = [(name, *kind) for name, kind in kinds.items() if name not in plain]

    def read(message: Message) -> object:
        fields: dict[str, object] = dict(zip(plain, fetch(message), strict=True))
        for name, is_optional, is_repeated, convert in others:
            if is_optional and not message.HasField(name):
                fields[name] = None
            elif convert is None:
                value: object = getattr(message, name)
                fields[name] = _listed(value) if is_repeated else value
            elif is_repeated:
                messages: Iterable[Message] = getattr(message, name)
                fields[name] = [convert(item) for item in messages]
            else:
                part: Message = getattr(message, name)
                fields[name] = convert(part)
        return fields

    return read


def _listed(value: object) -> list[object]:
    assert isinstance(value, Iterable)
    return list(value)


def _kind(annotation: object) -> tuple[bool, bool, _Convert | None]:
    """Whether a field is optional, whether it repeats, and how to read what is in it."""
    inner = optional_of(annotation)
    is_optional = inner is not None
    annotation = inner or annotation
    args = get_args(annotation)
    is_repeated = get_origin(annotation) is tuple and len(args) == 2 and args[1] is Ellipsis
    if is_repeated:
        annotation = args[0]
    if isinstance(annotation, type) and is_dataclass(annotation):
        return is_optional, is_repeated, _reader(annotation)
    scalar = annotation in (str, int, float, bool) or get_origin(annotation) is Literal
    assert scalar, f"no JSON is known for {annotation!r}"
    return is_optional, is_repeated, None
