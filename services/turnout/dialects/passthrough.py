"""Named span edits on a request's raw bytes, for traffic within one dialect.

Rules: the closed list of edits is the union `Edit`; only the spans that an edit names change, every
other byte stays as the client wrote it (a prompt cache and a signature see bytes); an edit that
changes nothing returns the very object that came in; where a key occurs more than once every
occurrence is edited, because parsers differ on which one they keep.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias, assert_never

import msgspec

from turnout.dialects.reading import MALFORMED
from turnout.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class SetModel:
    """Write `value` as the `model`; added in front when the body has none."""

    value: str


@dataclass(frozen=True, slots=True)
class SetStreamIncludeUsage:
    """Ask for usage at the end of an `openai_chat` stream.

    A client that did not ask gets its answer through `UsageHidden`.
    """


@dataclass(frozen=True, slots=True)
class DropField:
    """Leave out a top-level field that the target refuses."""

    name: str


@dataclass(frozen=True, slots=True)
class RenameField:
    """Call a top-level field as the target does; left alone where it has that one too."""

    name: str
    becomes: str


@dataclass(frozen=True, slots=True)
class SetField:
    """Give a top-level field, where the body has it, the JSON value `json`."""

    name: str
    json: bytes


@dataclass(frozen=True, slots=True)
class AddField:
    """Give a top-level field the JSON value `json` where the body has none of that name."""

    name: str
    json: bytes


@dataclass(frozen=True, slots=True)
class RenameRole:
    """Give messages of a role that the target does not know another one, and `content` what they say."""

    name: str
    becomes: str
    content: Callable[[bytes], bytes] | None = None


@dataclass(frozen=True, slots=True)
class DropMessageField:
    """Leave out a field of single messages that the target refuses."""

    name: str


Edit: TypeAlias = (
    SetModel
    | SetStreamIncludeUsage
    | DropField
    | RenameField
    | SetField
    | AddField
    | RenameRole
    | DropMessageField
)


@dataclass(frozen=True, slots=True)
class Member:
    """One `"key": value` of an object: half-open spans in its bytes."""

    name: str
    key_start: int
    value_start: int
    value_end: int


_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_NAME: Final = msgspec.json.Decoder(str)
_SPACE: Final = re.compile(rb"[ \t\n\r]*+")
# Possessive: a string of a megabyte must not be tried again from every escape in it.
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_TOKEN: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[{]|[\]}]', re.DOTALL)
_SCALAR: Final = re.compile(rb"[^ \t\n\r,\]}]++")


def splice(body: bytes, edits: Sequence[Edit]) -> bytes:
    """Apply the edits in order. Raises `InvalidRequest` when the body is no JSON object."""
    for edit in edits:
        match edit:
            case SetModel(value):
                body = _set_string(body, "model", value)
            case SetStreamIncludeUsage():
                body = _set_member(body, "stream_options", _with_include_usage, at_front=False)
            case DropField(name):
                body = _drop(body, name)
            case RenameField(name, becomes):
                body = _rename(body, name, becomes)
            case SetField(name, json):
                body = in_member(body, name, partial(_other, json))
            case AddField(name, json):
                body = _set_member(body, name, partial(_kept_or, json), at_front=False)
            case RenameRole():
                body = _each_message(body, partial(_with_role, edit=edit))
            case DropMessageField(name):
                body = _each_message(body, partial(_drop, name=name))
            case _:
                assert_never(edit)
    return body


def members(body: bytes) -> list[Member]:
    """The top-level members of a JSON object, in the order of the bytes, duplicates included."""
    try:
        values = _FIELDS.decode(body)
    except MALFORMED as error:
        raise InvalidRequest(f"the body must be a JSON object: {error}") from None
    found = _walk_by_length(body, values)
    return _walk_by_token(body) if found is None else found


def _walk_by_length(body: bytes, values: dict[str, msgspec.Raw]) -> list[Member] | None:
    """Locate each value by its length, without looking into it; None when a key occurs twice.

    The decoder keeps keys in the order of their first and values of their last occurrence. So each
    value is compared with the bytes where it should be and must end in front of a delimiter; no
    JSON value is a proper prefix of another up to a delimiter, hence a value that fits is the one.
    """
    found: list[Member] = []
    at = _skip_space(body, _skip_space(body, 0) + 1)
    for name, raw in values.items():
        key = _STRING.match(body, at)
        if key is None or _name(key.group()) != name:
            return None
        start = _skip_space(body, _skip_space(body, key.end()) + 1)
        value = bytes(raw)
        end = start + len(value)
        after = _skip_space(body, end)
        if not body.startswith(value, start) or body[after : after + 1] not in {b",", b"}"}:
            return None
        found.append(Member(name, at, start, end))
        at = _skip_space(body, after + 1)
    # The last delimiter must have been the closing brace, and nothing but space may follow.
    return found if at >= len(body) else None


def _walk_by_token(body: bytes) -> list[Member]:
    """Locate each value by hopping from string to string and bracket to bracket: for duplicates."""
    found: list[Member] = []
    at = _skip_space(body, _skip_space(body, 0) + 1)
    while body[at : at + 1] == b'"':
        key = _STRING.match(body, at)
        assert key is not None, "the decoder has accepted the body"
        start = _skip_space(body, _skip_space(body, key.end()) + 1)
        end = _value_end(body, start)
        found.append(Member(_name(key.group()), at, start, end))
        at = _skip_space(body, _skip_space(body, end) + 1)
    return found


def _value_end(body: bytes, start: int) -> int:
    if body[start] not in b'"[{':
        scalar = _SCALAR.match(body, start)
        assert scalar is not None, "the decoder has accepted the body"
        return scalar.end()
    depth = 0
    for token in _TOKEN.finditer(body, start):
        first = body[token.start()]
        if first in b"[{":
            depth += 1
        elif first in b"]}":
            depth -= 1
        if depth == 0:
            return token.end()
    raise InvalidRequest("the body must be a JSON object: it ends inside a value")


def _skip_space(body: bytes, at: int) -> int:
    match = _SPACE.match(body, at)
    return at if match is None else match.end()


def _name(key: bytes) -> str:
    return key[1:-1].decode() if b"\\" not in key else _NAME.decode(key)


def _set_string(body: bytes, name: str, value: str) -> bytes:
    encoded = msgspec.json.encode(value)

    def replace(old: bytes | None) -> bytes:
        if old is not None and old.startswith(b'"') and _NAME.decode(old) == value:
            return old
        return encoded

    return _set_member(body, name, replace, at_front=True)


def _with_include_usage(old: bytes | None) -> bytes:
    if old is None or not old.startswith(b"{"):
        return b'{"include_usage":true}'
    return _set_member(old, "include_usage", lambda _: b"true", at_front=False)


def _set_member(
    body: bytes, name: str, replace: Callable[[bytes | None], bytes], *, at_front: bool
) -> bytes:
    """Give every member `name` the value `replace(old value)`, or add it with `replace(None)`."""
    found = members(body)
    changes: list[tuple[int, int, bytes]] = []
    present = False
    for member in found:
        if member.name != name:
            continue
        present = True
        old = body[member.value_start : member.value_end]
        new = replace(old)
        if new != old:
            changes.append((member.value_start, member.value_end, new))
    if not present:
        added = msgspec.json.encode(name) + b":" + replace(None)
        if not found:
            at = body.index(b"{") + 1
        elif at_front:
            at, added = found[0].key_start, added + b","
        else:
            at, added = found[-1].value_end, b"," + added
        changes.append((at, at, added))
    return _changed(body, changes)


def _drop(body: bytes, name: str) -> bytes:
    found = members(body)
    last_kept = max((i for i, member in enumerate(found) if member.name != name), default=-1)
    changes: list[tuple[int, int, bytes]] = []
    # In front of a kept member the cut takes the comma behind; after the last kept one the single
    # cut takes the comma before.
    changes.extend(
        (member.key_start, found[i + 1].key_start, b"")
        for i, member in enumerate(found[: last_kept + 1])
        if member.name == name
    )
    if last_kept + 1 < len(found):
        start = found[last_kept].value_end if last_kept >= 0 else found[0].key_start
        changes.append((start, found[-1].value_end, b""))
    return _changed(body, changes)


def _rename(body: bytes, name: str, becomes: str) -> bytes:
    found = members(body)
    if any(member.name == becomes for member in found):
        return body
    key = msgspec.json.encode(becomes)
    changes: list[tuple[int, int, bytes]] = []
    for member in found:
        if member.name == name:
            written = _STRING.match(body, member.key_start)
            assert written is not None, "the decoder has accepted the body"
            changes.append((member.key_start, written.end(), key))
    return _changed(body, changes)


def in_member(body: bytes, name: str, replace: Callable[[bytes], bytes]) -> bytes:
    """Give every member `name`, where there is one, the value `replace(old value)`."""
    changes: list[tuple[int, int, bytes]] = []
    for member in members(body):
        if member.name == name:
            old = body[member.value_start : member.value_end]
            new = replace(old)
            if new != old:
                changes.append((member.value_start, member.value_end, new))
    return _changed(body, changes)


def _other(value: bytes, _old: bytes) -> bytes:
    return value


def _kept_or(value: bytes, old: bytes | None) -> bytes:
    return value if old is None else old


def _each_message(body: bytes, change: Callable[[bytes], bytes]) -> bytes:
    return in_member(body, "messages", lambda old: in_items(old, change))


def in_items(array: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Give every object of an array the value `change(old value)`; anything else stays."""
    try:
        items = _ITEMS.decode(array)
    except MALFORMED:
        return array
    changes: list[tuple[int, int, bytes]] = []
    at = array.index(b"[") + 1
    for item in items:
        old = bytes(item)
        at = array.index(old, at)
        new = change(old) if old.startswith(b"{") else old
        if new is not old:
            changes.append((at, at + len(old), new))
        at += len(old)
    return _changed(array, changes)


def _with_role(message: bytes, *, edit: RenameRole) -> bytes:
    encoded, new = msgspec.json.encode(edit.name), msgspec.json.encode(edit.becomes)
    renamed = in_member(message, "role", lambda old: new if old == encoded else old)
    if renamed is message or edit.content is None:
        return renamed
    return in_member(renamed, "content", edit.content)


def _changed(body: bytes, changes: Sequence[tuple[int, int, bytes]]) -> bytes:
    if not changes:
        return body
    parts: list[bytes] = []
    at = 0
    for start, end, new in changes:
        parts += (body[at:start], new)
        at = end
    parts.append(body[at:])
    return b"".join(parts)
