"""Where dialects are called."""

from urllib.parse import unquote

import pytest

from turnout.capabilities import Dialect
from turnout.dialects.endpoints import (
    BASE_PATH,
    GeminiCall,
    GeminiMethod,
    endpoint,
    gemini_call,
    gemini_path,
)


@pytest.mark.parametrize(
    ("path", "call"),
    [
        (
            "/v1beta/models/gemini-3.8-flash:streamGenerateContent",
            GeminiCall("v1beta", "gemini-3.8-flash", "streamGenerateContent"),
        ),
        ("/v1/models/m:generateContent", GeminiCall("v1", "m", "generateContent")),
        (
            "/v1beta/models/turnout/auto:countTokens",
            GeminiCall("v1beta", "turnout/auto", "countTokens"),
        ),
        ("/v1beta/models/m:embedContent", None),
        ("/v1beta/models/m", None),
        ("/v1beta/models/:generateContent", None),
        ("/v2/models/m:generateContent", None),
        ("/v1/messages", None),
    ],
)
def test_a_path_says_model_and_method(path: str, call: GeminiCall | None) -> None:
    assert gemini_call(path) == call


@pytest.mark.parametrize("model", ["gemini-3.8-flash", "turnout/auto", "ä ?#%"])
@pytest.mark.parametrize("method", ["generateContent", "streamGenerateContent", "countTokens"])
def test_a_path_that_is_made_can_be_read(model: str, method: GeminiMethod) -> None:
    assert gemini_call(unquote(gemini_path(model, method))) == GeminiCall("v1beta", model, method)


@pytest.mark.parametrize(
    ("dialect", "stream", "called"),
    [
        ("anthropic_messages", True, "/v1/messages"),
        ("openai_chat", True, "/v1/chat/completions"),
        ("openai_responses", False, "/v1/responses"),
        ("gemini_generate", False, "/v1beta/models/m:generateContent"),
        ("gemini_generate", True, "/v1beta/models/m:streamGenerateContent?alt=sse"),
    ],
)
def test_a_target_is_called_where_its_own_clients_call(
    dialect: Dialect, stream: bool, called: str
) -> None:
    assert BASE_PATH[dialect] + endpoint(dialect, model="m", stream=stream) == called
