"""The JSON object that a request's body holds.

Rules of this module: pure; what is nested deeper than `MAX_LEVELS` is refused where it is read, so
that nothing behind it has to count how deep it goes.
"""

from typing import Final

import msgspec

from turnout.simulator.json_types import JsonObject, is_array, is_object

MAX_LEVELS: Final = 200
"""Of objects and arrays within each other. Bodies of agents have some 20; providers do not publish
theirs."""


class Unreadable(Exception):
    """The body is no JSON object, or one that is nested too deeply."""


def read_object(data: bytes) -> JsonObject:
    """Raises `Unreadable` saying why."""
    try:
        fields = msgspec.json.decode(data, type=JsonObject)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(str(error)) from error
    except RecursionError:
        raise _too_deep() from None
    level: list[object] = [fields]
    for _ in range(MAX_LEVELS):
        level = [one for value in level for one in _within(value)]
        if not level:
            return fields
    raise _too_deep()


def _within(value: object) -> list[object]:
    """The objects and arrays that stand directly in a value."""
    found = list(value.values()) if is_object(value) else value if is_array(value) else []
    return [one for one in found if isinstance(one, dict | list)]


def _too_deep() -> Unreadable:
    return Unreadable(f"it is nested more than {MAX_LEVELS} levels deep")
