"""The messages of a body as a survey sees them: their blocks by type, everything else raw.

Rules: each message is parsed once and one level deep (two in tool results that hold a list); texts
and base64 stay raw, and only texts that the survey quotes are decoded; blocks that a harness adds to
the user's words are no words of the user's; the newest step is what follows the last answer.
"""

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Final

import msgspec

from turnout.dialects.prefix import canonical_fields, plain_fields
from turnout.dialects.reading import MALFORMED, complaint, decode_string
from turnout.dialects.survey import ToolOutcome
from turnout.errors import InvalidRequest

EXCERPT_CHARACTERS: Final = 4_000

_CONTEXT_BLOCK: Final = re.compile(
    r"\s*<(?:system-reminder|session_context|environment_context|environment_details|env"
    r"|user_instructions|context|command-\w+|local-command-\w+|ide_\w+)\b"
)
"""Blocks that harnesses put beside what the user typed."""

_STRING: Final = msgspec.json.Decoder(str)
_ROLES: Final = {b'"user"': "user", b'"assistant"': "assistant", b'"system"': "system"}
_PLAIN_FIELDS: Final = 2
"""`role` and `content`, and nothing that a digest would have to sort."""


_USUAL_CONTENT: Final = frozenset({b'"', b"["})
_LIST_BEGINS: Final = ord("[")
_ABSENT: Final = msgspec.Raw()


class Block(msgspec.Struct, gc=False):
    type: str | None = None
    text: msgspec.Raw = _ABSENT
    content: msgspec.Raw = _ABSENT
    source: msgspec.Raw = _ABSENT
    cache_control: msgspec.Raw = _ABSENT
    tool_use_id: str | None = None
    is_error: bool | None = None
    id: str | None = None
    name: str | None = None


_BLOCKS: Final = msgspec.json.Decoder(list[Block])


class SurveyedMessage:
    """One message.

    Attributes:
        blocks: empty when the content is a plain string or absent.
        all_blocks: with those inside tool results.
        markers: the values of `cache_control` on any of them.
        result_count: tool results among the blocks.
        has_text: what the user typed may be in it.

    """

    __slots__ = (
        "_fields",
        "_number",
        "all_blocks",
        "blocks",
        "content",
        "has_text",
        "markers",
        "result_count",
        "role",
    )

    def __init__(self, fields: dict[str, msgspec.Raw], number: int) -> None:
        self._fields = fields
        self._number = number
        self.role = _role(fields, number)
        raw = fields.get("content")
        self.content = b"" if raw is None else bytes(raw)
        self.blocks: list[Block] = []
        self.markers: list[bytes] = []
        self.result_count = 0
        self.has_text = not self.content.startswith(b"[")
        if not self.has_text:
            self.blocks = self._decode(self.content)
        self.all_blocks = self.blocks
        for block in self.blocks:
            if block.type == "tool_result":
                self.result_count += 1
                if block.content is not _ABSENT and memoryview(block.content)[0] == _LIST_BEGINS:
                    self.all_blocks = self.all_blocks + self._decode(block.content)
            elif block.type == "text":
                self.has_text = True
        for block in self.all_blocks:
            if block.cache_control is not _ABSENT:
                self.markers.append(bytes(block.cache_control))

    def _decode(self, raw: bytes | msgspec.Raw) -> list[Block]:
        try:
            return _BLOCKS.decode(raw)
        except MALFORMED as error:
            raise complaint(f"messages.{self._number}.content", error) from None

    def canonical(self) -> bytes:
        """What `prefix.canonical_message` says; most messages need not be looked through for it."""
        is_lone_text = len(self.blocks) == 1 and self.blocks[0].type == "text"
        is_plain = len(self._fields) == _PLAIN_FIELDS and self.content[:1] in _USUAL_CONTENT
        if is_plain and not self.markers and not is_lone_text:
            return plain_fields(self._fields)
        try:
            return canonical_fields(self._fields)
        except MALFORMED as error:
            raise complaint(f"messages.{self._number}", error) from None

    def typed(self) -> str:
        """What the user typed of it."""
        if self.role != "user" or not self.has_text:
            return ""
        where = f"messages.{self._number}.content"
        if self.content.startswith(b'"'):
            texts = [decode_string(self.content, where)]
        else:
            texts = [
                decode_string(bytes(block.text), where)
                for block in self.blocks
                if block.type == "text" and bytes(block.text)
            ]
        return _joined([text for text in texts if not _CONTEXT_BLOCK.match(text)])


