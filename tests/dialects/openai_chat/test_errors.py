"""Errors of the chat wire, both ways, beside what they have in common."""

import json

import pytest

from turnout.dialects.openai_chat import OPENAI_CHAT
from turnout.errors import (
    ContextTooLong,
    InvalidRequest,
    Overloaded,
    RateLimited,
    RequestTooLarge,
    TurnoutError,
    UnknownModel,
    UpstreamFailed,
    UpstreamTimeout,
)

NOW = 1_790_000_000.0


def answer(error: TurnoutError) -> tuple[int, dict[str, str], dict[str, object]]:
    found = OPENAI_CHAT.encode_error(error, request_id="req_1")
    inner = json.loads(found.body)["error"]
    return found.status, dict(found.headers), inner


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
