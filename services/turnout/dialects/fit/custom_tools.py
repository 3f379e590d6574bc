"""Custom (freeform) tools as functions of one text, for targets that know functions alone.

Rules: the function takes `{"input": "<text>"}` and its description says so, the grammar included;
calls of the history are written likewise; in the answer the text comes out of the JSON as it comes
in, whatever a fragment is split at, and what is no such object comes out as it was written, so that
the client's own check tells the model.
"""

import re
from collections.abc import Collection
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from turnout.dialects.conversation import Conversation, Part, Tool, ToolCall, ToolResult
from turnout.dialects.fit.walk import with_parts
from turnout.dialects.reading import MALFORMED

INPUT: Final = "input"

SCHEMA: Final = (
    '{"type":"object","properties":{"input":{"type":"string","description":'
    '"The whole text for the tool, as it is."}},"required":["input"],"additionalProperties":false}'
)


class _Grammar(msgspec.Struct):
    syntax: str = ""
    definition: str = ""
    grammar: "_Grammar | None" = None


_GRAMMAR: Final = msgspec.json.Decoder(_Grammar)


def custom_names(conversation: Conversation) -> frozenset[str]:
    """Tools that take plain text, those of the history included."""
    names = {
        tool.name for tool in conversation.tools if isinstance(tool, Tool) and tool.kind == "custom"
    }
    for message in conversation.messages:
        for part in message.parts:
            if isinstance(part, ToolCall) and part.kind == "custom":
                names.add(part.name)
    return frozenset(names)


def as_functions(conversation: Conversation, names: Collection[str]) -> Conversation:
    """The conversation with the tools `names` as functions."""
    if not names:
        return conversation
    changed = with_parts(conversation, _part)
    tools = tuple(
        _function(tool) if isinstance(tool, Tool) and tool.kind == "custom" else tool
        for tool in changed.tools
    )
    return replace(changed, tools=tools)


def _part(part: Part) -> Part:
    match part:
        case ToolCall(kind="custom", arguments=text):
            arguments = msgspec.json.encode({INPUT: text}).decode()
            return replace(part, kind="function", arguments=arguments)
        case ToolResult(kind="custom"):
            return replace(part, kind="function")
        case _:
            return part


def _function(tool: Tool) -> Tool:
    said = [tool.description] if tool.description else []
    said.append(f"The tool takes plain text: give all of it as the string `{INPUT}`.")
    grammar = _grammar(tool.format)
    if grammar:
        said.append(f"The text must fit this grammar:\n{grammar}")
    return replace(
        tool,
        description="\n\n".join(said),
        schema=SCHEMA,
        kind="function",
        format="",
        strict=None,
    )


def _grammar(form: str) -> str:
    """The grammar of a format, in chat's form (nested) or that of responses."""
    if not form:
        return ""
    try:
        told = _GRAMMAR.decode(form)
    except MALFORMED:
        return ""
    told = told.grammar or told
    return f"({told.syntax})\n{told.definition}" if told.syntax else told.definition


_OPENING: Final = re.compile(r'\s*\{\s*"input"\s*:\s*"')
_OPENING_SPELLED: Final = '{"input":"'
_PLAIN: Final = re.compile(r'[^"\\]+')
_ESCAPES: Final = {
    '"': '"',
    "\\": "\\",
    "/": "/",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
}
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
_UNICODE_CHARACTERS: Final = 6
_PAIR_CHARACTERS: Final = 12


class TextOfInput:
    """Fragments of `{"input": "<text>"}` into the text."""

    __slots__ = ("_held", "_state")

    def __init__(self) -> None:
        self._state: Literal["opening", "text", "ended", "other"] = "opening"
        self._held = ""

    def feed(self, fragment: str) -> str:
        """The text that has become certain."""
        self._held += fragment
        if self._state == "opening" and not self._open():
            return ""
        return self._text(is_last=False) if self._state == "text" else ""

    def close(self) -> str:
        """What is left when the arguments are over."""
        if self._state == "text":
            return self._text(is_last=True)
        if self._state == "ended":
            return ""
        whole, self._held = self._held, ""
        return _text_of_object(whole)

    def _open(self) -> bool:
        found = _OPENING.match(self._held)
        if found is not None:
            self._held = self._held[found.end() :]
            self._state = "text"
            return True
        spelled = "".join(self._held.split())
        if not _OPENING_SPELLED.startswith(spelled):
            # Another key first, or no object at all: known only once it is whole.
            self._state = "other"
        return False

    def _text(self, *, is_last: bool) -> str:
        told: list[str] = []
        held, at = self._held, 0
        while at < len(held):
            plain = _PLAIN.match(held, at)
            if plain is not None:
                told.append(plain.group())
                at = plain.end()
                continue
            if held[at] == '"':
                self._state = "ended"
                at = len(held)
                break
            taken, text = _escape(held, at, is_last=is_last)
            if not taken:
                break
            told.append(text)
            at += taken
        self._held = "" if self._state == "ended" else held[at:]
        return "".join(told)


def _escape(held: str, at: int, *, is_last: bool) -> tuple[int, str]:
    """Length and meaning of the escape at `at`; (0, "") where it is not whole yet."""
    kind = held[at + 1 : at + 2]
    if not kind:
        return (1, "\\") if is_last else (0, "")
    if kind != "u":
        # An escape that JSON does not have is what the model meant to write.
        return 2, _ESCAPES.get(kind, f"\\{kind}")
    whole = held[at : at + _UNICODE_CHARACTERS]
    if len(whole) < _UNICODE_CHARACTERS:
        return (len(whole), _REPLACEMENT) if is_last else (0, "")
    code = _code(whole)
    if code is None:
        return 2, "\\u"
    if not 0xD800 <= code <= 0xDFFF:
        return _UNICODE_CHARACTERS, chr(code)
    if code >= 0xDC00:
        return _UNICODE_CHARACTERS, _REPLACEMENT
    second = held[at + _UNICODE_CHARACTERS : at + _PAIR_CHARACTERS]
    if len(second) < _UNICODE_CHARACTERS and "\\u".startswith(second[:2]) and not is_last:
        return 0, ""
    low = _code(second)
    if low is None or not 0xDC00 <= low <= 0xDFFF:
        return _UNICODE_CHARACTERS, _REPLACEMENT
    return _PAIR_CHARACTERS, chr(0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00))


_HEX: Final = re.compile(r"\\u([0-9a-fA-F]{4})")


def _code(escape: str) -> int | None:
    found = _HEX.fullmatch(escape)
    return None if found is None else int(found[1], 16)


_ANY_OBJECT: Final = msgspec.json.Decoder(dict[str, object])


def _text_of_object(arguments: str) -> str:
    """The text of an object that does not begin with it; else the arguments as they are."""
    try:
        fields = _ANY_OBJECT.decode(arguments)
    except MALFORMED:
        return arguments
    text = fields.get(INPUT)
    if text is None and len(fields) == 1:
        # One string under another name (`patch`, `text`) can mean nothing else.
        text = next(iter(fields.values()))
    return text if isinstance(text, str) else arguments
