"""Content blocks of a request into neutral parts.

Rules: JSON inside a block (tool input, citations) stays in the client's own characters; a block of
a kind that has no neutral part becomes `Opaque`, whole, with its words as texts where it has some that
another dialect can be told; a tool that is added or removed in the
middle is a reference to it, whose block stands in its extras; base64 is never decoded.
"""

from collections.abc import Iterable
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec.structs import replace

from turnout.dialects.anthropic_messages.served_tools import told_of_tool
from turnout.dialects.anthropic_messages.tools_decode import decode_tool
from turnout.dialects.cache_markers import read_cache
from turnout.dialects.conversation import (
    Base64Source,
    CacheLifetime,
    Document,
    FileSource,
    Image,
    Opaque,
    Part,
    Provenance,
    ResultPart,
    Text,
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

Readable: TypeAlias = Text | Image | Document

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
            source = block.object("source")
            file = _file(source.string("type"), source) if source is not None else None
            if file is not None:
                return Image(file, cache=read_cache(block), extras=block.rest())
        case "document":
            return _document(block, raw)
        case "search_result":
            return _opaque(kind, block, raw, _search_result(block))
        case "compaction":
            return _opaque(kind, block, raw, _summary(block))
        case "browser_state":
            # Tabs and what has happened to them, in words that any model reads.
            return _opaque(kind, block, raw, (Text(utf8(block.where, bytes(raw))),))
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
            told = told_of_tool(kind, block)
            return _opaque(kind, block, raw, _readable((told,), (), read_cache(block)))
    return _opaque(kind, block, raw)


def _opaque(
    kind: str, block: ObjectReader, raw: msgspec.Raw, elsewhere: tuple[Readable, ...] = ()
) -> Opaque:
    json = utf8(block.where, bytes(raw))
    return Opaque("anthropic_messages", kind, json, block.where, elsewhere)


def _document(block: ObjectReader, raw: msgspec.Raw) -> Document | Opaque:
    """A neutral document is a file; text, also about a file, is what another dialect can read."""
    title, context = block.string("title") or "", block.string("context") or ""
    source, cache = block.object("source"), read_cache(block)
    held: tuple[Readable, ...] = ()
    kind = source.string("type") if source is not None else None
    if source is not None and kind == "text":
        held = (Text(source.required_string("data")),)
    elif source is not None and kind == "content":
        held = _held(source)
    elif source is not None and (file := _file(kind, source)) is not None:
        if not context:
            return Document(file, title, cache=cache, extras=block.rest())
        held, title = (Document(file, title),), ""
    return _opaque("document", block, raw, _readable((title, context), held, cache))


def _search_result(block: ObjectReader) -> tuple[Readable, ...]:
    about = (block.string("title") or "", block.string("source") or "")
    return _readable(about, _held(block), read_cache(block))


def _summary(block: ObjectReader) -> tuple[Readable, ...]:
    """What stands for the messages before it; nothing where they are sealed or tools come with it."""
    summary, changes = block.string("content") or "", block.list("tool_changes")
    return () if changes else _readable((summary,), (), read_cache(block))


def _held(fields: ObjectReader) -> tuple[Readable, ...]:
    """The texts and images in `content`, which holds nothing else."""
    content, where = fields.raw("content"), fields.path("content")
    if content is None:
        return ()
    if content.startswith(b'"'):
        return (Text(decode_string(content, where)),)
    found: list[Readable] = []
    for number, raw in _numbered(content, where):
        block = ObjectReader(raw, f"{where}.{number}")
        kind = block.required_string("type")
        if kind in {"text", "image"}:
            part = _result_part(kind, block, raw)
            if isinstance(part, Text | Image):
                found.append(part)
    return tuple(found)


def _readable(
    about: Iterable[str], held: tuple[Readable, ...], cache: CacheLifetime | None
) -> tuple[Readable, ...]:
    """What is held behind what is said about it; neighbouring texts are one."""
    readable: list[Readable] = []
    for part in (*(Text(said) for said in about if said), *held):
        last = readable[-1] if readable else None
        if isinstance(last, Text) and isinstance(part, Text):
            readable[-1] = Text(f"{last.text}\n\n{part.text}")
        else:
            readable.append(part)
    if readable and cache is not None:
        readable[-1] = replace(readable[-1], cache=cache)
    return tuple(readable)


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


def _file(kind: str | None, source: ObjectReader) -> Base64Source | UrlSource | FileSource | None:
    """None for a source of a kind that only Anthropic knows."""
    match kind:
        case "base64":
            media_type = source.required_string("media_type")
            return Base64Source(media_type, source.required_string("data"))
        case "url":
            return UrlSource(source.required_string("url"))
        case "file":
            return FileSource(source.required_string("file_id"))
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
