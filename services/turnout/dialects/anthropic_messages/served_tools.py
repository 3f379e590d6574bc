"""What Anthropic's own tools were asked and gave back, in words that any model reads.

Rules: a call is one line; a result is named by its tool, because calls may run side by side; what is
sealed (pages that a search has found, output of code that calls tools) only Claude reads, and files lie
at Anthropic; "" where nothing is left to read.
Source: https://platform.claude.com/docs/en/agents-and-tools/tool-use/server-tools
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from turnout.dialects.reading import ObjectReader, decode_list, decode_string

_CALLS: Final = frozenset({"server_tool_use", "mcp_tool_use"})
_RESULT: Final = "_tool_result"
"""Behind the tool's name in the type of its results."""

_UNSEEN_DOCUMENT: Final = "(a document that is not shown)"


def told_of_tool(kind: str, block: ObjectReader) -> str:
    """Of a block of type `kind`."""
    if kind in _CALLS:
        return _call(block)
    return _result(kind.removesuffix(_RESULT), block) if kind.endswith(_RESULT) else ""


def _call(block: ObjectReader) -> str:
    name, server = block.string("name") or "", block.string("server_name")
    asked = msgspec.json.format(block.json("input") or "{}", indent=-1)
    return f"Called {name} of {server} with {asked}" if server else f"Called {name} with {asked}"


def _result(name: str, block: ObjectReader) -> str:
    verb = "failed" if block.boolean("is_error") else "returned"
    content, where = block.raw("content") or b"", block.path("content")
    if content.startswith(b'"'):
        text = decode_string(content, where)
    else:
        text = _lines(map(_read, _objects(content, where)))
    return f"{name} {verb}:\n{text}" if text.strip() else ""


def _objects(content: bytes, where: str) -> Iterator[ObjectReader]:
    """The blocks of a content, which is one or a list of them."""
    if content.startswith(b"{"):
        yield ObjectReader(content, where)
    elif content.startswith(b"["):
        for number, raw in enumerate(decode_list(content, where)):
            yield ObjectReader(raw, f"{where}.{number}")


def _read(fields: ObjectReader) -> str:
    match fields.string("type"):
        case "text" | "advisor_result":
            return fields.string("text") or ""
        case "web_search_result":
            return _lines((fields.string("title"), fields.string("url")))
        case "web_fetch_result":
            return _lines((fields.string("url"), _document(fields.object("content"))))
        case (
            "code_execution_result"
            | "bash_code_execution_result"
            | "encrypted_code_execution_result"
        ):
            return _lines(_printed(fields))
        case "text_editor_code_execution_view_result":
            return fields.string("content") or ""
        case "text_editor_code_execution_create_result":
            return "file updated" if fields.boolean("is_file_update") else "file created"
        case "text_editor_code_execution_str_replace_result":
            return "\n".join(fields.strings("lines"))
        case "tool_search_tool_search_result":
            return _lines(
                reference.string("tool_name")
                for reference in _objects(
                    fields.raw("tool_references") or b"", fields.path("tool_references")
                )
            )
        case _:
            code = fields.string("error_code")
            return _lines((f"error: {code}", fields.string("error_message"))) if code else ""


def _document(document: ObjectReader | None) -> str:
    if document is None:
        return ""
    source = document.object("source")
    text = source.string("data") if source and source.string("type") == "text" else None
    return _lines((document.string("title"), _UNSEEN_DOCUMENT if text is None else text))


def _printed(fields: ObjectReader) -> Iterator[str | None]:
    yield fields.string("stdout")
    stderr = fields.string("stderr")
    if stderr:
        yield f"stderr:\n{stderr}"
    code = fields.integer("return_code")
    if code is not None:
        yield f"return code: {code}"


def _lines(pieces: Iterable[str | None]) -> str:
    return "\n".join(piece.removesuffix("\n") for piece in pieces if piece)
