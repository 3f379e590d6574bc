"""What Anthropic refuses of a request that only fills or renews the cache, `max_tokens` 0.

Rules of this module: pure. What is refused is documented (platform.claude.com/docs/en/build-with-claude/
prompt-caching, "pre-warming"), in which words is not.
"""

from turnout.simulator.exchange import Refused
from turnout.simulator.json_types import JsonObject, text_of


def check_filling(
    *, stream: bool, thinking: JsonObject, choice: JsonObject, output_config: JsonObject
) -> None:
    """Raises `Refused`."""
    refused = (
        ("stream: true", stream),
        ("thinking.type: enabled", text_of(thinking.get("type")) == "enabled"),
        ("a forced tool_choice", text_of(choice.get("type")) in {"any", "tool"}),
        ("output_config.format", output_config.get("format") is not None),
    )
    for what, is_asked in refused:
        if is_asked:
            raise Refused(f"max_tokens: 0 is not supported with {what}.")
