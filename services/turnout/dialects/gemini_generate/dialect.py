"""Gemini's dialect as one value: every function of this package under the name the seam gives it."""

from collections.abc import Callable, Sequence

import msgspec

from turnout.capabilities import Capabilities, Dialect
from turnout.dialects.conversation import Conversation
from turnout.dialects.dialect import ErrorAnswer, StreamDecoder, StreamEncoder, StreamTap
from turnout.dialects.gemini_generate import errors, foreign_thinking, response
from turnout.dialects.gemini_generate.request_decode import decode_request
from turnout.dialects.gemini_generate.request_encode import encode_request
from turnout.dialects.gemini_generate.stream_decode import GeminiStreamDecoder, decode_response
from turnout.dialects.gemini_generate.stream_encode import GeminiStreamEncoder
from turnout.dialects.gemini_generate.survey import survey_request
from turnout.dialects.gemini_generate.tap import GeminiSeen, read_body
from turnout.dialects.stream import StreamEvent
from turnout.dialects.survey import Survey
from turnout.dialects.taps import BodyTap, EventTap
from turnout.errors import TurnoutError
from turnout.refusals import GEMINI, Refusals


class GeminiGenerate:
    """`POST /v1beta/models/M:generateContent`; what each method promises is said at `WireDialect`."""

    @property
    def name(self) -> Dialect:
        return "gemini_generate"

    def survey_request(self, body: bytes, *, path: str = "") -> Survey:
        return survey_request(body, path=path)

    def decode_request(self, body: bytes, *, path: str = "") -> Conversation:
        return decode_request(body, path=path)

    def encode_request(self, conversation: Conversation, *, model: str, has: Capabilities) -> bytes:
        return encode_request(conversation, model=model, has=has)

    def without_foreign_reasoning(
        self,
        body: bytes,
        *,
        others: Sequence[range] = (),
        reader: str = "",  # noqa: ARG002  the wire has no imitation
    ) -> bytes:
        return foreign_thinking.without_foreign_reasoning(body, others=others)

    def tap(self, *, stream: bool) -> StreamTap:
        if stream:
            return EventTap(GeminiSeen(), bare_objects=True)
        return BodyTap(GeminiSeen(), read_body)

    def stream_decoder(self) -> StreamDecoder:
        return GeminiStreamDecoder()

    def stream_encoder(
        self,
        *,
        response_id: str,
        model: str,
        created_at: int,
        input_estimate: int,
        include_usage: bool,
        asked: bytes = b"",
        clock: Callable[[], float] | None = None,
    ) -> StreamEncoder:
        # No time on this wire, nothing of the request, and usage is not asked for but always told.
        del created_at, include_usage, asked, clock
        return GeminiStreamEncoder(
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
        created_at: int,
        input_estimate: int = 0,
        asked: bytes = b"",
    ) -> bytes:
        del created_at, asked
        return response.encode_response(
            events, response_id=response_id, model=model, input_estimate=input_estimate
        )

    def encode_token_count(self, tokens: int) -> bytes:
        details = [{"modality": "TEXT", "tokenCount": tokens}]
        return msgspec.json.encode({"totalTokens": tokens, "promptTokensDetails": details})

    def encode_error(self, error: TurnoutError, *, request_id: str) -> ErrorAnswer:
        return errors.encode_error(error, request_id=request_id)

    def encode_stream_error(self, error: TurnoutError) -> bytes:
        return errors.encode_stream_error(error)

    def last_event(self) -> bytes:
        return b""

    def may_follow_end(self, data: bytes) -> bool:
        # Figures alone; and servers that give every chunk a reason have not ended with the first.
        is_figures = b'"candidates"' not in data and b'"usageMetadata"' in data
        return is_figures or b'"finishReason"' in data

    def decode_error(
        self,
        status: int,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        *,
        now: float,
        refusals: Refusals = GEMINI,
    ) -> TurnoutError:
        return errors.decode_error(status, headers, body, now=now, refusals=refusals)

    def keep_alive(self) -> bytes:
        # An empty event: google-genai takes a comment for a broken line of JSON and raises.
        return b"\n\n"
