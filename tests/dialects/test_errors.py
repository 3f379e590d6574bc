"""What every wire does with errors, ours and the providers'."""

import json

import pytest

from turnout.capabilities import Dialect
from turnout.dialects.registry import DIALECTS
from turnout.errors import (
    BY_KIND,
    ContextTooLong,
    Internal,
    InvalidRequest,
    NotAuthenticated,
    Overloaded,
    RateLimited,
    TurnoutError,
    Unavailable,
    UnknownModel,
    UpstreamFailed,
)

NOW = 1_790_000_000.0

FIELDS: dict[Dialect, set[str]] = {
    "anthropic_messages": {"type", "message"},
    "openai_chat": {"message", "type", "param", "code"},
    "openai_responses": {"message", "type", "param", "code"},
    "gemini_generate": {"code", "message", "status"},
}
"""Of the error in a body; Google's may have details besides."""

HALF = "must not hold half of a surrogate pair (\\ud800 to \\udfff), which is no character"

every_dialect = pytest.mark.parametrize("dialect", DIALECTS)


def answer(dialect: Dialect, error: TurnoutError) -> tuple[int, dict[str, str]]:
    found = DIALECTS[dialect].encode_error(error, request_id="req_1")
    return found.status, dict(found.headers)


@every_dialect
@pytest.mark.parametrize("kind", BY_KIND)
def test_every_kind_has_an_answer(dialect: Dialect, kind: str) -> None:
    found = DIALECTS[dialect].encode_error(BY_KIND[kind]("what was wrong"), request_id="req_1")
    assert 400 <= found.status < 600
    name = "request-id" if dialect == "anthropic_messages" else "x-request-id"
    assert dict(found.headers)[name] == "req_1"
    inner = json.loads(found.body)["error"]
    assert inner["message"].endswith("what was wrong")
    assert inner.keys() - {"details"} == FIELDS[dialect]


@every_dialect
@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (RateLimited("x"), "5"),
        (RateLimited("x", retry_after_seconds=3.2), "4"),
        (RateLimited("x", retry_after_seconds=0), "1"),
        (RateLimited("x", retry_after_seconds=float("inf")), "5"),
        (Overloaded("x"), "5"),
        (Overloaded("x", retry_after_seconds=80), "60"),
        (Unavailable("x"), "5"),
        (Unavailable("x", retry_after_seconds=12.5), "13"),
        (Internal("x"), None),
        (InvalidRequest("x"), None),
        (UpstreamFailed("x"), None),
    ],
    ids=str,
)
def test_bug_40_come_back_is_said_within_a_minute(
    dialect: Dialect, error: TurnoutError, seconds: str | None
) -> None:
    assert answer(dialect, error)[1].get("retry-after") == seconds


@every_dialect
def test_who_may_not_is_not_told_to_retry(dialect: Dialect) -> None:
    assert answer(dialect, NotAuthenticated("x"))[1]["x-should-retry"] == "false"
    for status in (401, 403):
        sent, headers = answer(dialect, UpstreamFailed("x", upstream_status=status))
        assert (sent, headers["x-should-retry"]) == (status, "false")
    assert answer(dialect, UpstreamFailed("x", upstream_status=400))[0] == 502


@every_dialect
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
    ids=str,
)
def test_bug_40_retry_after_is_read_in_every_form(
    dialect: Dialect, headers: list[tuple[str, str]], seconds: float | None
) -> None:
    found = DIALECTS[dialect].decode_error(429, headers, b"{}", now=NOW)
    assert found.retry_after_seconds == seconds


@every_dialect
def test_messages_of_providers_are_cut_to_one_line(dialect: Dialect) -> None:
    body = json.dumps({"error": {"message": "a\n" * 5_000}}).encode()
    message = DIALECTS[dialect].decode_error(500, [], body, now=NOW).message
    assert message.startswith("a")
    assert len(message) <= 1_000
    assert "\n" not in message


@every_dialect
@pytest.mark.parametrize("body", [b"", b"<html>502</html>", b"[]", b'{"error":"text"}', b"{}"])
def test_bodies_of_proxies_in_between_are_survived(dialect: Dialect, body: bytes) -> None:
    error = DIALECTS[dialect].decode_error(502, (), body, now=NOW)
    assert type(error) is UpstreamFailed
    assert (bool(error.message), error.upstream_status) == (True, 502)


@every_dialect
@pytest.mark.parametrize("kind", [RateLimited, Overloaded, ContextTooLong, UnknownModel])
def test_kinds_survive_the_wire(dialect: Dialect, kind: type[TurnoutError]) -> None:
    found = DIALECTS[dialect].encode_error(kind("the model is away"), request_id="r")
    again = DIALECTS[dialect].decode_error(found.status, found.headers, found.body, now=NOW)
    assert type(again) is kind


@every_dialect
@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "is empty, and must be JSON"),
        (b" \r\n", "is empty, and must be JSON"),
        (b'{"a": [1, 2', "ends in the middle of its JSON"),
        (b'{"a": 1,}', "JSON is malformed: trailing comma in object (byte 8)"),
        (rb'{"a": "\ud800"}', HALF),
        (rb'{"a": "\ud800 and so on"}', HALF),
        (rb'{"a": "\ud83d\ude00 \\ud800 \udc00 and so on"}', HALF),
        (
            b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
            "is nested too deeply; JSON is read to about 900 levels",
        ),
        # Escapes that look like half a pair and are none.
        (rb'{"a": "\ud83d\ude00 \\ud800 \\\\udc00",', "ends in the middle of its JSON"),
    ],
)
def test_a_body_that_is_no_json_is_told_what_is_wrong(
    dialect: Dialect, body: bytes, fault: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        DIALECTS[dialect].survey_request(body, path="/v1beta/models/m:generateContent")
    assert refused.value.message == f"the body: {fault}"


@pytest.mark.parametrize(
    ("dialect", "told"),
    [
        ("anthropic_messages", "messages.0.content.12.text: must be"),
        ("openai_chat", "messages[0].content[12].text: must be"),
        ("openai_responses", "messages[0].content[12].text: must be"),
        ("gemini_generate", "messages[0].content[12].text: must be"),
    ],
)
def test_a_field_is_named_as_the_dialect_writes_paths(dialect: Dialect, told: str) -> None:
    error = InvalidRequest("messages.0.content.12.text: must be 1.0")
    found = DIALECTS[dialect].encode_error(error, request_id="req_1")
    assert json.loads(found.body)["error"]["message"] == f"{told} 1.0"
