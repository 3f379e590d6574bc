"""Errors of this wire, both ways, beside what they have in common."""

import json

import pytest

from turnout.dialects.gemini_generate import GEMINI_GENERATE
from turnout.dialects.gemini_generate.errors import decode_stream_error
from turnout.errors import (
    BY_KIND,
    ContextTooLong,
    Internal,
    InvalidRequest,
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
def test_every_kind_has_a_status_of_googles(kind: str) -> None:
    assert answer(BY_KIND[kind]("what was wrong"))[2]["status"] in STATUSES


def test_whose_credential_is_refused_is_told_in_googles_word() -> None:
    refused = UpstreamFailed("x", upstream_status=403)
    assert answer(refused)[2]["status"] == "PERMISSION_DENIED"


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (RateLimited("x", retry_after_seconds=3.2), 4),
        (Overloaded("x", retry_after_seconds=80), 60),
        (Unavailable("x"), 5),
    ],
)
def test_bug_40_come_back_is_said_as_retry_info_too(error: TurnoutError, seconds: int) -> None:
    inner = answer(error)[2]
    assert inner["details"] == [{"@type": RETRY_INFO, "retryDelay": f"{seconds}s"}]


@pytest.mark.parametrize("error", [Internal("x"), InvalidRequest("x"), UpstreamFailed("x")])
def test_who_is_not_told_to_come_back_is_not(error: TurnoutError) -> None:
    assert "details" not in answer(error)[2]


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
    ("error", "seconds"),
    [
        ({"details": [{"@type": RETRY_INFO, "retryDelay": "34s"}]}, 34.0),
        ({"details": [{"@type": RETRY_INFO, "retryDelay": "34.5s"}]}, 34.5),
        ({"details": [{"@type": RETRY_INFO, "retryDelay": 7}]}, None),
        ({"details": [7]}, None),
        ({"message": "Please retry in 12.3s."}, 12.3),
        ({}, None),
    ],
)
def test_bug_40_when_to_come_back_is_read_in_the_body_too(
    error: dict[str, object], seconds: float | None
) -> None:
    body = json.dumps({"error": {"code": 429} | error}).encode()
    assert GEMINI_GENERATE.decode_error(429, [], body, now=NOW).retry_after_seconds == seconds


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
