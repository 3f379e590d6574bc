"""Responses that are kept, so that a later request goes on from one by its id.

Rules of this module: what is kept are the items a later request begins with, newest responses only;
it lives as long as the process, and what was asked not to be stored is not here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from turnout.simulator.json_types import JsonObject

MAX_RESPONSES = 100
"""More than any conversation of a test goes back; each may hold a whole prompt."""


@dataclass(slots=True)
class StoredResponses:
    """Items by the id of the response that ended with them."""

    max_responses: int = MAX_RESPONSES
    _items: dict[str, tuple[JsonObject, ...]] = field(default_factory=dict)

    def keep(self, name: str, items: Sequence[JsonObject]) -> None:
        self._items.pop(name, None)
        self._items[name] = tuple(items)
        while len(self._items) > self.max_responses:
            del self._items[next(iter(self._items))]

    def items_of(self, name: str) -> tuple[JsonObject, ...] | None:
        """What the response `name` and all before it said and were told; None when not kept."""
        return self._items.get(name)

    def clear(self) -> None:
        self._items.clear()
