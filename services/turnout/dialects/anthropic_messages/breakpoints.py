"""Cache breakpoints for clients of other dialects, which set none or set them where they do no good.

Rules: the end of the tools, of the system prompt and of the last two user turns are marked. The
last turn is where the next request of the thread reads from; the one before is where this request
reads from even when a step has added more blocks than the API looks back over (20). All marks have
one lifetime, because a longer one must not follow a shorter one.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from turnout.dialects.anthropic_messages.parts_encode import Json
from turnout.dialects.cache_markers import cache_marker
from turnout.dialects.conversation import (
    CacheLifetime,
    Conversation,
    Document,
    Image,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)

MAX_BREAKPOINTS: Final = 4
"""The API's limit in one request."""

_TURNS: Final = MAX_BREAKPOINTS - 2
_UNMARKABLE: Final = frozenset({"thinking", "redacted_thinking"})


def lifetime_of(conversation: Conversation) -> CacheLifetime:
    """One hour where the client asks for it anywhere, else five minutes."""
    return "1h" if "1h" in set(_marks(conversation)) else "5m"


def _marks(conversation: Conversation) -> Iterator[CacheLifetime | None]:
    for tool in conversation.tools:
        if isinstance(tool, Tool):
            yield tool.cache
    for message in conversation.messages:
        for part in message.parts:
            if isinstance(part, ToolResult | ToolCall | Text | Image | Document):
                yield part.cache


def place(
    *,
    tools: Sequence[Json],
    system: Sequence[Json],
    messages: Sequence[tuple[str, Sequence[Json]]],
    lifetime: CacheLifetime,
) -> None:
    """Mark the blocks in place; `messages` are roles with their blocks."""
    marker = cache_marker(lifetime)
    marked = [tools[-1]] if tools else []
    marked += [system[-1]] if system else []
    is_last = True
    turns = 0
    for role, blocks in reversed(messages):
        if turns == _TURNS:
            break
        if role == "user" or is_last:
            block = next((b for b in reversed(blocks) if b["type"] not in _UNMARKABLE), None)
            if block is not None:
                marked.append(block)
                turns += 1
        is_last = False
    for block in marked:
        block.update(marker)
