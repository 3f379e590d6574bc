"""What every dialect offers: one protocol, a module family a dialect, nothing pairwise.

A dialect is a value of type `WireDialect` found in `turnout.dialects.registry.DIALECTS`. Its parts
are pure: bytes in, data or bytes out; no clock, no sockets, no randomness (ids come in).

Traffic within one dialect does not pass through the neutral form, but for what an imitation of it
cannot take: the request is edited by span (`passthrough.splice`), the answer is relayed as it came
but for the model's name and an imitation's signatures, and a `StreamTap` watches it go by. Other
traffic is decoded to the neutral conversation, encoded for the target, and the answer comes back event
by event through `StreamDecoder` and `StreamEncoder`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from turnout.capabilities import Capabilities, Dialect
from turnout.dialects.answer_end import AnswerEnd
from turnout.dialects.conversation import Conversation
from turnout.dialects.stream import StreamEvent
from turnout.dialects.survey import Survey
from turnout.dialects.usage import Usage, UsageSource
from turnout.errors import TurnoutError
from turnout.refusals import Refusals


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """A whole HTTP answer that says what went wrong, in the client's dialect."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class TapReading(msgspec.Struct, frozen=True):
    """What has been seen of an answer so far.

    Attributes:
        has_content: the first content event has passed (pings, `message_start`, role-only chunks
            and empty deltas are not content).
        usage: as reported so far; None before any report.
        source: `reported` once the final figures have passed, `partial` before.
        finish_reason: the dialect's own word, "" before it has passed.
        ended: what it means where the answer is none to go on with; "" before it has passed.
        response_model, response_id: as the provider wrote them, "" before they have passed.
        error: an error event inside the stream, decoded; None when there was none.
        is_complete: the terminal event of the dialect has passed.
        at_boundary: the bytes so far end between two events, so a keep-alive may be put here.
        output_bytes: text, reasoning and tool-argument bytes seen, to estimate unreported output.
    """

    has_content: bool
    usage: Usage | None
    source: UsageSource
    finish_reason: str
    ended: AnswerEnd
    response_model: str
    response_id: str
    error: TurnoutError | None
    is_complete: bool
    at_boundary: bool
    output_bytes: int


class StreamTap(Protocol):
    """Watches the raw bytes of a streamed answer; changes nothing.

    Any split of the same bytes gives the same readings at the same byte positions.
    """

    def feed(self, data: bytes) -> None: ...
    @property
    def is_over(self) -> bool:
        """The terminal event or an error has passed; asked for every piece, where `reading` is dear."""
        ...

    @property
    def behind(self) -> int:
        """How many events of the last bytes stood behind the first that was the end."""
        ...

    @property
    def reading(self) -> TapReading: ...


class StreamDecoder(Protocol):
    """Raw SSE bytes of this dialect to neutral events; one per answer.

    `feed` raises `UpstreamFailed` when the bytes are no stream of this dialect. `close` says that
    the bytes have ended and yields the events that follow from that: a stream without its terminal
    event ends in a `StreamFailed` event.
    """

    def feed(self, data: bytes) -> Sequence[StreamEvent]: ...
    def close(self) -> Sequence[StreamEvent]: ...


class StreamEncoder(Protocol):
    """Neutral events to SSE bytes of this dialect, in the superset that every measured client
    accepts: exact order, full usage, closed enums, nothing private."""

    def encode(self, event: StreamEvent) -> bytes: ...


class WireDialect(Protocol):
    """One wire format."""

    @property
    def name(self) -> Dialect: ...

    def survey_request(self, body: bytes, *, path: str = "") -> Survey:
        """Read the facts of a request. Raises `InvalidRequest` naming the offending field.

        `path` is where the client called: Gemini's API says there which model, and whether it is
        a stream.
        """
        ...

    def decode_request(self, body: bytes, *, path: str = "") -> Conversation:
        """Wire to neutral. Raises `InvalidRequest` or `Unsupported` naming the feature."""
        ...

    def encode_request(self, conversation: Conversation, *, model: str, has: Capabilities) -> bytes:
        """Neutral to wire for `model`. Leaves out what the target cannot take."""
        ...

    def without_foreign_reasoning(
        self, body: bytes, *, others: Sequence[range] = (), reader: str = ""
    ) -> bytes:
        """A request without the reasoning that its target would refuse: what stands under our seal
        (`seal.py`), and all of it in the messages that `others` number, as the survey counts them;
        words between agents that the target would refuse become plain ones. `reader` is the target:
        what it has made itself in this dialect, and stands under our seal, is as it made it again.
        The very object that came in where there is none.
        """
        ...

    def tap(self, *, stream: bool) -> StreamTap:
        """A watcher for one answer; with `stream=False` it is fed a whole JSON body."""
        ...

    def stream_decoder(self) -> StreamDecoder: ...

    def stream_encoder(
        self,
        *,
        response_id: str,
        model: str,
        created_at: int,
        input_estimate: int,
        include_usage: bool,
        asked: bytes = ...,
        clock: Callable[[], float] | None = ...,
    ) -> StreamEncoder:
        """`model` is the name the client asked for; `created_at` in unix seconds. `asked` is the
        client's request, of which some answers repeat the settings; `clock` says when the answer
        ends, where that is not when it began.
        """
        ...

    def decode_response(self, body: bytes) -> Sequence[StreamEvent]:
        """A whole JSON answer as the events its stream would have had."""
        ...

    def encode_response(
        self,
        events: Sequence[StreamEvent],
        *,
        response_id: str,
        model: str,
        created_at: int,
        input_estimate: int = 0,
        asked: bytes = ...,
    ) -> bytes:
        """The events of one answer as a whole JSON body."""
        ...

    def encode_token_count(self, tokens: int) -> bytes:
        """The body that answers a request to count tokens. The dialect whose API has no such
        request answers like the other one of its vendor.
        """
        ...

    def encode_error(self, error: TurnoutError, *, request_id: str) -> ErrorAnswer:
        """An error as a whole answer, Retry-After and x-should-retry included where due."""
        ...

    def encode_stream_error(self, error: TurnoutError) -> bytes:
        """The terminal error event for a stream that has begun."""
        ...

    def last_event(self) -> bytes:
        """What ends a stream that has said why it ended and then does not end; b"" in a dialect whose
        clients do without.
        """
        ...

    def may_follow_end(self, data: bytes) -> bool:
        """Whether an event with this data may come behind the end of an answer."""
        ...

    def decode_error(
        self,
        status: int,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        *,
        now: float,
        refusals: Refusals = ...,
    ) -> TurnoutError:
        """What a provider's error answer means, and when to come back. `refusals` says how the
        endpoint refuses; without it the dialect's own vendor does.
        """
        ...

    def keep_alive(self) -> bytes:
        """Bytes that any client of this dialect ignores between two events."""
        ...
