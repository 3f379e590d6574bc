"""What surveys of every dialect read of the newest step's calls and results alike.

Rules: pure; a long text is cut while it is still written as JSON, so that what a result costs does not
grow with it; where a cut falls is a line's end; a call is known by a digest, never by its arguments.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from turnout.dialects.prefix import digest
from turnout.dialects.reading import MALFORMED

HEAD_BYTES: Final = 1_024
"""Harnesses say in front how a command ended."""
TAIL_BYTES: Final = 4_096
"""What runs of tests and builds print last."""
RESULTS_READ: Final = 8
"""Of a step with more results the last ones: so many at once are readings of files."""

_LINE_END: Final = re.compile(rb"(?<!\\)\\n")
"""In a string as JSON writes it; behind another backslash it would be a letter n."""
_LAST_LINE_END: Final = re.compile(rb"(.*[^\\])\\n", re.DOTALL)
_STRING_BEGINS: Final = ord('"')
_LIST_BEGINS: Final = ord("[")
_STRING: Final = msgspec.json.Decoder(str)

_EDITS: Final = re.compile(r"edit|write|patch|replace|insert|create_file", re.IGNORECASE)
"""Names of the tools by which agents change a file."""
_EDITED: Final = re.compile(
    rb'(?:file_?[Pp]ath|path|file|filename)\\*"\s*:\s*\\*"([^"\\]+)'
    rb"|\*\*\* (?:Update|Add|Delete) File: ([^\\\n\"]+)"
)
"""The file that a call names: under a key of its arguments, which may be JSON within a string, or in a
patch of Codex's."""


class ToolOutcome(msgspec.Struct, frozen=True, gc=False):
    """One tool result of the newest step, and the call that it is of where the history tells it.

    Attributes:
        text: both ends of the result, where it is one of the last.
        call_digest: of the call's name and arguments.
        edit_digest: of the file that the call changes; "" when it changes none.

    """

    tool: str
    call_id: str
    is_error: bool
    result_bytes: int
    text: str = ""
    call_digest: str = ""
    edit_digest: str = ""


class Call(msgspec.Struct, frozen=True, gc=False):
    """A tool call of the newest answer; its arguments as they were written."""

    name: str
    arguments: msgspec.Raw


class Result(msgspec.Struct, frozen=True, gc=False):
    """What a tool answered, as it was written.

    Attributes:
        call: None where the history does not tell it.
        texts: the JSON strings in it.
        tool: the result's own word for its tool, where it has one.

    """

    call: Call | None
    call_id: str
    texts: Sequence[msgspec.Raw]
    size: int
    tool: str = ""
    is_error: bool = False


def outcomes_of(results: Sequence[Result]) -> tuple[ToolOutcome, ...]:
    """The results of the newest step, in order."""
    unread = len(results) - RESULTS_READ
    return tuple(
        [
            ToolOutcome(
                tool=result.tool if (call := result.call) is None else call.name,
                call_id=result.call_id,
                is_error=result.is_error,
                result_bytes=result.size,
                text=_joined_ends(result.texts) if number >= unread else "",
                call_digest="" if call is None else _call_digest(call),
                edit_digest="" if call is None else _edit_digest(call),
            )
            for number, result in enumerate(results)
        ]
    )


class _Part(msgspec.Struct):
    type: str | None = None
    text: msgspec.Raw = msgspec.Raw()


_PARTS: Final = msgspec.json.Decoder(list[_Part])
_TEXTS: Final = frozenset({"text", "input_text"})


def texts_in(content: msgspec.Raw) -> Sequence[msgspec.Raw]:
    """The JSON strings of a content that is one string or a list of parts."""
    raw = memoryview(content)
    if not raw or raw[0] != _LIST_BEGINS:
        return (content,)
    try:
        return [part.text for part in _PARTS.decode(raw) if part.type in _TEXTS]
    except MALFORMED:
        return ()


def text_ends(written: msgspec.Raw) -> str:
    """A JSON string's text; of a long one whole lines at both ends, of anything else nothing."""
    raw = memoryview(written)
    if not raw or raw[0] != _STRING_BEGINS:
        return ""
    try:
        if len(raw) <= HEAD_BYTES + TAIL_BYTES:
            return _STRING.decode(raw)
        head, tail = bytes(raw[:HEAD_BYTES]), bytes(raw[-TAIL_BYTES:])
        # Looked for from the end, where it is near.
        ends = _LAST_LINE_END.match(head)
        begins = _LINE_END.search(tail)
        first = _STRING.decode(head[: ends.end(1)] + b'"') if ends is not None else ""
        last = _STRING.decode(b'"' + tail[begins.end() :]) if begins is not None else ""
    except MALFORMED:
        # Half a surrogate pair, or an old client's bytes: its provider's to complain about.
        return ""
    return f"{first}\n{last}"


def _joined_ends(written: Iterable[msgspec.Raw]) -> str:
    """The texts of one result, a line or more each."""
    return "\n".join(text for text in map(text_ends, written) if text)


def _call_digest(call: Call) -> str:
    """Two calls of one tool with the same arguments as they were written have the same."""
    return digest(call.name.encode("utf-8", "surrogatepass"), memoryview(call.arguments))


def _edit_digest(call: Call) -> str:
    """Of the file that a call changes; "" for a call that changes none, or does not say which."""
    if not _EDITS.search(call.name):
        return ""
    raw = memoryview(call.arguments)
    for end in _ends(raw):
        found = _EDITED.search(end)
        if found is not None:
            return digest(found[1] or found[2])
    return ""


def _ends(raw: memoryview) -> Iterator[bytes]:
    """Arguments hold whole files, and the name of one stands before or behind it."""
    yield bytes(raw[:HEAD_BYTES])
    if len(raw) > HEAD_BYTES:
        yield bytes(raw[max(HEAD_BYTES, len(raw) - HEAD_BYTES) :])
