"""Errors of this wire: kinds to answers, providers' answers to kinds.

Rules: the body is `{"error": {"code", "message", "status", "details"}}`, and `error` is its only field,
because google-genai knows an error inside a stream by the first letters of its JSON, and it stands there
without `data:`, as Google sends it, because js-genai reads over one that has it; whoever is told
to come back is told when, in a header and as `RetryInfo`, which is where Google's clients look, within
a minute; a full context is said in Google's sentence; messages of a provider are cut.
Sources: https://ai.google.dev/gemini-api/docs/troubleshooting and google.rpc.Status.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from turnout.dialects.dialect import ErrorAnswer
from turnout.dialects.field_paths import with_brackets
from turnout.dialects.reading import MALFORMED
from turnout.dialects.refusal_words import kind_by_word, shown, speaks_of_context
from turnout.dialects.retry_after import (
    COME_BACK,
    come_back_in,
    read_reset,
    retry_after_of,
    retry_headers,
)
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
from turnout.refusals import GEMINI, Refusals

CONTEXT_SENTENCE: Final = "The input token count exceeds the maximum number of tokens allowed."
"""Google's wording, less the figures, which the message behind it has where they are known."""

_RETRY_INFO: Final = "type.googleapis.com/google.rpc.RetryInfo"

_STATUS: Final[dict[ErrorKind, tuple[int, str]]] = {
    "invalid_request": (400, "INVALID_ARGUMENT"),
    "context_too_long": (400, "INVALID_ARGUMENT"),
    "request_too_large": (413, "INVALID_ARGUMENT"),
    "unknown_model": (404, "NOT_FOUND"),
    "unknown_path": (404, "NOT_FOUND"),
    "wrong_method": (405, "INVALID_ARGUMENT"),
    "unsupported": (400, "INVALID_ARGUMENT"),
    "not_authenticated": (401, "UNAUTHENTICATED"),
    "not_allowed": (403, "PERMISSION_DENIED"),
    "upstream_failed": (502, "INTERNAL"),
    "rate_limited": (429, "RESOURCE_EXHAUSTED"),
    "overloaded": (503, "UNAVAILABLE"),
    "upstream_timeout": (504, "DEADLINE_EXCEEDED"),
    "unavailable": (503, "UNAVAILABLE"),
    "internal": (500, "INTERNAL"),
}

_CREDENTIAL: Final = {401: "UNAUTHENTICATED", 402: "FAILED_PRECONDITION", 403: "PERMISSION_DENIED"}


class _Detail(msgspec.Struct):
    kind: str = msgspec.field(default="", name="@type")
    retry_delay: object = msgspec.field(default=None, name="retryDelay")
    reason: object = None


class _WireError(msgspec.Struct):
    code: object = None
    message: object = None
    status: object = None
    details: msgspec.Raw = msgspec.Raw()


class _Envelope(msgspec.Struct):
    error: _WireError | str | None = None
    message: object = None


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)
_ENVELOPES: Final = msgspec.json.Decoder(list[_Envelope])
_DETAILS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_DETAIL: Final = msgspec.json.Decoder(_Detail)


def encode_error(error: TurnoutError, *, request_id: str) -> ErrorAnswer:
    status, _ = _status(error)
    headers = (
        ("content-type", "application/json; charset=UTF-8"),
        ("x-request-id", request_id),
        *retry_headers(error, status),
    )
    return ErrorAnswer(status, headers, _body(error))


def encode_stream_error(error: TurnoutError) -> bytes:
    """The end of a stream that has begun.

    google-genai and js-genai raise it; the AI SDK misses the finish reason and asks again.
    """
    return b"%b\n\n" % _body(error)


def _status(error: TurnoutError) -> tuple[int, str]:
    if error.kind == "upstream_failed" and error.upstream_status in _CREDENTIAL:
        return error.upstream_status, _CREDENTIAL[error.upstream_status]
    return _STATUS[error.kind]


