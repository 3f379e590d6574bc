"""The lifetime of the breakpoints that an Anthropic request has.

Rules: only the `ttl` of `cache_control` is written, every other byte stays; no breakpoint is moved or taken
away, and only a body that has none gets one, by the field that leaves its place to the provider. All of them get one lifetime, because a longer one must not follow a shorter one; so where one
may stand in a place that is not known here, the request stays as it is.
"""

from typing import Final

import msgspec

from turnout.dialects.conversation import CacheLifetime
from turnout.dialects.passthrough import (
    AddField,
    Edit,
    SetField,
    in_items,
    in_member,
    members,
    splice,
)
from turnout.dialects.prefix import MARKER_KEY

_NAME: Final = "cache_control"
_SHORTEST: Final[CacheLifetime] = "5m"
"""What a breakpoint means that says nothing."""


def with_lifetime(body: bytes, lifetime: CacheLifetime) -> bytes:
    """The very body where there is nothing to change. Raises `InvalidRequest` when it is no JSON object."""
    markers = body.count(MARKER_KEY)
    if not markers:
        return body
    edit = _Edit(lifetime)
    changed = edit.body(body)
    return changed if edit.seen == markers else body


def with_breakpoint(body: bytes, lifetime: CacheLifetime) -> bytes:
    """With the one that the provider sets at the end of the prompt (platform.claude.com/docs/en/
    build-with-claude/prompt-caching, automatic caching); the very body where it has one.
    """
    if MARKER_KEY in body:
        return body
    marker = {"type": "ephemeral"}
    if lifetime != _SHORTEST:
        marker["ttl"] = lifetime
    return splice(body, (AddField(_NAME, msgspec.json.encode(marker)),))


class _Edit:
    """One pass over a body. `seen` counts the breakpoints that were found."""

    def __init__(self, lifetime: CacheLifetime) -> None:
        ttl = msgspec.json.encode(lifetime)
        self._edits: tuple[Edit, ...] = (SetField("ttl", ttl),)
        if lifetime != _SHORTEST:
            self._edits += (AddField("ttl", ttl),)
        self.seen = 0

    def body(self, body: bytes) -> bytes:
        body = in_member(body, _NAME, self._marker)
        body = in_member(body, "tools", self._blocks)
        body = in_member(body, "system", self._blocks)
        return in_member(body, "messages", lambda array: in_items(array, self._message))

    def _message(self, message: bytes) -> bytes:
        return in_member(message, "content", self._blocks) if MARKER_KEY in message else message

    def _blocks(self, content: bytes) -> bytes:
        """Content may be a text, which has no breakpoint."""
        if not content.startswith(b"[") or MARKER_KEY not in content:
            return content
        return in_items(content, self._block)

    def _block(self, block: bytes) -> bytes:
        """A block of the system prompt or a message, with those inside a tool result; or a tool."""
        if MARKER_KEY not in block:
            return block
        block = in_member(block, _NAME, self._marker)
        return in_member(block, "content", self._blocks)

    def _marker(self, marker: bytes) -> bytes:
        self.seen += 1
        if not marker.startswith(b"{") or not members(marker):
            return marker
        return splice(marker, self._edits)
