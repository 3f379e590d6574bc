"""Chained digests of a prompt's prefix: how much of a request was seen before.

Rules: equal prefixes have equal digests, whatever cache markers stand on them, in whatever order
the keys of a message come, and whether a text is written as a string or as one text block (clients
move their marker each turn and fold the block back to a string). Everything else is hashed as it
was written; nothing is unescaped, so a value is never decoded only to be hashed.

The hash is XXH3 with 64 bits: among the 10^9 prefixes of a large tenant a chance collision is a 3 %
event, and a body of 600 kB costs microseconds where SHA-256 takes 0.3 ms. It is no cryptographic
hash and need not be: a forged collision makes a cache look warm that is cold, and opens nothing.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

import msgspec
from xxhash import xxh3_64, xxh3_64_digest, xxh3_64_hexdigest

from turnout.dialects.reading import MALFORMED
from turnout.errors import InvalidRequest

# The value of a marker is a flat object.
_MEMBER: Final = re.compile(rb'"cache_control"\s*:\s*(?:\{[^{}]*\}|null)')
_COMMA: Final = re.compile(rb"(?:\s*,\s*)?")
_SPACE: Final = b" \t\n\r"
MARKER_KEY: Final = b'"cache_control"'
"""Its absence from a body says that there is nothing to strip."""

Span: TypeAlias = bytes | memoryview
"""Bytes of a body, copied or where they lie."""

Canonical: TypeAlias = bytes | tuple[bytes, memoryview, bytes]
"""What decides whether two messages are the same; one with a large content comes in parts, so that
the content is hashed where it lies.
"""

_LARGE_BYTES: Final = 4_096
"""From here on copying a content takes longer than hashing its message in parts."""
_CONTENT: Final = b'{"content":'

_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_SORTED: Final = msgspec.json.Encoder(order="sorted")
"""Values that are raw go out as they were written."""
_TEXT_FIELDS: Final = frozenset({"type", "text"})
_BRACKETS: Final = frozenset(b"[{")
_USUAL_FIELDS: Final = frozenset({"role", "content", "name", "tool_call_id", "tool_calls"})
"""Of these only contents and calls have a structure that may hold markers."""


def digest(*parts: Span) -> str:
    """Digest of a sequence of parts; where one part ends and the next begins counts."""
    hasher = xxh3_64()
    for part in parts:
        hasher.update(len(part).to_bytes(8, "big"))
        hasher.update(part)
    return hasher.hexdigest()


def head_of(system_digest: str, offered_digest: str) -> str:
    """Digest of what stands in front of the messages: system prompt and offered tools."""
    return digest(system_digest.encode(), offered_digest.encode())


def chain(head_digest: str, messages: Iterable[bytes]) -> tuple[str, ...]:
    """One digest a message, each of everything up to and including that message; `messages` are the
    digests of each alone.

    A chain can be taken up anywhere: starting from the digest of message n with the messages after
    it gives the same digests as starting from the head with all of them.
    """
    digests: list[str] = []
    last = head_digest.encode()
    for message in messages:
        text = xxh3_64_hexdigest(last + message)
        digests.append(text)
        last = text.encode()
    return tuple(digests)


def without_markers(raw: bytes, taken: list[bytes] | None = None) -> bytes:
    """Valid JSON without its `cache_control` members; the same object when there are none.

    `taken` is given the members that went.
    Looked for by its key, whose quotes are escaped inside a string: a pattern that begins with the
    comma or brace before it costs twenty times as much on a long text.
    """
    at = raw.find(MARKER_KEY)
    if at < 0:
        return raw
    kept: list[bytes] = []
    start = 0
    while at >= 0:
        following = at + len(MARKER_KEY)
        found = _MEMBER.match(raw, at)
        if found is not None:
            if taken is not None:
                taken.append(found.group())
            begin = at
            while begin > start and raw[begin - 1] in _SPACE:
                begin -= 1
            following = found.end()
            if raw[begin - 1 : begin] == b",":
                kept.append(raw[start : begin - 1])
            else:
                # The first member: the comma after it goes.
                kept.append(raw[start:at])
                comma = _COMMA.match(raw, following)
                following = following if comma is None else comma.end()
            start = following
        at = raw.find(MARKER_KEY, following)
    kept.append(raw[start:])
    return b"".join(kept)


def _one_text(content: bytes) -> bytes:
    """One lone text block becomes its string."""
    if not content.startswith(b"["):
        return content
    blocks = _ITEMS.decode(content)
    if len(blocks) != 1 or bytes(memoryview(blocks[0])[:1]) != b"{":
        return content
    block = _FIELDS.decode(blocks[0])
    if len(block) != 2 or "text" not in block or "type" not in block:
        return content
    text = bytes(block["text"])
    return text if bytes(block["type"]) == b'"text"' and text.startswith(b'"') else content


def canonical_block(block: Mapping[str, msgspec.Raw], taken: list[bytes] | None = None) -> bytes:
    """One block of a system prompt: a text is its string; `taken` is given its markers."""
    marker = block.get("cache_control")
    if marker is not None and taken is not None:
        taken.append(bytes(marker))
    rest = {key: raw for key, raw in block.items() if key != "cache_control"}
    if rest.keys() == _TEXT_FIELDS and bytes(rest["type"]) == b'"text"':
        return bytes(rest["text"])
    return without_markers(_SORTED.encode(rest), taken)


def canonical_message(raw: bytes | msgspec.Raw) -> bytes:
    """The bytes of one message that decide whether two messages are the same to a prompt cache.

    Raises `InvalidRequest` when the message is no JSON object.
    """
    try:
        canonical = canonical_fields(_FIELDS.decode(raw))
        return canonical if isinstance(canonical, bytes) else b"".join(canonical)
    except MALFORMED as error:
        raise InvalidRequest(f"messages: each must be a JSON object: {error}") from None


def canonical_fields(
    fields: Mapping[str, msgspec.Raw], taken: list[bytes] | None = None
) -> Canonical:
    """The same for a message whose fields are already apart; `taken` is given its markers."""
    content, calls = fields.get("content"), fields.get("tool_calls")
    # Most bytes of a thread are plain strings, and inside one nothing is a marker.
    if (
        (content is None or memoryview(content)[0] not in _BRACKETS)
        and (calls is None or MARKER_KEY not in bytes(calls))
        and fields.keys() <= _USUAL_FIELDS
    ):
        return plain_fields(fields)
    for key, raw in fields.items():
        if memoryview(raw)[0] in _BRACKETS and (key == "content" or MARKER_KEY in bytes(raw)):
            return _SORTED.encode(_normalised(fields, taken))
    if "cache_control" in fields:
        return _SORTED.encode(_normalised(fields, taken))
    return plain_fields(fields)


def plain_fields(fields: Mapping[str, msgspec.Raw]) -> Canonical:
    """`canonical_fields` for a caller who knows that nothing is to be normalised but the order."""
    content = fields.get("content")
    if content is not None and len(view := memoryview(content)) > _LARGE_BYTES:
        rest = {name: raw for name, raw in fields.items() if name != "content"}
        if rest and min(rest) > "content":
            return _CONTENT, view, b"," + _SORTED.encode(rest)[1:]
    return _SORTED.encode(fields)


def length(canonical: Canonical) -> int:
    """Bytes of a message."""
    return len(canonical) if isinstance(canonical, bytes) else sum(map(len, canonical))


def _normalised(
    fields: Mapping[str, msgspec.Raw], taken: list[bytes] | None
) -> dict[str, msgspec.Raw]:
    kept: dict[str, msgspec.Raw] = {}
    for key, raw in fields.items():
        if key == "cache_control":
            if taken is not None:
                taken.append(bytes(raw))
            continue
        value = bytes(raw)
        if value.startswith((b"[", b"{")):
            value = without_markers(value, taken)
            if key == "content":
                value = _one_text(value)
        kept[key] = msgspec.Raw(value)
    return kept


def message_digest(canonical: Canonical) -> bytes:
    """Of one message alone."""
    if isinstance(canonical, bytes):
        return xxh3_64_digest(canonical)
    hasher = xxh3_64()
    for part in canonical:
        hasher.update(part)
    return hasher.digest()
