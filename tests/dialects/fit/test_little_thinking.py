"""Gemini models that cannot be told not to think, and the words that each of them takes."""

import pytest

from tests.catalog.quirks import quirks_of
from turnout.capabilities import Capabilities, Dialect
from turnout.dialects.conversation import Conversation, Message, Text, ThinkingControl
from turnout.dialects.fit import fit

THINKS = Capabilities(thinking=True)
OFF = ThinkingControl("off")
NONE = ThinkingControl(effort="none")


@pytest.mark.parametrize("asked", [OFF, NONE])
@pytest.mark.parametrize(
    ("provider", "to", "model", "word"),
    [
        ("gcp.gemini", "gemini_generate", "gemini-3.8-flash", "low"),
        ("gcp.gemini", "gemini_generate", "gemini-3.1-pro-preview", "low"),
        ("gcp.gemini", "gemini_generate", "gemini-flash-latest", "low"),
        ("gcp.gemini", "gemini_generate", "gemini-3.6-flash", "minimal"),
        ("gcp.gemini", "gemini_generate", "gemini-3.1-flash-lite", "minimal"),
        ("gcp.gemini", "gemini_generate", "gemini-2.5-pro", "minimal"),
        ("gcp.gemini", "openai_chat", "gemini-3.8-flash", "low"),
        ("gcp.vertex_ai", "openai_chat", "google/gemini-2.5-pro", "minimal"),
    ],
)
def test_who_wants_no_thinking_gets_the_least_there_is(
    provider: str, to: Dialect, model: str, word: str, asked: ThinkingControl
) -> None:
    told = Conversation(
        dialect="anthropic_messages",
        model="m",
        messages=(Message("user", (Text("go"),)),),
        thinking=asked,
    )
    fitted = fit(told, to=to, quirks=quirks_of(provider, to, model), has=THINKS)
    found = fitted.conversation.thinking
    assert (found.mode, found.effort) == (None, word)
    assert fitted.changes == ("thinking",)


def test_a_model_that_can_be_told_not_to_think_is_told_so() -> None:
    told = Conversation(
        dialect="anthropic_messages",
        model="m",
        messages=(Message("user", (Text("go"),)),),
        thinking=OFF,
    )
    quirks = quirks_of("gcp.gemini", "gemini_generate", "gemini-2.5-flash")
    fitted = fit(told, to="gemini_generate", quirks=quirks, has=THINKS)
    assert fitted.conversation is told
