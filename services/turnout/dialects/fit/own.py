"""What only the client's own provider acts on, for targets that are another.

Rules: what the answer would suffer without is refused by name, and so is whatever the user has put in that
nobody else knows, because it is what the request asks about. Which the former is, is
`turnout.capabilities.OWN_FIELDS` and `OWN_PARTS`, by which targets are chosen too.
"""

from collections.abc import Iterator
from typing import Final

from turnout.capabilities import OWN_FIELDS, OWN_PARTS, Dialect, is_asked
from turnout.dialects.conversation import Conversation, Message, Opaque, ToolResult
from turnout.errors import Unsupported

MAX_SHOWN: Final = 40
"""Characters of a type; the longest of Anthropic's own has fewer."""


def refuse_own(conversation: Conversation, *, to: Dialect) -> None:
    """Raises `Unsupported` naming the first of them."""
    if conversation.dialect not in OWN_FIELDS:
        return
    fields = OWN_FIELDS[conversation.dialect]
    for name, json in conversation.extras:
        if name in fields and is_asked(json):
            raise Unsupported(f"{name}: works at its own provider only")
    if conversation.max_output_tokens == 0:
        raise Unsupported("max_tokens: 0 fills the prompt cache of its own provider only")
    kinds = OWN_PARTS[conversation.dialect]
    for message in conversation.messages:
        is_asked_about = message.role == "user" and conversation.dialect != to
        for part in _opaque(message):
            if is_asked_about or part.kind in kinds:
                kind = part.kind[:MAX_SHOWN]
                raise Unsupported(f"messages: {kind!r} can be read by its own provider only")


def _opaque(message: Message) -> Iterator[Opaque]:
    for part in message.parts:
        if isinstance(part, Opaque):
            yield part
        elif isinstance(part, ToolResult):
            yield from (inner for inner in part.parts if isinstance(inner, Opaque))
