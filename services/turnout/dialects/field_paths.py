"""Paths of fields in error messages.

Our own messages begin with one that has dots between names and numbers (`reading`), as Anthropic's API
writes it; OpenAI and Google write numbers in brackets. A provider's paths lead through a body that its
client may never have seen.
"""

import re
from typing import Final

_LEADING: Final = re.compile(r"([a-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*): ")
"""`tools.0.function` of `tools.0.function: required`."""

_NUMBER: Final = re.compile(r"\.(\d+)(?=\.|$)")

_PLACED: Final = re.compile(
    # Numbers between dots are those of a model's name as well, so they count in front of the
    # message or in quotes alone: `qwen3.5` is no path.
    r"(?:^|(?<=[`'\"]))[A-Za-z_]+(?:\.\w+)*\.\d+(?:\.\w+)*(?=: |[`'\"])"
    r"|\b[A-Za-z_]\w*(?:\.\w+|\.?\[\d+\])*\.?\[\d+\](?:\.\w+|\.?\[\d+\])*"
)
"""`messages.1.content.0.tool_use.id`, `'messages[0].content'`, `Request.tools[0].name`."""


def leading_path(message: str) -> str:
    """The path with its numbers in brackets; "" where the message begins with none."""
    found = _LEADING.match(message)
    return "" if found is None else _NUMBER.sub(r"[\1]", found.group(1))


def with_brackets(message: str) -> str:
    found = _LEADING.match(message)
    return message if found is None else leading_path(message) + message[found.end(1) :]


def without_places(message: str) -> str:
    """The message with the names that a path ends in, where it says a place in a list."""
    return _PLACED.sub(_ending, message)


def _ending(path: re.Match[str]) -> str:
    steps = re.findall(r"\w+", path[0])
    numbers = [place for place, step in enumerate(steps) if step.isdecimal()]
    names = steps[numbers[-1] + 1 :]
    return ".".join(names) or next(step for step in reversed(steps) if not step.isdecimal())
