"""Taking reasoning that its target refuses out of a body that goes there as it came.

A thread that another maker's model has served holds reasoning items under our seal, or sealed by
somebody who speaks this dialect as well. Nobody else can open either, and OpenAI refuses what it
cannot open.

A message between agents that another maker's model wrote stands where OpenAI would have sealed it, and
is refused there likewise: it becomes plain text (`agent_messages`).

Rules: a body without such items is returned as the very object that came in; else only those items
change; what its reader itself has made is opened instead; every other value keeps its bytes.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from turnout.dialects.openai_responses import agent_messages
from turnout.dialects.passthrough import DropField, SetField, splice
from turnout.dialects.reading import MALFORMED, complaint
from turnout.dialects.seal import SEAL_PREFIX, opened
from turnout.errors import InvalidRequest

# A quote inside a string is escaped, so this is a member of an item.
_FOREIGN: Final = re.compile(rb'"encrypted_content"\s*:\s*"%b' % re.escape(SEAL_PREFIX.encode()))


_REASONING: Final = b'"reasoning"'
_AGENT_MESSAGE: Final = b'"agent_message"'


class _Body(msgspec.Struct):
    input: msgspec.Raw = msgspec.Raw()


class _Item(msgspec.Struct):
    type: str | None = None
    encrypted_content: str | None = None


_BODY: Final = msgspec.json.Decoder(_Body)
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_ITEM: Final = msgspec.json.Decoder(_Item)


def without_foreign_reasoning(
    body: bytes, *, others: Sequence[range] = (), reader: str = ""
) -> bytes:
    """`others` number items that somebody else made, `reader` is the target that the body goes to.
    Raises `InvalidRequest` when the body is no responses request.
    """
    if not others and _FOREIGN.search(body) is None and _AGENT_MESSAGE not in body:
        return body
    try:
        written = bytes(_BODY.decode(body).input)
        if not written.startswith(b"["):
            return body
        items = [bytes(raw) for raw in _LIST.decode(written)]
        shown = (
            _shown(raw, is_others=any(number in run for run in others), reader=reader)
            for number, raw in enumerate(items)
        )
        kept = [_with_plain_texts(raw) for raw in shown if raw is not None]
    except MALFORMED as error:
        raise complaint("input", error) from None
    if kept == items:
        return body
    if not kept:
        raise InvalidRequest("input: holds nothing but another model's reasoning")
    return body.replace(written, b"[%b]" % b",".join(kept), 1)


def _with_plain_texts(raw: bytes) -> bytes:
    if _AGENT_MESSAGE not in raw or _ITEM.decode(raw).type != agent_messages.KIND:
        return raw
    return agent_messages.with_plain_texts(raw)


def _shown(raw: bytes, *, is_others: bool, reader: str) -> bytes | None:
    """The item as its reader takes it; None where that one has no use for it."""
    if _REASONING not in raw or not (is_others or _FOREIGN.search(raw)):
        return raw
    item = _ITEM.decode(raw)
    if item.type != "reasoning":
        return raw
    sealed = item.encrypted_content or ""
    own = opened(sealed, dialect="openai_responses", reader=reader)
    if own is not None and own.redacted:
        encrypted = msgspec.json.encode(own.redacted)
        return splice(raw, (SetField("encrypted_content", encrypted),))
    if own is not None:
        return splice(raw, (DropField("encrypted_content"),))
    return None if is_others or sealed.startswith(SEAL_PREFIX) else raw
