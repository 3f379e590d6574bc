"""How many requests an ingress serves at once, and how many bytes of their bodies it holds.

Rules: who comes beyond a bound is told so at once, in the words of an overloaded provider, and when to come again;
a body counts from when it is announced, or comes, until its request is answered.
"""

from turnout.errors import Overloaded

RETRY_AFTER_SECONDS = 2.0
"""Answers end all the time; agents that all came again at once would find the same."""


class Room:
    """Of one ingress.

    Attributes:
        requests, body_bytes: what is in it now.
    """

    def __init__(self, *, max_requests: int, max_body_bytes: int) -> None:
        self.requests = 0
        self.body_bytes = 0
        self._max_requests = max_requests
        self._max_body_bytes = max_body_bytes

    def enter(self) -> "Place":
        """Raises `Overloaded`. The place is to be left."""
        if self.requests >= self._max_requests:
            raise Overloaded(
                f"Turnout is serving {self.requests} requests already (TURNOUT_INGRESS__MAX_REQUESTS);"
                " send it again in a moment.",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )
        return Place(self)

    def hold(self, size: int) -> None:
        """Raises `Overloaded`."""
        if self.body_bytes + size > self._max_body_bytes:
            raise Overloaded(
                f"Turnout holds {self.body_bytes} bytes of requests already, and this one has {size}"
                " (TURNOUT_INGRESS__MAX_BODIES_BYTES); send it again in a moment.",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )
        self.body_bytes += size


class Place:
    """One request's, from `Room.enter` on."""

    __slots__ = ("_held", "_room")

    def __init__(self, room: Room) -> None:
        self._room = room
        self._held = 0
        room.requests += 1

    def hold(self, size: int) -> None:
        """The body has `size` bytes, as far as is known. Raises `Overloaded`."""
        if size > self._held:
            self._room.hold(size - self._held)
            self._held = size

    def leave(self) -> None:
        self._room.requests -= 1
        self._room.body_bytes -= self._held
