"""Parts that only their own dialect knows, on the way to another.

Rules: what the client has put in, into its own words or into a result, is what it asks about, so it is
refused by place and type, and so is a file that lies at its provider's; what a model or its provider has
made is history, so it is left out and told, but for what stands in the place of words that are gone.
Reasoning, which only its maker reads, is left out. Where there is nothing beside them, what is left asks
nothing and draws a provider's refusal, which names no field of the client's: so it is refused likewise.
What binds a request to its dialect's own vendor (`turnout.bonds`) is refused for imitations too.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeGuard

from turnout.bonds import MAX_SHOWN, UPLOADED, bond_of, refused
from turnout.capabilities import Dialect
from turnout.dialects.conversation import (
    Conversation,
    Document,
    FileSource,
    Image,
    Message,
    Opaque,
    Part,
    Thinking,
    ToolResult,
)
from turnout.errors import Unsupported

MAX_NAMED: Final = 5
"""Parts that are named one by one."""

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

_TOLD: Final[Mapping[Dialect, frozenset[str]]] = MappingProxyType(
    {
        "anthropic_messages": frozenset(
            {
                *("advisor_tool_result", "bash_code_execution_tool_result"),
                *("code_execution_tool_result", "fallback", "mcp_tool_listing", "mcp_tool_result"),
                *("text_editor_code_execution_tool_result", "tool_addition", "tool_removal"),
                *("tool_search_tool_result", "web_fetch_tool_result", "web_search_tool_result"),
            }
        ),
        "openai_responses": frozenset(
            {
                *("web_search_call", "tool_search_call", "tool_search_output"),
                *("mcp_list_tools", "mcp_approval_request", "image_generation_call"),
            }
        ),
        "gemini_generate": frozenset(
            {"audio", "video", "inlineData", "fileData", "toolCall", "toolResponse"}
        ),
    }
)
"""What is told by its name when it is left out: a client's own words never are."""

_INSTEAD_OF_WORDS: Final = frozenset({"compaction"})
"""Made by a model, and all that is left of a history."""

_SAID_ELSEWHERE: Final = frozenset({"text", "additional_tools"})
"""In system messages: a line for Anthropic alone, and tools that are tools of the conversation."""

_FILES: Final[Mapping[Dialect, str]] = MappingProxyType(
    {
        "anthropic_messages": "file",
        "openai_chat": "file_id",
        "openai_responses": "file_id",
        "gemini_generate": "fileData",
    }
)
"""What `turnout.bonds` calls a file that lies at the provider's."""

_MAY_BE_STRANGE: Final = (Opaque, Image, Document)

_REASONING: Final[Mapping[Dialect, str]] = MappingProxyType(
    {
        "anthropic_messages": "thinking",
        "openai_chat": "reasoning_content",
        "openai_responses": "reasoning",
        "gemini_generate": "thought",
    }
)


def told_strange(conversation: Conversation, *, to: Dialect, is_original: bool) -> tuple[str, ...]:
    """What is left out. Raises `Unsupported` where the answer would suffer, or nothing would be left."""
    dialect = conversation.dialect
    for name in conversation.bound:
        if not _has(dialect, name, to, is_original=is_original):
            raise Unsupported(refused(dialect, name))
    _refuse_nothing_else(conversation, to)
    left_out: list[str] = []
    for message, part in _of_dialects(conversation):
        if isinstance(part, Opaque):
            if not _has(part.dialect, part.kind, to, is_original=is_original):
                left_out += _left_out(part, message)
        elif isinstance(part.source, FileSource) and not _has(
            dialect, _FILES[dialect], to, is_original=is_original
        ):
            raise Unsupported(f"{field_of_history(dialect)}: {UPLOADED}")
    return tuple(left_out)


def _of_dialects(conversation: Conversation) -> Iterator[tuple[Message, Opaque | Image | Document]]:
    """The parts that may be of one dialect alone, those in results included."""
    for message in conversation.messages:
        for part in message.parts:
            if isinstance(part, ToolResult):
                for inner in part.parts:
                    if isinstance(inner, _MAY_BE_STRANGE):
                        yield message, inner
            elif isinstance(part, _MAY_BE_STRANGE):
                yield message, part


def _has(dialect: Dialect, name: str, to: Dialect, *, is_original: bool) -> bool:
    """Whether a target of dialect `to` has what a dialect names so."""
    bond = bond_of(dialect, name)
    return dialect == to and (is_original or bond is None or not bond.is_vendors)


def _left_out(part: Opaque, message: Message) -> tuple[str, ...]:
    if message.role == "system" and part.kind in _SAID_ELSEWHERE:
        return ()
    if message.role != "assistant" or part.kind in _INSTEAD_OF_WORDS:
        where = part.where or field_of_history(part.dialect)
        bond = bond_of(part.dialect, part.kind)
        if bond is not None:
            raise Unsupported(f"{where}: {bond.why}")
        raise Unsupported(
            f"{where}: {part.kind[:MAX_SHOWN]!r} can be told to models of its own provider only"
        )
    known = part.kind in _TOLD.get(part.dialect, ())
    return (f"dropped:{part.kind if known else 'unknown_part'}",)


def _refuse_nothing_else(conversation: Conversation, to: Dialect) -> None:
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
    return (
        f"{field_of_history(dialect)}: nothing in it can be told to a model that another API serves: {named}{more};"
        f" known are {', '.join(_KNOWN[dialect])}"
    )


def field_of_history(dialect: Dialect) -> str:
    return {"openai_responses": "input", "gemini_generate": "contents"}.get(dialect, "messages")
