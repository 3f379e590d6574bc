"""Providers' refusals in their own words and headers, read as the catalog says they are."""

import json
from dataclasses import dataclass

import pytest

from turnout.capabilities import Dialect
from turnout.catalog.providers import PROVIDERS
from turnout.dialects.openai_errors import decode_stream_error
from turnout.dialects.refusal_words import as_meant, read_words
from turnout.dialects.registry import DIALECTS
from turnout.dialects.retry_after import read_reset, when_whole
from turnout.errors import (
    ContextTooLong,
    InvalidRequest,
    Overloaded,
    RateLimited,
    TurnoutError,
    UnknownModel,
    UpstreamFailed,
)
from turnout.quirks import DIALECT_QUIRKS
from turnout.refusals import OPENAI, Refusals, ResetForm

NOW = 1_790_000_000.0
"""2026-09-21T14:13:20Z."""


def refusals_of(provider: str, dialect: Dialect) -> Refusals:
    found = next(one for one in PROVIDERS if one.name == provider).endpoint(dialect)
    assert found is not None
    return found.quirks_of("a-model").refusals


@dataclass(frozen=True)
class Case:
    """An answer of a provider and what it means."""

    provider: str
    status: int
    body: object
    kind: type[TurnoutError]
    seconds: float | None = None
    headers: tuple[tuple[str, str], ...] = ()
    dialect: Dialect = "openai_chat"
    says: str = ""


def error(message: str, **rest: object) -> dict[str, object]:
    return {"error": {"message": message, **rest}}


LOCAL_OVERFLOW = {
    "error": {
        "code": 400,
        "message": "request (13392 tokens) exceeds the available context size (8192 tokens)",
        "type": "exceed_context_size_error",
    }
}
GOOGLE_FULL = {
    "code": 400,
    "message": "The input token count (1196265) exceeds the maximum number of tokens allowed"
    " (1048575).",
    "status": "INVALID_ARGUMENT",
}

