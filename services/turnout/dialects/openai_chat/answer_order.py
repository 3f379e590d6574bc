"""The order of an answer's parts, which this wire does not keep.

A chat message has its text, its calls and its reasoning each in a place of its own. Claude interleaves
them, and leaves unread what comes back in another order: newer models bind each piece of reasoning to
everything in front of it. So the seal of each piece says what stood between it and the piece before.

Rules: in that word a text is its length in characters, a call is `A_CALL`; text that a client has
changed is not cut, and stands where the first of it stood; nothing is lost or doubled by a wrong word.
"""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from turnout.dialects.conversation import Part, Text, Thinking, ToolCall

A_CALL: Final = -1


def in_order(
    reasoning: Sequence[tuple[Thinking, tuple[int, ...]]],
    content: Sequence[Part],
    calls: Sequence[ToolCall],
) -> list[Part]:
    """Each part of `reasoning` comes with what stood before it."""
    parts: list[Part] = []
    texts = _Texts(content, [one for _, before in reasoning for one in before if one > 0])
    waiting = iter(calls)
    for thinking, before in reasoning:
        for one in before:
            if one == A_CALL:
                parts.extend(call for call in (next(waiting, None),) if call is not None)
            elif one > 0:
                parts.extend(texts.take(one))
        parts.append(thinking)
    parts.extend(texts.rest())
    parts.extend(waiting)
    return parts


class _Texts:
    """The content of a message, handed out in pieces where it is one text that is long enough."""

    def __init__(self, content: Sequence[Part], lengths: Sequence[int]) -> None:
        self._content = content
        self._left = sum(lengths)
        one = content[0] if len(content) == 1 else None
        self._text = one if isinstance(one, Text) and len(one.text) >= self._left else None
        self._at = 0

    def take(self, length: int) -> Sequence[Part]:
        if self._text is None:
            return self.rest()
        start, self._at = self._at, self._at + length
        self._left -= length
        piece = self._text.text[start : self._at]
        if not self._left and self._at == len(self._text.text):
            # What stands on the whole, as a cache marker does, stands behind its end.
            return (replace(self._text, text=piece),)
        return (Text(piece),)

    def rest(self) -> Sequence[Part]:
        content, self._content = self._content, ()
        if self._text is None or not self._at:
            return content
        rest = self._text.text[self._at :]
        return (replace(self._text, text=rest),) if rest else ()
