"""Answers that are no objects, for targets that hold an answer to an object only.

Rules: the value is asked for as the one property of an object and taken out of it again on its way
back; an answer in another form, and a text beside the answer, passes as it came.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec.structs import replace

from turnout.dialects.conversation import Conversation
from turnout.dialects.json_schema import Json, fields_of, is_list, schema_object
from turnout.dialects.stream import PartEnded, StreamEvent, TextDelta, TextStarted
from turnout.quirks import Quirks

PROPERTY: Final = "answer"

_DEFINITIONS: Final = ("$defs", "definitions")
_IN_DEFINITIONS: Final = tuple(f"#/{name}/" for name in _DEFINITIONS)

_BEFORE: Final = re.compile(rf'\s*\{{\s*"{PROPERTY}"\s*:\s*')
_MARKS: Final = f'{{"{PROPERTY}":'
"""The same without white space."""
_BEHIND: Final = " \t\r\n}"


def in_object(conversation: Conversation, quirks: Quirks) -> Conversation:
    form = conversation.output_format
    if quirks.answer_schema is None or not quirks.answer_schema.object_at_root or form is None:
        return conversation
    schema = schema_object(form.schema)
    # What has properties and no type is meant to be one.
    if schema is None or schema.get("type", "object" if "properties" in schema else "") == "object":
        return conversation
    moved = {name: value for name, value in schema.items() if name in _DEFINITIONS}
    value = {name: value for name, value in schema.items() if name not in _DEFINITIONS}
    wrapped: Json = {
        "type": "object",
        "properties": {PROPERTY: value},
        "required": [PROPERTY],
        "additionalProperties": False,
    }
    json = msgspec.json.encode(_pointing(wrapped | moved)).decode()
    return replace(conversation, output_format=replace(form, schema=json))


def _pointing(value: object) -> object:
    """With references to the schema itself following it to where it is now."""
    if is_list(value):
        return [_pointing(one) for one in value]
    fields = fields_of(value)
    if fields is None:
        return value
    found = {name: _pointing(one) for name, one in fields.items()}
    reference = fields.get("$ref")
    if not isinstance(reference, str) or reference.startswith(_IN_DEFINITIONS):
        return found
    if reference.startswith("#"):
        found["$ref"] = f"#/properties/{PROPERTY}{reference[1:]}"
    return found


class OutOfObject:
    """Takes the value out of each text of one answer that is such an object."""

    __slots__ = ("_begun", "_inside")

    def __init__(self) -> None:
        self._begun: dict[int, str] = {}
        self._inside: dict[int, str] = {}

    def back(self, event: StreamEvent) -> Iterator[StreamEvent]:
        match event:
            case TextStarted(index=index):
                self._begun[index] = ""
                yield event
            case TextDelta(index=index, text=text) if index in self._begun:
                yield from self._said(index, self._opened(index, self._begun.pop(index) + text))
            case TextDelta(index=index, text=text) if index in self._inside:
                yield from self._said(index, self._held_back(index, text))
            case PartEnded(index=index):
                tail = self._inside.pop(index, "")
                value, _, _ = tail.rpartition("}")
                yield from self._said(index, self._begun.pop(index, "") + value.rstrip())
                yield event
            case _:
                yield event

    def _opened(self, index: int, text: str) -> str:
        marks = "".join(text.split())
        if len(marks) <= len(_MARKS) and _MARKS.startswith(marks):
            self._begun[index] = text
            return ""
        before = _BEFORE.match(text)
        if before is None:
            return text
        self._inside[index] = ""
        return self._held_back(index, text[before.end() :])

    def _held_back(self, index: int, text: str) -> str:
        """What may close the object waits until it is known to be the end."""
        text = self._inside[index] + text
        surely = text.rstrip(_BEHIND)
        self._inside[index] = text[len(surely) :]
        return surely

    def _said(self, index: int, text: str) -> Iterator[StreamEvent]:
        if text:
            yield TextDelta(index, text)
