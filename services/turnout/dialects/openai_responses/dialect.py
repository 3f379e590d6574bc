"""The responses dialect as one value: every function of this package under the seam's names."""

from collections.abc import Callable, Sequence

import msgspec

from turnout.capabilities import Capabilities, Dialect
from turnout.dialects import openai_errors
from turnout.dialects.conversation import Conversation
from turnout.dialects.dialect import ErrorAnswer, StreamDecoder, StreamEncoder, StreamTap
from turnout.dialects.openai_responses import errors, response
from turnout.dialects.openai_responses.foreign_reasoning import without_foreign_reasoning
from turnout.dialects.openai_responses.request_decode import decode_request
from turnout.dialects.openai_responses.request_encode import encode_request
from turnout.dialects.openai_responses.stream_decode import (
    ResponsesStreamDecoder,
    decode_response,
)
from turnout.dialects.openai_responses.stream_encode import ResponsesStreamEncoder
from turnout.dialects.openai_responses.survey import survey_request
from turnout.dialects.openai_responses.tap import ResponsesSeen, read_body
from turnout.dialects.sse import encode_comment
from turnout.dialects.stream import StreamEvent
from turnout.dialects.survey import Survey
from turnout.dialects.taps import BodyTap, EventTap
from turnout.errors import TurnoutError
from turnout.refusals import OPENAI, Refusals


class OpenAiResponses:
    """`POST /v1/responses`; what each method promises is said at `WireDialect`."""

    @property
    def name(self) -> Dialect:
        return "openai_responses"

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
        return without_foreign_reasoning(body, others=others, reader=reader)

    def tap(self, *, stream: bool) -> StreamTap:
        return EventTap(ResponsesSeen()) if stream else BodyTap(ResponsesSeen(), read_body)

    def stream_decoder(self) -> StreamDecoder:
        return ResponsesStreamDecoder()

    def stream_encoder(
        self,
        *,
        response_id: str,
        model: str,
        created_at: int,
        input_estimate: int,
        include_usage: bool,  # noqa: ARG002  the wire always reports usage
        asked: bytes = b"",
        clock: Callable[[], float] | None = None,
    ) -> StreamEncoder:
        return ResponsesStreamEncoder(
            response_id=response_id,
            model=model,
            created_at=created_at,
            input_estimate=input_estimate,
            asked=asked,
            clock=clock,
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
        asked: bytes = b"",
    ) -> bytes:
        return response.encode_response(
            events,
            response_id=response_id,
            model=model,
            created_at=created_at,
            input_estimate=input_estimate,
            asked=asked,
        )

    def encode_token_count(self, tokens: int) -> bytes:
        return msgspec.json.encode({"object": "response.input_tokens", "input_tokens": tokens})

    def encode_error(self, error: TurnoutError, *, request_id: str) -> ErrorAnswer:
        return openai_errors.encode_error(error, request_id=request_id)

    def encode_stream_error(self, error: TurnoutError) -> bytes:
        return errors.encode_stream_error(error)

    def last_event(self) -> bytes:
        return b""

    def may_follow_end(self, data: bytes) -> bool:
        # OpenAI sends none, most imitations do.
        return data == b"[DONE]"

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
