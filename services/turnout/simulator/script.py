"""Which directives the next request gets: the default, its header, and the queue.

Rules of this module: a queued script is used once, by the first request it fits, oldest first. It
is for that one answer, so tools it names are called however many steps have been done before.
"""

from collections import deque
from dataclasses import dataclass, field, replace

import msgspec

from turnout.errors import InvalidRequest
from turnout.simulator.directives import MAX_STEPS, NONE, Directives, parse_directives

MAX_QUEUED = 10_000
"""More than any test or demo scripts; the queue refuses what goes beyond."""


class QueuedScript(msgspec.Struct, frozen=True):
    """Directives for the next request, or for the next one that names `model` and whose body has the
    text `holds`, as JSON writes it.
    """

    simulate: str
    model: str = ""
    holds: str = ""

    def fits(self, *, model: str, body: bytes) -> bool:
        return self.model in {"", model} and self.holds.encode() in body


class ScriptChange(msgspec.Struct, frozen=True):
    """The body of `POST /simulate`; what is absent stays as it is."""

    next: list[str | QueuedScript] = []
    default: str | None = None


@dataclass(slots=True)
class Script:
    """The directives to come."""

    default: Directives = NONE
    queue: deque[tuple[QueuedScript, Directives]] = field(
        default_factory=deque[tuple[QueuedScript, Directives]]
    )

    def change(self, body: bytes) -> None:
        """Apply `POST /simulate`. Raises `InvalidRequest` and then changes nothing."""
        try:
            change = msgspec.json.decode(body, type=ScriptChange)
        except msgspec.MsgspecError as error:
            raise InvalidRequest(f"The script cannot be read: {error}.") from error
        queued = [QueuedScript(item) if isinstance(item, str) else item for item in change.next]
        scripts = [(item, parse_directives(item.simulate)) for item in queued]
        if len(self.queue) + len(scripts) > MAX_QUEUED:
            raise InvalidRequest(f"The queue holds at most {MAX_QUEUED} scripts.")
        if change.default is not None:
            self.default = parse_directives(change.default)
        self.queue.extend(scripts)

    def take(self, *, model: str, header: str, body: bytes) -> Directives:
        """The directives of a request for `model`. Raises `InvalidRequest` on a bad header."""
        found = parse_directives(header).over(self.default)
        for place, (queued, directives) in enumerate(self.queue):
            if queued.fits(model=model, body=body):
                del self.queue[place]
                one_answer = directives.tools and directives.steps is None
                told = replace(directives, steps=MAX_STEPS) if one_answer else directives
                return told.over(found)
        return found

    def reset(self, default: Directives) -> None:
        self.default = default
        self.queue.clear()
