"""What requests of OpenAI's two wires say alike.

Rules: ids that are too long are mapped by a digest, the same on every replay; the budgets of other
wires become the nearest word of effort; a custom tool's format is written in either form.
"""

import re
from typing import Final

import msgspec

from turnout.dialects.conversation import JsonText, ThinkingControl
from turnout.dialects.prefix import digest
from turnout.dialects.reading import MALFORMED

MAX_CALL_ID_CHARACTERS: Final = 64
"""OpenAI refuses longer ones; Anthropic and Gemini clients may have made them."""

NO_RESULT: Final = "(no result)"
"""For a call that the history leaves without one: the wire refuses a call that has none."""

MEDIUM_EFFORT_FROM_TOKENS: Final = 4_096
HIGH_EFFORT_FROM_TOKENS: Final = 16_384
"""Thinking budgets of Anthropic's clients in words of effort: Claude Code's "think" is 4k, its
"megathink" 10k, its "ultrathink" 32k."""

_FIRST_WORD: Final = re.compile(r"[A-Za-z]+")


class _Grammar(msgspec.Struct):
    definition: str | None = None
    syntax: str | None = None


class _Format(_Grammar):
    type: str | None = None
    grammar: _Grammar | None = None


_FORMAT: Final = msgspec.json.Decoder(_Format)


def wire_id(call_id: str) -> str:
    """An id that the wire takes: the same for the same id, on calls and results alike."""
    if 0 < len(call_id) <= MAX_CALL_ID_CHARACTERS:
        return call_id
    return "call_" + digest(call_id.encode())


def first_word(model: str) -> str:
    """The first word of a model's name: `deepseek` of `deepseek/DeepSeek-V4-Pro`."""
    found = _FIRST_WORD.match(model.rpartition("/")[2])
    return "" if found is None else found.group().lower()


def effort_of(thinking: ThinkingControl) -> str:
    """OpenAI's word for how much is to be thought; "" when the client did not say."""
    if thinking.effort:
        return thinking.effort
    if thinking.mode != "on" or thinking.budget_tokens is None:
        return ""
    if thinking.budget_tokens >= HIGH_EFFORT_FROM_TOKENS:
        return "high"
    return "medium" if thinking.budget_tokens >= MEDIUM_EFFORT_FROM_TOKENS else "low"


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
