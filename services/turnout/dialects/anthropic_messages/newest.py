"""What the user typed, and what the tools of the newest step gave back.

Rules: only messages that can hold what is looked for are decoded; blocks that a harness adds to the
user's words are no words of the user's; the newest step is what follows the last answer.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Final

import msgspec

from turnout.dialects.reading import complaint
from turnout.dialects.survey import ToolOutcome

EXCERPT_CHARACTERS: Final = 4_000

_CONTEXT_BLOCK: Final = re.compile(
    r"\s*<(?:system-reminder|session_context|environment_context|environment_details|env"
    r"|user_instructions|context|command-\w+|local-command-\w+|ide_\w+)\b"
)
"""Blocks that harnesses put beside what the user typed."""

_TEXT: Final = b'"text"'
_TOOL_USE: Final = b'"tool_use"'

_Fields = Mapping[str, msgspec.Raw]


class _Block(msgspec.Struct):
    type: str | None = None
    text: str | None = None
    tool_use_id: str | None = None
    content: msgspec.Raw = msgspec.Raw()
    is_error: bool | None = None


class _Call(msgspec.Struct):
    type: str | None = None
    id: str | None = None
    name: str | None = None


_STRING: Final = msgspec.json.Decoder(str)
_CONTENT: Final = msgspec.json.Decoder(list[_Block])
_CALLS: Final = msgspec.json.Decoder(list[_Call])


class Newest:
    """Reads a body's messages from both ends."""

    def __init__(self, messages: Sequence[_Fields], roles: Sequence[str]) -> None:
        self._messages = messages
        self._roles = roles
        self._last_answer = max((n for n, r in enumerate(roles) if r == "assistant"), default=-1)

    @cached_property
    def typed(self) -> str:
        """What the user typed since the last answer."""
        numbers = range(self._last_answer + 1, len(self._messages))
        return _joined([self._typed(number) for number in numbers])

    def text(self) -> str:
        """The newest typed text, head and tail."""
        text = self.typed
        number = self._last_answer
        while not text and number >= 0:
            text = self._typed(number)
            number -= 1
        if len(text) <= EXCERPT_CHARACTERS:
            return text
        half = EXCERPT_CHARACTERS // 2
        return text[:half] + text[-half:]

    def first_typed(self) -> str:
        for number in range(len(self._messages)):
            text = self._typed(number)
            if text:
                return text[:EXCERPT_CHARACTERS]
        return ""

    def outcomes(
        self, names_of: Callable[[_Fields, int], Mapping[str, str]]
    ) -> tuple[ToolOutcome, ...]:
        """Tool results since the last answer; `names_of` reads the calls of that answer."""
        names: Mapping[str, str] = {}
        if self._last_answer >= 0:
            names = names_of(self._messages[self._last_answer], self._last_answer)
        found: list[ToolOutcome] = []
        for number in range(self._last_answer + 1, len(self._messages)):
            if self._roles[number] != "user":
                continue
            for block in self._blocks(number):
                if block.type == "tool_result":
                    call_id = block.tool_use_id or ""
                    found.append(
                        ToolOutcome(
                            tool=names.get(call_id, ""),
                            call_id=call_id,
                            is_error=bool(block.is_error),
                            result_bytes=len(memoryview(block.content)),
                        )
                    )
        return tuple(found)

    def _typed(self, number: int) -> str:
        """What the user typed of one message."""
        if self._roles[number] != "user":
            return ""
        raw = self._content(number)
        if not raw.startswith(b'"') and _TEXT not in raw:
            return ""
        return _joined(
            [
                block.text
                for block in self._blocks(number)
                if block.type == "text" and block.text and not _CONTEXT_BLOCK.match(block.text)
            ]
        )

    def _blocks(self, number: int) -> list[_Block]:
        raw = self._content(number)
        try:
            if raw.startswith(b'"'):
                return [_Block("text", _STRING.decode(raw))]
            return _CONTENT.decode(raw) if raw else []
        except (msgspec.DecodeError, RecursionError) as error:
            raise complaint(f"messages.{number}.content", error) from None

    def _content(self, number: int) -> bytes:
        raw = self._messages[number].get("content")
        return b"" if raw is None else bytes(raw)


def _joined(texts: Sequence[str]) -> str:
    return "\n\n".join(text for text in texts if text.strip())


def call_names(message: _Fields, number: int) -> dict[str, str]:
    """Names of the calls of one answer by their ids."""
    raw = message.get("content")
    content = b"" if raw is None else bytes(raw)
    if not content.startswith(b"[") or _TOOL_USE not in content:
        return {}
    try:
        calls = _CALLS.decode(content)
    except (msgspec.DecodeError, RecursionError) as error:
        raise complaint(f"messages.{number}.content", error) from None
    return {call.id: call.name or "" for call in calls if call.type == "tool_use" and call.id}
