"""The messages of a body as a survey sees them: their blocks by type, everything else raw.

Rules: each message is parsed once and one level deep (two in tool results that hold a list); texts
and base64 stay raw, and only texts that the survey quotes are decoded.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from turnout.dialects.anthropic_messages.citations import FOREIGN_MARK
from turnout.dialects.anthropic_messages.foreign_thinking import is_foreign_signature
from turnout.dialects.prefix import Canonical, canonical_fields, plain_fields
from turnout.dialects.reading import MALFORMED, complaint, decode_string
from turnout.dialects.seal import SEAL_PREFIX
from turnout.dialects.survey import DOCUMENT_BYTES_PER_TOKEN
from turnout.dialects.survey_results import Call, Result, ToolOutcome, outcomes_of, texts_in
from turnout.dialects.survey_thread import CONTEXT_BLOCK, joined_texts, roles_of
from turnout.dialects.task_lists import TASK_TOOLS

_ROLES: Final = {b'"user"': "user", b'"assistant"': "assistant", b'"system"': "system"}
_PLAIN_FIELDS: Final = 2
"""`role` and `content`, and nothing that a digest would have to sort."""


_STRING_BEGINS: Final = ord('"')
_LIST_BEGINS: Final = ord("[")
_USUAL_CONTENT: Final = frozenset({_STRING_BEGINS, _LIST_BEGINS})
_ATTACHED: Final = frozenset({"image", "document"})
_OF_USERS: Final = frozenset(
    {
        *("text", "image", "document", "search_result", "tool_result", "tool_reference"),
        *("browser_state", "compaction", "container_upload", "thinking", "redacted_thinking"),
    }
)
"""Types of blocks in a user's message that others can be told, or that bind by a name of their own."""
_ABSENT: Final = msgspec.Raw()
_SEALED: Final = b'"' + SEAL_PREFIX.encode()


class Block(msgspec.Struct, gc=False):
    type: str | None = None
    text: msgspec.Raw = _ABSENT
    content: msgspec.Raw = _ABSENT
    source: msgspec.Raw = _ABSENT
    cache_control: msgspec.Raw = _ABSENT
    signature: msgspec.Raw = _ABSENT
    data: msgspec.Raw = _ABSENT
    tool: msgspec.Raw = _ABSENT
    citations: msgspec.Raw = _ABSENT
    tool_changes: msgspec.Raw = _ABSENT
    input: msgspec.Raw = _ABSENT
    tool_use_id: str | None = None
    is_error: bool | None = None
    id: str | None = None
    name: str | None = None


class _Definition(msgspec.Struct, frozen=True):
    type: str = "custom"


class _Added(msgspec.Struct):
    definition: _Definition = _Definition()


_ADDED: Final = msgspec.json.Decoder(_Added)
_BLOCKS: Final = msgspec.json.Decoder(list[Block])
_STRING: Final = msgspec.json.Decoder(str)


