"""What only the client's own provider acts on, for targets that are another.

Rule: what the answer would suffer without is refused by name. Which this is, is
`turnout.capabilities.OWN_FIELDS` and `OWN_PARTS`, by which targets are chosen too.
"""

from turnout.capabilities import OWN_FIELDS, OWN_PARTS, is_asked
from turnout.dialects.conversation import Conversation, Opaque
from turnout.errors import Unsupported


def refuse_own(conversation: Conversation) -> None:
    """Raises `Unsupported` naming the first of them."""
    fields = OWN_FIELDS.get(conversation.dialect, ())
    for name, json in conversation.extras:
        if name in fields and is_asked(json):
            raise Unsupported(f"{name}: works at its own provider only")
    if conversation.dialect == "anthropic_messages" and conversation.max_output_tokens == 0:
        raise Unsupported("max_tokens: 0 fills the prompt cache of its own provider only")
    kinds = OWN_PARTS.get(conversation.dialect, frozenset[str]())
    for message in conversation.messages:
        for part in message.parts:
            if isinstance(part, Opaque) and part.kind in kinds:
                raise Unsupported(f"messages: {part.kind} can be read by its own provider only")
