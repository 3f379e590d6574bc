"""Errors of OpenAI's wires as this one says them; `openai_chat/test_errors.py` has the rest."""

import json

import pytest

from turnout.dialects.openai_responses import OPENAI_RESPONSES
from turnout.errors import (
    InvalidRequest,
    Overloaded,
    RateLimited,
    TurnoutError,
)

NOW = 1_790_000_000.0


def answer(error: TurnoutError) -> tuple[int, dict[str, str], dict[str, object]]:
    found = OPENAI_RESPONSES.encode_error(error, request_id="req_1")
    inner: dict[str, object] = json.loads(found.body)["error"]
    return found.status, dict(found.headers), inner


@pytest.mark.parametrize(
    ("error", "param"),
    [
        (InvalidRequest("input.0.content.12.text: required"), "input[0].content[12].text"),
        (InvalidRequest("something is wrong: really"), None),
        (Overloaded("input: full"), None),
    ],
)
def test_param_is_the_path_of_the_field(error: TurnoutError, param: str | None) -> None:
    assert answer(error)[2]["param"] == param


def test_overload_is_said_in_the_words_that_codex_knows() -> None:
    status, headers, inner = answer(Overloaded("busy", retry_after_seconds=2))
    assert (status, inner["code"]) == (503, "server_is_overloaded")
    assert headers["retry-after"] == "2"


def test_an_empty_account_is_no_full_minute() -> None:
    message = "You exceeded your current quota, please check your plan and billing details."
    assert answer(RateLimited(message))[2]["code"] == "insufficient_quota"
    assert answer(RateLimited("slow down"))[2]["code"] == "rate_limit_exceeded"
    # Gemini's words for a minute's limit; Codex would end its turn at an empty account.
    gemini = f"{message} Please retry in 34.07s."
    assert answer(RateLimited(gemini))[2]["code"] == "rate_limit_exceeded"
