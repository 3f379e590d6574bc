"""The messages dialect as one value: every function of this package under the seam's names."""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from turnout.capabilities import Capabilities, Dialect
from turnout.dialects.anthropic_messages import errors, response
from turnout.dialects.anthropic_messages.foreign_thinking import without_foreign_thinking
from turnout.dialects.anthropic_messages.request_decode import decode_request
from turnout.dialects.anthropic_messages.request_encode import encode_request
from turnout.dialects.anthropic_messages.stream_decode import MessageStreamDecoder, decode_response
from turnout.dialects.anthropic_messages.stream_encode import MessageStreamEncoder
from turnout.dialects.anthropic_messages.survey import survey_request
from turnout.dialects.anthropic_messages.tap import MessageSeen, read_body
from turnout.dialects.conversation import Conversation
from turnout.dialects.dialect import ErrorAnswer, StreamDecoder, StreamEncoder, StreamTap
from turnout.dialects.stream import StreamEvent
from turnout.dialects.survey import Survey
from turnout.dialects.taps import BodyTap, EventTap
from turnout.errors import TurnoutError
from turnout.refusals import ANTHROPIC, Refusals

_STOP: Final = b'event: message_stop\ndata: {"type": "message_stop"}\n\n'
_PING: Final = b'event: ping\ndata: {"type": "ping"}\n\n'


class AnthropicMessages:
    """`POST /v1/messages`; what each method promises is said at `WireDialect`."""

    @property
    def name(self) -> Dialect:
        return "anthropic_messages"

    def survey_request(self, body: bytes, *, path: str = "") -> Survey:
        del path
        return survey_request(body)

    def decode_request(self, body: bytes, *, path: str = "") -> Conversation:
        del path
        return decode_request(body)

    def encode_request(self, conversation: Conversation, *, model: str, has: Capabilities) -> bytes:
        return encode_request(conversation, model=model, has=has)

    def without_foreign_reasoning(
        self, body: bytes, *, others: Sequence[range] = (), reader: str = ""
    ) -> bytes:
        return without_foreign_thinking(body, others=others, reader=reader)

    def tap(self, *, stream: bool) -> StreamTap:
        return EventTap(MessageSeen()) if stream else BodyTap(MessageSeen(), read_body)

    def stream_decoder(self) -> StreamDecoder:
        return MessageStreamDecoder()

    def stream_encoder(
        self,
        *,
        response_id: str,
        model: str,
        created_at: int,  # noqa: ARG002  the wire has no such field
        input_estimate: int,
        include_usage: bool,  # noqa: ARG002  the wire always reports usage
        asked: bytes = b"",  # noqa: ARG002  the wire repeats nothing of a request
        clock: Callable[[], float] | None = None,  # noqa: ARG002  the wire has no such field
    ) -> StreamEncoder:
        return MessageStreamEncoder(
            response_id=response_id, model=model, input_estimate=input_estimate
        )

    def decode_response(self, body: bytes) -> Sequence[StreamEvent]:
        return decode_response(body)

    def encode_response(
        self,
        events: Sequence[StreamEvent],
        *,
        response_id: str,
        model: str,
        created_at: int,  # noqa: ARG002  the wire has no such field
        input_estimate: int = 0,
        asked: bytes = b"",  # noqa: ARG002  the wire repeats nothing of a request
    ) -> bytes:
        return response.encode_response(
            events, response_id=response_id, model=model, input_estimate=input_estimate
        )

    def encode_token_count(self, tokens: int) -> bytes:
        return msgspec.json.encode({"input_tokens": tokens})

    def encode_error(self, error: TurnoutError, *, request_id: str) -> ErrorAnswer:
        return errors.encode_error(error, request_id=request_id)

    def encode_stream_error(self, error: TurnoutError) -> bytes:
        return errors.encode_stream_error(error)

    def last_event(self) -> bytes:
        return _STOP

    def may_follow_end(self, data: bytes) -> bool:
        # Of imitations that also speak OpenAI's dialect; Anthropic's clients pass over it.
        return data == b"[DONE]"

    def decode_error(
        self,
        status: int,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        *,
        now: float,
        refusals: Refusals = ANTHROPIC,
    ) -> TurnoutError:
        return errors.decode_error(status, headers, body, now=now, refusals=refusals)

    def keep_alive(self) -> bytes:
        return _PING
