"""Paths of fields in error messages, ours and those of providers."""

import pytest

from turnout.dialects.field_paths import without_places


@pytest.mark.parametrize(
    ("said", "left"),
    [
        # Anthropic
        (
            "messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
            "tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
        ),
        ("messages.3.content.0: must not be empty", "content: must not be empty"),
        (
            "messages.2: `tool_use` ids were found: toolu_01.",
            "messages: `tool_use` ids were found: toolu_01.",
        ),
        ("tools.0.custom.input_schema: is invalid", "custom.input_schema: is invalid"),
        ("`messages.0.content.2` is empty", "`content` is empty"),
        # OpenAI
        (
            "Invalid type for 'messages[0].content[1].text': expected a string.",
            "Invalid type for 'text': expected a string.",
        ),
        ("Missing required parameter: 'messages.[2].role'.", "Missing required parameter: 'role'."),
        # Google
        (
            "* GenerateContentRequest.tools[0].function_declarations[3].name: Invalid",
            "* name: Invalid",
        ),
        (
            "Unknown name \"strict\" at 'tools[0]': Cannot find.",
            "Unknown name \"strict\" at 'tools': Cannot find.",
        ),
        # No place in a list.
        ("max_tokens: 200000 > 64000, which is the maximum", None),
        ("The model `qwen3.5-max` and 'gpt-5.4' are not deepseek-v3.2.", None),
        ("thinking.budget_tokens: must be less than 1.5", None),
        ("see https://docs.example.com/v1.2/errors: it says", None),
        ("prompt is too long: 210000 tokens > 200000 maximum", None),
    ],
)
def test_a_path_is_left_with_the_names_at_its_end(said: str, left: str | None) -> None:
    assert without_places(said) == (said if left is None else left)