def _body(error: TurnoutError) -> bytes:
    code, status = _status(error)
    message = with_brackets(error.message)
    if error.kind == "context_too_long" and not _clients_know(message):
        message = f"{CONTEXT_SENTENCE} {message}"
    inner: dict[str, object] = {"code": code, "message": message, "status": status}
    if error.kind in COME_BACK:
        inner["details"] = [{"@type": _RETRY_INFO, "retryDelay": f"{retry_after_of(error)}s"}]
    return msgspec.json.encode({"error": inner})


def _clients_know(message: str) -> bool:
    return "exceeds the maximum number of tokens" in message


def decode_error(
    status: int,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    *,
    now: float,
    refusals: Refusals = GEMINI,
) -> TurnoutError:
    told = _read(body)
    text = told.message or f"the upstream answered with status {status} and no message"
    if told.is_bad_key:
        # Google says 400 of a wrong key, which would read as the request's own fault.
        return UpstreamFailed(text, upstream_status=401)
    kind = _kind(status, told, refusals)
    retry_after = told.retry_after
    if retry_after is None:
        retry_after = come_back_in(kind, told.message, headers, refusals, now=now)
    return kind(text, retry_after_seconds=retry_after, upstream_status=status)


def decode_stream_error(body: bytes) -> TurnoutError:
    """An error that came inside a stream or under status 200: its code is the status."""
    told = _read(body)
    text = told.message or "the upstream ended the stream with an error and no message"
    kind = _kind(told.code, told, GEMINI)
    retry_after = told.retry_after
    if retry_after is None:
        retry_after = come_back_in(kind, told.message, (), GEMINI, now=0.0)
    return kind(text, retry_after_seconds=retry_after, upstream_status=told.code or None)


class _Told(msgspec.Struct):
    message: str = ""
    code: int = 0
    status: str = ""
    retry_after: float | None = None
    is_bad_key: bool = False


def _read(body: bytes) -> _Told:
    try:
        # A stream that was asked for without `alt=sse` is a list, its errors too.
        is_list = body.lstrip().startswith(b"[")
        envelope = (_ENVELOPES.decode(body) or [_Envelope()])[0] if is_list else None
        envelope = envelope or _ENVELOPE.decode(body)
    except MALFORMED:
        return _Told()
    match envelope.error:
        case _WireError() as wire:
            return _read_error(wire)
        case str() as message:
            return _Told(_shown(message))
        case None:
            return _Told(_shown(envelope.message))


def _read_error(wire: _WireError) -> _Told:
    message = _shown(wire.message)
    code = wire.code if isinstance(wire.code, int) and 400 <= wire.code <= 599 else 0
    retry_after, reasons = _details(wire.details)
    return _Told(
        message,
        code,
        wire.status if isinstance(wire.status, str) else "",
        retry_after,
        "API_KEY_INVALID" in reasons or message.startswith("API key not valid"),
    )


def _details(raw: msgspec.Raw) -> tuple[float | None, set[str]]:
    retry_after: float | None = None
    reasons: set[str] = set()
    try:
        details = [_DETAIL.decode(one) for one in _DETAILS.decode(raw)]
    except MALFORMED:
        return None, reasons
    for detail in details:
        if isinstance(detail.reason, str):
            reasons.add(detail.reason)
        if detail.kind == _RETRY_INFO and isinstance(detail.retry_delay, str):
            retry_after = read_reset(detail.retry_delay, "duration", now=0.0)
    return retry_after, reasons


def _shown(message: object) -> str:
    return shown(message) if isinstance(message, str) else ""


def _kind(status: int, told: _Told, refusals: Refusals) -> type[TurnoutError]:
    by_word = kind_by_word(status, told.status, refusals)
    if by_word is not None:
        return by_word
    if status in {0, 400, 413, 500} and speaks_of_context(told.message, refusals):
        return ContextTooLong
    match status:
        case 404 if told.status == "NOT_FOUND" or "model" in told.message.lower():
            return UnknownModel
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
        case 0 if told.status == "RESOURCE_EXHAUSTED":
            return RateLimited
        case 0 if told.status == "UNAVAILABLE":
            return Overloaded
        case _:
            return UpstreamFailed
