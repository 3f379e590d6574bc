"""What surveys of every dialect read of a thread alike: roles, and what the user typed.

Rules: pure; blocks that a harness adds to the user's words are no words of the user's; the newest
step is what follows the last answer.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Final

import msgspec

from turnout.dialects.reading import MALFORMED
from turnout.errors import InvalidRequest

EXCERPT_CHARACTERS: Final = 4_000

CONTEXT_BLOCK: Final = re.compile(
    r"\s*<(?:system-reminder|session_context|environment_context|environment_details|env"
    r"|user_instructions|context|command-\w+|local-command-\w+|ide_\w+)\b"
)
"""Blocks that harnesses put beside what the user typed."""

_STRING: Final = msgspec.json.Decoder(str)


def roles_of(
    messages: Sequence[Mapping[str, msgspec.Raw]], known: Mapping[bytes, str]
) -> list[str]:
    """The role of each message. `known` has them as they are written, quotes included.

    Raises `InvalidRequest` naming the first message without one of these.
    """
    try:
        return [known[bytes(message["role"])] for message in messages]
    except KeyError:
        return [_role(message, number, known) for number, message in enumerate(messages)]


def _role(message: Mapping[str, msgspec.Raw], number: int, known: Mapping[bytes, str]) -> str:
    """A role whose letters may be written as escapes, which JSON allows."""
    raw = message.get("role")
    names = ", ".join(known.values())
    if raw is None:
        raise InvalidRequest(f"messages.{number}.role: required, one of {names}")
    try:
        # Encoded again it has no escapes.
        return known[msgspec.json.encode(_STRING.decode(raw))]
    except (KeyError, *MALFORMED):
        raise InvalidRequest(f"messages.{number}.role: must be one of {names}") from None


def joined_texts(texts: Sequence[str]) -> str:
    """Texts as one, less those that are blank."""
    return "\n\n".join(text for text in texts if text.strip())


class TypedText:
    """What the user typed, read from both ends of a thread.

    Attributes:
        last_answer: number of the last message of the assistant; -1 when there is none.

    """

    def __init__(self, roles: Sequence[str], typed: Callable[[int], str]) -> None:
        """`typed` gives what the user typed of a message whose role is `user`, by number."""
        self._roles = roles
        self._typed_of = typed
        answers = (n for n in range(len(roles) - 1, -1, -1) if roles[n] == "assistant")
        self.last_answer = next(answers, -1)

    @cached_property
    def since_answer(self) -> str:
        numbers = range(self.last_answer + 1, len(self._roles))
        return joined_texts([self._typed(number) for number in numbers])

    def newest(self) -> str:
        """What was typed in the newest turn in which anything was; head and tail, because the task
        stands in front and the question often at the end.
        """
        text = self.since_answer or self._before_answer()
        if len(text) <= EXCERPT_CHARACTERS:
            return text
        half = EXCERPT_CHARACTERS // 2
        return text[:half] + text[-half:]

    def ended_turn(self, has_calls: Callable[[int], bool]) -> bool:
        """Whether something was typed behind an answer that called no tool; `has_calls` tells of messages
        whether they did.
        """
        return self.last_answer >= 0 and bool(self.since_answer) and not has_calls(self.last_answer)

    def first(self) -> str:
        """The head of the first text."""
        texts = (self._typed(number) for number in range(len(self._roles)))
        return next((text for text in texts if text), "")[:EXCERPT_CHARACTERS]

    def _before_answer(self) -> str:
        texts: list[str] = []
        for number in range(self.last_answer, -1, -1):
            text = self._typed(number)
            if text:
                texts.append(text)
            elif texts and self._roles[number] == "assistant":
                break
        return joined_texts(texts[::-1])

    def _typed(self, number: int) -> str:
        return self._typed_of(number) if self._roles[number] == "user" else ""
