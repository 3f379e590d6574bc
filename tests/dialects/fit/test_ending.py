"""Histories that end in what the model has said, for models that refuse them and for others."""

import pytest

from tests.catalog.quirks import quirks_of
from turnout.capabilities import Capabilities, Dialect
from turnout.dialects.conversation import Conversation, Message, Text, ToolCall
from turnout.dialects.fit import fit

ASKED = Message("user", (Text("go"),))
BEGUN = Message("assistant", (Text("Well,"),))
ABLE = Capabilities(thinking=True)


@pytest.mark.parametrize(
    ("provider", "to", "model", "goes_on"),
    [
        ("anthropic", "anthropic_messages", "claude-sonnet-4-5", True),
        ("anthropic", "anthropic_messages", "claude-sonnet-4-6", False),
        ("anthropic", "anthropic_messages", "claude-fable-5", False),
        ("aws.bedrock", "anthropic_messages", "us.anthropic.claude-opus-4-7-v1:0", False),
        ("gcp.gemini", "gemini_generate", "gemini-3.5-flash", True),
        ("gcp.gemini", "gemini_generate", "gemini-3.5-flash-lite", False),
        ("gcp.gemini", "openai_chat", "gemini-3.8-flash", False),
        ("gcp.vertex_ai", "openai_chat", "google/gemini-3.8-flash", False),
        ("openai", "openai_chat", "gpt-5.5", True),
    ],
)
def test_the_user_asks_to_go_on_where_a_model_does_not_by_itself(
    provider: str, to: Dialect, model: str, goes_on: bool
) -> None:
    begun = Conversation(dialect="openai_responses", model="m", messages=(ASKED, BEGUN))
    fitted = fit(begun, to=to, quirks=quirks_of(provider, to, model), has=ABLE)
    assert fitted.conversation.messages[:2] == begun.messages
    if goes_on:
        assert fitted.conversation is begun
    else:
        (last,) = fitted.conversation.messages[2:]
        assert (last.role, last.parts) == ("user", (Text("Continue."),))
        assert fitted.changes == ("answer_begun",)


@pytest.mark.parametrize(
    "last", [ASKED, Message("assistant", (Text("Well,"), ToolCall("call_1", "f", "{}")))]
)
def test_what_another_turn_follows_is_no_end(last: Message) -> None:
    told = Conversation(dialect="openai_responses", model="m", messages=(ASKED, BEGUN, last))
    quirks = quirks_of("anthropic", "anthropic_messages", "claude-opus-5-5")
    fitted = fit(told, to="anthropic_messages", quirks=quirks, has=ABLE)
    assert fitted.conversation.messages == told.messages