class SurveyedMessages:
    """All messages of a body, gone through once; by number.

    Attributes:
        blocks: empty where the content is a plain string or absent.
        canonical: what `prefix.canonical_message` says of each.
        markers: the values of `cache_control` on blocks and on those inside tool results.
        attachments: images and documents among all of these.
        result_count: tool results.
        task_calls: to the tools by which agents keep their task lists.
        own_kinds: types of tools that system messages define, but for the client's own, and of blocks
            that only Anthropic can read.
        has_foreign_thinking: reasoning that Anthropic has not signed is in the history, or a source.

    """

    def __init__(self, messages: Sequence[dict[str, msgspec.Raw]]) -> None:
        self._messages = messages
        self.roles = roles_of(messages, _ROLES)
        self.blocks: list[Sequence[Block]] = []
        self.canonical: list[Canonical] = []
        self.markers: list[bytes] = []
        self.attachments: list[Block] = []
        self.result_count = 0
        self.task_calls: list[Call] = []
        self.own_kinds: list[str] = []
        self.has_foreign_thinking = False
        self._has_text: list[bool] = []
        for number, fields in enumerate(messages):
            try:
                self._go_through(fields, self.roles[number])
            except MALFORMED as error:
                raise complaint(f"messages.{number}.content", error) from None

    def _go_through(self, fields: dict[str, msgspec.Raw], role: str) -> None:
        content = fields.get("content", _ABSENT)
        first = _first_byte(content)
        blocks: Sequence[Block] = ()
        has_text = True
        is_usual = len(fields) == _PLAIN_FIELDS and first in _USUAL_CONTENT
        if first == _LIST_BEGINS:
            blocks = _BLOCKS.decode(content)
            markers = len(self.markers)
            has_text = self._look_into(blocks)
            if role == "user" and not _OF_USERS.issuperset([block.type for block in blocks]):
                # Said in a form that other dialects have no word for.
                self.own_kinds.append("unknown_part")
            is_lone_text = has_text and len(blocks) == 1
            is_usual = is_usual and not is_lone_text and len(self.markers) == markers
        self.blocks.append(blocks)
        self._has_text.append(has_text)
        # Most messages need not be looked through for what a digest leaves out.
        self.canonical.append(plain_fields(fields) if is_usual else canonical_fields(fields))

    def _look_into(self, blocks: Sequence[Block]) -> bool:
        """Whether a text is among the blocks."""
        has_text = False
        for block in blocks:
            match block.type:
                case "tool_use":
                    # First, because most blocks are calls and results.
                    if block.name in TASK_TOOLS:
                        self.task_calls.append(Call(block.name or "", block.input))
                case "tool_result":
                    self.result_count += 1
                    if _first_byte(block.content) == _LIST_BEGINS:
                        self._look_inside(_BLOCKS.decode(block.content))
                case "text":
                    has_text = True
                    if block.citations is not _ABSENT and FOREIGN_MARK in bytes(block.citations):
                        self.has_foreign_thinking = True
                case "thinking":
                    self._look_at_signature(block.signature)
                case "redacted_thinking" if bytes(block.data).startswith(_SEALED):
                    self.has_foreign_thinking = True
                case "image" | "document":
                    self.attachments.append(block)
                case "tool_addition":
                    self._look_at_definition(block.tool)
                case "container_upload":
                    self.own_kinds.append("container_upload")
                case "compaction" if not _is_readable(block):
                    self.own_kinds.append("compaction")
                case _:
                    pass
            if block.cache_control is not _ABSENT:
                self.markers.append(bytes(block.cache_control))
        return has_text

    def _look_at_definition(self, raw: msgspec.Raw) -> None:
        try:
            kind = _ADDED.decode(raw).definition.type
        except MALFORMED:
            # Its provider's to complain about.
            return
        if kind != "custom":
            self.own_kinds.append(kind)

    def _look_at_signature(self, raw: msgspec.Raw) -> None:
        # What is no string is for the provider to complain about.
        if _first_byte(raw) == _STRING_BEGINS and is_foreign_signature(_STRING.decode(raw)):
            self.has_foreign_thinking = True

    def _look_inside(self, result: Sequence[Block]) -> None:
        """The blocks of a tool's result, which are no words of the user's."""
        for block in result:
            if block.type in _ATTACHED:
                self.attachments.append(block)
            if block.cache_control is not _ABSENT:
                self.markers.append(bytes(block.cache_control))

    def typed(self, number: int) -> str:
        """What the user typed of one message."""
        if not self._has_text[number]:
            return ""
        where = f"messages.{number}.content"
        content = self._messages[number].get("content", _ABSENT)
        if _first_byte(content) == _STRING_BEGINS:
            texts = [decode_string(bytes(content), where)]
        else:
            texts = [
                decode_string(bytes(block.text), where)
                for block in self.blocks[number]
                if block.type == "text" and bytes(block.text)
            ]
        return joined_texts([text for text in texts if not CONTEXT_BLOCK.match(text)])

    def has_calls(self, number: int) -> bool:
        return any(block.type == "tool_use" for block in self.blocks[number])

    def outcomes(self, *, since: int) -> tuple[ToolOutcome, ...]:
        """Tool results that follow message `since`, whose calls they are of."""
        calls: dict[str, Call] = {}
        if since >= 0:
            calls = {
                block.id: Call(block.name or "", block.input)
                for block in self.blocks[since]
                if block.id
            }
        return outcomes_of(
            [
                Result(
                    call=calls.get(block.tool_use_id or ""),
                    call_id=block.tool_use_id or "",
                    texts=texts_in(block.content),
                    size=len(memoryview(block.content)),
                    is_error=bool(block.is_error),
                )
                for blocks in self.blocks[since + 1 :]
                for block in blocks
                if block.type == "tool_result"
            ]
        )


def _is_readable(compaction: Block) -> bool:
    """Whether its summary is in words, and no tool comes or goes with it."""
    has_words = bytes(compaction.content) not in {b"", b"null", b'""'}
    return has_words and bytes(compaction.tool_changes) in {b"", b"null", b"[]"}


def _first_byte(raw: msgspec.Raw) -> int:
    """0 where there is nothing; without a copy of what may be large."""
    return 0 if raw is _ABSENT else memoryview(raw)[0]


IMAGE_TOKENS: Final = 1_600
"""What Anthropic counts for an image of the size to which it scales larger ones down."""


class _Source(msgspec.Struct):
    type: str | None = None
    content: msgspec.Raw = _ABSENT


_SOURCE: Final = msgspec.json.Decoder(_Source)

_BASE64: Final = b'"base64"'
_HELD: Final = b'"content"'
_EDGE: Final = 200
"""Bytes at the ends of a source in which its type stands, beside the base64."""


class Attachments:
    """Images and documents; their base64 is measured, never looked into. A document of text is text, and
    one of blocks is what these are.

    Attributes:
        base64_bytes: which count as no text.
        tokens: what a model reads of the images and documents, estimated.
        own_kinds: of those that only Anthropic can read: an uploaded file, or the type of block.

    """

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.images = 0
        self.documents = 0
        self.base64_bytes = 0
        self.tokens = 0
        self.own_kinds: list[str] = []
        self._count(blocks)

    def _count(self, blocks: Sequence[Block]) -> None:
        for block in blocks:
            source = _source_of(block)
            match source.type:
                case "text":
                    continue
                case "content":
                    if _first_byte(source.content) == _LIST_BEGINS:
                        held = _BLOCKS.decode(source.content)
                        self._count([inner for inner in held if inner.type == "image"])
                    continue
                case "base64" | "url":
                    pass
                case "file":
                    self.own_kinds.append("file")
                case _:
                    self.own_kinds.append(block.type or "")
            size = _base64_bytes(block)
            self.base64_bytes += size
            if block.type == "image":
                self.images += 1
                self.tokens += IMAGE_TOKENS
            else:
                self.documents += 1
                self.tokens += size // DOCUMENT_BYTES_PER_TOKEN


def _source_of(block: Block) -> _Source:
    """Read where it is not plainly base64, which may be megabytes; what is malformed has no type."""
    written = bytes(block.source)
    edges = written[:_EDGE] + written[-_EDGE:]
    if _BASE64 in edges and _HELD not in edges:
        return _Source("base64")
    try:
        return _SOURCE.decode(written)
    except MALFORMED:
        return _Source()


def _base64_bytes(block: Block) -> int:
    source = bytes(block.source)
    is_base64 = _BASE64 in source[:_EDGE] or _BASE64 in source[-_EDGE:]
    return len(source) if is_base64 else 0
