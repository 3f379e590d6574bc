"""Content blocks of a request into neutral parts.

Rules: JSON inside a block (tool input, citations) stays in the client's own characters; a block of
a kind that has no neutral part becomes `Opaque`, whole; a tool that is added or removed in the
middle is a reference to it, whose block stands in its extras; base64 is never decoded.
"""

from typing import Final, Literal

import msgspec

from turnout.dialects.anthropic_messages.tools_decode import decode_tool
from turnout.dialects.cache_markers import read_cache
from turnout.dialects.conversation import (
    Base64Source,
    Document,
    FileSource,
    Image,
    Opaque,
    Part,
    Provenance,
    ResultPart,
    Text,
    TextSource,
    Thinking,
    ToolCall,
    ToolReference,
    ToolResult,
    UrlSource,
)
from turnout.dialects.reading import ObjectReader, decode_list, decode_string, utf8
from turnout.dialects.seal import unseal
from turnout.errors import InvalidRequest

TOOL_CHANGE: Final = "tool_change"
"""Among the extras of a reference: the whole block of a system message."""

MAKER: Final = Provenance("anthropic_messages")


def decode_content(raw: bytes, where: str) -> tuple[tuple[Part, ...], bool]:
    """The parts of a `content`, and whether it was a plain string."""
    if raw.startswith(b'"'):
        return (Text(decode_string(raw, where)),), True
    blocks = decode_list(raw, where)
    return tuple(_part(block, f"{where}.{n}") for n, block in enumerate(blocks)), False


def _part(raw: msgspec.Raw, where: str) -> Part:
    block = ObjectReader(raw, where)
    match block.required_string("type"):
        case "tool_use":
            return ToolCall(
                call_id=block.required_string("id"),
                name=block.required_string("name"),
                arguments=block.json("input") or "{}",
                cache=read_cache(block),
                extras=block.rest(),
            )
        case "tool_result":
            return _tool_result(block)
        case "thinking":
            return _thinking(block)
        case "redacted_thinking":
            data = block.required_string("data")
            return unseal("", data) or Thinking("", MAKER, redacted=data, extras=block.rest())
        case kind:
            return _result_part(kind, block, raw)


def _result_part(kind: str, block: ObjectReader, raw: msgspec.Raw) -> ResultPart:
    match kind:
        case "text":
            text = block.required_string("text")
            return Text(text, cache=read_cache(block), extras=block.rest())
        case "image":
            source = _source(block.object("source"))
            if isinstance(source, Base64Source | UrlSource | FileSource):
                return Image(source, cache=read_cache(block), extras=block.rest())
        case "document":
            source = _source(block.object("source"))
            if source is not None:
                name = block.string("title") or ""
                return Document(source, name, cache=read_cache(block), extras=block.rest())
        case "tool_reference":
            return ToolReference(block.required_string("tool_name"), extras=block.rest())
        case "tool_addition":
            changed = _tool_change("added", block, raw)
            if changed is not None:
                return changed
        case "tool_removal":
            changed = _tool_change("removed", block, raw)
            if changed is not None:
                return changed
        case _:
            pass
    return Opaque("anthropic_messages", kind, utf8(block.where, bytes(raw)))


def _tool_change(
    change: Literal["added", "removed"], block: ObjectReader, raw: msgspec.Raw
) -> ToolReference | None:
    """None for tools of MCP servers that Anthropic calls itself."""
    tool = block.object("tool")
    if tool is None:
        return None
    extras = ((TOOL_CHANGE, utf8(block.where, bytes(raw))),)
    match tool.string("type"):
        case "tool_reference":
            return ToolReference(tool.required_string("name"), change, extras=extras)
        case "tool_definition":
            written = tool.raw("definition")
            if written is None:
                raise InvalidRequest(f"{tool.path('definition')}: required, a tool")
            definition = decode_tool(msgspec.Raw(written), tool.path("definition"))
            return ToolReference(definition.name, change, definition, extras)
        case _:
            return None


def _source(
    source: ObjectReader | None,
) -> Base64Source | UrlSource | FileSource | TextSource | None:
    """None for a source of a kind that only Anthropic knows."""
    if source is None:
        return None
    match source.string("type"):
        case "base64":
            media_type = source.required_string("media_type")
            return Base64Source(media_type, source.required_string("data"))
        case "url":
            return UrlSource(source.required_string("url"))
        case "file":
            return FileSource(source.required_string("file_id"))
        case "text":
            media_type = source.string("media_type") or "text/plain"
            return TextSource(media_type, source.required_string("data"))
        case _:
            return None


def _thinking(block: ObjectReader) -> Thinking:
    text = block.string("thinking") or ""
    signature = block.string("signature") or ""
    foreign = unseal(text, signature)
    if foreign is not None:
        return foreign
    return Thinking(text, MAKER, signature=signature, extras=block.rest())


def _tool_result(block: ObjectReader) -> ToolResult:
    call_id = block.required_string("tool_use_id")
    content = block.raw("content")
    parts: tuple[ResultPart, ...] = ()
    is_plain = content is not None and content.startswith(b'"')
    where = block.path("content")
    if content is not None and is_plain:
        parts = (Text(decode_string(content, where)),)
    elif content is not None:
        parts = tuple(_in_result(raw, f"{where}.{n}") for n, raw in _numbered(content, where))
    return ToolResult(
        call_id=call_id,
        parts=parts,
        is_error=bool(block.boolean("is_error")),
        is_plain=is_plain,
        cache=read_cache(block),
        extras=block.rest(),
    )


def _numbered(content: bytes, where: str) -> enumerate[msgspec.Raw]:
    return enumerate(decode_list(content, where))


def _in_result(raw: msgspec.Raw, where: str) -> ResultPart:
    block = ObjectReader(raw, where)
    kind = block.required_string("type")
    if kind == "tool_result":
        raise InvalidRequest(f"{where}.type: a tool result cannot hold another")
    return _result_part(kind, block, raw)
