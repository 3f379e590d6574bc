"""The reason that an answer ends for, where a chat server never says one.

opencode asks again for ever when no chunk has a `finish_reason`, pi, Qwen Code, Copilot CLI and Cline fail.
Rules: one chunk is added in front of `[DONE]`, with the ids of the first one; every other byte stays.
"""

import re
from typing import Final

import msgspec

from turnout.dialects.reading import MALFORMED

# Inside a text its quotes are escaped.
_REASON: Final = re.compile(rb'"finish_reason"\s*:\s*"')
_CALLS: Final = re.compile(rb'"tool_calls"\s*:\s*\[\s*\{')
_DONE: Final = re.compile(rb"^data: ?\[DONE\]", re.MULTILINE)
_DATA: Final = re.compile(rb"^data: ?(\{[^\r\n]+)", re.MULTILINE)


class _Named(msgspec.Struct, frozen=True):
    id: str = ""
    created: int = 0
    model: str = ""


_NAMED: Final = msgspec.json.Decoder(_Named)


class ReasonGiven:
    """Whole events of one stream with a reason at their end."""

    __slots__ = ("_first", "_has_calls", "_has_reason")

    def __init__(self) -> None:
        self._has_reason = False
        self._has_calls = False
        self._first: _Named | None = None

    def feed(self, events: bytes) -> bytes:
        if self._has_reason:
            return events
        self._has_reason = _REASON.search(events) is not None
        self._has_calls = self._has_calls or _CALLS.search(events) is not None
        if self._first is None:
            self._first = _named(events)
        done = None if self._has_reason else _DONE.search(events)
        if done is None:
            return events
        self._has_reason = True
        return events[: done.start()] + self._chunk() + events[done.start() :]

    def _chunk(self) -> bytes:
        named = self._first or _Named()
        reason = "tool_calls" if self._has_calls else "stop"
        chunk: dict[str, object] = {
            "id": named.id,
            "object": "chat.completion.chunk",
            "created": named.created,
            "model": named.model,
            "choices": [{"index": 0, "delta": {}, "finish_reason": reason}],
        }
        return b"data: %b\n\n" % msgspec.json.encode(chunk)


def _named(events: bytes) -> _Named | None:
    found = _DATA.search(events)
    if found is None:
        return None
    try:
        return _NAMED.decode(found[1])
    except MALFORMED:
        return _Named()
