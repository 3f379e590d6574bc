"""Errors of this wire: kinds to answers, providers' answers to kinds.

Rules: the body is `{"type": "error", "error": {"type", "message"}, "request_id"}`; a full context is
said in the sentence that clients look for before they compact; whoever is told to come back is told
when, within a minute, because Claude Code gives up on longer waits and on none; what a retry cannot
mend says so in `x-should-retry`; messages of a provider are cut, else kept, because clients
negotiate by them.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from turnout.dialects.dialect import ErrorAnswer
from turnout.dialects.refusal_words import (
    Words,
    kind_by_word,
    read_words,
    speaks_of_context,
    whole_error,
)
from turnout.dialects.retry_after import retry_headers
from turnout.dialects.sse import encode_event
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
from turnout.refusals import ANTHROPIC, Refusals

_STATUS: Final[dict[ErrorKind, tuple[int, str]]] = {
    "invalid_request": (400, "invalid_request_error"),
    "context_too_long": (400, "invalid_request_error"),
    "request_too_large": (413, "request_too_large"),
    "unknown_model": (404, "not_found_error"),
    "unknown_path": (404, "not_found_error"),
    "wrong_method": (405, "invalid_request_error"),
    "unsupported": (400, "invalid_request_error"),
    "not_authenticated": (401, "authentication_error"),
    "not_allowed": (403, "permission_error"),
    "upstream_failed": (502, "api_error"),
    "rate_limited": (429, "rate_limit_error"),
    "overloaded": (529, "overloaded_error"),
    "upstream_timeout": (504, "timeout_error"),
    "unavailable": (503, "api_error"),
    "internal": (500, "api_error"),
}

_CREDENTIAL_TYPES: Final = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
}

_TOO_LONG: Final = "prompt is too long"
_NUMBER: Final = re.compile(r"\d[\d,]{3,}")
"""Token counts in a sentence about a window; no window is under 1,000 tokens."""


def encode_error(error: TurnoutError, *, request_id: str) -> ErrorAnswer:
    status, _ = _status(error)
    headers = (
        ("content-type", "application/json"),
        ("request-id", request_id),
        *retry_headers(error, status),
    )
    return ErrorAnswer(status, headers, _body(error, request_id=request_id))


def encode_stream_error(error: TurnoutError) -> bytes:
    """The last event of a stream that has begun; no `message_stop` follows it."""
    return encode_event("error", _body(error, request_id=""))


def _status(error: TurnoutError) -> tuple[int, str]:
    passed = error.upstream_status
    if error.kind == "upstream_failed" and passed is not None and passed in _CREDENTIAL_TYPES:
        return passed, _CREDENTIAL_TYPES[passed]
    return _STATUS[error.kind]


def _body(error: TurnoutError, *, request_id: str) -> bytes:
    message = error.message
    if error.kind == "context_too_long":
        message = _context_message(message)
    body: dict[str, object] = {
        "type": "error",
        "error": {"type": _status(error)[1], "message": message},
    }
    if request_id:
        body["request_id"] = request_id
    return msgspec.json.encode(body)


def _context_message(message: str) -> str:
    """`prompt is too long: N tokens > M maximum`, with the figures where the message has them."""
    if _TOO_LONG in message.lower():
        return message
    figures = [int(number.replace(",", "")) for number in _NUMBER.findall(message)]
    if len(figures) >= 2 and max(figures) > min(figures):
        return f"{_TOO_LONG}: {max(figures)} tokens > {min(figures)} maximum"
    return f"{_TOO_LONG}: {message}"


def decode_error(
    status: int,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    *,
    now: float,
    refusals: Refusals = ANTHROPIC,
) -> TurnoutError:
    words = read_words(body, refusals)
    kind = _kind(status, words, refusals)
    return whole_error(kind, words, status, headers, refusals, now=now)


def decode_stream_error(body: bytes) -> TurnoutError:
    """An error event inside a stream; its type stands for the status it would have had."""
    words = read_words(body, ANTHROPIC)
    kind = _kind(0, words, ANTHROPIC)
    return kind(words.message or "the upstream ended the stream with an error and no message")


def _kind(status: int, words: Words, refusals: Refusals) -> type[TurnoutError]:
    by_word = kind_by_word(status, words.code, refusals)
    if by_word is not None:
        return by_word
    if status in {0, 400, 413, 422} and speaks_of_context(words.message, refusals):
        return ContextTooLong
    if status in {0, 200}:
        status = _STATUS_OF_TYPE.get(words.code, 500)
    match status:
        case 404:
            return UnknownModel if "model" in words.message.lower() else UpstreamFailed
        case 408 | 504:
            return UpstreamTimeout
        case 413:
            return RequestTooLarge
        case 429:
            return RateLimited
        case 503 | 529:
            return Overloaded
        case 400 | 405 | 409 | 415 | 422:
            return InvalidRequest
        case _:
            return Overloaded if words.code == "overloaded_error" else UpstreamFailed


_STATUS_OF_TYPE: Final = {kind: status for status, kind in _STATUS.values()} | {"api_error": 500}
