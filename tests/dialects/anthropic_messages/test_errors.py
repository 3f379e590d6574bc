"""Errors of this wire, both ways, beside what they have in common."""

import json

import pytest

from turnout.dialects.anthropic_messages import ANTHROPIC_MESSAGES
from turnout.errors import (
    BY_KIND,
    ContextTooLong,
    InvalidRequest,
    NotAllowed,
    NotAuthenticated,
    Overloaded,
    RateLimited,
    RequestTooLarge,
    TurnoutError,
    UnknownModel,
    UpstreamFailed,
    UpstreamTimeout,
)

NOW = 1_790_000_000.0


def answer(error: TurnoutError) -> tuple[int, dict[str, str], dict[str, dict[str, str]]]:
    encoded = ANTHROPIC_MESSAGES.encode_error(error, request_id="req_1")
    return encoded.status, dict(encoded.headers), json.loads(encoded.body)


def decode(status: int, kind: str, message: str, **headers: str) -> TurnoutError:
    body = json.dumps({"type": "error", "error": {"type": kind, "message": message}}).encode()
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return ANTHROPIC_MESSAGES.decode_error(status, named, body, now=NOW)


@pytest.mark.parametrize("kind", BY_KIND)
def test_every_kind_has_a_type_of_anthropics(kind: str) -> None:
    told = answer(BY_KIND[kind]("x"))[2]["error"]["type"]
    assert told.endswith("_error") or told == "request_too_large"


def test_bug_40_statuses_stay_apart() -> None:
    assert answer(RateLimited("x"))[0] == 429
    assert answer(Overloaded("x"))[0] == 529


@pytest.mark.parametrize(
    ("message", "sent"),
    [
        (
            "prompt is too long: 210000 tokens > 200000 maximum",
            "prompt is too long: 210000 tokens > 200000 maximum",
        ),
        (
            "maximum context length is 128,000 tokens. However, messages resulted in 130012 tokens.",
            "prompt is too long: 130012 tokens > 128000 maximum",
        ),
        ("no target fits", "prompt is too long: no target fits"),
    ],
)
def test_a_full_context_is_said_in_the_words_that_make_clients_compact(
    message: str, sent: str
) -> None:
    status, _, body = answer(ContextTooLong(message))
    assert (status, body["error"]) == (400, {"type": "invalid_request_error", "message": sent})


@pytest.mark.parametrize(
    ("error", "status"), [(NotAuthenticated("no key"), 401), (NotAllowed("not from there"), 403)]
)
def test_whoever_may_not_is_not_told_to_retry(error: TurnoutError, status: int) -> None:
    sent, headers, _ = answer(error)
    assert (sent, headers["x-should-retry"]) == (status, "false")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, "authentication_error"), (402, "billing_error"), (403, "permission_error")],
)
def test_refused_credentials_are_not_retried(status: int, kind: str) -> None:
    sent, headers, body = answer(UpstreamFailed("no", upstream_status=status))
    assert (sent, body["error"]["type"], headers["x-should-retry"]) == (status, kind, "false")


@pytest.mark.parametrize(
    ("status", "kind", "message", "wanted"),
    [
        (400, "invalid_request_error", "prompt is too long: 2 tokens > 1 maximum", ContextTooLong),
        (
            400,
            "invalid_request_error",
            "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
            ContextTooLong,
        ),
        (400, "invalid_request_error", "context_management: Extra inputs", InvalidRequest),
        (401, "authentication_error", "invalid x-api-key", UpstreamFailed),
        (403, "permission_error", "no", UpstreamFailed),
        (404, "not_found_error", "model: claude-9", UnknownModel),
        (413, "request_too_large", "too large", RequestTooLarge),
        (429, "rate_limit_error", "slow down", RateLimited),
        (500, "api_error", "oops", UpstreamFailed),
        (500, "overloaded_error", "Overloaded", Overloaded),
        (504, "timeout_error", "late", UpstreamTimeout),
        (529, "overloaded_error", "Overloaded", Overloaded),
    ],
)
def test_what_a_provider_means(
    status: int, kind: str, message: str, wanted: type[TurnoutError]
) -> None:
    error = decode(status, kind, message)
    assert type(error) is wanted
    assert (error.message, error.upstream_status) == (message, status)


@pytest.mark.parametrize("kind", sorted(BY_KIND))
def test_errors_survive_the_way_through_a_stream(kind: str) -> None:
    error = next(cls for cls in BY_KIND.values() if cls.kind == kind)("x")
    events = ANTHROPIC_MESSAGES.stream_decoder().feed(ANTHROPIC_MESSAGES.encode_stream_error(error))
    assert len(events) == 1
