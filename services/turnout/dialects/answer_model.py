"""The model's name in an answer that is relayed as it came.

Some clients keep the name that an answer says and ask for it next, or refuse an answer of a model
that they did not ask for. Rules: the one value that names the model is written as the client wrote it,
every other byte stays, and so does the whole of a body or an event that names none. What has to be
read to find the name, and cannot be, stays as well. Where every event of a stream names the model, one
event is read: those in which the bytes around the name are the same get the same there unread, so
also one whose rest could not be read.
"""

import re
from typing import Final

import msgspec

from turnout.capabilities import Dialect
from turnout.dialects.passthrough import Member, members
from turnout.errors import InvalidRequest

# Events are relayed whole, so a line of data is a whole JSON value or one of several.
_DATA: Final = re.compile(rb"^(data: ?)([^\r\n]+)", re.MULTILINE)

MAX_KNOWN_BYTES: Final = 4096
"""Of what is compared instead of read, which is kept as long as the stream; honest ones are far smaller."""


def named_in_body(dialect: Dialect, body: bytes, name: str) -> bytes:
    """A whole answer with the client's name."""
    return _set(body, "modelVersion" if dialect == "gemini_generate" else "model", name)


class EventsNamed:
    """Whole events of one stream with the client's name."""

    __slots__ = ("_dialect", "_known", "_name")

    def __init__(self, dialect: Dialect, name: str) -> None:
        self._dialect: Dialect = dialect
        self._name = name
        self._known: _Known | None = None

    def feed(self, events: bytes) -> bytes:
        if b"model" not in events:
            return events
        return _DATA.sub(self._renamed, events)

    def _renamed(self, found: re.Match[bytes]) -> bytes:
        data = found[2]
        if self._known is not None:
            told = self._known.renamed(data)
            if told is not None:
                return found[1] + told
        return found[1] + self._read(data)

    def _read(self, data: bytes) -> bytes:
        match self._dialect:
            case "openai_chat":
                return self._learned(data, "model", is_first=True)
            case "gemini_generate":
                return self._learned(data, "modelVersion", is_first=False)
            case "anthropic_messages":
                is_named = b'"message_start"' in data
                return _set_inside(data, "message", self._name) if is_named else data
            case "openai_responses":
                is_named = b'"response"' in data
                return _set_inside(data, "response", self._name) if is_named else data

    def _learned(self, data: bytes, field: str, *, is_first: bool) -> bytes:
        """Renamed, and remembered by the bytes in front of the text (OpenAI) or behind it (Google)."""
        place = _place(data, field)
        if place is None:
            return data
        old, new = data[place.value_start : place.value_end], msgspec.json.encode(self._name)
        if old == new or not old.startswith(b'"'):
            return data
        renamed = data[: place.value_start] + new + data[place.value_end :]
        if is_first:
            known = _Known(
                data[: place.value_end], renamed[: place.value_start + len(new)], is_first=True
            )
        else:
            # From the comma in front, behind which a quote begins a key and ends no text.
            at = data.rfind(b",", 0, place.key_start)
            known = _Known(data[at:], renamed[at:], is_first=False)
        if len(known.old) <= MAX_KNOWN_BYTES:
            self._known = known
        return renamed


class _Known(msgspec.Struct, frozen=True):
    """An end of an object that holds the name, and the same with the client's.

    The object is valid or its reader's to refuse, so the same bytes at the same end are the same members.
    """

    old: bytes
    new: bytes
    is_first: bool

    def renamed(self, data: bytes) -> bytes | None:
        """None where the object is another."""
        if self.is_first:
            return self.new + data[len(self.old) :] if data.startswith(self.old) else None
        return data[: -len(self.old)] + self.new if data.endswith(self.old) else None


def _set_inside(data: bytes, outer: str, name: str) -> bytes:
    place = _place(data, outer)
    if place is None:
        return data
    inner = data[place.value_start : place.value_end]
    new = _set(inner, "model", name)
    return data if new is inner else data[: place.value_start] + new + data[place.value_end :]


def _set(data: bytes, field: str, name: str) -> bytes:
    place = _place(data, field)
    if place is None:
        return data
    old, new = data[place.value_start : place.value_end], msgspec.json.encode(name)
    if old == new or not old.startswith(b'"'):
        return data
    return data[: place.value_start] + new + data[place.value_end :]


def _place(data: bytes, field: str) -> Member | None:
    """Where a member of an object stands; None where there is none."""
    try:
        found = members(data)
    except InvalidRequest:
        return None
    return next((one for one in found if one.name == field), None)
