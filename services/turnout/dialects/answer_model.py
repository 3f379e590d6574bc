"""The model's name in an answer that is relayed as it came.

Some clients keep the name that an answer says and ask for it next, or refuse an answer of a model that
they did not ask for. Rules: the one value that names the model is written as the client wrote it, every
other byte stays; an event that names none, or cannot be read, is the very object that came in.
"""

import re
from typing import Final

import msgspec

from turnout.capabilities import Dialect
from turnout.dialects.passthrough import members
from turnout.errors import InvalidRequest

# Events are relayed whole, so a line of data is a whole JSON value or one of several.
_DATA: Final = re.compile(rb"^(data: ?)([^\r\n]+)", re.MULTILINE)


def named_in_body(dialect: Dialect, body: bytes, name: str) -> bytes:
    """A whole answer with the client's name."""
    return _set(body, "modelVersion" if dialect == "gemini_generate" else "model", name)


def named_in_events(dialect: Dialect, events: bytes, name: str) -> bytes:
    """Whole events of a stream with the client's name."""
    if b"model" not in events:
        return events
    return _DATA.sub(lambda found: found[1] + _named(dialect, found[2], name), events)


def _named(dialect: Dialect, data: bytes, name: str) -> bytes:
    match dialect:
        case "openai_chat":
            return _set(data, "model", name)
        case "gemini_generate":
            return _set(data, "modelVersion", name)
        case "anthropic_messages":
            return _set_inside(data, "message", name) if b'"message_start"' in data else data
        case "openai_responses":
            return _set_inside(data, "response", name) if b'"response"' in data else data


def _set_inside(data: bytes, outer: str, name: str) -> bytes:
    found = _span(data, outer)
    if found is None:
        return data
    start, end = found
    inner = data[start:end]
    new = _set(inner, "model", name)
    return data if new is inner else data[:start] + new + data[end:]


def _set(data: bytes, field: str, name: str) -> bytes:
    found = _span(data, field)
    if found is None:
        return data
    start, end = found
    new = msgspec.json.encode(name)
    old = data[start:end]
    return data if old == new or not old.startswith(b'"') else data[:start] + new + data[end:]


def _span(data: bytes, field: str) -> tuple[int, int] | None:
    """Where the value of a member of an object stands; None where there is none."""
    try:
        found = members(data)
    except InvalidRequest:
        return None
    return next(((one.value_start, one.value_end) for one in found if one.name == field), None)
