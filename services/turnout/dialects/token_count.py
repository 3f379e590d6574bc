"""How many tokens a conversation has: its texts to be counted by a vocabulary, and the rest by rule.

Rules of this module: pure; counting is a function of the neutral conversation, so every dialect has
it; a message more never makes fewer tokens, and no conversation has none. What is no text counts as
the providers document it for images, and by the size of the file for documents.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Final, assert_never

import msgspec

from turnout.catalog.token_families import FIGURES, Family
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

CLAUDE_TOOLS_TOKENS: Final = 346
"""Anthropic's own system prompt for tools, in front of those of the client (platform.claude.com,
tool use, pricing: auto and none, Claude 4 models)."""

UNREAD_IMAGE_TOKENS: Final = 1_600
"""An image by link or of unknown size: as much as the largest of most models."""

UNREAD_DOCUMENT_TOKENS: Final = 3_000
"""A document by link, of which nothing is known: one full page."""

SEALED_CHARACTERS_PER_TOKEN: Final = 5
"""Reasoning in a form that only its maker reads: base64 of about as many bytes as the text."""

ANTHROPIC_PIXELS_PER_TOKEN: Final = 750
ANTHROPIC_LONG_EDGE: Final = 1_568
ANTHROPIC_MOST_TOKENS: Final = 1_600
ANTHROPIC_NEW_LONG_EDGE: Final = 2_576
ANTHROPIC_NEW_MOST_TOKENS: Final = 4_784
"""platform.claude.com, images and vision: width x height / 750 tokens after shrinking to the long
edge and to the most tokens; the new ones from Opus 4.7 on, which reads 3.75 megapixels."""

OPENAI_BASE_TOKENS: Final = 70
OPENAI_TILE_TOKENS: Final = 140
OPENAI_TILE: Final = 512
OPENAI_LONG_EDGE: Final = 2_048
OPENAI_SHORT_EDGE: Final = 768
"""platform.openai.com, images and vision, gpt-5: shrunk to fit a square of 2,048, then to a short
side of 768, then cut into tiles of 512; `low` costs the base alone."""

GEMINI_TILE_TOKENS: Final = 258
GEMINI_TILE: Final = 768
GEMINI_WHOLE: Final = 384
"""ai.google.dev, understand and count tokens: an image of at most 384 on both sides is one tile,
a larger one is cut into tiles of 768."""


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
        if tools and self.family in {"claude", "claude-4.7"}:
            self.other_tokens += CLAUDE_TOOLS_TOKENS
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
    source = image.source
    size = size_of(source.data) if isinstance(source, Base64Source) else None
    match family:
        case "gpt-5" if image.detail == "low":
            return OPENAI_BASE_TOKENS
        case _ if size is None:
            return UNREAD_IMAGE_TOKENS
        case "gpt-5":
            return OPENAI_BASE_TOKENS + OPENAI_TILE_TOKENS * _openai_tiles(size)
        case "gemini":
            is_whole = max(size) <= GEMINI_WHOLE
            return GEMINI_TILE_TOKENS * (1 if is_whole else _tiles(size, GEMINI_TILE))
        case "claude-4.7":
            return _by_pixels(size, ANTHROPIC_NEW_LONG_EDGE, most=ANTHROPIC_NEW_MOST_TOKENS)
        case _:
            # Of the other vendors we know no rule.
            return _by_pixels(size, ANTHROPIC_LONG_EDGE, most=ANTHROPIC_MOST_TOKENS)


def _by_pixels(size: Size, long_edge: int, *, most: int) -> int:
    width, height = _shrunk(size, long_edge=long_edge)
    return min(most, math.ceil(width * height / ANTHROPIC_PIXELS_PER_TOKEN))


def _openai_tiles(size: Size) -> int:
    fitting = _shrunk(size, long_edge=OPENAI_LONG_EDGE)
    share = min(1.0, OPENAI_SHORT_EDGE / min(fitting))
    return _tiles(Size(*(max(1, round(edge * share)) for edge in fitting)), OPENAI_TILE)


def _shrunk(size: Size, *, long_edge: int) -> Size:
    share = min(1.0, long_edge / max(size))
    return Size(max(1, round(size.width * share)), max(1, round(size.height * share)))


def _tiles(size: Size, edge: int) -> int:
    return math.ceil(size.width / edge) * math.ceil(size.height / edge)
