"""Errors of this wire, both ways."""

import json

import pytest

from turnout.dialects.gemini_generate import GEMINI_GENERATE
from turnout.dialects.gemini_generate.errors import decode_stream_error
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
RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"
STATUSES = {
    *("INVALID_ARGUMENT", "NOT_FOUND", "UNAUTHENTICATED", "PERMISSION_DENIED", "INTERNAL"),
    *("RESOURCE_EXHAUSTED", "UNAVAILABLE", "DEADLINE_EXCEEDED"),
}


def answer(error: TurnoutError) -> tuple[int, dict[str, str], dict[str, object]]:
    found = GEMINI_GENERATE.encode_error(error, request_id="req_1")
    body = json.loads(found.body)
    assert list(body) == ["error"]
    inner = body["error"]
    assert inner["code"] == found.status
    return found.status, dict(found.headers), inner


@pytest.mark.parametrize("kind", BY_KIND)
def test_every_kind_has_an_answer_with_a_status_of_googles(kind: str) -> None:
    status, headers, inner = answer(BY_KIND[kind]("what was wrong"))
    assert 400 <= status < 600
    assert headers["x-request-id"] == "req_1"
    assert str(inner["message"]).endswith("what was wrong")
    assert inner["status"] in STATUSES


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (RateLimited("x"), 5),
        (RateLimited("x", retry_after_seconds=3.2), 4),
        (RateLimited("x", retry_after_seconds=0), 1),
        (RateLimited("x", retry_after_seconds=float("inf")), 5),
        (Overloaded("x", retry_after_seconds=80), 60),
        (Unavailable("x"), 5),
    ],
)
def test_bug_40_come_back_is_said_in_a_header_and_as_retry_info(
    error: TurnoutError, seconds: int
) -> None:
    _, headers, inner = answer(error)
    assert headers["retry-after"] == str(seconds)
    assert inner["details"] == [{"@type": RETRY_INFO, "retryDelay": f"{seconds}s"}]


@pytest.mark.parametrize("error", [Internal("x"), InvalidRequest("x"), UpstreamFailed("x")])
def test_who_is_not_told_to_come_back_is_not(error: TurnoutError) -> None:
    _, headers, inner = answer(error)
    assert "retry-after" not in headers
    assert "details" not in inner


def test_who_may_not_is_not_told_to_retry() -> None:
    assert answer(NotAuthenticated("x"))[1]["x-should-retry"] == "false"
    status, headers, inner = answer(UpstreamFailed("x", upstream_status=403))
    assert (status, headers["x-should-retry"]) == (403, "false")
    assert inner["status"] == "PERMISSION_DENIED"
    assert answer(UpstreamFailed("x", upstream_status=400))[0] == 502


def test_full_context_is_said_in_googles_words() -> None:
    status, _, inner = answer(ContextTooLong("the request has 2000000 tokens"))
    assert (status, inner["status"]) == (400, "INVALID_ARGUMENT")
    assert str(inner["message"]).startswith(
        "The input token count exceeds the maximum number of tokens allowed."
    )
    own = "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."
    assert answer(ContextTooLong(own))[2]["message"] == own


FULL = "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": {"code": 400, "message": FULL, "status": "INVALID_ARGUMENT"}}, ContextTooLong),
        (400, {"error": {"code": 400, "message": "Unknown name", "status": "X"}}, InvalidRequest),
        (403, {"error": {"code": 403, "message": "no", "status": "PERMISSION_DENIED"}}, UpstreamFailed),
        (404, {"error": {"code": 404, "message": "models/x is not found", "status": "NOT_FOUND"}}, UnknownModel),
        (404, "<html>", UpstreamFailed),
        (413, {}, RequestTooLarge),
        (429, {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}, RateLimited),
        (500, {"error": {"code": 500, "message": "oops", "status": "INTERNAL"}}, UpstreamFailed),
        (503, {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}, Overloaded),
        (504, {"error": {"code": 504, "status": "DEADLINE_EXCEEDED"}}, UpstreamTimeout),
        (503, [{"error": {"code": 503, "message": "x", "status": "UNAVAILABLE"}}], Overloaded),
        (500, [], UpstreamFailed),
        (500, {"error": "plain"}, UpstreamFailed),
    ],
)  # fmt: skip
def test_providers_answers_become_kinds(status: int, body: object, kind: type) -> None:
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    found = GEMINI_GENERATE.decode_error(status, [], raw, now=NOW)
    assert type(found) is kind
    assert found.upstream_status == status
    assert found.message


@pytest.mark.parametrize(
    "error",
    [
        {
            "message": "API key not valid. Please pass a valid API key.",
            "status": "INVALID_ARGUMENT",
        },
        {"message": "x", "details": [{"@type": "y", "reason": "API_KEY_INVALID"}]},
    ],
)
def test_a_wrong_key_is_no_fault_of_the_request(error: dict[str, object]) -> None:
    body = json.dumps({"error": {"code": 400} | error}).encode()
    found = GEMINI_GENERATE.decode_error(400, [], body, now=NOW)
    assert (type(found), found.upstream_status) == (UpstreamFailed, 401)


@pytest.mark.parametrize(
    ("headers", "error", "seconds"),
    [
        ([], {"details": [{"@type": RETRY_INFO, "retryDelay": "34s"}]}, 34.0),
        ([], {"details": [{"@type": RETRY_INFO, "retryDelay": "34.5s"}]}, 34.5),
        ([], {"details": [{"@type": RETRY_INFO, "retryDelay": 7}]}, None),
        ([], {"details": [7]}, None),
        ([], {"message": "Please retry in 12.3s."}, 12.3),
        ([("Retry-After", "7")], {}, 7.0),
        ([], {}, None),
    ],
)
def test_bug_40_retry_after_is_read_in_every_form(
    headers: list[tuple[str, str]], error: dict[str, object], seconds: float | None
) -> None:
    body = json.dumps({"error": {"code": 429} | error}).encode()
    assert GEMINI_GENERATE.decode_error(429, headers, body, now=NOW).retry_after_seconds == seconds


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": 429, "message": "x"}, RateLimited),
        ({"status": "RESOURCE_EXHAUSTED", "message": "x"}, RateLimited),
        ({"status": "UNAVAILABLE"}, Overloaded),
        ({"code": 400, "message": FULL}, ContextTooLong),
        ({"code": 7, "message": "x"}, UpstreamFailed),
    ],
)
def test_errors_inside_streams_have_their_status_in_the_body(
    error: dict[str, object], kind: type
) -> None:
    assert type(decode_stream_error(json.dumps({"error": error}).encode())) is kind


def test_messages_of_providers_are_cut_to_one_line() -> None:
    body = json.dumps({"error": {"message": "a\n" * 5_000}}).encode()
    message = GEMINI_GENERATE.decode_error(500, [], body, now=NOW).message
    assert len(message) <= 1_000
    assert "\n" not in message


@pytest.mark.parametrize("kind", [RateLimited, Overloaded, ContextTooLong, UnknownModel])
def test_kinds_survive_the_wire(kind: type[TurnoutError]) -> None:
    found = GEMINI_GENERATE.encode_error(kind("the model is away"), request_id="r")
    again = GEMINI_GENERATE.decode_error(found.status, found.headers, found.body, now=NOW)
    assert type(again) is kind
