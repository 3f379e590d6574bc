"""Errors of the chat wire, both ways."""

import json

import pytest

from turnout.dialects.openai_chat import OPENAI_CHAT
from turnout.errors import (
    BY_KIND,
    ContextTooLong,
    Internal,
    InvalidRequest,
    NotAuthenticated,
    Overloaded,
    RateLimited,
    RequestTooLarge,
    TurnoutError,
    Unavailable,
    UnknownModel,
    UpstreamFailed,
    UpstreamTimeout,
)

NOW = 1_790_000_000.0


def answer(error: TurnoutError) -> tuple[int, dict[str, str], dict[str, object]]:
    found = OPENAI_CHAT.encode_error(error, request_id="req_1")
    inner = json.loads(found.body)["error"]
    assert inner.keys() == {"message", "type", "param", "code"}
    return found.status, dict(found.headers), inner


@pytest.mark.parametrize("kind", BY_KIND)
def test_every_kind_has_an_answer(kind: str) -> None:
    status, headers, inner = answer(BY_KIND[kind]("what was wrong"))
    assert 400 <= status < 600
    assert headers["x-request-id"] == "req_1"
    assert str(inner["message"]).endswith("what was wrong")


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (RateLimited("x"), "5"),
        (RateLimited("x", retry_after_seconds=3.2), "4"),
        (RateLimited("x", retry_after_seconds=0), "1"),
        (RateLimited("x", retry_after_seconds=float("inf")), "5"),
        (Overloaded("x", retry_after_seconds=80), "60"),
        (Unavailable("x"), "5"),
        (Internal("x"), None),
        (InvalidRequest("x"), None),
    ],
)
def test_bug_40_come_back_is_said_within_a_minute(error: TurnoutError, seconds: str) -> None:
    assert answer(error)[1].get("retry-after") == seconds


def test_who_may_not_is_not_told_to_retry() -> None:
    assert answer(NotAuthenticated("x"))[1]["x-should-retry"] == "false"
    status, headers, _ = answer(UpstreamFailed("x", upstream_status=401))
    assert (status, headers["x-should-retry"]) == (401, "false")
    assert answer(UpstreamFailed("x", upstream_status=400))[0] == 502


def test_full_context_is_said_in_the_words_that_clients_know() -> None:
    status, _, inner = answer(ContextTooLong("the request has 200000 tokens"))
    assert (status, inner["code"]) == (400, "context_length_exceeded")
    assert "exceeds the context window" in str(inner["message"])
    own = "This model's maximum context length is 8192 tokens."
    assert answer(ContextTooLong(own))[2]["message"] == own


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": {"message": "x", "code": "context_length_exceeded"}}, ContextTooLong),
        (400, {"error": {"message": "maximum context length is 8192 tokens"}}, ContextTooLong),
        (400, {"error": {"message": "bad field", "type": "invalid_request_error"}}, InvalidRequest),
        (401, {"error": {"message": "bad key"}}, UpstreamFailed),
        (404, {"error": {"message": "The model `x` does not exist"}}, UnknownModel),
        (404, {"detail": "Not Found"}, UpstreamFailed),
        (413, {"error": "too large"}, RequestTooLarge),
        (422, {"message": "Unprocessable"}, InvalidRequest),
        (429, {"error": {"message": "slow", "code": "rate_limit_exceeded"}}, RateLimited),
        (429, {"error": {"message": "slow", "code": 429}}, RateLimited),
        (500, {"error": {"message": "oops"}}, UpstreamFailed),
        (502, "<html>", UpstreamFailed),
        (503, {"error": {"message": "busy"}}, Overloaded),
        (504, "", UpstreamTimeout),
        (529, {}, Overloaded),
    ],
)
def test_providers_answers_become_kinds(status: int, body: object, kind: type) -> None:
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    found = OPENAI_CHAT.decode_error(status, [], raw, now=NOW)
    assert type(found) is kind
    assert found.upstream_status == status
    assert found.message


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([("Retry-After", "7")], 7.0),
        ([("retry-after", "1.5")], 1.5),
        ([("retry-after-ms", "250"), ("retry-after", "1")], 0.25),
        ([("retry-after", "Mon, 21 Sep 2026 14:13:30 GMT")], 10.0),
        ([("retry-after", "Mon, 21 Sep 2020 14:13:30 GMT")], 0.0),
        ([("retry-after", "soon")], None),
        ([("retry-after", "-3")], None),
        ([], None),
    ],
)
def test_bug_40_retry_after_is_read_in_every_form(
    headers: list[tuple[str, str]], seconds: float | None
) -> None:
    found = OPENAI_CHAT.decode_error(429, headers, b"{}", now=NOW)
    assert found.retry_after_seconds == seconds


def test_messages_of_providers_are_cut_to_one_line() -> None:
    body = json.dumps({"error": {"message": "a\n" * 5_000}}).encode()
    message = OPENAI_CHAT.decode_error(500, [], body, now=NOW).message
    assert len(message) <= 1_000
    assert "\n" not in message


@pytest.mark.parametrize("kind", [RateLimited, Overloaded, ContextTooLong, UnknownModel])
def test_kinds_survive_the_wire(kind: type[TurnoutError]) -> None:
    found = OPENAI_CHAT.encode_error(kind("the model is away"), request_id="r")
    again = OPENAI_CHAT.decode_error(found.status, found.headers, found.body, now=NOW)
    assert type(again) is kind
