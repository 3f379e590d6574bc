"""The answer to a request that counts tokens, in the words of each wire."""

import json

import pytest

from turnout.capabilities import Dialect
from turnout.dialects.registry import DIALECTS


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("anthropic_messages", {"input_tokens": 7}),
        ("openai_chat", {"object": "response.input_tokens", "input_tokens": 7}),
        ("openai_responses", {"object": "response.input_tokens", "input_tokens": 7}),
        (
            "gemini_generate",
            {"totalTokens": 7, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 7}]},
        ),
    ],
)
def test_each_wire_has_its_words(dialect: Dialect, body: object) -> None:
    assert json.loads(DIALECTS[dialect].encode_token_count(7)) == body
