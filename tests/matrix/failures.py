"""All rows of errors: what a provider says went wrong, and what the client's own recovery looks for.

A sample is status, headers and body of an answer; so is what a client gets. Of errors inside a stream
it is the text before, and then the events that tell of the failure.
"""

from collections.abc import Mapping

from tests.matrix.declared import ALL, Feature, Json, Side
from turnout.capabilities import Dialect

LONG = "prompt is too long: 210000 tokens > 200000 maximum"


def answer(status: int, error: Json, **headers: str) -> Json:
    return {"status": status, "headers": headers, "body": {"error": error}}


def row(
    name: str, title: str, wires: Mapping[Dialect, Json], heard: Mapping[Dialect, object]
) -> Feature:
    sides = {d: Side(wires[d], _READERS[d], value=heard[d]) for d in ALL}
    return Feature(name, title, "", sides)


def _messages(got: Json) -> object:
    error = got["body"]["error"]
    assert got["body"]["type"] == "error"
    is_long = error["message"].startswith("prompt is too long: 210000 tokens > 200000")
    return _told(got, error["type"], is_long=is_long)


def _openai(got: Json) -> object:
    error = got["body"]["error"]
    assert {"message", "type", "param", "code"} <= error.keys()
    is_long = error["code"] == "context_length_exceeded"
    return _told(got, error["code"] or error["type"], is_long=is_long)


def _gemini(got: Json) -> object:
    error = got["body"]["error"]
    assert error["code"] == got["status"]
    is_long = "exceeds the maximum number of tokens allowed" in error["message"]
    delays = [one["retryDelay"] for one in error.get("details", ()) if "retryDelay" in one]
    if delays:
        assert delays == [f"{got['headers']['retry-after']}s"]
    return _told(got, error["status"], is_long=is_long)


def _told(got: Json, word: str, *, is_long: bool) -> tuple[int, str, str]:
    """Status, the wire's word, and what the client does about it."""
    if is_long:
        return got["status"], word, "compacts"
    return got["status"], word, got["headers"].get("retry-after", "")


_READERS = {
    "anthropic_messages": _messages,
    "openai_chat": _openai,
    "openai_responses": _openai,
    "gemini_generate": _gemini,
}


def _wires(anthropic: Json, openai: Json, gemini: Json) -> dict[Dialect, Json]:
    anthropic["body"] = {"type": "error"} | anthropic["body"]
    return {
        "anthropic_messages": anthropic,
        "openai_chat": openai,
        "openai_responses": openai,
        "gemini_generate": gemini,
    }


def _retry(seconds: int) -> list[Json]:
    kind = "type.googleapis.com/google.rpc.RetryInfo"
    return [{"@type": kind, "retryDelay": f"{seconds}s"}]


def _heard(anthropic: object, openai: object, gemini: object) -> dict[Dialect, object]:
    return {
        "anthropic_messages": anthropic,
        "openai_chat": openai,
        "openai_responses": openai,
        "gemini_generate": gemini,
    }


FAILURES: tuple[Feature, ...] = (
    row(
        "context_too_long",
        "prompt longer than the window, in the words on which clients compact",
        _wires(
            answer(400, {"type": "invalid_request_error", "message": LONG}),
            answer(
                400,
                {
                    "message": "This model's maximum context length is 200000 tokens. However, your"
                    " messages resulted in 210000 tokens. Please reduce their length.",
                    "type": "invalid_request_error",
                    "param": "messages",
                    "code": "context_length_exceeded",
                },
            ),
            answer(
                400,
                {
                    "code": 400,
                    "message": "The input token count (210000) exceeds the maximum number of tokens"
                    " allowed (200000).",
                    "status": "INVALID_ARGUMENT",
                },
            ),
        ),
        _heard(
            (400, "invalid_request_error", "compacts"),
            (400, "context_length_exceeded", "compacts"),
            (400, "INVALID_ARGUMENT", "compacts"),
        ),
    ),
    row(
        "rate_limited",
        "429, and when to come back",
        _wires(
            answer(
                429,
                {"type": "rate_limit_error", "message": "Slow down."},
                **{"retry-after": "40"},
            ),
            answer(
                429,
                {
                    "message": "Rate limit reached.",
                    "type": "tokens",
                    "param": None,
                    "code": "rate_limit_exceeded",
                },
                **{"retry-after": "40"},
            ),
            answer(
                429,
                {
                    "code": 429,
                    "message": "Quota exceeded.",
                    "status": "RESOURCE_EXHAUSTED",
                    "details": _retry(40),
                },
            ),
        ),
        _heard(
            (429, "rate_limit_error", "40"),
            (429, "rate_limit_exceeded", "40"),
            (429, "RESOURCE_EXHAUSTED", "40"),
        ),
    ),
    row(
        "overloaded",
        "overloaded, and when to come back",
        _wires(
            answer(529, {"type": "overloaded_error", "message": "Overloaded"}),
            answer(
                503,
                {
                    "message": "The server is overloaded.",
                    "type": "service_unavailable_error",
                    "param": None,
                    "code": "server_is_overloaded",
                },
            ),
            answer(
                503, {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}
            ),
        ),
        _heard(
            (529, "overloaded_error", "5"),
            (503, "server_is_overloaded", "5"),
            (503, "UNAVAILABLE", "5"),
        ),
    ),
    row(
        "our_key_refused",
        "401 for Turnout's own key, never told as the client's",
        _wires(
            answer(401, {"type": "authentication_error", "message": "invalid x-api-key"}),
            answer(
                401,
                {
                    "message": "Incorrect API key provided.",
                    "type": "invalid_request_error",
                    "param": None,
                    "code": "invalid_api_key",
                },
            ),
            answer(401, {"code": 401, "message": "No credentials.", "status": "UNAUTHENTICATED"}),
        ),
        _heard((502, "api_error", ""), (502, "server_error", ""), (502, "INTERNAL", "")),
    ),
    row(
        "invalid",
        "a request that the provider refuses",
        _wires(
            answer(400, {"type": "invalid_request_error", "message": "tools.0.name: too long"}),
            answer(
                400,
                {
                    "message": "Invalid 'tools[0].name': too long.",
                    "type": "invalid_request_error",
                    "param": "tools[0].name",
                    "code": None,
                },
            ),
            answer(
                400,
                {"code": 400, "message": "Invalid name.", "status": "INVALID_ARGUMENT"},
            ),
        ),
        _heard(
            (400, "invalid_request_error", ""),
            (400, "invalid_request_error", ""),
            (400, "INVALID_ARGUMENT", ""),
        ),
    ),
)

BROKEN = Feature(
    "broken",
    "an error in the middle of a stream",
    "error event",
    {dialect: Side({}, lambda _: "error event") for dialect in ALL},
)
"""Its samples are bytes of streams, in the test."""
