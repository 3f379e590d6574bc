"""How many tokens a conversation has: its texts to be counted by a vocabulary, and the rest by rule.

Rules of this module: pure; counting is a function of the neutral conversation, so every dialect has
it; a message more never makes fewer tokens, and no conversation has none. What is no text counts as
the providers document it for images, and by the size of the file for documents.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Final, assert_never

import msgspec

from turnout.catalog.token_families import FIGURES, ByPixels, ByTiles, Family
from turnout.dialects.conversation import (
    Base64Source,
    Conversation,
    Document,
    FileSource,
    Image,
    Opaque,
    Part,
    Refusal,
    ServerTool,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolReference,
    ToolResult,
    UrlSource,
)
from turnout.dialects.image_size import Size, size_of
from turnout.dialects.survey import DOCUMENT_BYTES_PER_TOKEN

FRAME_TOKENS: Final = 3
"""What stands around a message, a tool, a call or a result. OpenAI documents three a message
(cookbook, "How to count tokens with tiktoken"); with it the first example of Anthropic's token
counting page, 14 tokens, counts as 15."""

UNREAD_IMAGE_TOKENS: Final = 1_600
"""An image by link or of unknown size: as much as the largest of most models."""

UNREAD_DOCUMENT_TOKENS: Final = 3_000
"""A document by link, of which nothing is known: one full page."""

SEALED_CHARACTERS_PER_TOKEN: Final = 5
"""Reasoning in a form that only its maker reads: base64 of about as many bytes as the text."""


class Tally(msgspec.Struct, frozen=True, gc=False):
    """What there is to count in a conversation for one family.

    Attributes:
        texts: to be counted by the family's vocabulary.
        other_tokens: what is counted already.

    """

    family: Family
    texts: tuple[str, ...]
    other_tokens: int

    def tokens(self, counts: Iterable[int]) -> int:
        """The whole prompt; `counts` has the vocabulary's tokens of each text."""
        return max(1, math.ceil(sum(counts) * FIGURES[self.family].ratio) + self.other_tokens)


def tally_of(conversation: Conversation, family: Family) -> Tally:
    tally = _Tallying(family)
    for message in conversation.messages:
        tally.other_tokens += FRAME_TOKENS
        tally.add_parts(message.parts)
    tally.add_tools(conversation.tools)
    if conversation.output_format is not None:
        tally.add_text(conversation.output_format.schema)
    return Tally(family, tuple(tally.texts), tally.other_tokens)


class _Tallying:
    def __init__(self, family: Family) -> None:
        self.family: Family = family
        self.texts: list[str] = []
        self.other_tokens = 0

    def add_text(self, text: str) -> None:
        if text:
            self.texts.append(text)

    def add_parts(self, parts: Iterable[Part]) -> None:
        for part in parts:
            self._add_part(part)

    def _add_part(self, part: Part) -> None:
        match part:
            case Text() | Refusal():
                self.add_text(part.text)
            case Image():
                self.other_tokens += image_tokens(part, self.family)
            case Document():
                self._add_document(part)
            case ToolCall():
                self.other_tokens += FRAME_TOKENS
                self.add_text(part.name)
                self.add_text(part.arguments)
            case ToolResult():
                self.other_tokens += FRAME_TOKENS
                self.add_parts(part.parts)
            case ToolReference():
                self.add_text(part.tool_name)
                if part.definition is not None:
                    self._add_tool(part.definition)
            case Thinking():
                self.add_text(part.text)
                if not part.text:
                    sealed = len(part.redacted or part.signature)
                    self.other_tokens += sealed // SEALED_CHARACTERS_PER_TOKEN
            case Opaque(elsewhere=told) if told:
                self.add_parts(told)
            case Opaque():
                self.add_text(part.json)
            case _:
                assert_never(part)

    def _add_document(self, document: Document) -> None:
        self.add_text(document.name)
        match document.source:
            case Base64Source(data=data):
                self.other_tokens += max(1, len(data) // DOCUMENT_BYTES_PER_TOKEN)
            case UrlSource() | FileSource():
                self.other_tokens += UNREAD_DOCUMENT_TOKENS
            case _:
                assert_never(document.source)

    def add_tools(self, tools: Sequence[Tool | ServerTool]) -> None:
        """A deferred tool is not in the prompt until a search brings it up."""
        if tools:
            self.other_tokens += FIGURES[self.family].tools_tokens
        for tool in tools:
            self._add_tool(tool)

    def _add_tool(self, tool: Tool | ServerTool) -> None:
        if isinstance(tool, ServerTool):
            self.other_tokens += FRAME_TOKENS
            self.add_text(tool.json)
        elif not tool.is_deferred:
            self.other_tokens += FRAME_TOKENS
            for text in (tool.name, tool.description, tool.schema, tool.format):
                self.add_text(text)


def image_tokens(image: Image, family: Family) -> int:
    """As the vendor documents it where the size can be read."""
    source, rule = image.source, FIGURES[family].images
    size = size_of(source.data) if isinstance(source, Base64Source) else None
    match rule:
        case ByTiles(base_tokens=base) if base and image.detail == "low":
            return base
        case _ if size is None:
            return UNREAD_IMAGE_TOKENS
        case ByTiles():
            return rule.base_tokens + rule.tile_tokens * _tiles(size, rule)
        case ByPixels():
            width, height = _shrunk(size, long_edge=rule.long_edge)
            return min(rule.most_tokens, math.ceil(width * height / rule.pixels_per_token))


def _tiles(size: Size, rule: ByTiles) -> int:
    fitting = _shrunk(size, long_edge=rule.long_edge, short_edge=rule.short_edge)
    return math.ceil(fitting.width / rule.edge) * math.ceil(fitting.height / rule.edge)


def _shrunk(size: Size, *, long_edge: int | None, short_edge: int | None = None) -> Size:
    """To fit the long edge, then the short one."""
    for most, edge in ((long_edge, max), (short_edge, min)):
        if most is not None:
            share = min(1.0, most / edge(size))
            size = Size(*(max(1, round(side * share)) for side in size))
    return size