def _role(fields: dict[str, msgspec.Raw], number: int) -> str:
    raw = fields.get("role")
    if raw is None:
        raise InvalidRequest(f"messages.{number}.role: required, one of user, assistant, system")
    role = _ROLES.get(bytes(raw)) or _escaped_role(raw)
    if role is None:
        raise InvalidRequest(f"messages.{number}.role: must be one of user, assistant, system")
    return role


def _escaped_role(raw: msgspec.Raw) -> str | None:
    """A role whose letters are written as escapes, which JSON allows."""
    if b"\\" not in bytes(raw):
        return None
    try:
        return _ROLES.get(msgspec.json.encode(_STRING.decode(raw)))
    except MALFORMED:
        return None


def _joined(texts: Sequence[str]) -> str:
    return "\n\n".join(text for text in texts if text.strip())


class Newest:
    """What the user typed and what the tools gave back, read from both ends."""

    def __init__(self, messages: Sequence[SurveyedMessage]) -> None:
        self._messages = messages
        answers = (n for n in range(len(messages) - 1, -1, -1) if messages[n].role == "assistant")
        self._last_answer = next(answers, -1)

    @cached_property
    def typed(self) -> str:
        """What the user typed since the last answer."""
        return _joined([message.typed() for message in self._messages[self._last_answer + 1 :]])

    def text(self) -> str:
        """The newest typed text, head and tail."""
        text = self.typed
        number = self._last_answer
        while not text and number >= 0:
            text = self._messages[number].typed()
            number -= 1
        if len(text) <= EXCERPT_CHARACTERS:
            return text
        half = EXCERPT_CHARACTERS // 2
        return text[:half] + text[-half:]

    def first_typed(self) -> str:
        texts = (message.typed() for message in self._messages)
        return next((text for text in texts if text), "")[:EXCERPT_CHARACTERS]

    def outcomes(self) -> tuple[ToolOutcome, ...]:
        """Tool results since the last answer; none where the user has said something."""
        if self.typed:
            return ()
        names: dict[str, str] = {}
        if self._last_answer >= 0:
            answer = self._messages[self._last_answer]
            names = {block.id: block.name or "" for block in answer.blocks if block.id}
        return tuple(
            ToolOutcome(
                tool=names.get(block.tool_use_id or "", ""),
                call_id=block.tool_use_id or "",
                is_error=bool(block.is_error),
                result_bytes=len(memoryview(block.content)),
            )
            for message in self._messages[self._last_answer + 1 :]
            for block in message.blocks
            if block.type == "tool_result"
        )


IMAGE_TOKENS: Final = 1_600
"""What Anthropic counts for an image of the size to which it scales larger ones down."""

DOCUMENT_BYTES_PER_TOKEN: Final = 33
"""A page of a PDF is about 100 kB of base64 and 3,000 tokens."""

_BASE64: Final = b'"base64"'
_EDGE: Final = 200
"""Bytes at the ends of a source in which its type stands, beside the base64."""


class Attachments:
    """Images and documents; their base64 is measured, never looked into.

    Attributes:
        base64_bytes: which count as no text.
        tokens: what a model reads of the images and documents, estimated.

    """

    def __init__(self, messages: Sequence[SurveyedMessage]) -> None:
        self.images = 0
        self.documents = 0
        self.base64_bytes = 0
        self.tokens = 0
        for message in messages:
            for block in message.all_blocks:
                if block.type == "image":
                    self.images += 1
                    self.base64_bytes += _base64_bytes(block)
                    self.tokens += IMAGE_TOKENS
                elif block.type == "document":
                    size = _base64_bytes(block)
                    self.documents += 1
                    self.base64_bytes += size
                    self.tokens += size // DOCUMENT_BYTES_PER_TOKEN


def _base64_bytes(block: Block) -> int:
    source = bytes(block.source)
    is_base64 = _BASE64 in source[:_EDGE] or _BASE64 in source[-_EDGE:]
    return len(source) if is_base64 else 0
