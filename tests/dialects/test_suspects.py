"""Which change a provider's words blame."""

import pytest

from turnout.dialects.suspects import suspects

CHANGES = (
    "tool_name",
    "call_id",
    "schema:not",
    "schema:anyOf",
    "schema:pattern",
    "dropped:top_k",
    "limited:max_output_tokens",
    "thinking:tool_choice",
    "output_format:object",
)


@pytest.mark.parametrize(
    ("message", "told"),
    [
        # OpenAI, of functions' names and calls' ids.
        (
            "Invalid 'tools[0].function.name': string does not match pattern.",
            ("tool_name",),
        ),
        ("Invalid 'messages[1].tool_calls[0].id': string too long.", ("call_id",)),
        (
            "tools.0.custom.input_schema: JSON schema is invalid",
            ("schema:not", "schema:anyOf", "schema:pattern"),
        ),
        ("Invalid schema for function 'x': 'anyOf' is not permitted.", ("schema:anyOf",)),
        ("Invalid schema for function 'x': schema must not have 'not'.", ("schema:not",)),
        # A word of English in no quotes names no keyword.
        ("temperature is not supported", ()),
        ("top_k: Field required", ("dropped:top_k",)),
        ("max_tokens is too large: 99999", ("limited:max_output_tokens",)),
        ("Invalid value at 'generation_config.maxOutputTokens'", ("limited:max_output_tokens",)),
        ("reasoning_content is missing", ("thinking:tool_choice",)),
        ("Invalid parameter: 'response_format'", ("output_format:object",)),
        ("The request is malformed.", ()),
        ("", ()),
    ],
)
def test_the_field_that_is_named_tells_the_change(message: str, told: tuple[str, ...]) -> None:
    assert suspects(message, CHANGES) == told


def test_where_nothing_was_changed_nothing_is_suspect() -> None:
    assert suspects("tools.0.name: too long", ()) == ()
