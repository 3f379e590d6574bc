"""A request of which another dialect can be told nothing.

Parts that only their own dialect knows are left out for others, and so is reasoning, which only its maker
reads. Where there is nothing beside them, what
is left asks nothing and draws a provider's refusal, which names no field of the client's: so it is
refused in the client's words, by place and type.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeGuard

from turnout.capabilities import Dialect
from turnout.dialects.conversation import Conversation, Opaque, Part, Thinking
from turnout.errors import Unsupported

MAX_NAMED: Final = 5
"""Parts that are named one by one."""

MAX_SHOWN: Final = 40
"""Characters of a type; the longest of a provider's own has fewer."""

_KNOWN: Final[Mapping[Dialect, tuple[str, ...]]] = MappingProxyType(
    {
        "anthropic_messages": (
            *("text", "image", "document", "search_result", "thinking"),
            *("tool_use", "tool_result"),
        ),
        "openai_chat": ("text", "image_url", "file"),
        "openai_responses": (
            *("message", "reasoning", "function_call", "function_call_output"),
            *("custom_tool_call", "custom_tool_call_output"),
            *("tool_search_call", "tool_search_output"),
        ),
        "gemini_generate": (
            *("text", "inlineData", "fileData", "functionCall", "functionResponse"),
        ),
    }
)
"""Types of parts, of the Responses API of items, that reach every dialect."""

_REASONING: Final[Mapping[Dialect, str]] = MappingProxyType(
    {
        "anthropic_messages": "thinking",
        "openai_chat": "reasoning_content",
        "openai_responses": "reasoning",
        "gemini_generate": "thought",
    }
)


def refuse_strange(conversation: Conversation, *, to: Dialect) -> None:
    """Raises `Unsupported` where no message holds a part that `to` could be told."""
    strange: list[str] = []
    place = 0
    for message in conversation.messages:
        if message.role == "system":
            # What stood beside the input is no item of it.
            place += 0 if dict(message.extras).get("field") else 1
            continue
        for part in message.parts:
            if not _is_strange(part, to):
                return
            strange.append(_named(part, place, conversation.dialect))
            place += 1
    if strange:
        raise Unsupported(_told(strange, conversation.dialect))


def _is_strange(part: Part, to: Dialect) -> TypeGuard[Opaque | Thinking]:
    match part:
        case Opaque():
            return part.dialect != to
        case Thinking():
            return part.provenance.dialect != to
        case _:
            return False


def _named(part: Opaque | Thinking, place: int, dialect: Dialect) -> str:
    kind = repr(part.kind[:MAX_SHOWN] if isinstance(part, Opaque) else _REASONING[dialect])
    # Only there is a part an item of a list that the client has numbered so.
    return f"input.{place} is a {kind}" if dialect == "openai_responses" else kind


def _told(strange: Sequence[str], dialect: Dialect) -> str:
    named = ", ".join(strange[:MAX_NAMED])
    more = f" and {len(strange) - MAX_NAMED} more" if len(strange) > MAX_NAMED else ""
    field = {"openai_responses": "input", "gemini_generate": "contents"}.get(dialect, "messages")
    return (
        f"{field}: nothing in it can be told to a model that another API serves: {named}{more};"
        f" known are {', '.join(_KNOWN[dialect])}"
    )
