"""Errors of OpenAI's two wires: kinds to answers, providers' answers to kinds.

Rules: the body is `{"error": {"message", "type", "param", "code"}}`; a full context is said with
the code and the sentence that clients look for before they compact; whoever is told to come back is
told when, within a minute, because clients give up on longer waits; messages of a provider are cut;
`param` is the path of the field that a message begins with.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from turnout.dialects.dialect import ErrorAnswer
from turnout.dialects.field_paths import leading_path, with_brackets
from turnout.dialects.refusal_words import (
    Words,
    kind_by_word,
    read_words,
    speaks_of_context,
    whole_error,
)
from turnout.dialects.retry_after import CREDENTIAL_STATUSES, retry_headers
from turnout.errors import (
    ContextTooLong,
    ErrorKind,
    InvalidRequest,
    Overloaded,
    RateLimited,
    RequestTooLarge,
    TurnoutError,
    UnknownModel,
    UpstreamFailed,
    UpstreamTimeout,
)
from turnout.refusals import OPENAI, Refusals

CONTEXT_SENTENCE: Final = (
    "Your input exceeds the context window of this model. Please adjust your input and try again."
)
"""OpenAI's wording; clients match on it, on `context_length_exceeded`, or on both."""

_CLIENTS_SIGNS: Final = (
    "context_length_exceeded",
    "maximum context length",
    "exceeds the context window",
)
"""Of sentences of other providers those that clients know as well."""

_INVALID: Final = frozenset({"invalid_prompt", "invalid_request_error"})
"""Of an error inside a stream, which has no status of its own."""

_QUOTA_SIGN: Final = "exceeded your current quota"
"""OpenAI's wording for an account without credit, which comes as a 429 like a full minute."""

_RETURN_SIGN: Final = "retry in"
"""Gemini says OpenAI's sentence of a full minute too, and behind it when that is over."""

_STATUS: Final[dict[ErrorKind, tuple[int, str, str | None]]] = {
    "invalid_request": (400, "invalid_request_error", None),
    "context_too_long": (400, "invalid_request_error", "context_length_exceeded"),
    "request_too_large": (413, "invalid_request_error", "request_too_large"),
    "unknown_model": (404, "invalid_request_error", "model_not_found"),
    "unknown_path": (404, "invalid_request_error", "unknown_url"),
    "wrong_method": (405, "invalid_request_error", None),
    "unsupported": (400, "invalid_request_error", "unsupported_value"),
    "not_authenticated": (401, "authentication_error", "invalid_api_key"),
    "not_allowed": (403, "permission_error", None),
    "upstream_failed": (502, "server_error", None),
    "rate_limited": (429, "rate_limit_error", "rate_limit_exceeded"),
    "overloaded": (503, "service_unavailable_error", "server_is_overloaded"),
    "upstream_timeout": (504, "server_error", "timeout"),
    "unavailable": (503, "server_error", "unavailable"),
    "internal": (500, "server_error", None),
}


def encode_error(error: TurnoutError, *, request_id: str) -> ErrorAnswer:
    status, _, _ = _STATUS[error.kind]
    passed = error.upstream_status
    if error.kind == "upstream_failed" and passed is not None and passed in CREDENTIAL_STATUSES:
        status = passed
    headers = (
        ("content-type", "application/json"),
        ("x-request-id", request_id),
        *retry_headers(error, status),
    )
    return ErrorAnswer(status, headers, error_body(error))


def error_body(error: TurnoutError) -> bytes:
    return msgspec.json.encode({"error": error_fields(error)})


def error_fields(error: TurnoutError) -> dict[str, str | None]:
    """The inner object of a body."""
    _, kind, code = _STATUS[error.kind]
    message = with_brackets(error.message)
    if error.kind == "context_too_long" and not _clients_know(message):
        message = f"{CONTEXT_SENTENCE} {message}"
    text = message.lower()
    if error.kind == "rate_limited" and _QUOTA_SIGN in text and _RETURN_SIGN not in text:
        # Codex tells its user about the account then, and does not wait for the next minute.
        kind = code = "insufficient_quota"
    return {"message": message, "type": kind, "param": _param(error), "code": code}


def _param(error: TurnoutError) -> str | None:
    return (isinstance(error, InvalidRequest) and leading_path(error.message)) or None


def _clients_know(message: str) -> bool:
    return any(sign in message.lower() for sign in _CLIENTS_SIGNS)


def decode_error(
    status: int,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    *,
    now: float,
    refusals: Refusals = OPENAI,
) -> TurnoutError:
    words = read_words(body, refusals)
    kind = _kind(status, words, refusals)
    return whole_error(kind, words, status, headers, refusals, now=now)


def decode_stream_error(body: bytes) -> TurnoutError:
    """An error that came inside a stream or under status 200: its code may hold the status."""
    words = read_words(body, OPENAI)
    status = int(words.code) if words.code.isdecimal() and 400 <= int(words.code) <= 599 else 0
    kind = _kind(status, words, OPENAI)
    text = words.message or "the upstream ended the stream with an error and no message"
    return kind(text, upstream_status=status or None)


def _kind(status: int, words: Words, refusals: Refusals) -> type[TurnoutError]:
    by_word = kind_by_word(status, words.code, refusals)
    if by_word is not None:
        return by_word
    if status in _ABOUT_THE_PROMPT and speaks_of_context(words.message, refusals):
        return ContextTooLong
    code = words.code
    if "overloaded" in code or "capacity" in code or status in {503, 529}:
        return Overloaded
    match status:
        case 404 if code == "model_not_found" or "model" in words.message.lower():
            return UnknownModel
        case 408 | 504:
            return UpstreamTimeout
        case 413:
            return RequestTooLarge
        case 429:
            return RateLimited
        case 400 | 405 | 409 | 415 | 422:
            return InvalidRequest
        case 0 if code in _INVALID:
            return InvalidRequest
        case _:
            return UpstreamFailed


_ABOUT_THE_PROMPT: Final = frozenset({0, 400, 413, 422, 500})
"""Statuses under which a sentence about the context is one; 0 is an error inside a stream."""
