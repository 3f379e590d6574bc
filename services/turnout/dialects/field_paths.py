"""The path of a field that an error message begins with.

Our own messages have it with dots between names and numbers (`reading`), as Anthropic's API writes it;
OpenAI and Google write numbers in brackets.
"""

import re
from typing import Final

_LEADING: Final = re.compile(r"([a-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*): ")
"""`tools.0.function` of `tools.0.function: required`."""

_NUMBER: Final = re.compile(r"\.(\d+)(?=\.|$)")


def leading_path(message: str) -> str:
    """The path with its numbers in brackets; "" where the message begins with none."""
    found = _LEADING.match(message)
    return "" if found is None else _NUMBER.sub(r"[\1]", found.group(1))


def with_brackets(message: str) -> str:
    found = _LEADING.match(message)
    return message if found is None else leading_path(message) + message[found.end(1) :]
