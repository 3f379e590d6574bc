"""What streams and whole answers have in common when they are written.

Rules: reasoning waits for the part behind it, whose `thoughtSignature` takes it along; what was not
reported is estimated from bytes, because clients read usage without looking.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from turnout.dialects.calls import arguments_object, made_call_id
from turnout.dialects.conversation import Thinking
from turnout.dialects.gemini_generate.thoughts import STAND_IN, mark, signature_of

Json = dict[str, object]

_JSON: Final = msgspec.json.Encoder()


class PartWriter:
    """Parts of one answer, in order."""

    def __init__(self, response_id: str) -> None:
        self._response_id = response_id
        self._waiting: list[Thinking] = []
        self._call_count = 0

    @property
    def has_calls(self) -> bool:
        return self._call_count > 0

    def thought(self, text: str, thinking: Thinking, *, is_first: bool) -> bytes:
        """A thought part; the first of a foreign piece says whose it is."""
        fields = b'{"text":%b,"thought":true' % _JSON.encode(text)
        if is_first and thinking.provenance.dialect != "gemini_generate":
            fields += b',"thoughtSignature":%b' % _JSON.encode(mark(thinking.provenance))
        return fields + b"}"

    def think(self, thinking: Thinking) -> None:
        """A whole piece, whose thought parts have gone out."""
        self._waiting.append(thinking)

    def text(self, text: str) -> bytes:
        return b'{"text":%b%b}' % (_JSON.encode(text), self._signature())

    def call(self, call_id: str, name: str, arguments: str, *, is_custom: bool) -> bytes:
        call_id = call_id or made_call_id(self._response_id, self._call_count)
        inner: Json = {"id": call_id, "name": name}
        inner["args"] = arguments_object(arguments, is_custom=is_custom)
        # Gemini 3 refuses the first call of a step without one, on the next turn.
        stand_in = "" if self._call_count else STAND_IN
        self._call_count += 1
        return b'{"functionCall":%b%b}' % (_JSON.encode(inner), self._signature(stand_in))

    def rest(self) -> list[bytes]:
        """The reasoning that no part is behind, on a text without a character."""
        return [self.text("")] if signature_of(self._waiting) else []

    def _signature(self, otherwise: str = "") -> bytes:
        signature = signature_of(self._waiting) if self._waiting else ""
        self._waiting = []
        signature = signature or otherwise
        return b',"thoughtSignature":%b' % _JSON.encode(signature) if signature else b""


def content(parts: Sequence[bytes]) -> bytes:
    return b'{"parts":[%b],"role":"model"}' % b",".join(parts)
