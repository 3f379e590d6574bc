"""Errors inside a stream of this wire; whole answers are said alike by both of OpenAI's.

Rules: as OpenAI does, an `error` event and then `response.failed`. SDKs and the AI SDK raise on the
first, which has its fields both where the documentation has them and in the object `error` that the
server really sends; Codex reads the second alone. Its words there decide what Codex does: a context
that is full, a quota that is gone and `invalid_prompt` end the turn with the message, everything else
is tried again, after the seconds that the message names where the code is `rate_limit_exceeded`.
`server_is_overloaded` would end it too, though trying again helps, so it stands in the first only.
Source: codex-rs/codex-api/src/sse/responses.rs, `response.failed`.
"""

from typing import Final

import msgspec

from turnout.dialects.openai_errors import error_fields
from turnout.dialects.openai_responses.asked import repeated
from turnout.dialects.openai_responses.output import Json, response_object
from turnout.dialects.retry_after import CREDENTIAL_STATUSES, retry_after_of
from turnout.dialects.sse import encode_event
from turnout.errors import ErrorKind, TurnoutError

_FINAL: Final[frozenset[ErrorKind]] = frozenset(
    {
        "invalid_request",
        "request_too_large",
        "unknown_model",
        "unknown_path",
        "wrong_method",
        "unsupported",
        "not_authenticated",
        "not_allowed",
    }
)
"""What is wrong with the request or its sender, and so will be the next time."""


def encode_stream_error(error: TurnoutError) -> bytes:
    """The end of a stream of which only the bytes are known."""
    return failure_events(
        error, sequence_number=0, response_id="", model="", created_at=0, asked=repeated(b"")
    )


def failure_events(
    error: TurnoutError,
    *,
    sequence_number: int,
    response_id: str,
    model: str,
    created_at: int,
    asked: Json,
) -> bytes:
    fields = error_fields(error)
    first = {
        "type": "error",
        "sequence_number": sequence_number,
        "code": fields["code"] or fields["type"],
        "message": fields["message"],
        "param": fields["param"],
        "error": fields,
    }
    response = response_object(
        response_id=response_id,
        model=model,
        created_at=created_at,
        status="failed",
        asked=asked,
        error=_failure(error, str(fields["message"]), fields["code"]),
    )
    second = {
        "type": "response.failed",
        "sequence_number": sequence_number + 1,
        "response": response,
    }
    return encode_event("error", msgspec.json.encode(first)) + encode_event(
        "response.failed", msgspec.json.encode(second)
    )


def _failure(error: TurnoutError, message: str, code: str | None) -> Json:
    if error.kind == "context_too_long" or code == "insufficient_quota":
        return {"code": code, "message": message}
    if error.kind in _FINAL or error.upstream_status in CREDENTIAL_STATUSES:
        return {"code": "invalid_prompt", "message": message}
    if error.kind == "rate_limited":
        if "try again in" not in message.lower():
            message = f"{message.rstrip('. ')}. Please try again in {retry_after_of(error)}s."
        return {"code": "rate_limit_exceeded", "message": message}
    return {"code": "server_error", "message": message}
