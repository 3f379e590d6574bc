"""The prompt's estimate in the tokens of the model that is asked for."""

import json

import pytest

from turnout.capabilities import Dialect
from turnout.dialects.registry import DIALECTS
from turnout.dialects.survey import for_model

IMAGE: dict[Dialect, object] = {
    "anthropic_messages": {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": "A" * 400_000},
    },
    "openai_chat": {
        "type": "image_url",
        "image_url": {"url": "data:image/png;base64," + "A" * 400_000},
    },
}


def estimate(dialect: Dialect, model: str, *content: object) -> int:
    body = {"model": model, "messages": [{"role": "user", "content": list(content)}]}
    survey = DIALECTS[dialect].survey_request(json.dumps(body).encode())
    return for_model(survey).needs.prompt_tokens_estimate


@pytest.mark.parametrize("dialect", list(IMAGE))
@pytest.mark.parametrize(
    ("model", "bytes_per_token"),
    [
        ("claude-opus-4-6", 3.27),
        ("claude-opus-5-5", 2.48),
        ("gpt-5.5", 3.92),
        ("grok-4.7", 3.6),
        ("", 3.6),
    ],
)
def test_bytes_make_as_many_tokens_as_the_family_has(
    dialect: Dialect, model: str, bytes_per_token: float
) -> None:
    text = {"type": "text", "text": "x" * 36_000}
    assert estimate(dialect, model, text) == pytest.approx(36_000 / bytes_per_token, rel=0.01)


@pytest.mark.parametrize("dialect", list(IMAGE))
def test_an_image_has_the_tokens_of_an_image(dialect: Dialect) -> None:
    text = {"type": "text", "text": "x" * 3_600}
    images = [
        estimate(dialect, model, text, IMAGE[dialect]) - estimate(dialect, model, text)
        for model in ("claude-opus-5-5", "grok-4.7")
    ]
    assert images[0] == pytest.approx(images[1], abs=60)
