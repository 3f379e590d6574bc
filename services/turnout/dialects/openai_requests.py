"""What requests of OpenAI's two wires say alike.

Rules: what speaks of OpenAI's own service is said in the same words on both; a custom tool's format
is written in either form.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from turnout.capabilities import Dialect
from turnout.dialects.conversation import (
    Base64Source,
    Conversation,
    Document,
    Fields,
    JsonText,
)
from turnout.dialects.reading import MALFORMED, raw_fields

OPENAI_DIALECTS: Final[frozenset[Dialect]] = frozenset({"openai_chat", "openai_responses"})

NO_RESULT: Final = "(no result)"
"""For a call that the history leaves without one: the wire refuses a call that has none."""

SHARED_FIELDS: Final = frozenset({"safety_identifier", "prompt_cache_retention"})
"""Fields that both wires have under one name and that no neutral field holds."""

_PDF: Final = "application/pdf"
_FIRST_WORD: Final = re.compile(r"[A-Za-z]+")


class _Grammar(msgspec.Struct):
    definition: str | None = None
    syntax: str | None = None


class _Format(_Grammar):
    type: str | None = None
    grammar: _Grammar | None = None


_FORMAT: Final = msgspec.json.Decoder(_Format)


def vendor_fields(conversation: Conversation, *, to: Dialect) -> Iterator[tuple[str, object]]:
    """What speaks of OpenAI's own service, and the fields that we do not know: all of them on the way
    to where they came from, those that both wires have on the way to the other.
    """
    extras: Fields = ()
    if conversation.dialect == to:
        extras = conversation.extras
    elif conversation.dialect in OPENAI_DIALECTS:
        extras = tuple((name, json) for name, json in conversation.extras if name in SHARED_FIELDS)
    if conversation.user and all(name != "safety_identifier" for name, _ in extras):
        yield "user", conversation.user
    if conversation.metadata:
        yield "metadata", raw_fields(conversation.metadata)
    if conversation.service_tier:
        yield "service_tier", conversation.service_tier
    yield from raw_fields(extras).items()


def first_word(model: str) -> str:
    """The first word of a model's name: `deepseek` of `deepseek/DeepSeek-V4-Pro`."""
    found = _FIRST_WORD.match(model.rpartition("/")[2])
    return "" if found is None else found.group().lower()


def grammar_of(tool_format: JsonText, *, nested: bool) -> JsonText:
    """The format of a custom tool as the other of the two wires writes it: Responses has the
    grammar's syntax and definition in the format, chat in an object `grammar` inside it.
    """
    try:
        fields = _FORMAT.decode(tool_format)
    except MALFORMED:
        return tool_format
    inner = fields.grammar or fields
    if fields.type != "grammar" or inner.definition is None:
        return tool_format
    grammar = {"definition": inner.definition, "syntax": inner.syntax or "lark"}
    written: dict[str, object] = {"type": "grammar"}
    return msgspec.json.encode(written | ({"grammar": grammar} if nested else grammar)).decode()


def file_name(document: Document) -> str:
    """A name with the ending by which OpenAI tells what a file is."""
    name = document.name or "document"
    is_pdf = isinstance(document.source, Base64Source) and document.source.media_type == _PDF
    return f"{name}.pdf" if is_pdf and not name.lower().endswith(".pdf") else name
