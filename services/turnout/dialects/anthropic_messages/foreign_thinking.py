"""Taking reasoning that its target refuses out of a body that goes there as it came.

A thread that another maker's model has served holds thinking blocks under our seal, without any
signature, or with that of somebody who speaks this dialect as well. Anthropic refuses all three, and
clients then throw away all thinking, Claude's too. Texts of such a thread may cite pages under our seal.

Rules: a body without such blocks is returned as the very object that came in; else only those
blocks and citations go, and with them a message that holds nothing else; what its reader itself has
made is opened instead; every other value keeps its bytes.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from turnout.dialects.anthropic_messages.citations import FOREIGN_MARK, without_foreign_citations
from turnout.dialects.passthrough import SetField, splice
from turnout.dialects.reading import MALFORMED, complaint
from turnout.dialects.seal import SEAL_PREFIX, opened
from turnout.errors import InvalidRequest

_THINKING: Final = re.compile(rb'"(?:redacted_)?thinking"')
_KINDS: Final = frozenset({"thinking", "redacted_thinking"})
# A quote inside a string is escaped, so this is a member of a block.
_FOREIGN: Final = re.compile(
    rb'"(?:signature|data)"\s*:\s*"%b|"signature"\s*:\s*""' % re.escape(SEAL_PREFIX.encode())
)


class _Message(msgspec.Struct):
    content: msgspec.Raw = msgspec.Raw()


class _Body(msgspec.Struct):
    messages: msgspec.Raw


class _Block(msgspec.Struct):
    type: str | None = None
    signature: str | None = None
    data: str | None = None


_BODY: Final = msgspec.json.Decoder(_Body)
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_MESSAGE: Final = msgspec.json.Decoder(_Message)
_BLOCK: Final = msgspec.json.Decoder(_Block)


def is_foreign_signature(signature: str) -> bool:
    """Whether Anthropic did not write it."""
    return not signature or signature.startswith(SEAL_PREFIX)


def without_foreign_thinking(
    body: bytes, *, others: Sequence[range] = (), reader: str = ""
) -> bytes:
    """`others` number messages that somebody else wrote, `reader` is the target that it goes to. Raises
    `InvalidRequest` when the body is no messages request.
    """
    if not _has_foreign(body) and not (others and _THINKING.search(body)):
        return body
    try:
        written = bytes(_BODY.decode(body).messages)
        messages = [bytes(raw) for raw in _LIST.decode(written)]
        cleaned = [
            _cleaned(message, is_others=any(number in run for run in others), reader=reader)
            for number, message in enumerate(messages)
        ]
    except MALFORMED as error:
        raise complaint("", error) from None
    if cleaned == messages:
        return body
    kept = [message for message in cleaned if message is not None]
    if not kept:
        raise InvalidRequest("messages: hold nothing but another model's thinking")
    return body.replace(written, b"[%b]" % b",".join(kept), 1)


def _cleaned(message: bytes, *, is_others: bool, reader: str) -> bytes | None:
    """The message without foreign blocks; None when nothing is left of it."""
    if not _has_foreign(message) and not (is_others and _THINKING.search(message)):
        return message
    content = bytes(_MESSAGE.decode(message).content)
    if not content.startswith(b"["):
        return message
    blocks = [bytes(raw) for raw in _LIST.decode(content)]
    shown = (_shown(raw, is_others=is_others, reader=reader) for raw in blocks)
    kept = [without_foreign_citations(raw) for raw in shown if raw is not None]
    if kept == blocks:
        return message
    return message.replace(content, b"[%b]" % b",".join(kept), 1) if kept else None


def _has_foreign(body: bytes) -> bool:
    return FOREIGN_MARK in body or _FOREIGN.search(body) is not None


def _shown(raw: bytes, *, is_others: bool, reader: str) -> bytes | None:
    """The block as its reader takes it; None where that one has no use for it."""
    if _FOREIGN.search(raw) is None and not is_others:
        return raw
    block = _BLOCK.decode(raw)
    if block.type not in _KINDS:
        return raw
    is_redacted = block.type == "redacted_thinking"
    written = (block.data if is_redacted else block.signature) or ""
    own = opened(written, dialect="anthropic_messages", reader=reader)
    if own is not None and is_redacted:
        return splice(raw, (SetField("data", msgspec.json.encode(own.redacted)),))
    if own is not None:
        return splice(raw, (SetField("signature", msgspec.json.encode(own.signature)),))
    is_foreign = written.startswith(SEAL_PREFIX) if is_redacted else is_foreign_signature(written)
    return None if is_others or is_foreign else raw
