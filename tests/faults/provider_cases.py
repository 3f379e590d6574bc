"""What must come of every fault of a provider: the table of named cases, by phase.

Rules: a case is one script of the provider (`scripted_provider`), for both client dialects; what a client
sees and what is recorded is the same in every composition.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from tests.faults.clients import Wire
from turnout.errors import ErrorKind

Cost: TypeAlias = Literal["nothing", "unknown", "told", "perhaps told", "estimated"]
"""Of an attempt without content. With `told` the start of an Anthropic stream had said how many tokens the
prompt has, with `perhaps` it may have been lost with the connection; where nobody says any, it is unknown.
"""

WHOLE_AND_STREAM: Final = (False, True)
WHOLE: Final = (False,)
STREAM: Final = (True,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """Nothing of the model's had come: an error answer, or another model's.

    Attributes:
        status: what the client gets; `chat_status` where OpenAI has another one.
        says: a piece of the message.
        upstream: status of the provider as recorded, 0 for none.
        times: how often the provider is asked.
        retry_after: the least and the most that the client is told, seconds; None where it is told nothing.
        is_committed: so late that a stream has begun: it ends with an error event.
        is_backed: whether another model would be asked; not when all the time is over.
    """

    script: str
    kind: ErrorKind = "upstream_failed"
    status: int = 502
    chat_status: int = 0
    says: str
    upstream: int
    times: int = 1
    retry_after: tuple[int, int] | None = None
    cost: Cost = "unknown"
    is_committed: bool = False
    is_backed: bool = True
    forms: tuple[bool, ...] = WHOLE_AND_STREAM
    waits: bool = False

    def status_for(self, wire: Wire) -> int:
        return self.chat_status if self.chat_status and wire == "openai_chat" else self.status


@dataclass(frozen=True, slots=True, kw_only=True)
class After:
    """Of a stream, when content has gone out: an error event ends it, and nobody else is asked."""

    script: str
    kind: ErrorKind = "upstream_failed"
    says: str
    forms: tuple[bool, ...] = STREAM
    waits: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """All is as if nothing were wrong."""

    script: str
    forms: tuple[bool, ...] = WHOLE_AND_STREAM
    waits: bool = False


Case: TypeAlias = Before | After | Answered

LOST: Final = "the upstream closed the connection before it answered"
BROKE_OFF: Final = "connection lost: the upstream's answer broke off"
ENDED: Final = "connection lost: the upstream's stream broke off before its end"
NOT_WHOLE: Final = "the upstream's answer is no whole answer of its dialect"
OWN_WORDS: Final = "of the provider"

CONNECTING: Final[tuple[Case, ...]] = (
    Before(script="refused", says="cannot be reached (Conn", upstream=0, cost="nothing"),
    Before(script="no-such-name", says="cannot be reached (gai", upstream=0, cost="nothing"),
    Before(script="tls-foreign", says="(SSLCertVerif", upstream=0, cost="nothing"),
    Before(script="tls-expired", says="(SSLCertVerif", upstream=0, cost="nothing"),
    Before(
        script="tls-none",
        kind="upstream_timeout",
        status=504,
        says="no connection to the upstream came about in time",
        upstream=0,
        cost="nothing",
        waits=True,
    ),
    Answered(script="tls-good"),
)

BEFORE_HEADERS: Final[tuple[Case, ...]] = (
    # A pooled connection may have been closed before the request: so it is asked once more.
    Before(script="closed-at-once", says=LOST, upstream=0, times=2, cost="nothing"),
    Before(script="reset-at-once", says=LOST, upstream=0, times=2, cost="nothing"),
    Before(script="half-a-head", says=LOST, upstream=0),
    Before(script="reset-late", says=LOST, upstream=0, waits=True),
    Before(script="no-http", says="no HTTP", upstream=0),
    Before(
        script="silent",
        kind="upstream_timeout",
        status=504,
        says="did not answer within 6 s",
        upstream=0,
        is_backed=False,
        forms=WHOLE,
        waits=True,
    ),
    Before(
        script="silent",
        kind="upstream_timeout",
        says="did not answer within 3.5 s",
        upstream=0,
        is_committed=True,
        forms=STREAM,
        waits=True,
    ),
)


def _throttled(script: str, *, least: int, most: int, says: str = OWN_WORDS) -> Case:
    return Before(
        script=script,
        kind="rate_limited",
        status=429,
        says=says,
        upstream=429,
        retry_after=(least, most),
        cost="nothing",
    )


STATUSES: Final[tuple[Case, ...]] = (
    _throttled("429", least=5, most=5),
    _throttled("429-seconds", least=7, most=7),
    _throttled("429-date", least=10, most=30),
    _throttled("429-far", least=60, most=60),
    _throttled("429-br", least=7, most=7, says="status 429 and no message"),
    Before(
        script="529",
        kind="overloaded",
        status=529,
        chat_status=503,
        says=OWN_WORDS,
        upstream=529,
        retry_after=(5, 5),
        cost="nothing",
    ),
    Before(script="500-html", says="status 500 and no message", upstream=500, cost="nothing"),
    Before(script="redirect", says="status 302 instead of 200", upstream=302, cost="nothing"),
)

BEFORE_CONTENT: Final[tuple[Case, ...]] = (
    Before(script="error-inside", says=OWN_WORDS, upstream=200, cost="told"),
    Before(
        script="silent-before-content",
        kind="upstream_timeout",
        status=504,
        says="did not answer within 6 s",
        upstream=200,
        is_backed=False,
        forms=WHOLE,
        waits=True,
    ),
    Before(
        script="silent-before-content",
        kind="upstream_timeout",
        says="fell silent",
        upstream=200,
        cost="told",
        is_committed=True,
        forms=STREAM,
        waits=True,
    ),
    Before(script="reset-before-content", says=BROKE_OFF, upstream=200, cost="perhaps told"),
    Before(script="closed-before-content", says=BROKE_OFF, upstream=200, cost="perhaps told"),
    Before(script="empty", says=NOT_WHOLE, upstream=200, forms=WHOLE),
    Before(script="empty", says="ended before any content", upstream=200, forms=STREAM),
    Before(script="html", says="answered with 'text/html' instead of", upstream=200),
    Before(script="cut-json", says=NOT_WHOLE, upstream=200, forms=WHOLE),
    Before(script="cut-json", says="Input data was truncated", upstream=200, forms=STREAM),
    Before(script="too-little", says=BROKE_OFF, upstream=200, forms=WHOLE),
    Before(script="too-much", says="no HTTP", upstream=0),
    Before(script="raw-deflate", says="cannot be decompressed", upstream=200),
    Before(script="gzip-not", says="cannot be decompressed", upstream=200),
    Before(script="gzip-half", says=NOT_WHOLE, upstream=200, forms=WHOLE),
    Before(script="br", says="encoded as 'br', unasked", upstream=200),
    Before(script="reset-in-the-middle", says=BROKE_OFF, upstream=200, forms=WHOLE),
    Before(
        script="dripping",
        kind="upstream_timeout",
        status=504,
        says="did not answer within 6 s",
        upstream=200,
        is_backed=False,
        forms=WHOLE,
        waits=True,
    ),
)

AFTER_CONTENT: Final[tuple[Case, ...]] = (
    After(script="silent-in-the-middle", kind="upstream_timeout", says="fell silent", waits=True),
    After(script="reset-in-the-middle", says=BROKE_OFF),
    After(script="closed-in-the-middle", says=BROKE_OFF),
    After(script="over-in-the-middle", says=ENDED),
    After(script="over-inside-an-event", says=ENDED),
    After(script="error-in-the-middle", says=OWN_WORDS),
    After(script="too-little", says=BROKE_OFF),
    After(script="no-chunks", says=BROKE_OFF, waits=True),
    After(script="dripping", kind="upstream_timeout", says="not over within 6 s", waits=True),
)

UNHARMED: Final[tuple[Case, ...]] = (
    Answered(script="fine"),
    Answered(script="gzip"),
    Answered(script="deflate"),
    Answered(script="slow", waits=True),
    Answered(script="content-after-stop", forms=STREAM),
    # A model's words are its own: the agent tells it what was wrong with them.
    Answered(script="tool-arguments-no-json"),
)

TRANSLATED: Final[tuple[Case, ...]] = (
    _throttled("chat-only-429-seconds", least=7, most=7),
    Before(script="chat-only-500-html", says="status 500", upstream=500, cost="nothing"),
    Before(script="chat-only-error-inside", says=OWN_WORDS, upstream=200),
    Before(script="chat-only-cut-json", says="truncated", upstream=200, forms=STREAM),
    After(script="chat-only-reset-in-the-middle", says=BROKE_OFF),
    After(script="chat-only-over-inside-an-event", says=ENDED),
    After(script="chat-only-error-in-the-middle", says=OWN_WORDS),
    Answered(script="chat-only-content-after-stop", forms=STREAM),
    Answered(script="chat-only-tool-arguments-no-json"),
)

ENDLESS: Final[tuple[Case, ...]] = (
    Before(script="endless-head", says="no HTTP", upstream=0),
    Before(script="endless-error", says="status 500 and no message", upstream=500, cost="nothing"),
    Before(script="endless-body", says="exceeds 33554432 bytes", upstream=200, forms=WHOLE),
    Before(
        script="endless-body",
        says="event of the upstream's stream exceeds 16777216 bytes",
        upstream=200,
        cost="estimated",
        forms=STREAM,
    ),
    Before(
        script="endless-pings",
        says="sent 16777216 bytes without content",
        upstream=200,
        cost="told",
        forms=STREAM,
    ),
    After(
        script="endless-content", kind="upstream_timeout", says="not over within 6 s", waits=True
    ),
)

CASES: Final = (
    *CONNECTING,
    *BEFORE_HEADERS,
    *STATUSES,
    *BEFORE_CONTENT,
    *AFTER_CONTENT,
    *UNHARMED,
    *TRANSLATED,
)

ERROR_TYPES: Final[Mapping[Wire, Mapping[ErrorKind, str]]] = {
    "anthropic_messages": {
        "upstream_failed": "api_error",
        "upstream_timeout": "timeout_error",
        "rate_limited": "rate_limit_error",
        "overloaded": "overloaded_error",
    },
    "openai_chat": {
        "upstream_failed": "server_error",
        "upstream_timeout": "server_error",
        "rate_limited": "rate_limit_error",
        "overloaded": "service_unavailable_error",
    },
}
