"""The chat dialect as one value: every function of this package under the name the seam gives it."""

from collections.abc import Callable, Sequence

import msgspec

from turnout.capabilities import Capabilities, Dialect
from turnout.dialects import openai_errors
from turnout.dialects.conversation import Conversation
from turnout.dialects.dialect import ErrorAnswer, StreamDecoder, StreamEncoder, StreamTap
from turnout.dialects.openai_chat import errors, response
from turnout.dialects.openai_chat.reasoning_details import without_sealed
from turnout.dialects.openai_chat.request_decode import decode_request
from turnout.dialects.openai_chat.request_encode import encode_request
from turnout.dialects.openai_chat.stream_decode import DONE, ChatStreamDecoder, decode_response
from turnout.dialects.openai_chat.stream_encode import ChatStreamEncoder
from turnout.dialects.openai_chat.survey import survey_request
from turnout.dialects.openai_chat.tap import ChatSeen, read_body
from turnout.dialects.openai_chat.usage_filter import EMPTY_CHOICES
from turnout.dialects.sse import encode_comment
from turnout.dialects.stream import StreamEvent
from turnout.dialects.survey import Survey
from turnout.dialects.taps import BodyTap, EventTap
from turnout.errors import TurnoutError
from turnout.refusals import OPENAI, Refusals


class OpenAiChat:
    """`POST /v1/chat/completions`; what each method promises is said at `WireDialect`."""

    @property
    def name(self) -> Dialect:
        return "openai_chat"

    def survey_request(self, body: bytes, *, path: str = "") -> Survey:
        del path
        return survey_request(body)

    def decode_request(self, body: bytes, *, path: str = "") -> Conversation:
        del path
        return decode_request(body)

    def encode_request(self, conversation: Conversation, *, model: str, has: Capabilities) -> bytes:
        return encode_request(conversation, model=model, has=has)

    def without_foreign_reasoning(
        self,
        body: bytes,
        *,
        others: Sequence[range] = (),
        reader: str = "",  # noqa: ARG002  answers within the wire have no seal
    ) -> bytes:
        return without_sealed(body, others=others)

    def tap(self, *, stream: bool) -> StreamTap:
        return EventTap(ChatSeen()) if stream else BodyTap(ChatSeen(), read_body)

    def stream_decoder(self) -> StreamDecoder:
        return ChatStreamDecoder()

    def stream_encoder(
        self,
        *,
        response_id: str,
        model: str,
        created_at: int,
        input_estimate: int,
        include_usage: bool,
        asked: bytes = b"",  # noqa: ARG002  the wire repeats nothing of a request
        clock: Callable[[], float] | None = None,  # noqa: ARG002  the wire has no such field
    ) -> StreamEncoder:
        return ChatStreamEncoder(
            response_id=response_id,
            model=model,
            created_at=created_at,
            input_estimate=input_estimate,
            include_usage=include_usage,
        )

    def decode_response(self, body: bytes) -> Sequence[StreamEvent]:
        return decode_response(body)

    def encode_response(
        self,
        events: Sequence[StreamEvent],
        *,
        response_id: str,
        model: str,
        created_at: int,
        input_estimate: int = 0,
        asked: bytes = b"",  # noqa: ARG002  the wire repeats nothing of a request
    ) -> bytes:
        return response.encode_response(
            events,
            response_id=response_id,
            model=model,
            created_at=created_at,
            input_estimate=input_estimate,
        )

    def encode_token_count(self, tokens: int) -> bytes:
        # Chat completions have no such request; this is the answer of /v1/responses/input_tokens.
        return msgspec.json.encode({"object": "response.input_tokens", "input_tokens": tokens})

    def encode_error(self, error: TurnoutError, *, request_id: str) -> ErrorAnswer:
        return openai_errors.encode_error(error, request_id=request_id)

    def encode_stream_error(self, error: TurnoutError) -> bytes:
        return errors.encode_stream_error(error)

    def last_event(self) -> bytes:
        return b""

    def may_follow_end(self, data: bytes) -> bool:
        # Usage may be told in the last chunk and again in one of its own; either ends in `[DONE]`.
        return data == DONE or EMPTY_CHOICES.search(data) is not None

    def decode_error(
        self,
        status: int,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        *,
        now: float,
        refusals: Refusals = OPENAI,
    ) -> TurnoutError:
        return openai_errors.decode_error(status, headers, body, now=now, refusals=refusals)

    def keep_alive(self) -> bytes:
        return encode_comment(b"keep-alive")
