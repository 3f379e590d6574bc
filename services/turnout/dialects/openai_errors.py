"""Errors of OpenAI's two wires: kinds to answers, providers' answers to kinds.

Rules: the body is `{"error": {"message", "type", "param", "code"}}`; a full context is said with
the code and the sentence that clients look for before they compact; whoever is told to come back is
told when, within a minute, because clients give up on longer waits; messages of a provider are cut;
`param` is the path of the field that a message begins with.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from turnout.dialects.dialect import ErrorAnswer
from turnout.dialects.reading import MALFORMED
from turnout.dialects.retry_after import read_retry_after, retry_after_of
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

MAX_MESSAGE_CHARACTERS: Final = 1_000
"""Of a provider's message: the sentences that clients act on come first."""

CONTEXT_SENTENCE: Final = (
    "Your input exceeds the context window of this model. Please adjust your input and try again."
)
"""OpenAI's wording; clients match on it, on `context_length_exceeded`, or on both."""

_INVALID: Final = frozenset({"invalid_prompt", "invalid_request_error"})
"""Of an error inside a stream, which has no status of its own."""

_QUOTA_SIGN: Final = "exceeded your current quota"
"""OpenAI's wording for an account without credit, which comes as a 429 like a full minute."""

_FIELD_PATH: Final = re.compile(r"([a-z_]+(?:\.[a-z0-9_]+)*): ")
"""`tools.0.function` of `tools.0.function: required`."""

_CONTEXT_SIGNS: Final = (
    "context_length_exceeded",
    "maximum context length",
    "exceeds the context window",
    "context window",
    "context length",
    "prompt is too long",
    "input is too long",
    "maximum prompt length",
    "too many tokens",
)

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

_COME_BACK: Final[frozenset[ErrorKind]] = frozenset({"rate_limited", "overloaded", "unavailable"})
_IN_VAIN: Final[frozenset[ErrorKind]] = frozenset({"not_authenticated", "not_allowed"})


class _WireError(msgspec.Struct):
    message: object = None
    type: object = None
    code: object = None


class _Envelope(msgspec.Struct):
    error: _WireError | str | None = None
    message: object = None
    detail: object = None
    code: object = None
    type: object = None


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)


def encode_error(error: TurnoutError, *, request_id: str) -> ErrorAnswer:
    status, _, _ = _STATUS[error.kind]
    if error.kind == "upstream_failed" and error.upstream_status in {401, 402, 403}:
        # A caller's own credential was passed through, or ours is wrong: retrying helps nobody.
        status = error.upstream_status
    headers = [("content-type", "application/json"), ("x-request-id", request_id)]
    if error.kind in _COME_BACK:
        headers.append(("retry-after", str(retry_after_of(error))))
    if error.kind in _IN_VAIN or status in {401, 402, 403}:
        headers.append(("x-should-retry", "false"))
    return ErrorAnswer(status, tuple(headers), error_body(error))


def error_body(error: TurnoutError) -> bytes:
    return msgspec.json.encode({"error": error_fields(error)})


def error_fields(error: TurnoutError) -> dict[str, str | None]:
    """The inner object of a body."""
    _, kind, code = _STATUS[error.kind]
    message = error.message
    if error.kind == "context_too_long" and not _speaks_of_context(message):
        message = f"{CONTEXT_SENTENCE} {message}"
    if error.kind == "rate_limited" and _QUOTA_SIGN in message.lower():
        # Codex tells its user about the account then, and does not wait for the next minute.
        kind = code = "insufficient_quota"
    return {"message": message, "type": kind, "param": _param(error), "code": code}


def _param(error: TurnoutError) -> str | None:
    if not isinstance(error, InvalidRequest):
        return None
    found = _FIELD_PATH.match(error.message)
    return None if found is None else found.group(1)


def _speaks_of_context(message: str) -> bool:
    return any(sign in message.lower() for sign in _CONTEXT_SIGNS[:3])


def decode_error(
    status: int, headers: Sequence[tuple[str, str]], body: bytes, *, now: float
) -> TurnoutError:
    message, code = _read(body)
    retry_after = read_retry_after(headers, now=now)
    kind = _kind(status, message, code)
    text = message or f"the upstream answered with status {status} and no message"
    return kind(text, retry_after_seconds=retry_after, upstream_status=status)


def decode_stream_error(body: bytes) -> TurnoutError:
    """An error that came inside a stream or under status 200: its code may hold the status."""
    message, code = _read(body)
    status = int(code) if code.isdecimal() and 400 <= int(code) <= 599 else 0
    kind = _kind(status, message, code)
    text = message or "the upstream ended the stream with an error and no message"
    return kind(text, upstream_status=status or None)


def _read(body: bytes) -> tuple[str, str]:
    """The message and the code, or the type where there is no code."""
    try:
        envelope = _ENVELOPE.decode(body)
    except MALFORMED:
        return "", ""
    match envelope.error:
        case _WireError(message=message, code=code, type=kind):
            pass
        case str() as message:
            code, kind = envelope.code, envelope.type
        case None:
            message = envelope.message or envelope.detail
            code, kind = envelope.code, envelope.type
    text = message if isinstance(message, str) else ""
    word = kind if code is None or code == "" else code
    shown = " ".join(text.split())[:MAX_MESSAGE_CHARACTERS]
    return shown, str(word) if isinstance(word, str | int) else ""


def _kind(status: int, message: str, code: str) -> type[TurnoutError]:
    text = message.lower()
    if status in {0, 400, 413, 422, 500} and (
        code == "context_length_exceeded" or any(sign in text for sign in _CONTEXT_SIGNS)
    ):
        return ContextTooLong
    if "overloaded" in code or "capacity" in code or code == "slow_down" or status in {503, 529}:
        return Overloaded
    if code in {"rate_limit_exceeded", "rate_limit_error", "insufficient_quota"}:
        return RateLimited
    match status:
        case 404 if code == "model_not_found" or "model" in text:
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