CASES = (
    # When to come back.
    Case(
        "openai",
        429,
        error("Rate limit reached for gpt-5 on tokens per min. Please try again in 41.724s. Visit"),
        RateLimited,
        41.724,
    ),
    Case(
        "openai",
        429,
        error("Rate limit reached", code="rate_limit_exceeded"),
        RateLimited,
        360.0,
        (
            ("x-ratelimit-remaining-requests", "59"),
            ("x-ratelimit-reset-requests", "12h"),
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-tokens", "6m0s"),
        ),
    ),
    Case(
        "openai",
        429,
        error("busy"),
        RateLimited,
        0.25,
        (("retry-after-ms", "250"), ("x-ratelimit-remaining-tokens", "0")),
    ),
    Case(
        "azure.ai.openai",
        429,
        error(
            "Requests to the ChatCompletions_Create Operation have exceeded token rate limit of your"
            " current AIServices S0 pricing tier. Please retry after 37 seconds.",
            code="429",
        ),
        RateLimited,
        37.0,
    ),
    # What is left is not told there for some models: -1, and 0 seconds.
    Case(
        "azure.ai.openai",
        429,
        error("busy", code="429"),
        RateLimited,
        None,
        (("x-ratelimit-remaining-tokens", "-1"), ("x-ratelimit-reset-tokens", "0")),
    ),
    Case(
        "anthropic",
        429,
        error("This request would exceed your rate limit", type="rate_limit_error"),
        RateLimited,
        30.0,
        (
            ("anthropic-ratelimit-requests-remaining", "49"),
            ("anthropic-ratelimit-requests-reset", "2026-09-21T15:00:00Z"),
            ("anthropic-ratelimit-input-tokens-remaining", "0"),
            ("anthropic-ratelimit-input-tokens-reset", "2026-09-21T14:13:50Z"),
        ),
        dialect="anthropic_messages",
    ),
    Case(
        "groq",
        429,
        error("Rate limit reached", code="rate_limit_exceeded"),
        RateLimited,
        179.56,
        (
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", "2m59.56s"),
            ("x-ratelimit-remaining-tokens", "17997"),
            ("x-ratelimit-reset-tokens", "7.66s"),
        ),
    ),
    Case(
        "cerebras",
        429,
        {"message": "Tokens per minute limit exceeded", "type": "too_many_tokens_error"},
        RateLimited,
        11.382867097854614,
        (
            ("x-ratelimit-remaining-requests-day", "999997455"),
            ("x-ratelimit-reset-requests-day", "33011.382867097855"),
            ("x-ratelimit-remaining-tokens-minute", "0"),
            ("x-ratelimit-reset-tokens-minute", "11.382867097854614"),
        ),
    ),
    Case(
        "together_ai",
        429,
        error("slow down", type="dynamic_request_limited"),
        RateLimited,
        2.0,
        (("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "2")),
    ),
    Case(
        "openrouter",
        429,
        error(
            "Rate limit exceeded: free-models-per-day",
            code=429,
            metadata={
                "headers": {
                    "X-RateLimit-Limit": "50",
                    "X-RateLimit-Remaining": "0",
                    "X-RateLimit-Reset": "1790000045000",
                }
            },
        ),
        RateLimited,
        45.0,
    ),
    Case(
        "gcp.gemini",
        429,
        [{"error": {"code": 429, "message": "Please retry in 34.07s.", "status": "X"}}],
        RateLimited,
        34.07,
    ),
    # A prompt that is too long.
    Case("groq", 400, error("Please reduce the length of the messages."), ContextTooLong),
    Case("cerebras", 400, {"message": "Please reduce the length of the messages"}, ContextTooLong),
    Case(
        "moonshot_ai",
        400,
        error("Invalid request: Your request exceeded model token limit: 262144"),
        ContextTooLong,
    ),
    Case(
        "moonshot_ai",
        400,
        error("Your request exceeded model token limit: 262144", type="invalid_request_error"),
        ContextTooLong,
        dialect="anthropic_messages",
    ),
    Case(
        "minimax",
        400,
        error("invalid params, context window exceeds limit (2013)", type="bad_request_error"),
        ContextTooLong,
        dialect="anthropic_messages",
    ),
    Case(
        "alibaba",
        400,
        {"code": "InvalidParameter", "message": "Range of input length should be [1, 129024]"},
        ContextTooLong,
    ),
    Case("gcp.gemini", 400, [{"error": GOOGLE_FULL}], ContextTooLong, says="1196265"),
    Case("gcp.vertex_ai", 400, [{"error": GOOGLE_FULL}], ContextTooLong, says="1196265"),
    Case(
        "x_ai",
        400,
        {
            "code": "Client specified an invalid argument",
            "error": "This model's maximum prompt length is 131072 but the request contains 537812"
            " tokens.",
        },
        ContextTooLong,
        says="537812",
    ),
    Case(
        "mistral_ai",
        400,
        {
            "object": "error",
            "message": "Prompt contains 40000 tokens, too large for model with 32768 maximum context"
            " length",
            "type": "invalid_request_error",
            "code": None,
        },
        ContextTooLong,
    ),
    Case(
        "openrouter",
        400,
        error(
            "Provider returned error",
            code=400,
            metadata={
                "provider_name": "Poolside",
                "raw": "Input length 140000 exceeds the maximum allowed input length of 131072"
                " tokens.",
            },
        ),
        ContextTooLong,
        says="140000",
    ),
    Case("llama_cpp", 400, LOCAL_OVERFLOW, ContextTooLong),
    Case("llama_cpp", 400, LOCAL_OVERFLOW, ContextTooLong, dialect="anthropic_messages"),
    Case(
        "lm_studio",
        400,
        {"error": "tokens to keep from the initial prompt is greater than the context length"},
        ContextTooLong,
    ),
    Case(
        "ollama",
        400,
        error("prompt too long; exceeded max context length by 12 tokens"),
        ContextTooLong,
        dialect="anthropic_messages",
    ),
    Case(
        "vllm",
        400,
        error(
            "This model's maximum context length is 4096 tokens. However, you requested 512 output"
            " tokens",
            type="BadRequestError",
            code=400,
        ),
        ContextTooLong,
    ),
    Case(
        "aws.bedrock",
        400,
        {"message": "Input is too long for requested model."},
        ContextTooLong,
        dialect="anthropic_messages",
    ),
    # Sentences that only look like it.
    Case(
        "aws.bedrock",
        429,
        {"message": "Too many tokens, please wait before trying again."},
        RateLimited,
    ),
    # Statuses and numbers of their own.
    Case(
        "groq",
        413,
        error("Request too large for model on TPM", code="rate_limit_exceeded"),
        RateLimited,
    ),
    Case("groq", 498, error("flex capacity exceeded"), Overloaded),
    Case("z_ai", 400, error("Model does not exist", code="1211"), UnknownModel),
    Case("z_ai", 400, error("Incorrect API call parameters", code="1210"), InvalidRequest),
    Case("mistral_ai", 422, {"detail": [{"msg": "Field required"}]}, InvalidRequest, says="Field"),
    Case("together_ai", 503, error("overloaded"), Overloaded),
    Case("deepseek", 402, error("Insufficient Balance"), UpstreamFailed),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.provider} {case.status}")
def test_every_providers_words_are_understood(case: Case) -> None:
    found = DIALECTS[case.dialect].decode_error(
        case.status,
        case.headers,
        json.dumps(case.body).encode(),
        now=NOW,
        refusals=refusals_of(case.provider, case.dialect),
    )
    assert type(found) is case.kind
    assert found.retry_after_seconds == pytest.approx(case.seconds)
    assert found.upstream_status == case.status
    assert case.says in found.message


@pytest.mark.parametrize(
    ("text", "form", "seconds"),
    [
        ("6m0s", "duration", 360.0),
        ("120ms", "duration", 0.12),
        ("1d2h", "duration", 93_600.0),
        ("7", "duration", 7.0),
        ("7.66s", "duration", 7.66),
        ("soon", "duration", None),
        ("", "duration", None),
        ("-1", "duration", None),
        ("1790000045000", "epoch_milliseconds", 45.0),
        ("1700000000000", "epoch_milliseconds", 0.0),
        ("soon", "epoch_milliseconds", None),
        ("2026-09-21T14:13:50Z", "iso", 30.0),
        ("2026-09-21T16:13:50+02:00", "iso", 30.0),
        ("2020-01-01T00:00:00Z", "iso", 0.0),
        ("2026-09-21T14:13:50", "iso", None),
        ("soon", "iso", None),
    ],
)
def test_resets_are_read_in_their_form(text: str, form: ResetForm, seconds: float | None) -> None:
    assert read_reset(text, form, now=NOW) == (
        None if seconds is None else pytest.approx(seconds, abs=1e-6)
    )


def test_no_limit_is_asked_for_where_none_was_hit() -> None:
    """Headers of limits come with every answer, and a busy server is no limit of ours."""
    spent = (("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "6m0s"))
    found = DIALECTS["openai_chat"].decode_error(503, spent, b"{}", now=NOW)
    assert found.retry_after_seconds is None


def test_an_error_in_a_stream_is_what_its_endpoint_means() -> None:
    """LM Studio says it inside a stream."""
    said = decode_stream_error(json.dumps({"error": {"message": "prompt too big"}}).encode())
    own = Refusals(context_signs=("prompt too big",))
    assert type(said) is UpstreamFailed
    assert type(as_meant(said, own)) is ContextTooLong
    assert as_meant(said, OPENAI) is said
    full = ContextTooLong("prompt too big")
    assert as_meant(full, own) is full


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"7", b"<html>", b'{"error": [1]}', b"\xff", b"[" * 9_999]
)
def test_what_is_no_refusal_has_no_words(body: bytes) -> None:
    for dialect in DIALECT_QUIRKS.values():
        words = read_words(body, dialect.refusals)
        assert (words.message, words.headers) == ("", ())


def test_an_endpoints_words_are_asked_before_its_dialects() -> None:
    found = refusals_of("openrouter", "openai_chat")
    assert found.message[:2] == ("error.metadata.raw", "error.message")
    assert found.limits[-1] == OPENAI.limits[-1]


@pytest.mark.parametrize(
    ("provider", "dialect", "left", "seconds"),
    [
        ("openai", "openai_chat", "0", 41.5),
        ("openai", "openai_chat", "1", None),
        ("anthropic", "anthropic_messages", "0", 30.0),
        ("anthropic", "anthropic_messages", "4000", None),
    ],
)
def test_an_answer_says_when_the_limits_that_it_used_up_are_whole_again(
    provider: str, dialect: Dialect, left: str, seconds: float | None
) -> None:
    headers = {
        "x-ratelimit-remaining-tokens": left,
        "x-ratelimit-reset-tokens": "41.5s",
        "anthropic-ratelimit-tokens-remaining": left,
        "anthropic-ratelimit-tokens-reset": "2026-09-21T14:13:50Z",
    }
    assert when_whole(headers, refusals_of(provider, dialect).limits, now=NOW) == seconds
