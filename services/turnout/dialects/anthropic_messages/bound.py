"""Which fields bind a messages request to Anthropic, by the names of `turnout.bonds`."""

from collections.abc import Mapping

from turnout.bonds import BONDS, is_asked
from turnout.dialects.conversation import JsonText


def bound_fields(fields: Mapping[str, JsonText], max_tokens: int | None) -> tuple[str, ...]:
    """The names in `fields`, and `max_tokens` where no answer is wanted but a filled cache."""
    bonds = BONDS["anthropic_messages"]
    named = [name for name, json in fields.items() if name in bonds and is_asked(json)]
    return (*named, *(["max_tokens"] if max_tokens == 0 else []))
