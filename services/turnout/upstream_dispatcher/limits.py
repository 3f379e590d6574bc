"""The dispatcher's numbers: settings with working defaults, and bounds that are no settings."""

from dataclasses import dataclass

from turnout.policy.budget import DEFAULT_SHARE
from turnout.policy.hedge import FLOOR_SECONDS, Races

MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""Bytes of one whole JSON answer; the largest honest ones hold images as base64, and the dialects
read no further."""

MAX_ERROR_BYTES = 1024 * 1024
"""Bytes of a provider's error answer; more is no error message."""

MAX_HELD_BYTES = 16 * 1024 * 1024
"""Bytes held before the first content event: one event at its bound (`dialects.sse`)."""

ERROR_BODY_SECONDS = 10.0
"""To read an error answer's body; a provider that is in trouble may never finish it."""

DRAIN_SECONDS = 1.0
"""To wait for the end of a body whose last event has passed, so that its connection can be used
again, and for what may still follow (the `[DONE]` behind an OpenAI usage chunk)."""

MAX_TAIL_BYTES = 64 * 1024
"""Read behind the last event of an answer; honest ones have a few hundred bytes there."""

ASK_AGAIN_SECONDS = 2.0
"""While a whole answer is awaited, whether its connection is still there; a stream asks at every sign of life."""

LATE_SECONDS = 5.0
"""A dispatcher that has not ended an answer so long after its own deadlines hangs."""

STALE_SECONDS = 1.0
"""A connection lost sooner than this after sending had been closed before (the provider's idle
time-out met our request on the way); later, the provider has seen the request and may bill it."""

POOL_WAIT_SECONDS = 0.5
"""For one of `max_connections` to come free; a request that finds none in that time is one too many."""

POOL_RETRY_SECONDS = 5.0
"""When a client should ask again that found none: more than an attempt is waited for."""

MAX_NOTES = 512
"""Notes on their way to the tracker; with it down for the note deadline at 500 requests/s."""


MAX_HOLDS = 512
"""Requests whose prompts are kept cached: main threads that pause, of some hundred developers."""

MAX_HOLDS_BYTES = 64 * 1024 * 1024
"""Of all of them together; a long prompt of an agent has half a megabyte."""

READ_SECONDS = 20.0
"""For a read that keeps a prompt, which is sent half a minute before it expires and answers nothing."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds.

    Attributes:
        connect_seconds: to open a connection, name look-up and TLS included.
        first_byte_seconds: from sending to a stream's response head.
        first_content_seconds: from a stream's response head to its first content event; pings
            do not count.
        idle_seconds: silence inside a stream; claude aborts after 300 s of it (measured).
        answer_seconds: from sending to a stream's last event; a drip never falls silent.
        whole_answer_seconds: from sending to the end of an answer that is no stream; Claude Code's
            own time-out is 600 s.
        give_up_seconds: after a request has been here this long no further attempt starts.
        commit_after_seconds: the client gets a head by then, whatever the upstream does.
        keep_alive_seconds: silence after which the client gets a sign of life; Claude Code's
            stall watchdog rings at 20 s.
        note_seconds: deadline of a note to the tracker.
        idle_connection_seconds: how long an unused connection is kept; below the 60 s and more
            that providers keep theirs.
        max_connections: open at once, all providers together.

    """

    connect_seconds: float = 10.0
    first_byte_seconds: float = 120.0
    first_content_seconds: float = 600.0
    idle_seconds: float = 300.0
    answer_seconds: float = 3600.0
    whole_answer_seconds: float = 600.0
    give_up_seconds: float = 600.0
    commit_after_seconds: float = 15.0
    keep_alive_seconds: float = 10.0
    note_seconds: float = 0.5
    idle_connection_seconds: float = 45.0
    max_connections: int = 2048

    @property
    def dispatch_seconds(self) -> float:
        """Until a request is answered, whatever its targets do: whoever waits longer, waits for nothing."""
        return self.give_up_seconds + self.answer_seconds + LATE_SECONDS


@dataclass(frozen=True, slots=True)
class HedgeTerms:
    """How far hedging may go.

    Attributes:
        races: whose calls are raced.
        requests_share, usd_share: of a tenant's requests and of its spending.
        floor_seconds: no call is raced sooner.
    """

    races: Races = "beyond_observe"
    requests_share: float = DEFAULT_SHARE
    usd_share: float = DEFAULT_SHARE
    floor_seconds: float = FLOOR_SECONDS
