"""What the simulated provider has seen: the last requests, and counters.

Rules of this module: no request text and no credential is kept; a body is its digest and length,
unless the process was started to keep bodies for a test.
"""

import hashlib
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from turnout.simulator.json_types import JsonObject

MAX_ENTRIES = 1_000
"""How many requests are remembered; a test asks about its own, a person about the newest."""

SECRET_HEADERS = frozenset(
    {
        *("authorization", "x-api-key", "api-key", "x-goog-api-key"),
        *("cookie", "proxy-authorization"),
    }
)


@dataclass(slots=True)
class LogEntry:
    """One request. `ended_at` is None while it is being answered; times in unix seconds.

    `dropped_thinking` has the places of thinking that was sent back and is not read.
    """

    method: str
    path: str
    headers: dict[str, str]
    started_at: float
    body_digest: str = ""
    body_bytes: int = 0
    body: str | None = None
    model: str = ""
    stream: bool = False
    status: int | None = None
    first_content_at: float | None = None
    ended_at: float | None = None
    aborted: bool = False
    dropped_thinking: tuple[str, ...] = ()
    usage: JsonObject = field(default_factory=dict)

    def set_body(self, body: bytes, *, keep: bool) -> None:
        self.body_digest = hashlib.sha256(body).hexdigest()
        self.body_bytes = len(body)
        self.body = body.decode("utf-8", "replace") if keep else None


@dataclass(slots=True)
class RequestLog:
    """The newest requests first to come, and counts since the start or the last reset."""

    entries: deque[LogEntry] = field(default_factory=lambda: deque(maxlen=MAX_ENTRIES))
    requests: int = 0
    aborted: int = 0
    in_flight: int = 0

    def begin(
        self, *, method: str, path: str, headers: Iterable[tuple[str, str]], now: float
    ) -> LogEntry:
        entry = LogEntry(
            method=method,
            path=path,
            headers={
                name: "redacted" if name in SECRET_HEADERS else value for name, value in headers
            },
            started_at=now,
        )
        self.entries.append(entry)
        self.requests += 1
        self.in_flight += 1
        return entry

    def end(self, entry: LogEntry, *, now: float, aborted: bool) -> None:
        entry.ended_at = now
        entry.aborted = aborted
        self.in_flight -= 1
        self.aborted += aborted

    def reset(self) -> None:
        """Forget what has ended; requests in flight still count as such."""
        self.entries.clear()
        self.requests = 0
        self.aborted = 0
